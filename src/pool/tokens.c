/* SPDX-License-Identifier: Apache-2.0 */
/* Flights and those who wait for them. */
#include "pool/tokens.h"

#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"
#include "pool/tokens_impl.h"
#include "store/account_tokens.h"

enum {
    QUEUE_LENGTH = 1024,
    MARGIN_MS = 2000, /* a token that ends sooner is not sent any more */
    YOUNG_MS = 10000, /* a renewed token that is refused so soon will not be helped by another */
    MARGIN_MAX_MS = 10 * 60 * 1000,
    DUE_PER_TICK = 64,
};

struct flight {
    struct list link; /* in tokens.flights until it has landed */
    struct work work;
    struct tokens *tokens;
    int64_t account_id;
    uint64_t seen;
    struct list waiters;
    int refs; /* the worker's and those of threads that block */
    bool landed, renewed;
    bool parked;   /* in no worker: somebody else is asking */
    int64_t until; /* mono ms: it is given up then */
};

struct token_waiter {
    struct list link;
    struct tokens *tokens;
    struct loop *loop;
    struct timer timer;
    struct task task;
    enum { WAITER_WAITING, WAITER_POSTED, WAITER_CANCELLED } state;
    bool renewed;
    token_wake *wake;
    void *ctx;
};

/* ---- what a token is good for ---- */

bool token_is_spent(const struct pool_account *account)
{
    const struct pool_token *t = &account->token;
    return t->number && t->expires_at && clock_wall_ms() >= t->expires_at - MARGIN_MS;
}

bool token_may_renew(const struct pool_account *account)
{
    const struct pool_token *t = &account->token;
    return t->number && t->refreshable && clock_wall_ms() - t->renewed_at >= YOUNG_MS;
}

/* A fifth of its life before the end and up to a tenth more by chance, so that tokens that were
 * made together are not renewed together, and of several processes one is first. */
static int64_t refresh_time(int64_t expires_at, int64_t now)
{
    uint32_t chance;
    int64_t margin = MIN(MAX(expires_at - now, 0) / 5, MARGIN_MAX_MS);
    crypto_random(&chance, sizeof(chance));
    return expires_at - margin - (int64_t)chance % (margin / 2 + 1);
}

void token_row(int64_t account_id, int64_t expires_at, int64_t renewed_at, bool refreshable,
               struct account_token *ret)
{
    *ret = (struct account_token){
        .account_id = account_id, .expires_at = expires_at, .renewed_at = renewed_at};
    if (expires_at)
        ret->refresh_at = refreshable ? refresh_time(expires_at, clock_wall_ms()) : expires_at;
}

/* Another token may be there already. */
static bool is_renewed(struct tokens *t, const struct pool_account *account)
{
    struct pool_ref ref;
    pool_hold(t->config.pool, account->id, &ref);
    bool renewed = ref.account && ref.account->token.number != account->token.number &&
                   !token_is_spent(ref.account);
    pool_drop(&ref);
    return renewed;
}

/* ---- who asks which endpoint ---- */

static bool put_asked(struct tokens *t, uint64_t endpoint)
{
    size_t free_place = TOKENS_THREADS, n = 0;
    for (size_t i = 0; i < TOKENS_THREADS; i++) {
        n += t->asked[i] == endpoint;
        if (!t->asked[i])
            free_place = i;
    }
    if (n == TOKENS_OF_ENDPOINT || free_place == TOKENS_THREADS)
        return false;
    t->asked[free_place] = endpoint;
    return true;
}

bool tokens_may_ask(struct tokens *t, struct str endpoint)
{
    pthread_mutex_lock(&t->lock);
    bool may = put_asked(t, str_hash(endpoint) | 1);
    pthread_mutex_unlock(&t->lock);
    return may;
}

void tokens_asked(struct tokens *t, struct str endpoint)
{
    uint64_t hash = str_hash(endpoint) | 1;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < TOKENS_THREADS; i++) {
        if (t->asked[i] == hash) {
            t->asked[i] = 0;
            break;
        }
    }
    pthread_mutex_unlock(&t->lock);
}

/* ---- flights, under the lock ---- */

static struct flight *flight_find(struct tokens *t, int64_t account_id)
{
    LIST_EACH(node, &t->flights)
    {
        struct flight *f = CONTAINER_OF(node, struct flight, link);
        if (f->account_id == account_id)
            return f;
    }
    return NULL;
}

static void flight_unref(struct flight *f)
{
    if (--f->refs == 0)
        free(f);
}

static void run(struct work *work, void *thread_state);

static struct flight *flight_begin(struct tokens *t, int64_t account_id, uint64_t seen)
{
    struct flight *f = mem_zalloc(sizeof(*f));
    f->work.run = run;
    f->tokens = t;
    f->account_id = account_id;
    f->seen = seen;
    f->refs = 1;
    f->until = clock_mono_ms() + TOKENS_WAIT_MS;
    list_init(&f->waiters);
    if (atomic_load(&t->stopping) || !workers_submit(t->workers, &f->work)) {
        free(f);
        return NULL;
    }
    list_push_back(&t->flights, &f->link);
    return f;
}

/* The one that is under way will do. */
static struct flight *flight_join(struct tokens *t, int64_t account_id, uint64_t seen)
{
    struct flight *f = flight_find(t, account_id);
    if (f && f->seen == 0)
        f->seen = seen;
    return f ? f : flight_begin(t, account_id, seen);
}

static void post(struct token_waiter *w, bool renewed)
{
    w->state = WAITER_POSTED;
    w->renewed = renewed;
    loop_post(w->loop, &w->task);
}

static void flight_land(struct flight *f, bool renewed)
{
    struct tokens *t = f->tokens;
    struct list *node;
    pthread_mutex_lock(&t->lock);
    f->landed = true;
    f->renewed = renewed;
    list_remove(&f->link);
    while ((node = list_pop_front(&f->waiters)))
        post(CONTAINER_OF(node, struct token_waiter, link), renewed);
    pthread_cond_broadcast(&t->landed);
    flight_unref(f);
    pthread_mutex_unlock(&t->lock);
}

/* Whether anybody waits for it, and for which token's sake. */
static bool is_awaited(struct flight *f, uint64_t *ret_seen)
{
    pthread_mutex_lock(&f->tokens->lock);
    bool awaited = f->refs > 1 || !list_empty(&f->waiters);
    *ret_seen = f->seen;
    pthread_mutex_unlock(&f->tokens->lock);
    return awaited;
}

/* Those that wait for others go on, in turn. */
static void unpark(struct tokens *t)
{
    pthread_mutex_lock(&t->lock);
    LIST_EACH(node, &t->flights)
    {
        struct flight *f = CONTAINER_OF(node, struct flight, link);
        if (f->parked && workers_submit(t->workers, &f->work))
            f->parked = false;
    }
    pthread_mutex_unlock(&t->lock);
}

/* No thread waits for whoever asks: unpark() comes when one of ours has done so, and once a
 * second for those of other processes.  What nobody waits for is begun anew while it is due. */
static bool park(struct flight *f)
{
    uint64_t ignored;
    bool wait = is_awaited(f, &ignored) && clock_mono_ms() < f->until &&
                !atomic_load(&f->tokens->stopping);
    pthread_mutex_lock(&f->tokens->lock);
    f->parked = wait;
    pthread_mutex_unlock(&f->tokens->lock);
    return wait;
}

/* In a worker. */
static void run(struct work *work, void *thread_state)
{
    struct flight *f = CONTAINER_OF(work, struct flight, work);
    struct tokens *t = f->tokens;
    uint64_t seen;
    /* Nothing was asked yet, so nothing is lost: the end of the process waits for no queue. */
    if (atomic_load(&t->stopping)) {
        flight_land(f, false);
        return;
    }
    is_awaited(f, &seen);
    enum refresh_result result = refresh_run(thread_state, f->account_id, seen);
    if (result == REFRESH_BUSY && park(f))
        return;
    flight_land(f, result == REFRESH_DONE);
    unpark(t);
}

/* ---- waiting on a loop ---- */

static void waiter_wake(struct task *task)
{
    struct token_waiter *w = CONTAINER_OF(task, struct token_waiter, task);
    timer_unset(w->loop, &w->timer);
    if (w->state != WAITER_CANCELLED)
        w->wake(w->ctx, w->renewed);
    free(w);
}

/* Out of its flight; false when the answer is on its way already. */
static bool waiter_leave(struct token_waiter *w)
{
    pthread_mutex_lock(&w->tokens->lock);
    bool waiting = w->state == WAITER_WAITING;
    if (waiting)
        list_remove(&w->link);
    pthread_mutex_unlock(&w->tokens->lock);
    return waiting;
}

static void waiter_late(struct timer *timer)
{
    struct token_waiter *w = CONTAINER_OF(timer, struct token_waiter, timer);
    if (!waiter_leave(w))
        return;
    w->wake(w->ctx, false);
    free(w);
}

struct token_waiter *tokens_wait(struct tokens *t, const struct pool_account *account,
                                 struct loop *loop, int64_t timeout_ms, token_wake *wake, void *ctx)
{
    struct token_waiter *w = mem_zalloc(sizeof(*w));
    struct flight *f = NULL;
    *w = (struct token_waiter){.tokens = t, .loop = loop, .wake = wake, .ctx = ctx};
    w->task.fn = waiter_wake;
    w->timer.fn = waiter_late;
    list_init(&w->link);
    bool renewed = is_renewed(t, account);
    timer_set_in(loop, &w->timer, timeout_ms);
    pthread_mutex_lock(&t->lock);
    if (renewed)
        post(w, true);
    else if ((f = flight_join(t, account->id, account->token.number)))
        list_push_back(&f->waiters, &w->link);
    pthread_mutex_unlock(&t->lock);
    if (renewed || f)
        return w;
    timer_unset(loop, &w->timer);
    free(w);
    return NULL;
}

void tokens_wait_cancel(struct token_waiter *w)
{
    pthread_mutex_lock(&w->tokens->lock);
    bool posted = w->state == WAITER_POSTED;
    if (posted)
        w->state = WAITER_CANCELLED;
    list_remove(&w->link);
    pthread_mutex_unlock(&w->tokens->lock);
    timer_unset(w->loop, &w->timer);
    if (!posted)
        free(w);
}

/* ---- waiting in a worker ---- */

static struct timespec time_in(int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(ms / 1000);
    at.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (at.tv_nsec >= 1000000000L) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000L;
    }
    return at;
}

bool tokens_await(struct tokens *t, const struct pool_account *account, int64_t timeout_ms)
{
    struct timespec until = time_in(timeout_ms);
    if (is_renewed(t, account))
        return true;
    pthread_mutex_lock(&t->lock);
    struct flight *f = flight_join(t, account->id, account->token.number);
    bool renewed = false;
    if (f) {
        int waited = 0;
        f->refs++;
        while (!f->landed && waited == 0)
            waited = pthread_cond_timedwait(&t->landed, &t->lock, &until);
        renewed = f->landed && f->renewed;
        flight_unref(f);
    }
    pthread_mutex_unlock(&t->lock);
    return renewed;
}

void tokens_hold(struct tokens *t, int64_t account_id, struct pool_ref *ret)
{
    pool_hold(t->config.pool, account_id, ret);
    if (!ret->account || !token_is_spent(ret->account))
        return;
    tokens_await(t, ret->account, TOKENS_WAIT_MS);
    pool_drop(ret);
    pool_hold(t->config.pool, account_id, ret);
}

bool tokens_hold_another(struct tokens *t, struct pool_ref *ref)
{
    if (!ref->account || !token_may_renew(ref->account) ||
        !tokens_await(t, ref->account, TOKENS_WAIT_MS))
        return false;
    int64_t account_id = ref->account->id;
    pool_drop(ref);
    tokens_hold(t, account_id, ref);
    return ref->account;
}

/* ---- periodic work ---- */

enum status tokens_tick(struct tokens *t, struct db_conn *db, struct err *err)
{
    int64_t ids[DUE_PER_TICK];
    size_t n;
    TRY(account_tokens_due(db, clock_wall_ms(), ids, DUE_PER_TICK, &n, err));
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < n; i++)
        flight_join(t, ids[i], 0);
    pthread_mutex_unlock(&t->lock);
    unpark(t);
    return OK;
}

enum status tokens_take_up(struct tokens *t, struct db_conn *db, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    if (db_engine_of(t->config.db) != DB_SQLITE)
        return OK;
    TRY(db_begin(tx, err));
    TRY(account_tokens_void_leases(tx, str_of(t->config.node_id), clock_wall_ms(), err));
    return db_commit(tx, err);
}

/* ---- beginning and end ---- */

static void *thread_start(void *ctx)
{
    struct tokens *t = ctx;
    struct refresher *r = mem_zalloc(sizeof(*r));
    r->tokens = t;
    r->db = db_conn_new(t->config.db);
    r->fetcher = fetcher_new(t->config.resolver);
    return r;
}

static void thread_end(void *state, void *ctx)
{
    struct refresher *r = state;
    (void)ctx;
    fetcher_free(r->fetcher);
    db_conn_free(r->db);
    free(r);
}

struct tokens *tokens_new(const struct tokens_config *config)
{
    struct tokens *t = mem_zalloc(sizeof(*t));
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->landed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&t->lock, NULL);
    list_init(&t->flights);
    t->config = *config;
    const struct workers_config workers = {.name = "token",
                                           .threads = TOKENS_THREADS,
                                           .queue_length = QUEUE_LENGTH,
                                           .thread_start = thread_start,
                                           .thread_end = thread_end,
                                           .ctx = t};
    t->workers = workers_new(&workers);
    if (t->workers)
        return t;
    tokens_free(t);
    return NULL;
}

void tokens_stop(struct tokens *t)
{
    atomic_store(&t->stopping, true);
    if (!t->workers)
        return;
    unpark(t);
    workers_free(t->workers);
    t->workers = NULL;
}

void tokens_free(struct tokens *t)
{
    if (!t)
        return;
    tokens_stop(t);
    pthread_cond_destroy(&t->landed);
    pthread_mutex_destroy(&t->lock);
    free(t);
}
