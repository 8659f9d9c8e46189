# Every tests/unit/test_*.c is one cmocka program; every tests/fuzz/fuzz_*.c is a libFuzzer
# target (KINORA_FUZZ) or a replay of its corpus, tests/fuzz/corpus/NAME/.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
set(test_environment
    ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
    UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1)

# kinora_test(NAME LABEL COMMAND…): run from the source folder, so that fixtures have short paths.
function(kinora_test name label)
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES
        LABELS ${label} TIMEOUT 120 ENVIRONMENT "${test_environment}")
endfunction()

# kinora_libraries_for(SOURCE RET): the floors up to the highest one that a test includes, itself or
# by the headers beside it, so that a low floor's test needs nothing above it, and proves so by linking.
function(kinora_libraries_for source ret)
    set(includes "")
    set(seen "")
    set(files ${source})
    while(files)
        list(POP_FRONT files file)
        if(file IN_LIST seen OR NOT EXISTS ${file})
            continue()
        endif()
        list(APPEND seen ${file})
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
        file(STRINGS ${file} lines REGEX "^#include \"")
        list(APPEND includes ${lines})
        foreach(line IN LISTS lines)
            if(line MATCHES "\"([a-z_]+\\.h)\"")
                list(APPEND files ${CMAKE_SOURCE_DIR}/tests/unit/${CMAKE_MATCH_1})
            endif()
        endforeach()
    endwhile()

    set(below "")
    set(wanted "")
    foreach(layer IN LISTS KINORA_LAYERS)
        if(TARGET kinora_${layer})
            list(APPEND below kinora_${layer})
        endif()
        if(includes MATCHES "\"${layer}/" OR (layer STREQUAL "net" AND includes MATCHES "\"demo/"))
            set(wanted ${below})
        endif()
    endforeach()
    set(${ret} ${wanted} kinora_embedded PARENT_SCOPE)
endfunction()

if(KINORA_TESTS)
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
    file(GLOB unit_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/test_*.c)
    foreach(source IN LISTS unit_tests)
        cmake_path(GET source STEM name)
        kinora_libraries_for(${source} libraries)
        kinora_program(${name} SOURCES ${source} LIBRARIES ${libraries})
        target_link_libraries(${name} PRIVATE PkgConfig::CMOCKA)
        string(REGEX REPLACE "^test_" "unit." test ${name})
        kinora_test(${test} unit ${name})
    endforeach()
endif()

add_custom_target(fuzzers) # all of them, and no more than they link
file(GLOB fuzz_targets CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_*.c)
foreach(source IN LISTS fuzz_targets)
    cmake_path(GET source STEM name)
    string(REGEX REPLACE "^fuzz_" "" short ${name})
    kinora_libraries_for(${source} libraries)
    if(KINORA_FUZZ)
        kinora_program(${name} SOURCES ${source} LIBRARIES ${libraries})
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        add_dependencies(fuzzers ${name})
    else()
        kinora_program(${name} LIBRARIES ${libraries}
            SOURCES ${source} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.c)
        kinora_test(fuzz.${short} fuzz ${name} tests/fuzz/corpus/${short})
    endif()
endforeach()

# What the edge suite asks what the codec makes of a message.
if(KINORA_TESTS)
    kinora_libraries_for(${CMAKE_SOURCE_DIR}/tests/edge/codec_reader.c libraries)
    kinora_program(codec_reader SOURCES ${CMAKE_SOURCE_DIR}/tests/edge/codec_reader.c LIBRARIES ${libraries})
endif()

# What the s3 suite asks how requests are signed.
if(KINORA_TESTS)
    kinora_libraries_for(${CMAKE_SOURCE_DIR}/tests/s3/signer.c libraries)
    kinora_program(s3_signer SOURCES ${CMAKE_SOURCE_DIR}/tests/s3/signer.c LIBRARIES ${libraries})
endif()

# What the fault suite preloads into kinora; without the sanitizers, whose own wrappers come after.
if(KINORA_TESTS AND EXISTS ${CMAKE_SOURCE_DIR}/tests/fault/shim.c)
    add_library(kinora-shim SHARED ${CMAKE_SOURCE_DIR}/tests/fault/shim.c
                                   ${CMAKE_SOURCE_DIR}/tests/fault/shim_undo.c)
    set_target_properties(kinora-shim PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endif()
