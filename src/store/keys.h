/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* keys — the table of API keys (SPEC ID-3).  Of a key itself only its SHA-256 is here.
 *
 * Thread: the connection's.  Views of what is read live in the arena given.  Calls with a
 * connection named `tx` need an open transaction. */
#include "model/user.h"
#include "platform/db.h"

/* Fills id.  hash: lower-case hex. */
enum status keys_insert(struct db_conn *tx, struct api_key *key, struct str hash, struct err *err);
/* A key of this user's own.  E_NOT_FOUND, code "key_not_found". */
enum status keys_find_owned(struct db_conn *db, int64_t user_id, int64_t id, struct arena *a,
                            struct api_key *ret, struct err *err);
/* Writes name, status and expiry. */
enum status keys_update(struct db_conn *tx, const struct api_key *key, struct err *err);
enum status keys_delete_owned(struct db_conn *tx, int64_t user_id, int64_t id, struct err *err);
enum status keys_count_owned(struct db_conn *db, int64_t user_id, int64_t *ret, struct err *err);
/* Brings all keys of a user into one group. */
enum status keys_move_to_group(struct db_conn *tx, int64_t user_id, int64_t group_id,
                               struct err *err);

/* Newest first; q searches name and hint.  *ret is an array in the arena. */
enum status keys_list_owned(struct db_conn *db, int64_t user_id, struct str q, int64_t limit,
                            int64_t offset, struct arena *a, struct api_key **ret,
                            size_t *ret_count, int64_t *ret_total, struct err *err);
