/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* account_models — what accounts' upstreams say that they serve (ST-11), and whose turn it is to
 * be asked: active accounts whose administrator has typed no list. */
#include "base/arena.h"
#include "base/err.h"
#include "platform/db.h"

struct account_asking {
    int64_t account_id, failures; /* in a row */
};
/* Whether any is due, by the rule below. */
enum status account_models_any_due(struct db_conn *db, int64_t now_ms, int64_t quiet_since_ms,
                                   bool *ret, struct err *err);
/* Claims at most max accounts that are due: those never asked that have not changed since
 * quiet_since_ms, those changed before then but after they were asked, and those whose time
 * has come.  Each is not due again before again_at_ms, whoever claims.  In a transaction. */
enum status account_models_claim(struct db_conn *tx, int64_t now_ms, int64_t quiet_since_ms,
                                 int64_t again_at_ms, struct account_asking *ret, size_t max,
                                 size_t *ret_count, struct err *err);
/* names: JSON array.  In a transaction. */
enum status account_models_save(struct db_conn *tx, int64_t account_id, struct str names,
                                int64_t now_ms, int64_t next_at_ms, struct err *err);
/* The names stay as they were. */
enum status account_models_fail(struct db_conn *tx, int64_t account_id, int64_t next_at_ms,
                                struct err *err);
