/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* account_tokens — the table of OAuth accounts' tokens: when each ends, when it is renewed, and
 * who is at it (SPEC AC-3).  The tokens' words are sealed in the account's row.
 *
 * Thread: the connection's.  Whoever changes a row holds the account's (accounts_lock()), so one
 * lock guards both, and is taken in one order everywhere. */
#include "base/arena.h"
#include "base/err.h"
#include "platform/db.h"

/* status_reason of an account that has to be signed in again. */
#define ACCOUNT_SIGN_IN_AGAIN "account_sign_in_again"

struct account_token {
    int64_t account_id;
    int64_t expires_at; /* wall ms; 0: not said */
    int64_t renewed_at;
    int64_t refresh_at;     /* when to renew it, or to try again; 0: never of itself */
    int64_t failures;       /* tries in a row that came to nothing */
    bool sign_in_again;     /* only a person can help */
    struct str lease_owner; /* STR_NONE: nobody asks for another; else until lease_until */
    int64_t lease_until;
    int64_t unfinished; /* askers that died with this refresh token */
};

/* E_NOT_FOUND, code "account_not_found". */
enum status account_tokens_find(struct db_conn *db, int64_t account_id, struct arena *a,
                                struct account_token *ret, struct err *err);
/* Makes or replaces the row. */
enum status account_tokens_put(struct db_conn *tx, const struct account_token *t, struct err *err);
/* Accounts whose refresh_at has come; disabled ones are left out. */
enum status account_tokens_due(struct db_conn *db, int64_t now, int64_t *ids, size_t max,
                               size_t *ret_count, struct err *err);
/* SQLite, where one process has the database: leases of others end now.  Their owner stays
 * noted: it died while it asked. */
enum status account_tokens_void_leases(struct db_conn *tx, struct str owner, int64_t now,
                                       struct err *err);
