/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* sessions — the table of sign-ins (SPEC ID-4).  Of a token only its SHA-256 is here.
 *
 * Thread: the connection's.  Calls with a connection named `tx` need an open
 * transaction. */
#include "model/user.h"
#include "platform/db.h"

struct session {
    int64_t id, user_id;
    struct str token_hash; /* lower-case hex */
    struct str kind;       /* how it began: "login", "registration", "setup" */
    struct str address, user_agent;
    int64_t created_at, seen_at, expires_at; /* wall ms */
};

/* Fills id. */
enum status sessions_insert(struct db_conn *tx, struct session *session, struct err *err);

/* The live session of a token whose user is active: fills user_id, role, group_id, email
 * and session_id of *ret, and the time it was last seen.  *ret_found false without one. */
enum status sessions_find_identity(struct db_conn *db, struct str token_hash, int64_t now,
                                   struct identity *ret, int64_t *ret_seen_at, bool *ret_found,
                                   struct err *err);
/* Is this session live, and its user active? */
enum status sessions_is_live(struct db_conn *db, int64_t id, int64_t now, bool *ret,
                             struct err *err);
enum status sessions_touch(struct db_conn *tx, int64_t id, int64_t seen_at, int64_t expires_at,
                           struct err *err);

enum status sessions_delete(struct db_conn *tx, int64_t id, struct err *err);
/* All of a user's but one (0: all). */
enum status sessions_delete_of_user(struct db_conn *tx, int64_t user_id, int64_t except_id,
                                    struct err *err);
enum status sessions_delete_expired(struct db_conn *tx, int64_t now, int64_t *ret_count,
                                    struct err *err);
