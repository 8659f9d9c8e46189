/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* job_history — every job, live or ended, for administrators (SPEC AD-2).
 *
 * A job's end leaves a row here and one more in its hour's count, in the transaction of the
 * end itself, so each is counted once whatever dies.  Rows stay HISTORY_DAYS, counts
 * HISTORY_HOURS_DAYS; those of a user go with the user, counts do not. */
#include "base/arena.h"
#include "base/err.h"
#include "model/duration.h"
#include "model/generation.h"
#include "platform/db.h"

enum { HISTORY_DAYS = 30, HISTORY_HOURS_DAYS = 90, HISTORY_COUNT_MAX = 10000 };

/* The job has just become ENDED in tx.  outcome: completed, failed or cancelled. */
enum status job_history_add(struct db_conn *tx, int64_t job_id, enum generation_status outcome,
                            int64_t created_at, int64_t ended_at, struct err *err);

/* One job, in the words of ST-2: pending, generating, completed, failed, cancelled. */
struct job_entry {
    int64_t id, user_id, account_id; /* account_id 0: none */
    struct str public_id, model;
    enum job_kind kind;
    enum generation_status status;
    int64_t progress; /* 0–100 */
    struct failure failure;
    int64_t created_at, submitted_at, ended_at; /* wall ms; 0: not yet */
    struct str user_email, account_name;        /* STR_NONE: gone, or none */
};

/* 0, STR_NONE: whatever it is. */
struct job_filter {
    int64_t user_id, account_id;
    struct str model, kind, status; /* the names of their enums */
    int64_t since, until;           /* created then or later, and before; wall ms */
};

/* Newest first.  *ret is an array in the arena; *ret_total stops counting at
 * HISTORY_COUNT_MAX. */
enum status job_history_list(struct db_conn *db, const struct job_filter *f, int64_t limit,
                             int64_t offset, struct arena *a, struct job_entry **ret,
                             size_t *ret_count, int64_t *ret_total, struct err *err);

/* Counts by hour from `since` on, hours in order; times of completed jobs by bucket, all
 * others in bucket 0. */
struct job_hour {
    int64_t hour, jobs; /* wall ms of its start */
    enum generation_status outcome;
    int bucket;
};
enum status job_history_each_hour(struct db_conn *db, int64_t since,
                                  void (*fn)(void *ctx, const struct job_hour *h), void *ctx,
                                  struct err *err);

/* Removes at most a few thousand rows that are too old; more at the next call. */
enum status job_history_prune(struct db_conn *db, int64_t now_ms, struct err *err);
