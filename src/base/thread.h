/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* thread — beginning one, or saying in words that there is none to be had.
 *
 * A process has only so many: the system's limit, a container's (pids.max), or memory for their
 * stacks. */
#include <pthread.h>

#include "base/err.h"

/* what: whose thread, for the sentence.  E_UNAVAILABLE, code "no_thread"; then *ret is of no use. */
enum status thread_start(pthread_t *ret, void *(*main)(void *arg), void *arg, const char *what,
                         struct err *err);
/* The same refusal of whoever begins several by himself. */
enum status thread_refused(const char *what, struct err *err);
