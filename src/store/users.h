/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* users — the table of people (SPEC ID-1).
 *
 * Thread: the connection's.  Views of what is read live in the arena given.  Calls with a
 * connection named `tx` need an open transaction. */
#include "model/user.h"
#include "platform/db.h"

/* Fills id; the group must be there.  E_CONFLICT, code "email_taken". */
enum status users_insert(struct db_conn *tx, struct user *user, struct err *err);

/* E_NOT_FOUND, code "user_not_found". */
enum status users_find(struct db_conn *db, int64_t id, struct arena *a, struct user *ret,
                       struct err *err);
enum status users_find_by_email(struct db_conn *db, struct str email, struct arena *a,
                                struct user *ret, struct err *err);
/* Reads the row and keeps others from changing it until the transaction ends: every
 * limit of a user is checked behind this. */
enum status users_lock(struct db_conn *tx, int64_t id, struct arena *a, struct user *ret,
                       struct err *err);

/* Writes all columns but id, uuid, created_at and the used bytes, which are quota's. */
enum status users_update(struct db_conn *tx, const struct user *user, struct err *err);
/* Who has this as a picture has none any more. */
enum status users_drop_picture(struct db_conn *tx, int64_t id, struct str picture, int64_t now_ms,
                               struct err *err);
/* What hangs on the row goes with it: sessions, keys, works, jobs, objects. */
enum status users_delete(struct db_conn *tx, int64_t id, struct err *err);

struct users_filter {
    struct str q;            /* in the e-mail or UUID; empty: all */
    struct str role, status; /* names; empty: any */
    int64_t group_id;        /* 0: any */
};
/* Newest first; *ret is an array in the arena. */
enum status users_list(struct db_conn *db, const struct users_filter *filter, int64_t limit,
                       int64_t offset, struct arena *a, struct user **ret, size_t *ret_count,
                       int64_t *ret_total, struct err *err);

/* Locks the rows of all active admins, in the order of their ids, and counts them. */
enum status users_lock_admins(struct db_conn *tx, int64_t *ret_count, struct err *err);
/* Is there an active admin? */
enum status users_have_admin(struct db_conn *db, bool *ret, struct err *err);
