/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* child — run another program with limits, so that a crash stays outside.
 *
 * No shell: argv as given, an empty environment but PATH, LANG; own process group, which
 * is killed whole at the time limit; address space, file size and CPU limited; every
 * descriptor but 0, 1, 2 closed; standard input from the bytes given (or /dev/null). */
#include "base/arena.h"
#include "base/err.h"

struct child_limits {
    int timeout_ms;
    size_t memory_bytes; /* 0: none */
    size_t output_bytes; /* of standard output; more is E_TOO_LARGE */
    int cpu_seconds;     /* 0: none */
};

struct child_result {
    int exit_code; /* 128 + signal when it was killed */
    struct str out;
    struct str err_tail; /* last 2 KiB of standard error */
};

/* Blocks.  E_NOT_FOUND: the program is not there; E_TIMEOUT: killed. */
enum status child_run(const char *const *argv, struct str input, const struct child_limits *limits,
                      struct arena *a, struct child_result *ret, struct err *err);
