/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* uploads — rows of what users have brought: `generations` of type user_upload with their
 * `generation_images` and `generation_videos`, and references, which are an object only
 * (SPEC UP-2, UP-3).
 *
 * Where an object goes its rows go with it.  Calls with a connection named `tx` need an open
 * transaction that has locked the owner's row.  Views live in the arena given. */
#include "base/arena.h"
#include "base/err.h"
#include "model/upload.h"
#include "platform/db.h"

/* Everything but a reference. */
enum status upload_insert(struct db_conn *tx, const struct upload_record *r, struct str uuid,
                          struct err *err);

/* One's own, complete.  E_NOT_FOUND, code "upload_not_found". */
enum status upload_find(struct db_conn *db, int64_t user_id, struct str uuid, struct arena *a,
                        struct upload_record *ret, struct err *err);
/* A reference of one's own, by its object or by its key.  E_NOT_FOUND, code
 * "upload_not_found". */
enum status upload_find_reference(struct db_conn *db, int64_t user_id, int64_t object_id,
                                  struct str key, struct arena *a, struct upload_record *ret,
                                  struct err *err);
/* Newest first; *ret is an array in the arena.  sub_type: UPLOAD_SUB_TYPES for all but
 * references. */
enum status upload_list(struct db_conn *db, int64_t user_id, enum upload_sub_type sub_type,
                        int64_t limit, int64_t offset, struct arena *a, struct upload_record **ret,
                        size_t *ret_count, int64_t *ret_total, struct err *err);

struct upload_sum {
    int64_t files, bytes;
};
/* Of each sub-type, by its number. */
enum status upload_sums(struct db_conn *db, int64_t user_id,
                        struct upload_sum ret[UPLOAD_SUB_TYPES], struct err *err);

/* The object is a reference, used now: it will be kept for another while. */
enum status upload_use_reference(struct db_conn *tx, int64_t object_id, int64_t now_ms,
                                 struct err *err);
/* References that nobody has used since then, the longest unused first. */
enum status upload_list_unused(struct db_conn *db, int64_t before_ms, struct arena *a,
                               struct upload_record *ret, size_t max, size_t *ret_count,
                               struct err *err);
