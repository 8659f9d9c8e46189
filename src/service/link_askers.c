/* SPDX-License-Identifier: Apache-2.0 */
#include "service/link_askers.h"

#include <stddef.h>

#include "base/mem.h"

/* Under the lock; job_id 0: a free place.  NULL: there is none. */
static struct link_asker *find(struct link_askers *l, int64_t job_id)
{
    for (size_t i = 0; i < LINK_ASKERS_MAX; i++) {
        if (l->at_it[i].job_id == job_id)
            return &l->at_it[i];
    }
    return NULL;
}

/* ---- what had no others, under the lock */

static struct link_gone *find_gone(struct link_askers *l, int64_t job_id)
{
    for (size_t i = 0; i < LINK_GONE_MAX; i++) {
        if (l->gone[i].job_id == job_id)
            return &l->gone[i];
    }
    return NULL;
}

/* A free one has until 0; else it is the one whose time is over first. */
static struct link_gone *gone_place(struct link_askers *l)
{
    struct link_gone *first = &l->gone[0];
    for (size_t i = 1; i < LINK_GONE_MAX; i++) {
        if (l->gone[i].until < first->until)
            first = &l->gone[i];
    }
    return first;
}

static bool is_gone(struct link_askers *l, int64_t job_id, int64_t now_ms)
{
    const struct link_gone *g = find_gone(l, job_id);
    return g && now_ms < g->until;
}

static void note_gone(struct link_askers *l, int64_t job_id, int64_t now_ms)
{
    struct link_gone *g = find_gone(l, job_id);
    int64_t pause = g ? MIN(2 * g->pause, LINK_GONE_MOST_MS) : LINK_GONE_LEAST_MS;
    if (!g)
        g = gone_place(l);
    *g = (struct link_gone){job_id, now_ms + pause, pause};
}

static void forget_gone(struct link_askers *l, int64_t job_id)
{
    struct link_gone *g = find_gone(l, job_id);
    if (g)
        *g = (struct link_gone){0};
}

/* ---- who asks */

enum link_asking link_askers_enter(struct link_askers *l, int64_t job_id, int64_t now_ms)
{
    enum link_asking result = LINK_UNKNOWN;
    pthread_mutex_lock(&l->lock);
    struct link_asker *other = find(l, job_id), *place = find(l, 0);
    if (is_gone(l, job_id, now_ms)) {
        result = LINK_GONE;
    } else if (other) {
        result = other->dead ? LINK_DEAD : LINK_UNKNOWN;
    } else if (place) {
        *place = (struct link_asker){.job_id = job_id};
        result = LINK_MINE;
    }
    pthread_mutex_unlock(&l->lock);
    return result;
}

void link_askers_found_dead(struct link_askers *l, int64_t job_id)
{
    pthread_mutex_lock(&l->lock);
    find(l, job_id)->dead = true;
    pthread_mutex_unlock(&l->lock);
}

void link_askers_leave(struct link_askers *l, int64_t job_id, bool gone, int64_t now_ms)
{
    pthread_mutex_lock(&l->lock);
    find(l, job_id)->job_id = 0;
    if (gone)
        note_gone(l, job_id, now_ms);
    else
        forget_gone(l, job_id);
    pthread_mutex_unlock(&l->lock);
}
