/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* audit — the table of what administrators did (SPEC AD-2).  Rows are only added.
 *
 * Thread: the connection's.  Views of what is read live in the arena given. */
#include "platform/db.h"

struct audit_row {
    int64_t id;
    int64_t actor_id;       /* 0: no user (the command line) */
    struct str actor_email; /* as it was then */
    struct str action;      /* "user.update" */
    struct str target;      /* "user:12" */
    struct str detail;      /* a JSON object */
    struct str address;     /* of the client; empty: none */
    int64_t created_at;     /* wall ms */
};

/* In the transaction of the deed itself. */
enum status audit_insert(struct db_conn *tx, const struct audit_row *row, struct err *err);
struct audit_filter {
    struct str q;         /* in actor, action, target or its name; empty: all */
    struct str action;    /* "user.update", or "user" for all of a user's; empty: any */
    int64_t actor_id;     /* 0: anybody */
    int64_t since, until; /* done then or later, and before; wall ms; 0: any time */
};
/* Newest first.  *ret is an array in the arena. */
enum status audit_list(struct db_conn *db, const struct audit_filter *f, int64_t limit,
                       int64_t offset, struct arena *a, struct audit_row **ret, size_t *ret_count,
                       int64_t *ret_total, struct err *err);
