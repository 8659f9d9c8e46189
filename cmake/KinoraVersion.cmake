# kinora_version: keeps generated/kinora_version.h true to the checkout. The
# header is rewritten only when its text changes, so nothing recompiles idly.
add_custom_target(kinora_version
    COMMAND ${CMAKE_COMMAND}
        -DVERSION=${PROJECT_VERSION}
        -DSOURCE=${CMAKE_SOURCE_DIR}
        -DTEMPLATE=${CMAKE_SOURCE_DIR}/cmake/kinora_version.h.in
        -DOUTPUT=${CMAKE_BINARY_DIR}/generated/kinora_version.h
        -P ${CMAKE_SOURCE_DIR}/cmake/write-version.cmake
    BYPRODUCTS ${CMAKE_BINARY_DIR}/generated/kinora_version.h
    COMMENT "Version"
    VERBATIM)
