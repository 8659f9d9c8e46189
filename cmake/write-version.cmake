# Run as a script: VERSION, SOURCE, TEMPLATE, OUTPUT.
execute_process(
    COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD
    OUTPUT_VARIABLE GIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
    set(GIT "unknown") # a source archive has no repository
endif()
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
