/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* link_askers — who is asking an upstream about the links of which job (direct_links).
 *
 * To ask may keep a worker for 20 s at an upstream that says nothing.  So one asks for a job, and
 * two in all, of a pool of eight; nobody waits for them.
 *
 * Of the jobs whose upstream had no others the last LINK_GONE_MAX are remembered, each for half a
 * minute and then for twice as long as the time before, up to an hour: nobody asks meanwhile.
 *
 * Thread: any. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    LINK_ASKERS_MAX = 2,
    LINK_GONE_MAX = 256,
    LINK_GONE_LEAST_MS = 30000,
    LINK_GONE_MOST_MS = 3600000,
};

struct link_askers {
    pthread_mutex_t lock;
    struct link_asker {
        int64_t job_id; /* 0: a free place */
        bool dead;
    } at_it[LINK_ASKERS_MAX];
    struct link_gone {
        int64_t job_id, until, pause; /* job_id 0: a free place; mono ms; ms */
    } gone[LINK_GONE_MAX];
};
#define LINK_ASKERS_INIT                                                                           \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

enum link_asking {
    LINK_MINE,    /* the caller's to ask, until link_askers_leave() */
    LINK_UNKNOWN, /* others are at it, or all are at other jobs': nothing is known of the links */
    LINK_DEAD,    /* another is at it and has found them dead */
    LINK_GONE,    /* they were dead a while ago, and the upstream had no others */
};
/* now_ms: mono. */
enum link_asking link_askers_enter(struct link_askers *l, int64_t job_id, int64_t now_ms);
/* Whose it is has found them dead. */
void link_askers_found_dead(struct link_askers *l, int64_t job_id);
/* gone: they are dead, and the upstream has no others. */
void link_askers_leave(struct link_askers *l, int64_t job_id, bool gone, int64_t now_ms);
