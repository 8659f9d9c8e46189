/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine has in memory: holds, and the steps whose claims it keeps.
 *
 * A lease lives as long as its step is in memory, not longer: whatever a step could not
 * finish is taken up again when the lease has ended.  A hold that nobody uses is compared
 * with its row now and then, because the row may have ended without a word to us: on
 * another node, with its user, or while no notice came through. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "service/jobs_impl.h"

enum { TICK_MS = 100, TELL_TICK_MS = 1000, IDLE_PER_ROUND = 256 };

/* ---- holds */

static struct hold *find_hold(struct jobs *j, int64_t job_id)
{
    LIST_EACH(node, &j->holds)
    {
        struct hold *h = CONTAINER_OF(node, struct hold, link);
        if (h->job_id == job_id)
            return h;
    }
    return NULL;
}

struct hold *hold_take(struct jobs *j, int64_t job_id)
{
    pthread_mutex_lock(&j->lock);
    struct hold *h = find_hold(j, job_id);
    if (!h) {
        h = mem_zalloc(sizeof(*h));
        h->job_id = job_id;
        list_push_back(&j->holds, &h->link);
    } else if (h->busy) {
        h = NULL;
    }
    if (h)
        h->busy = true;
    pthread_mutex_unlock(&j->lock);
    return h;
}

bool hold_is_busy(struct jobs *j, int64_t job_id)
{
    pthread_mutex_lock(&j->lock);
    struct hold *h = find_hold(j, job_id);
    bool busy = h && h->busy;
    pthread_mutex_unlock(&j->lock);
    return busy;
}

bool hold_drops(struct jobs *j, int64_t job_id)
{
    pthread_mutex_lock(&j->lock);
    struct hold *h = find_hold(j, job_id);
    bool first = h && !h->dropping;
    if (first)
        h->dropping = true;
    pthread_mutex_unlock(&j->lock);
    return first;
}

void hold_dropped(struct jobs *j, int64_t job_id)
{
    pthread_mutex_lock(&j->lock);
    struct hold *h = find_hold(j, job_id);
    if (h)
        h->dropping = false;
    pthread_mutex_unlock(&j->lock);
}

void hold_put(struct jobs *j, struct hold *h)
{
    pthread_mutex_lock(&j->lock);
    h->busy = false;
    bool empty = !h->slot.account;
    if (empty)
        list_remove(&h->link);
    pthread_mutex_unlock(&j->lock);
    if (!empty)
        return;
    free(h->upstream_id);
    free(h->upstream_ref);
    free(h);
}

void hold_release_slot(struct jobs *j, struct hold *h, enum pool_outcome outcome,
                       int64_t retry_after_ms)
{
    if (!h->slot.account)
        return;
    pool_release(j->app->pool, &h->slot, outcome, retry_after_ms);
    memset(&h->slot, 0, sizeof(h->slot));
    jobs_freed(j, true);
}

void hold_note(struct jobs *j, struct hold *h, enum pool_outcome outcome, int64_t retry_after_ms)
{
    pool_note(j->app->pool, &h->slot, outcome, retry_after_ms);
}

/* ---- the keeper */

void step_keep(struct step *s)
{
    pthread_mutex_lock(&s->jobs->lock);
    list_push_back(&s->jobs->steps, &s->link);
    pthread_mutex_unlock(&s->jobs->lock);
}

static size_t copy_claims(struct jobs *j, struct job_claim **ret)
{
    size_t n = 0, size = 0;
    *ret = NULL;
    pthread_mutex_lock(&j->lock);
    LIST_EACH(node, &j->steps)
    {
        if (n == size) {
            size = size ? 2 * size : 64;
            *ret = mem_realloc(*ret, size * sizeof(**ret));
        }
        (*ret)[n++] = CONTAINER_OF(node, struct step, link)->claim;
    }
    pthread_mutex_unlock(&j->lock);
    return n;
}

static void keep_leases(struct jobs *j, struct db_conn *db)
{
    _cleanup_free_ struct job_claim *claims = NULL;
    struct err err;
    size_t n = copy_claims(j, &claims);
    if (n && job_keep_leases(db, claims, n, clock_wall_ms() + JOBS_LEASE_MS, &err) != OK)
        log_warn("leases could not be kept", LOG_Z("code", err.code), LOG_Z("why", err.detail));
}

/* Idle holds, but for the first `skip`: all of them, or those whose owner has ended the job. */
static size_t copy_idle(struct jobs *j, bool all, size_t skip, int64_t *ids, size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&j->lock);
    LIST_EACH(node, &j->holds)
    {
        struct hold *h = CONTAINER_OF(node, struct hold, link);
        if (h->busy || h->dropping || !(all || atomic_load(&h->cancelled)))
            continue;
        if (skip)
            skip--;
        else if (n < max)
            ids[n++] = h->job_id;
    }
    pthread_mutex_unlock(&j->lock);
    return n;
}

static void drop_cancelled(struct jobs *j)
{
    int64_t ids[IDLE_PER_ROUND];
    size_t n = copy_idle(j, false, 0, ids, IDLE_PER_ROUND);
    for (size_t i = 0; i < n; i++) {
        if (!jobs_drop_hold(j, ids[i]))
            return;
    }
}

/* So many a round, those behind them in the next: *skip. */
static void drop_ended(struct jobs *j, struct db_conn *db, size_t *skip)
{
    int64_t ids[IDLE_PER_ROUND];
    size_t n = copy_idle(j, true, *skip, ids, IDLE_PER_ROUND);
    *skip = n == IDLE_PER_ROUND ? *skip + n : 0;
    for (size_t i = 0; i < n; i++) {
        bool live;
        struct err err;
        if (job_is_live(db, ids[i], &live, &err) != OK)
            return;
        if (!live && !jobs_drop_hold(j, ids[i]))
            return;
    }
}

void *keeper_main(void *jobs)
{
    struct jobs *j = jobs;
    struct db_conn *db = db_conn_new(j->app->db);
    struct timespec pause = {.tv_nsec = TICK_MS * 1000000L};
    int64_t next = clock_mono_ms() + JOBS_KEEP_MS, tell_next = 0;
    size_t skip = 0;
    while (!atomic_load(&j->cut)) {
        nanosleep(&pause, NULL);
        drop_cancelled(j);
        if (clock_mono_ms() >= tell_next) {
            tell_next = clock_mono_ms() + TELL_TICK_MS;
            jobs_tell_due(j, db);
        }
        if (clock_mono_ms() < next)
            continue;
        next = clock_mono_ms() + JOBS_KEEP_MS;
        keep_leases(j, db);
        drop_ended(j, db, &skip);
    }
    db_conn_free(db);
    return NULL;
}
