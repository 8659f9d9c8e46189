/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of uploads share: uploads.c (what a file must be, and what it becomes),
 * uploads_sink.c (its way into a store, and the room for it), tus*.c (uploads that are gone on with
 * by another request). */
#include "media/local.h"
#include "media/look.h"
#include "media/s3_writer.h"
#include "service/storage.h"
#include "service/uploads.h"

/* Of an upload whose room and row are there before its bytes, and whose writer may have been
 * replaced by another. */
struct upload_guard {
    /* Still its writer?  Asked before anything that another writer could see. */
    enum status (*check)(void *ctx, struct db_conn *db, struct err *err);
    void (*keep)(void *ctx); /* about once a second while the bucket is at it */
    enum status (*part)(const struct s3_part *part, void *ctx, struct err *err);
    /* In the transaction that makes it a stored one; uuid "": a reference. */
    enum status (*settled)(void *ctx, struct db_conn *tx, const char *uuid, struct err *err);
    void *ctx;
};

struct upload {
    struct upload_wish wish;
    struct upload_limits limits;
    struct arena *arena;
    struct str user_uuid, name;
    struct worker *worker; /* of the call under way */
    struct media_look look;
    int64_t seen;         /* bytes that came; up to a whole head of them only in the look */
    struct object object; /* id 0: no row yet; its size is what the writer has */
    struct object poster;
    int64_t renewed_at; /* mono ms */
    bool settled;
    bool open;                        /* the writer is there */
    const struct upload_guard *guard; /* NULL: nobody else can have it */
    /* The writer of its store. */
    struct sha256 digest; /* of what is on disk, or in the bucket's parts */
    struct local_writer *local;
    bool cut; /* what an earlier writer has left behind our bytes is gone */
    struct storage_bucket bucket;
    struct s3_writer_hooks hooks;
    struct s3_writer *writer;
};

enum { UPLOAD_S3_TRIES = 3 }; /* of each request: what the client sends next waits for it */

/* uploads.c.  An upload that knows what is allowed, and has no store yet. */
enum status upload_new(struct worker *w, const struct upload_wish *wish, struct upload **ret,
                       struct err *err);

/* What a bucket says of itself is nothing that its user could mend: E_UNAVAILABLE,
 * storage_unavailable, and the log has the rest.  All other failures are left as they are. */
enum status upload_store_failed(const struct upload *u, enum status status, struct err *err);

/* uploads_sink.c.  The bucket or the disk, whichever there is: E_UNAVAILABLE, code
 * "storage_off". */
enum status upload_sink_choose(struct upload *u, struct err *err);
/* The row, with room for the first bytes, and a writer at its beginning; type: a constant. */
enum status upload_sink_open(struct upload *u, const char *type, struct err *err);
/* What its type is called in the row of an object that has no file yet. */
#define UPLOAD_NO_TYPE STR("application/octet-stream")
/* A writer behind the bytes that are there, so many as the object's size says; from: of the
 * bucket's. */
enum status upload_sink_reopen(struct upload *u, const struct s3_writer_state *from,
                               struct err *err);
/* What the bucket's writer holds becomes a part. */
enum status upload_sink_flush(struct upload *u, struct err *err);
enum status upload_sink_write(struct upload *u, struct str bytes, struct err *err);
/* All of it is in the store when this returns OK, with its checksum in the object. */
enum status upload_sink_finish(struct upload *u, struct err *err);
void upload_sink_close(struct upload *u);
/* "{folder}/{user}/…/{yyyy}/{mm}/{uuid}.{ext}" (UP-2), in the arena.  E_NO_MEMORY overloaded: it is
 * full. */
enum status upload_key(const struct upload *u, const char *type, struct arena *a, struct str *ret,
                       struct err *err);
/* The lease of its room, when it is time. */
enum status upload_sink_keep(struct upload *u, struct err *err);
