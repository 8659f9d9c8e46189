/* SPDX-License-Identifier: Apache-2.0 */
/* Which due rows are claimed, and when.
 *
 * Looking is free, claiming is a commit: a row is claimed only when somebody can work on it
 * at once.  A job that waits for an account is not touched until the pool has a slot for it;
 * the slot is taken before the claim.  So it costs the same whether one job waits or a
 * thousand.  Users take turns, who was served longest ago first, and of one user the oldest
 * job: whoever has a thousand in line delays another's by one.
 *
 * A step's commit is seen before the step has returned: what it still holds is left for the moment,
 * or the claim would find it busy and be left to its lease.
 *
 * No account may use more workers of a kind than it leaves free (but always one): an upstream
 * that does not answer keeps half of them busy, and others go on with the rest. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "service/jobs_impl.h"

enum {
    LOOK_DUE = 64,
    LOOK_WAITING = 256, /* at least one of each kind of want, as long as there are not more */
    LOOK_EACH = 32,
    USERS = 4096,   /* places of what is remembered of turns; who shares one takes turns as one */
    LOOK_MS = 1000, /* the line is looked at least this often, for slots freed elsewhere */
    ARENA_BYTES = 4 << 20,
};

struct pick {
    struct job_claim claim;
    struct pool_slot slot; /* of a job that waited; else none */
};

struct schedule {
    struct jobs *jobs;
    struct db_conn *db;
    struct arena *arena;
    struct pick picks[JOBS_BATCH];
    size_t count;
    bool left_begun, left_waiting; /* due, but nobody can work on it now */
    bool cut;                      /* there may be more than this round could take */
    int64_t next_look;
    int64_t served[USERS], last_served; /* numbers of the users' last turns */
};

/* ---- shares */

/* Two states of one kind share workers. */
static bool same_workers(const struct jobs *j, enum job_state a, enum job_state b)
{
    return jobs_workers_for(j->app, a) == jobs_workers_for(j->app, b);
}

struct share {
    int64_t mine, all;
};

static void count_claim(struct share *ret, const struct jobs *j, const struct job_claim *claim,
                        enum job_state state, int64_t account_id)
{
    if (!same_workers(j, claim->state, state))
        return;
    ret->all++;
    ret->mine += claim->account_id == account_id;
}

/* What is claimed and not finished, in memory and in this round. */
static struct share share_of(const struct schedule *sc, enum job_state state, int64_t account_id)
{
    struct jobs *j = sc->jobs;
    struct share share = {0};
    pthread_mutex_lock(&j->lock);
    LIST_EACH(node, &j->steps)
    {
        const struct step *s = CONTAINER_OF(node, struct step, link);
        if (!s->stream)
            count_claim(&share, j, &s->claim, state, account_id);
    }
    pthread_mutex_unlock(&j->lock);
    for (size_t i = 0; i < sc->count; i++)
        count_claim(&share, j, &sc->picks[i].claim, state, account_id);
    return share;
}

/* The oldest mark makes room; what is forgotten is found out anew. */
void jobs_account_full(struct jobs *j, int64_t account_id)
{
    pthread_mutex_lock(&j->lock);
    struct full_account *oldest = &j->full[0];
    for (size_t i = 1; i < JOBS_FULL_ACCOUNTS; i++) {
        if (j->full[i].until < oldest->until)
            oldest = &j->full[i];
    }
    *oldest = (struct full_account){account_id, clock_mono_ms() + JOBS_FULL_MS};
    pthread_mutex_unlock(&j->lock);
}

static bool is_full_elsewhere(struct jobs *j, int64_t account_id)
{
    int64_t now = clock_mono_ms();
    bool full = false;
    pthread_mutex_lock(&j->lock);
    for (size_t i = 0; i < JOBS_FULL_ACCOUNTS; i++)
        full |= j->full[i].account_id == account_id && now < j->full[i].until;
    pthread_mutex_unlock(&j->lock);
    return full;
}

/* Media come from anywhere, and one account may well have all there is to fetch. */
static bool may_work(const struct schedule *sc, enum job_state state, int64_t account_id)
{
    int64_t threads = workers_count(jobs_workers_for(sc->jobs->app, state));
    struct share share = share_of(sc, state, account_id);
    int64_t most = state == JOB_STORING ? threads - 2 : threads - share.all;
    return share.mine < MAX(most, 1);
}

/* ---- picking */

static bool is_round_full(const struct schedule *sc)
{
    return sc->count == JOBS_BATCH;
}

static void pick(struct schedule *sc, const struct job_due *due, int64_t account_id,
                 const struct pool_slot *slot)
{
    struct pick *p = &sc->picks[sc->count++];
    *p = (struct pick){
        .claim = {.id = due->id, .state = due->state, .account_id = account_id},
    };
    if (slot)
        p->slot = *slot;
}

/* ",polling:3,storing:7,": what is left out of the look, so that rows of an account that has
 * its share do not hide those behind them. */
static struct str busy_text(const struct schedule *sc)
{
    struct jobs *j = sc->jobs;
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(64 << 10);
    struct job_claim claims[LOOK_DUE];
    size_t n = 0;
    pthread_mutex_lock(&j->lock);
    LIST_EACH(node, &j->steps)
    {
        const struct step *s = CONTAINER_OF(node, struct step, link);
        if (!s->stream && s->claim.state != JOB_QUEUED && n < LOOK_DUE)
            claims[n++] = s->claim;
    }
    pthread_mutex_unlock(&j->lock);
    buf_add(&out, STR(","));
    for (size_t i = 0; i < n; i++) {
        if (!may_work(sc, claims[i].state, claims[i].account_id))
            buf_addf(&out, "%s:%lld,", job_state_name(claims[i].state),
                     (long long)claims[i].account_id);
    }
    return arena_str(sc->arena, buf_str(&out));
}

static enum status pick_begun(struct schedule *sc, int64_t now, struct err *err)
{
    struct job_due due[LOOK_DUE];
    struct str busy = busy_text(sc);
    size_t n;
    TRY(job_list_due(sc->db, now, busy, due, LOOK_DUE, &n, err));
    sc->left_begun |= busy.n > 1;
    for (size_t i = 0; i < n && !is_round_full(sc); i++) {
        bool free = due[i].state == JOB_QUEUED || may_work(sc, due[i].state, due[i].account_id);
        if (free && !hold_is_busy(sc->jobs, due[i].id))
            pick(sc, &due[i], due[i].account_id, NULL);
        else
            sc->left_begun = true;
    }
    return OK;
}

/* ---- the line */

static enum pool_result take_slot(const struct schedule *sc, const struct job_due *due,
                                  struct pool_slot *ret)
{
    struct pool_want want;
    bool passed_over = false;
    jobs_want(due, &want);
    for (;;) {
        enum pool_result got = POOL_GOT;
        if (!places_take(sc->jobs, due, ret))
            got = pool_take(sc->jobs->app->pool, &want, ret, NULL);
        if (got == POOL_FULL && !passed_over)
            places_join(sc->jobs, due);
        if (got != POOL_GOT)
            return passed_over && got == POOL_NONE ? POOL_FULL : got;
        if (!is_full_elsewhere(sc->jobs, ret->account->id) &&
            may_work(sc, JOB_QUEUED, ret->account->id))
            return POOL_GOT;
        int64_t id = ret->account->id;
        pool_slot_end(ret);
        if (want.tried_count == POOL_MAX_TRIED)
            return POOL_FULL;
        want.tried[want.tried_count++] = id;
        passed_over = true;
    }
}

static int64_t *served_of(struct schedule *sc, int64_t user_id)
{
    return &sc->served[(uint64_t)user_id % USERS];
}

/* One that no account serves is picked too: its step ends it. */
static void pick_first(struct schedule *sc, const struct job_due *due)
{
    struct pool_slot slot = {0};
    enum pool_result got = take_slot(sc, due, &slot);
    if (got == POOL_GOT) {
        *served_of(sc, due->user_id) = ++sc->last_served;
        pick(sc, due, slot.account->id, &slot);
    } else if (got == POOL_NONE) {
        pick(sc, due, 0, NULL);
    } else {
        sc->left_waiting = true;
    }
}

static int by_turn(const void *a, const void *b, void *schedule)
{
    const struct job_due *x = a, *y = b;
    int64_t x_served = *served_of(schedule, x->user_id);
    int64_t y_served = *served_of(schedule, y->user_id);
    if (x->turn != y->turn)
        return x->turn > y->turn ? 1 : -1;
    if (x_served != y_served)
        return x_served > y_served ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

static enum status pick_waiting(struct schedule *sc, int64_t now, struct err *err)
{
    struct job_due *due = arena_alloc(sc->arena, LOOK_WAITING * sizeof(*due));
    size_t n;
    if (!due)
        return err_set(err, E_NO_MEMORY, "overloaded");
    TRY(job_list_waiting(sc->db, now, LOOK_EACH, sc->arena, due, LOOK_WAITING, &n, err));
    places_look(sc->jobs);
    qsort_r(due, n, sizeof(*due), by_turn, sc);
    for (size_t i = 0; i < n && !is_round_full(sc); i++) {
        if (hold_is_busy(sc->jobs, due[i].id))
            sc->left_waiting = true;
        else
            pick_first(sc, &due[i]);
    }
    places_give_back(sc->jobs);
    sc->cut = is_round_full(sc);
    sc->next_look = clock_mono_ms() + LOOK_MS;
    return OK;
}

/* ---- claiming */

static void hand_out(struct schedule *sc, struct pick *p)
{
    struct jobs *j = sc->jobs;
    struct err err;
    struct hold *hold = p->slot.held ? hold_take(j, p->claim.id) : NULL;
    if (hold) {
        hold_release_slot(j, hold, POOL_NEUTRAL, 0);
        hold->slot = p->slot;
        p->slot = (struct pool_slot){0};
        hold_put(j, hold);
    }
    if (jobs_submit_step(j, &p->claim))
        return;
    if (hold && (hold = hold_take(j, p->claim.id))) {
        hold_release_slot(j, hold, POOL_NEUTRAL, 0);
        hold_put(j, hold);
    }
    if (job_release(sc->db, p->claim.id, p->claim.fence, clock_wall_ms() + 1000, &err) != OK)
        log_warn("claim left to its lease", LOG_I("job", p->claim.id), LOG_Z("why", err.detail));
}

/* Those that another node was quicker to claim keep fence 0. */
static enum status claim_picks(struct schedule *sc, int64_t now, struct err *err)
{
    struct job_claim claims[JOBS_BATCH];
    for (size_t i = 0; i < sc->count; i++)
        claims[i] = sc->picks[i].claim;
    TRY(job_claim(sc->db, str_of(sc->jobs->app->node_id), now, now + JOBS_LEASE_MS, claims,
                  sc->count, err));
    for (size_t i = 0; i < sc->count; i++)
        sc->picks[i].claim = claims[i];
    return OK;
}

static bool claim_and_hand_out(struct schedule *sc, int64_t now)
{
    struct err err;
    bool any = false;
    enum status status = sc->count ? claim_picks(sc, now, &err) : OK;
    if (status != OK)
        log_warn("jobs could not be claimed", LOG_Z("code", err.code), LOG_Z("why", err.detail));
    for (size_t i = 0; i < sc->count; i++) {
        struct pick *p = &sc->picks[i];
        if (status == OK && p->claim.fence) {
            any = true;
            hand_out(sc, p);
        }
        pool_slot_end(&p->slot);
    }
    return any;
}

/* Whether something was claimed: there may be more. */
static bool run_round(struct schedule *sc, bool look)
{
    struct err err;
    int64_t now = clock_wall_ms();
    sc->count = 0;
    sc->left_begun = false;
    enum status status = pick_begun(sc, now, &err);
    if (status == OK && (look || clock_mono_ms() >= sc->next_look)) {
        sc->left_waiting = false;
        status = pick_waiting(sc, now, &err);
    }
    if (status != OK)
        log_warn("due jobs could not be read", LOG_Z("code", err.code), LOG_Z("why", err.detail));
    atomic_store(&sc->jobs->left_begun, sc->left_begun);
    atomic_store(&sc->jobs->left_waiting, sc->left_waiting);
    bool any = claim_and_hand_out(sc, now);
    arena_reset(sc->arena);
    return any;
}

/* ---- the thread */

/* Whether somebody woke it for the line's sake. */
static bool wait_for_work(struct jobs *j)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += JOBS_TICK_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&j->lock);
    if (!j->woken && !j->stopping)
        pthread_cond_timedwait(&j->wake, &j->lock, &until);
    bool look = j->look;
    j->woken = j->look = false;
    pthread_mutex_unlock(&j->lock);
    return look;
}

static bool is_stopping(struct jobs *j)
{
    pthread_mutex_lock(&j->lock);
    bool stopping = j->stopping;
    pthread_mutex_unlock(&j->lock);
    return stopping;
}

void *scheduler_main(void *jobs)
{
    struct jobs *j = jobs;
    struct schedule *sc = mem_zalloc(sizeof(*sc));
    bool look = true;
    sc->jobs = j;
    sc->db = db_conn_new(j->app->db);
    sc->arena = arena_new(ARENA_BYTES);
    while (!is_stopping(j)) {
        sc->cut = false;
        bool any = run_round(sc, look);
        look = any ? sc->cut : wait_for_work(j);
    }
    places_look(j);
    places_give_back(j);
    arena_free(sc->arena);
    db_conn_free(sc->db);
    free(sc);
    return NULL;
}

static void wake(struct jobs *j, bool look)
{
    pthread_mutex_lock(&j->lock);
    j->woken = true;
    j->look |= look;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
}

void jobs_wake(struct jobs *j)
{
    wake(j, true);
}

void jobs_freed(struct jobs *j, bool for_waiting)
{
    if (for_waiting ? atomic_load(&j->left_waiting) : atomic_load(&j->left_begun))
        wake(j, for_waiting);
}
