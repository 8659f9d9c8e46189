/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* ledger — what a user may have and has, on the users row (SPEC SG-6, SG-8).  The objects
 * it sums up are store/objects. */
#include "base/err.h"
#include "platform/db.h"

struct ledger {
    int64_t user_quota, group_quota; /* bytes; 0: not set */
    int64_t used;                    /* bytes */
    int64_t group_id;
};

/* Keeps every other change of this user's ledger out until the transaction ends.
 * E_NOT_FOUND, code "user_not_found". */
enum status ledger_lock(struct db_conn *tx, int64_t user_id, struct err *err);
enum status ledger_read(struct db_conn *db, int64_t user_id, struct ledger *ret, struct err *err);
/* bytes may be negative. */
enum status ledger_charge(struct db_conn *tx, int64_t user_id, int64_t bytes, struct err *err);
/* The counter becomes the sum of the rows, with the user locked. */
enum status ledger_recount(struct db_conn *tx, int64_t user_id, struct err *err);
