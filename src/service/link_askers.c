/* SPDX-License-Identifier: Apache-2.0 */
#include "service/link_askers.h"

#include <stddef.h>

/* Under the lock; job_id 0: a free place.  NULL: there is none. */
static struct link_asker *find(struct link_askers *l, int64_t job_id)
{
    for (size_t i = 0; i < LINK_ASKERS_MAX; i++) {
        if (l->at_it[i].job_id == job_id)
            return &l->at_it[i];
    }
    return NULL;
}

enum link_asking link_askers_enter(struct link_askers *l, int64_t job_id)
{
    enum link_asking result = LINK_UNKNOWN;
    pthread_mutex_lock(&l->lock);
    struct link_asker *other = find(l, job_id), *place = find(l, 0);
    if (other) {
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

void link_askers_leave(struct link_askers *l, int64_t job_id)
{
    pthread_mutex_lock(&l->lock);
    find(l, job_id)->job_id = 0;
    pthread_mutex_unlock(&l->lock);
}
