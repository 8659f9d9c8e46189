/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

enum status thread_refused(const char *what, struct err *err)
{
    return err_say(err, E_UNAVAILABLE, "no_thread",
                   "there is no thread to be had for %s: the limit of processes or of memory is "
                   "too low",
                   what);
}

enum status thread_start(pthread_t *ret, void *(*main)(void *arg), void *arg, const char *what,
                         struct err *err)
{
    return pthread_create(ret, NULL, main, arg) == 0 ? OK : thread_refused(what, err);
}
