/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* stats — what the administrators' overview asks across tables (SPEC AD-2).  Every question
 * is answered from an index or from a few rows, however many jobs and works there are;
 * the counts by hour are store/job_history's.
 *
 * Thread: the connection's.  Arrays are the caller's, their texts in the arena; *ret_count
 * is at most max. */
#include "base/arena.h"
#include "base/err.h"
#include "platform/db.h"

struct stats_live {
    int64_t waiting, running; /* jobs, on all nodes */
    int64_t oldest;           /* created_at of the one that has waited longest; 0: none waits */
};
enum status stats_live(struct db_conn *db, struct stats_live *ret, struct err *err);

struct stats_user {
    int64_t user_id, value, failed; /* value: jobs or bytes */
    int64_t since;                  /* of who waits: the oldest job's created_at */
    struct str email;
};
/* Whose jobs wait, the longest wait first. */
enum status stats_waiting(struct db_conn *db, struct arena *a, struct stats_user *ret, size_t max,
                          size_t *ret_count, struct err *err);
/* Who stores most, and who made most jobs from `since` on; days of UTC are counted whole when
 * that is more than two days ago. */
enum status stats_top_by_bytes(struct db_conn *db, struct arena *a, struct stats_user *ret,
                               size_t max, size_t *ret_count, struct err *err);
enum status stats_top_by_jobs(struct db_conn *db, int64_t since, int64_t now_ms, struct arena *a,
                              struct stats_user *ret, size_t max, size_t *ret_count,
                              struct err *err);

/* Why jobs failed from `since` on, the most frequent first. */
struct stats_cause {
    struct str code; /* of api/messages, or a failure class */
    int64_t jobs;
};
enum status stats_causes(struct db_conn *db, int64_t since, struct arena *a,
                         struct stats_cause *ret, size_t max, size_t *ret_count, struct err *err);

/* What one store holds of one counter. */
struct stats_stored {
    struct str storage, counter;
    int64_t bytes, objects, day, measured_at; /* day: wall ms of its start, UTC */
};
/* Looks into the ledger and keeps what it finds as today's.  Outside of transactions;
 * reads an index of all objects, so not at every request. */
enum status stats_measure_stored(struct db_conn *db, int64_t now_ms, struct arena *a,
                                 struct err *err);
/* When that was done last; 0: never. */
enum status stats_measured_at(struct db_conn *db, int64_t *ret, struct err *err);
/* Every day from `since` on, in order; a row without a storage only says that there was a
 * look. */
enum status stats_each_stored(struct db_conn *db, int64_t since,
                              void (*fn)(void *ctx, const struct stats_stored *s), void *ctx,
                              struct err *err);
/* Objects that are deleted and still lie in a store; counted to STATS_DELETIONS_MAX. */
enum { STATS_DELETIONS_MAX = 10000 };
enum status stats_deletions(struct db_conn *db, int64_t *ret, struct err *err);

/* Accounts without what costs: no secrets, no models. */
struct stats_account {
    int64_t id, concurrency;
    struct str name, status;
};
enum status stats_each_account(struct db_conn *db,
                               void (*fn)(void *ctx, const struct stats_account *account),
                               void *ctx, struct err *err);
