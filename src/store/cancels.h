/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* cancels — rows of what upstreams have still to be told: that a task is wanted no more.  At
 * most one row per account and task; it goes when the upstream has been told, after
 * CANCEL_TRIES, or with the account. */
#include "base/arena.h"
#include "base/err.h"
#include "platform/db.h"

enum { CANCEL_TRIES = 8 };

struct upstream_cancel {
    int64_t id, account_id, tries, next_at;
    struct str upstream_id, upstream_ref; /* as in the job's row */
};

/* Of a job that an upstream is working on; nothing for any other.  Before the row is ended. */
enum status cancel_note_job(struct db_conn *tx, int64_t job_id, int64_t next_at_ms,
                            struct err *err);
enum status cancel_note(struct db_conn *tx, const struct upstream_cancel *row, struct err *err);
/* The longest due first; texts in the arena. */
enum status cancel_list_due(struct db_conn *db, int64_t now_ms, struct arena *a,
                            struct upstream_cancel *ret, size_t max, size_t *ret_count,
                            struct err *err);
/* Whoever takes it has it until next_at; false: somebody else was quicker. */
enum status cancel_take(struct db_conn *db, const struct upstream_cancel *row, int64_t next_at_ms,
                        bool *ret_taken, struct err *err);
enum status cancel_told(struct db_conn *db, int64_t account_id, struct str upstream_id,
                        struct err *err);
/* One try more has failed; the last takes the row away. */
enum status cancel_put_off(struct db_conn *db, int64_t account_id, struct str upstream_id,
                           int64_t next_at_ms, struct err *err);
