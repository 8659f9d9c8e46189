# kinora_embed(NAME ROOT folder [FILES …] [COMPRESS]): the files under ROOT become
# the table embedded_NAME[] of src/base/embedded.h. Appends to KINORA_EMBED_SOURCES.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

function(kinora_embed name)
    cmake_parse_arguments(ARG "COMPRESS" "ROOT" "FILES" ${ARGN})
    set(root ${CMAKE_SOURCE_DIR}/${ARG_ROOT})
    set(pattern ${ARG_FILES})
    if(NOT pattern)
        set(pattern *)
    endif()
    list(TRANSFORM pattern PREPEND ${root}/)
    file(GLOB_RECURSE files CONFIGURE_DEPENDS LIST_DIRECTORIES false ${pattern})
    if(NOT files)
        message(STATUS "Nothing to embed in ${ARG_ROOT}: the table embedded_${name} is empty")
    endif()

    set(out ${CMAKE_BINARY_DIR}/generated/embedded_${name})
    file(WRITE ${out}.list.new "")
    foreach(file IN LISTS files)
        file(APPEND ${out}.list.new "${file}\n")
    endforeach()
    file(COPY_FILE ${out}.list.new ${out}.list ONLY_IF_DIFFERENT)

    add_custom_command(
        OUTPUT ${out}.c ${out}_data.S
        COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/cmake/embed.py
            --name ${name} --root ${root} --list ${out}.list --out ${CMAKE_BINARY_DIR}/generated
            $<$<BOOL:${ARG_COMPRESS}>:--compress>
        DEPENDS ${files} ${out}.list ${CMAKE_SOURCE_DIR}/cmake/embed.py
        COMMENT "Embedding ${ARG_ROOT}"
        COMMAND_EXPAND_LISTS
        VERBATIM)
    list(APPEND KINORA_EMBED_SOURCES ${out}.c ${out}_data.S)
    set(KINORA_EMBED_SOURCES ${KINORA_EMBED_SOURCES} PARENT_SCOPE)
endfunction()
