/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* groups — the table of groups (SPEC ID-2).
 *
 * Thread: the connection's.  Views of what is read live in the arena given.  Calls with a
 * connection named `tx` need an open transaction. */
#include "model/user.h"
#include "platform/db.h"

/* Fills id.  E_CONFLICT, code "group_name_taken". */
enum status groups_insert(struct db_conn *tx, struct group *group, struct err *err);
/* Its counts are 0.  E_NOT_FOUND, code "group_not_found". */
enum status groups_find(struct db_conn *db, int64_t id, struct arena *a, struct group *ret,
                        struct err *err);
/* The same, and until the end of the transaction nobody else changes it, deletes it or makes a row
 * that names it.  After the user's row, where both are locked. */
enum status groups_lock(struct db_conn *tx, int64_t id, struct arena *a, struct group *ret,
                        struct err *err);
/* With its counts of users and accounts. */
enum status groups_find_counted(struct db_conn *db, int64_t id, struct arena *a, struct group *ret,
                                struct err *err);
/* The group that the first migration made, or, when it is gone, the oldest. */
enum status groups_find_default(struct db_conn *db, int64_t *ret_id, struct err *err);
enum status groups_update(struct db_conn *tx, const struct group *group, struct err *err);
/* E_CONFLICT, code "group_in_use", when a row still names it. */
enum status groups_delete(struct db_conn *tx, int64_t id, struct err *err);
/* Users, keys and accounts that name the group. */
enum status groups_count_uses(struct db_conn *db, int64_t id, int64_t *ret, struct err *err);

/* By name; q searches name and platform.  *ret is an array in the arena. */
enum status groups_list(struct db_conn *db, struct str q, int64_t limit, int64_t offset,
                        struct arena *a, struct group **ret, size_t *ret_count, int64_t *ret_total,
                        struct err *err);
