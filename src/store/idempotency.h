/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* idempotency — what an Idempotency-Key was first used for (SPEC GW-11).
 *
 * scope: "key:<id>" of an API key, "user:<id>" in the studio.  Rows live 24 h. */
#include "base/arena.h"
#include "base/err.h"
#include "platform/db.h"

struct idempotency {
    struct str scope, key;
    struct str request_hash; /* over method, path and body */
    int64_t job_id, generation_id;
};

/* What scope and key were used for, if they were. */
enum status idempotency_find(struct db_conn *db, struct idempotency *row, struct arena *a,
                             bool *ret_found, struct err *err);
/* In the transaction that makes the job: claims the key.  *ret_first false: it was used
 * before, and *row holds what for. */
enum status idempotency_claim(struct db_conn *tx, struct idempotency *row, struct arena *a,
                              int64_t now_ms, bool *ret_first, struct err *err);
/* What the claimed key led to. */
enum status idempotency_fill(struct db_conn *tx, const struct idempotency *row, struct err *err);
enum status idempotency_remove_old(struct db_conn *db, int64_t before_ms, struct err *err);
