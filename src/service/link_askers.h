/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* link_askers — who is asking an upstream about the links of which job (direct_links).
 *
 * To ask may keep a worker for 20 s at an upstream that says nothing.  So one asks for a job, and
 * two in all, of a pool of eight; nobody waits for them.
 *
 * Thread: any. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { LINK_ASKERS_MAX = 2 };

struct link_askers {
    pthread_mutex_t lock;
    struct link_asker {
        int64_t job_id; /* 0: a free place */
        bool dead;
    } at_it[LINK_ASKERS_MAX];
};
#define LINK_ASKERS_INIT                                                                           \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

enum link_asking {
    LINK_MINE,    /* the caller's to ask, until link_askers_leave() */
    LINK_UNKNOWN, /* others are at it, or all are at other jobs': nothing is known of the links */
    LINK_DEAD,    /* another is at it and has found them dead */
};
enum link_asking link_askers_enter(struct link_askers *l, int64_t job_id);
/* Whose it is has found them dead. */
void link_askers_found_dead(struct link_askers *l, int64_t job_id);
void link_askers_leave(struct link_askers *l, int64_t job_id);
