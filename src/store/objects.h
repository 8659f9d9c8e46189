/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* objects — the ledger's rows, and the queue of what must still be deleted (SG-6, SG-7).
 * Writers are inside a transaction that has locked the owner's row first
 * (service/quota). */
#include "base/arena.h"
#include "base/err.h"
#include "model/object.h"
#include "platform/db.h"

/* Inserts as writing, with its reservation, and fills o->id. */
enum status object_insert(struct db_conn *tx, struct object *o, struct err *err);
enum status object_load(struct db_conn *db, int64_t id, struct arena *a, struct object *ret,
                        struct err *err); /* E_NOT_FOUND, code "object_not_found" */
/* A generation's objects in order of place, the poster (-1) first. */
enum status object_list_of_generation(struct db_conn *db, int64_t generation_id, struct arena *a,
                                      struct object *ret, size_t max, size_t *ret_count,
                                      struct err *err);
/* Writing ones in S3 that have parts, by place; what an earlier writer has left. */
enum status object_list_unfinished(struct db_conn *db, int64_t generation_id, struct arena *a,
                                   struct object *ret, size_t max, size_t *ret_count,
                                   struct err *err);
/* Of a writing one: its upload in parts, and what holds of its source.  E_CONFLICT, code
 * "object_lost". */
enum status object_set_upload(struct db_conn *tx, const struct object *o, struct err *err);
/* Of a writing one of which nothing is anywhere yet: its key and type. */
enum status object_set_key(struct db_conn *tx, const struct object *o, struct err *err);
enum status object_add_part(struct db_conn *tx, int64_t object_id, const struct object_part *part,
                            struct err *err);
/* In order, from 1, without a gap; what lies behind a gap is left out. */
enum status object_list_parts(struct db_conn *db, int64_t object_id, struct arena *a,
                              struct object_part **ret, size_t *ret_count, struct err *err);
/* Raises the reservation of a writing one and prolongs its lease.  E_CONFLICT, code
 * "object_lost", if that ended before alive_at_ms: its room may be somebody else's by now. */
enum status object_reserve(struct db_conn *tx, int64_t id, int64_t reserved, int64_t alive_at_ms,
                           int64_t lease_until_ms, struct err *err);
/* Prolongs all that is being written for a generation and has not ended: while its second
 * file comes in, the first waits for it.  None of it there: E_CONFLICT, code "object_lost". */
enum status object_keep_leases(struct db_conn *tx, int64_t generation_id, int64_t now_ms,
                               int64_t lease_until_ms, struct err *err);
/* writing → stored: size, checksum, type; the reservation is gone.  E_CONFLICT, code
 * "object_lost", if the row is not writing any more, or its lease has ended: its room may be
 * somebody else's by now. */
enum status object_settle(struct db_conn *tx, const struct object *o, int64_t now_ms,
                          struct err *err);
/* Removes the row and queues its bytes for deletion. */
enum status object_discard(struct db_conn *tx, const struct object *o, int64_t now_ms,
                           struct err *err);
/* Rows whose lease has ended, but for uploads that a live job can go on with: it is the one to
 * say what becomes of them. */
enum status object_list_expired(struct db_conn *db, int64_t now_ms, struct arena *a,
                                struct object *ret, size_t max, size_t *ret_count, struct err *err);
/* Stored and live reserved bytes of one counter. */
enum status object_sums(struct db_conn *db, int64_t user_id, enum object_counter counter,
                        int64_t now_ms, int64_t *ret_stored, int64_t *ret_reserved,
                        struct err *err);
/* The size that its bytes turn out to have; its checksum is not known any more. */
enum status object_resize(struct db_conn *tx, int64_t id, int64_t size, struct err *err);
/* What is kept for a while only, of everybody; a file is taken for 64 KiB at least. */
enum status object_sum_kept(struct db_conn *db, int64_t *ret_bytes, struct err *err);
/* Of one user's such objects the oldest go, until at most so many bytes are left. */
enum status object_trim_kept(struct db_conn *tx, int64_t user_id, int64_t most_bytes,
                             int64_t now_ms, struct err *err);
/* All of one user's objects into the deletion queue, rows removed. */
enum status object_discard_all_of_user(struct db_conn *tx, int64_t user_id, int64_t now_ms,
                                       struct err *err);

struct deletion {
    int64_t id, attempts;
    enum storage_type storage;
    struct str key;
    /* Of an object in S3 that was never finished: how often it must still be looked for, with
     * whatever uploads of its key there are; bytes that were on their way may come late. */
    int64_t looks;
};
/* Bytes that never had a row, or have none any more. */
enum status deletion_add(struct db_conn *tx, enum storage_type storage, int64_t store_id,
                         struct str key, int64_t now_ms, struct err *err);
/* The stores of this kind that have some due, by number; rows of store 0 are not looked for. */
enum status deletion_list_stores(struct db_conn *db, enum storage_type storage, int64_t now_ms,
                                 int64_t *ret, size_t max, size_t *ret_count, struct err *err);
/* Of one store, the longest due first; 0: those of the present one that do not name it. */
enum status deletion_list_due(struct db_conn *db, enum storage_type storage, int64_t store_id,
                              int64_t now_ms, struct arena *a, struct deletion *ret, size_t max,
                              size_t *ret_count, struct err *err);
enum status deletion_done(struct db_conn *tx, int64_t id, struct err *err);
/* One look less to make, the next not before next_at_ms.  These two change nothing where
 * another node has made the same look at the same time. */
enum status deletion_looked(struct db_conn *tx, const struct deletion *d, int64_t next_at_ms,
                            struct err *err);
enum status deletion_later(struct db_conn *tx, const struct deletion *d, int64_t next_at_ms,
                           struct str why, struct err *err);
