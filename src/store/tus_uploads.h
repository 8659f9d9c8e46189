/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tus_uploads — resumable uploads: how much of each is durable, and who is writing to it (SPEC
 * UP-7).
 *
 * The last to come is the writer: it puts its claim into the row, and whatever an earlier one
 * then writes names a claim that holds no more, and changes nothing.  A writer is only let finish
 * what the bucket is at: that long the row is busy.
 *
 * Where an upload's object goes, so does its row.  Calls with a connection named `tx` need an open
 * transaction.  Views live in the arena given. */
#include "base/arena.h"
#include "base/err.h"
#include "model/upload.h"
#include "platform/db.h"

struct tus_row {
    int64_t id, user_id;
    struct str uuid, metadata, name; /* metadata as it came; name STR_NONE: none */
    enum upload_sub_type sub_type;
    int64_t length, position; /* bytes; the first `position` are durable */
    struct str look, digest;  /* hex of their states there; STR_NONE: nothing came yet */
    int64_t object_id;        /* being written, or stored */
    int64_t tail_object_id;   /* its last bytes, where they are no part yet; 0: none */
    struct str upload_uuid;   /* of a finished one; STR_NONE: a reference */
    bool done;
    int64_t expires_at, created_at; /* wall ms */
};

enum status tus_insert(struct db_conn *tx, const struct tus_row *row, struct err *err);
/* Of one user, neither done nor expired. */
enum status tus_count_unfinished(struct db_conn *tx, int64_t user_id, int64_t now_ms, int64_t *ret,
                                 struct err *err);
/* One's own.  E_NOT_FOUND, code "upload_not_found". */
enum status tus_find(struct db_conn *db, int64_t user_id, struct str uuid, struct arena *a,
                     struct tus_row *ret, struct err *err);

/* E_LOCKED, code "upload_locked": the bucket is at it for another claim; one that does not begin
 * with alive is a dead process's (empty: nobody can say). */
enum status tus_claim(struct db_conn *tx, int64_t id, struct str claim, struct str alive,
                      int64_t now_ms, struct err *err);
enum status tus_prolong(struct db_conn *tx, int64_t id, int64_t expires_at, struct err *err);
/* These of a claim: E_LOCKED, code "upload_locked", when it holds no more; E_NOT_FOUND, code
 * "upload_not_found", when the upload is gone with its object. */
enum status tus_check_claim(struct db_conn *db, const struct tus_row *row, struct str claim,
                            struct err *err);
/* until_ms 0: no more. */
enum status tus_set_busy(struct db_conn *tx, const struct tus_row *row, struct str claim,
                         int64_t until_ms, struct err *err);
/* position, look, digest, tail, expires_at; it is busy no more. */
enum status tus_advance(struct db_conn *tx, const struct tus_row *row, struct str claim,
                        struct err *err);
/* done, with its upload_uuid, look and expires_at; nobody has a claim any more. */
enum status tus_finish(struct db_conn *tx, const struct tus_row *row, struct str claim,
                       struct err *err);

enum status tus_remove(struct db_conn *tx, int64_t id, struct err *err);
/* Finished ones whose time is over; the others go with their objects. */
enum status tus_remove_old(struct db_conn *tx, int64_t now_ms, struct err *err);
