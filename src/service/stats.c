/* SPDX-License-Identifier: Apache-2.0 */
#include "service/stats.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/accounts.h"
#include "store/job_history.h"

enum { MEASURE_ARENA = 64 << 10 };

/* ---- time */

static int64_t floor_to(int64_t ms, int64_t step)
{
    return ms / step * step;
}

struct stats_span stats_span_of(enum stats_period period, int64_t now_ms, int64_t offset_ms)
{
    static const struct {
        int64_t step;
        size_t steps;
    } periods[] = {
        [STATS_DAY] = {CLOCK_HOUR_MS, 24},
        [STATS_WEEK] = {6 * CLOCK_HOUR_MS, 28},
        [STATS_MONTH] = {CLOCK_DAY_MS, 30},
    };
    int64_t step = periods[period].step;
    /* Counts are by whole hours of UTC: half an hour of a place's offset cannot be seen. */
    int64_t last = floor_to(floor_to(now_ms + offset_ms, step) - offset_ms, CLOCK_HOUR_MS);
    if (period == STATS_DAY)
        last = floor_to(now_ms, CLOCK_HOUR_MS);
    return (struct stats_span){.from = last - (int64_t)(periods[period].steps - 1) * step,
                               .step = step,
                               .steps = periods[period].steps};
}

/* ---- jobs */

static void add_to(struct stats_step *step, const struct job_hour *h)
{
    if (h->outcome == GENERATION_COMPLETED) {
        step->completed += h->jobs;
        if (h->bucket >= 0 && h->bucket < DURATION_BUCKETS)
            step->times.counts[h->bucket] += h->jobs;
    } else if (h->outcome == GENERATION_FAILED) {
        step->failed += h->jobs;
    } else {
        step->cancelled += h->jobs;
    }
}

static void count_hour(void *ctx, const struct job_hour *h)
{
    struct stats_jobs *jobs = ctx;
    size_t i = (size_t)((h->hour - jobs->span.from) / jobs->span.step);
    if (i >= jobs->span.steps)
        return;
    add_to(&jobs->steps[i], h);
    add_to(&jobs->all, h);
}

enum status stats_gather_jobs(struct db_conn *db, const struct stats_span *span, struct arena *a,
                              struct stats_jobs *ret, struct err *err)
{
    memset(ret, 0, sizeof(*ret));
    ret->span = *span;
    TRY(job_history_each_hour(db, span->from, count_hour, ret, err));
    return stats_causes(db, span->from, a, ret->causes, ARRAY_SIZE(ret->causes), &ret->cause_count,
                        err);
}

/* ---- accounts */

struct gathering {
    struct pool *pool;
    struct arena *arena;
    struct stats_accounts *out;
    int64_t now;
};

static int rank_of(const struct stats_health *h)
{
    if (h->now.status == ACCOUNT_ERROR)
        return 0;
    if (h->now.status == ACCOUNT_DISABLED)
        return 3;
    return h->cooling_ms > 0 ? 1 : 2;
}

/* What needs a look first: errors, cool-downs, failures; then what is used most. */
static bool is_worse(const struct stats_health *a, const struct stats_health *b)
{
    if (rank_of(a) != rank_of(b))
        return rank_of(a) < rank_of(b);
    if (a->now.failures_24h != b->now.failures_24h)
        return a->now.failures_24h > b->now.failures_24h;
    return a->now.successes_24h > b->now.successes_24h;
}

static void keep_worst(struct gathering *g, const struct stats_health *h)
{
    struct stats_accounts *out = g->out;
    size_t at = out->worst_count;
    while (at > 0 && is_worse(h, &out->worst[at - 1]))
        at--;
    if (at == STATS_ACCOUNTS)
        return;
    if (out->worst_count < STATS_ACCOUNTS)
        out->worst_count++;
    memmove(&out->worst[at + 1], &out->worst[at],
            (out->worst_count - 1 - at) * sizeof(out->worst[0]));
    out->worst[at] = *h;
    out->worst[at].name = arena_str(g->arena, h->name);
}

static void count_account(struct stats_accounts *out, const struct stats_health *h)
{
    int64_t *const counts[] = {&out->error, &out->cooling, &out->active, &out->disabled};
    int rank = rank_of(h);
    (*counts[rank])++;
    out->total++;
    out->in_flight += h->now.in_flight;
    if (rank == 1 || rank == 2)
        out->slots += h->concurrency;
}

static void take_account(void *ctx, const struct stats_account *account)
{
    struct gathering *g = ctx;
    struct stats_health h = {
        .id = account->id, .concurrency = account->concurrency, .name = account->name};
    pool_status_of(g->pool, account->id, &h.now);
    if (!h.now.known)
        account_status_parse(account->status, &h.now.status);
    h.cooling_ms = MAX(MAX(h.now.rate_limited_until, h.now.overloaded_until) - g->now, 0);
    count_account(g->out, &h);
    keep_worst(g, &h);
}

struct hours {
    struct stats_health *health;
    int64_t first;
};

static void take_hour(void *ctx, const struct account_hour *hour)
{
    struct hours *hours = ctx;
    size_t i = (size_t)((hour->hour - hours->first) / CLOCK_HOUR_MS);
    if (i >= POOL_HOURS)
        return;
    hours->health->hours[i].successes = hour->successes;
    hours->health->hours[i].failures = hour->failures;
}

enum status stats_gather_accounts(struct app *app, struct db_conn *db, struct arena *a,
                                  struct stats_accounts *ret, struct err *err)
{
    struct gathering g = {app->pool, a, ret, clock_wall_ms()};
    int64_t first = floor_to(g.now, CLOCK_HOUR_MS) - (POOL_HOURS - 1) * CLOCK_HOUR_MS;
    memset(ret, 0, sizeof(*ret));
    TRY(stats_each_account(db, take_account, &g, err));
    for (size_t i = 0; i < ret->worst_count; i++) {
        struct hours hours = {&ret->worst[i], first};
        TRY(accounts_each_hour_of(db, ret->worst[i].id, first, take_hour, &hours, err));
    }
    return OK;
}

/* ---- stores */

enum status stats_refresh_stored(struct db_conn *db, int64_t max_age_ms, struct err *err)
{
    int64_t now = clock_wall_ms(), last;
    TRY(stats_measured_at(db, &last, err));
    if (last > now - max_age_ms && last <= now &&
        floor_to(last, CLOCK_DAY_MS) == floor_to(now, CLOCK_DAY_MS))
        return OK;
    _cleanup_(arena_freep) struct arena *a = arena_new(MEASURE_ARENA);
    return stats_measure_stored(db, now, a, err);
}
