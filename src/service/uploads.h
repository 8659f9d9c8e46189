/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* uploads — receiving what users bring: pieces of a file on their way into a store, under the
 * ledger (SPEC UP-1, UP-2, UP-5, UP-7).
 *
 * The bucket where it is wanted and answers, else the local disk.  The type is read from the first
 * bytes, before any is kept; the room is reserved before it is filled; the object becomes `stored`
 * in one transaction with the rows that stand for it.  Whatever ends before that leaves a row
 * whose lease ends, and nothing else.
 *
 * Between two calls an upload holds nothing of a thread: each may be made by another worker.
 * Memory: a few hundred bytes, and in front of a bucket one part (media/s3_writer).
 *
 * What they refuse, beside what the store and the ledger say: E_TOO_LARGE file_too_large (with
 * limit_bytes), too_many_pixels (with limit_pixels); E_UNSUPPORTED unsupported_type;
 * E_UNPROCESSABLE image_unreadable; E_INVALID file_empty; E_UNAVAILABLE storage_off. */
#include "model/upload.h"
#include "service/app.h"

struct upload_wish {
    int64_t user_id;
    enum upload_sub_type sub_type;
    int64_t length;  /* so many bytes come at most; -1: not known */
    int64_t around;  /* of which so many may belong to what is around the file */
    struct str name; /* as its owner calls it; only shown.  STR_NONE: not at all */
};

struct upload;
enum status upload_begin(struct worker *w, const struct upload_wish *wish, struct upload **ret,
                         struct err *err);
enum status upload_take(struct worker *w, struct upload *u, struct str bytes, struct err *err);
/* It is kept when this returns OK; views in *ret live in the arena. */
enum status upload_finish(struct worker *w, struct upload *u, struct arena *a,
                          struct upload_record *ret, struct err *err);
/* Also of a finished one.  What is not finished is given back; w NULL: that is left to the lease.
 * NULL is fine. */
void upload_end(struct worker *w, struct upload *u);
