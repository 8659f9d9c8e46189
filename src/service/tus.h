/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tus — uploads that are gone on with, by another request, another process, another node (SPEC
 * UP-7; the tus resumable upload protocol 1.0.0, https://tus.io/protocols/resumable-upload).
 *
 * What is durable of one stands in a row (store/tus_uploads): bytes on disk, synced; in a bucket
 * the parts that it has and, of what is too short to be a part, one small object that every
 * request replaces.  Only that is acknowledged.  The room for the whole file is taken when the
 * upload is made; it, the object and the row go together when nobody has gone on for a day.
 *
 * Two requests at one upload: the last to come writes, and the other one is told.
 *
 * Thread: a worker's, another one at each call.  Memory: as service/uploads. */
#include "service/uploads.h"
#include "store/tus_uploads.h"

#define TUS_LENGTH_MAX (INT64_C(64) << 30) /* bytes; an object in parts of 8 MiB has no more */
enum { TUS_UNFINISHED_MAX = 32 };          /* of one user */

/* Takes the room; wish: with its length.  *ret in the arena.  What upload_begin() refuses, and
 * E_INVALID file_empty; E_LIMIT too_many_uploads. */
enum status tus_create(struct worker *w, const struct upload_wish *wish, struct str metadata,
                       struct arena *a, struct tus_row *ret, struct err *err);
/* One's own.  E_NOT_FOUND upload_not_found; E_GONE upload_expired. */
enum status tus_look(struct db_conn *db, int64_t user_id, struct str uuid, struct arena *a,
                     struct tus_row *ret, struct err *err);
/* Of a finished image as it is shown; 0: not known, as of a video. */
void tus_read_size(const struct tus_row *row, int *ret_width, int *ret_height);
/* Its room, its bytes and its row; a finished one's file stays. */
enum status tus_terminate(struct worker *w, int64_t user_id, struct str uuid, struct err *err);
/* In a transaction of its own: rows of finished ones that are a day old. */
enum status tus_sweep(struct db_conn *db, int64_t now_ms, struct err *err);

struct tus_upload;
/* To go on at this offset, as its only writer from now on; whole: nothing of what comes is kept,
 * nor the file refused for it, before tus_save().  Beside what tus_look() refuses: E_CONFLICT
 * upload_offset: it stands elsewhere; E_LOCKED upload_locked: the bucket is at it. */
enum status tus_open(struct worker *w, int64_t user_id, struct str uuid, int64_t offset, bool whole,
                     struct tus_upload **ret, struct err *err);
/* A refusal of the file itself ends the upload.  E_TOO_LARGE too_large: more than its length;
 * E_LOCKED upload_locked: another request goes on with it; E_GONE upload_lost. */
enum status tus_take(struct worker *w, struct tus_upload *t, struct str bytes, struct err *err);
/* What came is durable when this returns OK, and the file kept if it is whole.  What tus_take()
 * refuses, of a whole one. */
enum status tus_save(struct worker *w, struct tus_upload *t, struct err *err);
/* Its store, which no setting changes any more. */
bool tus_is_in_bucket(const struct tus_upload *t);
/* As it stands in the database. */
const struct tus_row *tus_row_of(const struct tus_upload *t);
/* Also after a failure, which leaves what was durable; w NULL: only memory is given back.  NULL is
 * fine. */
void tus_close(struct worker *w, struct tus_upload *t);
