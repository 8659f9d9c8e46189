/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* child — run another program with limits, so that a crash stays outside.
 *
 * No shell: argv as given, looked up in PATH; an environment of PATH and LANG alone;
 * own process group, which is killed whole at the time limit and at the end; address
 * space, file size (64 MiB) and CPU limited, no core file; every descriptor but 0, 1,
 * 2 closed; standard input from the bytes given (or empty); killed when the calling
 * thread dies.
 *
 * Thread: any that may block; many at once. */
#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"

struct child_limits {
    int timeout_ms;               /* from the start; must be above 0 */
    size_t memory_bytes;          /* 0: none */
    size_t output_bytes;          /* of standard output; more is E_TOO_LARGE, and it is killed */
    int cpu_seconds;              /* 0: none */
    const atomic_bool *cancelled; /* true: it is killed; may be NULL */
};

struct child_result {
    int exit_code;       /* 128 + signal when it was killed */
    struct str out;      /* in the arena, NUL behind */
    struct str err_tail; /* last 2 KiB of standard error, in the arena, NUL behind */
};

/* Blocks until the program has ended.  OK whatever its exit code.  E_NOT_FOUND, code
 * "program_missing": it is not there; E_TIMEOUT, code "program_timeout", and E_UNAVAILABLE, code
 * "cancelled": killed; E_IO: it could not be started. */
enum status child_run(const char *const *argv, struct str input, const struct child_limits *limits,
                      struct arena *a, struct child_result *ret, struct err *err);
