/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs' places in the pool's line (SPEC GW-4).
 *
 * A freed slot goes to whoever waits in line; so that direct calls which always wait do not keep
 * it from every job, the scheduler has a place there for each user whose jobs found all accounts
 * full: users take turns, whatever they wait with.  A place that is served hands its slot to the
 * scheduler, which gives it to the job whose turn it is among those that want the same, and back
 * when there is none.
 *
 * Places are made and taken by the scheduler's thread and served on the engine's loop; the
 * engine's lock guards them.  What waits in the pool is the loop's alone. */
#include <string.h>

#include "base/clock.h"
#include "service/jobs_impl.h"

enum { PLACES_MAX = 256 };
#define PLACE_MS (30 * CLOCK_MINUTE_MS) /* as long as a job may wait (ST-2) */

struct place {
    struct list link; /* in jobs.places */
    struct task join;
    struct jobs *jobs;
    struct job_due due;         /* what is wanted, and for whom */
    char *words;                /* what its views point to */
    struct pool_waiter *waiter; /* from joining until it is served */
    struct pool_slot slot;
    /* seen: since before the look that is under way.  What comes in its midst is for the next,
     * or it would go to whoever is looked at just then. */
    bool served, seen;
};

static void place_free(struct place *p)
{
    list_remove(&p->link);
    p->jobs->place_count--;
    pool_slot_end(&p->slot);
    free(p->words);
    free(p);
}

static bool wants_the_same(const struct job_due *a, const struct job_due *b)
{
    return a->group_id == b->group_id && a->ungrouped == b->ungrouped &&
           a->pinned_to == b->pinned_to && str_eq(a->model, b->model) &&
           str_eq(a->tried_accounts, b->tried_accounts);
}

/* ---- on the loop ---- */

static void on_served(void *ctx, struct pool_slot *slot)
{
    struct place *p = ctx;
    struct jobs *j = p->jobs;
    p->waiter = NULL;
    pthread_mutex_lock(&j->lock);
    bool taken = slot && !j->stopping;
    if (taken) {
        p->slot = *slot;
        slot->held = NULL;
        p->served = true;
    } else {
        place_free(p);
    }
    pthread_mutex_unlock(&j->lock);
    if (taken)
        jobs_wake(j);
}

static void join_line(struct task *t)
{
    struct place *p = CONTAINER_OF(t, struct place, join);
    struct jobs *j = p->jobs;
    struct pool_want want;
    pthread_mutex_lock(&j->lock);
    bool stopping = j->stopping;
    pthread_mutex_unlock(&j->lock);
    jobs_want(&p->due, &want);
    want.caller = p->due.user_id;
    if (!stopping)
        p->waiter = pool_wait(j->app->pool, &want, j->loop, PLACE_MS, on_served, p);
    if (p->waiter)
        return;
    /* The line is full: its jobs are looked at once a second all the same. */
    pthread_mutex_lock(&j->lock);
    place_free(p);
    pthread_mutex_unlock(&j->lock);
}

/* ---- the scheduler ---- */

static struct place *place_new(struct jobs *j, const struct job_due *due)
{
    struct place *p = mem_zalloc(sizeof(*p));
    size_t n = due->model.n;
    p->jobs = j;
    p->due = *due;
    p->join.fn = join_line;
    p->words = mem_zalloc(n + due->tried_accounts.n + 1);
    memcpy(p->words, due->model.p, n);
    if (due->tried_accounts.n)
        memcpy(p->words + n, due->tried_accounts.p, due->tried_accounts.n);
    p->due.model = (struct str){p->words, n};
    p->due.tried_accounts = (struct str){p->words + n, due->tried_accounts.n};
    list_push_back(&j->places, &p->link);
    j->place_count++;
    return p;
}

static bool has_place(const struct jobs *j, const struct job_due *due)
{
    LIST_EACH(node, &j->places)
    {
        const struct place *p = CONTAINER_OF(node, struct place, link);
        if (p->due.user_id == due->user_id && wants_the_same(&p->due, due))
            return true;
    }
    return false;
}

void places_join(struct jobs *j, const struct job_due *due)
{
    struct place *p = NULL;
    pthread_mutex_lock(&j->lock);
    if (!j->stopping && j->place_count < PLACES_MAX && !has_place(j, due))
        p = place_new(j, due);
    pthread_mutex_unlock(&j->lock);
    if (p)
        loop_post(j->loop, &p->join);
}

bool places_take(struct jobs *j, const struct job_due *due, struct pool_slot *ret)
{
    bool found = false;
    pthread_mutex_lock(&j->lock);
    LIST_EACH(node, &j->places)
    {
        struct place *p = CONTAINER_OF(node, struct place, link);
        if (found || !p->seen || !wants_the_same(&p->due, due))
            continue;
        *ret = p->slot;
        p->slot.held = NULL;
        found = true;
        place_free(p);
    }
    pthread_mutex_unlock(&j->lock);
    return found;
}

/* Jobs are looked at in the order of their turns. */
void places_look(struct jobs *j)
{
    pthread_mutex_lock(&j->lock);
    LIST_EACH(node, &j->places)
    {
        struct place *p = CONTAINER_OF(node, struct place, link);
        p->seen = p->served;
    }
    pthread_mutex_unlock(&j->lock);
}

void places_give_back(struct jobs *j)
{
    pthread_mutex_lock(&j->lock);
    LIST_EACH(node, &j->places)
    {
        struct place *p = CONTAINER_OF(node, struct place, link);
        if (p->seen)
            place_free(p);
    }
    pthread_mutex_unlock(&j->lock);
}

void places_free(struct jobs *j)
{
    LIST_EACH(node, &j->places)
    {
        struct place *p = CONTAINER_OF(node, struct place, link);
        if (!p->waiter && !p->served)
            continue; /* about to join: that task frees it */
        if (p->waiter)
            pool_wait_cancel(p->waiter);
        place_free(p);
    }
}
