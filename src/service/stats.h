/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* stats — what an administrator's overview needs, gathered and counted up (SPEC AD-2).
 *
 * Thread: a worker's, outside of transactions.  Everything is in the arena given. */
#include "model/duration.h"
#include "model/generation.h"
#include "pool/pool.h"
#include "service/app.h"
#include "store/stats.h"

enum stats_period { STATS_DAY, STATS_WEEK, STATS_MONTH };
enum {
    STATS_STEPS_MAX = 30,
    STATS_LIST = 8,      /* people and causes */
    STATS_ACCOUNTS = 12, /* with their hours, the worst first */
    STATS_DAYS = 30,
};

/* Equal steps that end with the one that now is in. */
struct stats_span {
    int64_t from, step; /* wall ms, ms */
    size_t steps;
};
/* 24 hours, 28 times 6 hours, 30 days; the longer ones begin at a midnight of the place that
 * is `offset_ms` ahead of UTC. */
struct stats_span stats_span_of(enum stats_period period, int64_t now_ms, int64_t offset_ms);

struct stats_step {
    int64_t completed, failed, cancelled;
    struct durations times; /* of the completed ones, from their creation to their end */
};
struct stats_jobs {
    struct stats_span span;
    struct stats_step all, steps[STATS_STEPS_MAX];
    struct stats_cause causes[STATS_LIST];
    size_t cause_count;
};
enum status stats_gather_jobs(struct db_conn *db, const struct stats_span *span, struct arena *a,
                              struct stats_jobs *ret, struct err *err);

struct stats_health {
    int64_t id, concurrency;
    struct str name;
    struct pool_status now;
    int64_t cooling_ms;                 /* left; 0: not cooling down */
    struct pool_hour hours[POOL_HOURS]; /* of every node; the last one is this hour */
};
struct stats_accounts {
    int64_t total, active, cooling, error, disabled, in_flight, slots; /* slots: of usable ones */
    struct stats_health worst[STATS_ACCOUNTS];
    size_t worst_count;
};
/* The state is that of this process' pool, which is ahead of the database. */
enum status stats_gather_accounts(struct app *app, struct db_conn *db, struct arena *a,
                                  struct stats_accounts *ret, struct err *err);

/* Looks into the ledger anew when the last look is older than max_age_ms. */
enum status stats_refresh_stored(struct db_conn *db, int64_t max_age_ms, struct err *err);
