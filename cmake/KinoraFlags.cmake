# kinora_flags: what every file of Kinora is compiled and linked with.
include(CheckCCompilerFlag)
add_library(kinora_flags INTERFACE)
target_include_directories(kinora_flags INTERFACE
    ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/generated)
target_compile_definitions(kinora_flags INTERFACE _GNU_SOURCE)

# kinora_add_flags(FLAG…): those that this compiler knows.
function(kinora_add_flags)
    foreach(flag IN LISTS ARGN)
        string(MAKE_C_IDENTIFIER "HAVE${flag}" known)
        check_c_compiler_flag(${flag} ${known})
        if(${known})
            target_compile_options(kinora_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:${flag}>)
        endif()
    endforeach()
endfunction()

kinora_add_flags(
    -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2
    -Wundef -Wvla -Wwrite-strings -Wimplicit-fallthrough -Werror=implicit-function-declaration)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    kinora_add_flags(-Wno-sign-conversion) # clang counts enums; gcc's own verdict is enough
endif()
if(KINORA_WERROR)
    kinora_add_flags(-Werror)
endif()

# Asserts stay in: a broken invariant must stop the process, not corrupt rows.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g3")

# After the OpenSSF compiler options hardening guide.
kinora_add_flags(
    -fstack-protector-strong -fstack-clash-protection -fno-strict-overflow -fno-strict-aliasing
    -fno-delete-null-pointer-checks -fno-common -ffunction-sections -fdata-sections)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    kinora_add_flags(-fcf-protection=full)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    kinora_add_flags(-mbranch-protection=standard)
endif()
kinora_add_flags(-fPIE)
# Our json_object() and jansson's live in one process: what a shared library refers to by such a
# name must not find ours.
kinora_add_flags(-fvisibility=hidden)
target_link_options(kinora_flags INTERFACE
    -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,--gc-sections
    -Wl,--as-needed -Wl,--exclude-libs,ALL)
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT KINORA_SANITIZE)
    target_compile_options(kinora_flags INTERFACE
        $<$<COMPILE_LANGUAGE:C>:-U_FORTIFY_SOURCE> $<$<COMPILE_LANGUAGE:C>:-D_FORTIFY_SOURCE=3>)
    kinora_add_flags(-ftrivial-auto-var-init=zero)
    # With the whole program in sight gcc 12 takes a list's head for an element of the list and
    # warns of what would lie behind it. Every other build warns of the real thing.
    target_link_options(kinora_flags INTERFACE -Wno-stringop-overread)
endif()

if(KINORA_SANITIZE)
    set(sanitize -fsanitize=${KINORA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1)
    target_compile_options(kinora_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:${sanitize}>)
    target_link_options(kinora_flags INTERFACE -fsanitize=${KINORA_SANITIZE})
endif()
if(KINORA_FUZZ)
    target_compile_options(kinora_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:-fsanitize=fuzzer-no-link>)
endif()
if(KINORA_COVERAGE)
    target_compile_options(kinora_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:--coverage>)
    target_link_options(kinora_flags INTERFACE --coverage)
endif()
