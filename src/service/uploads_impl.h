/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of uploads share: uploads.c (what a file must be, and what it becomes),
 * uploads_sink.c (its way into a store, and the room for it). */
#include "media/local.h"
#include "media/look.h"
#include "media/s3_writer.h"
#include "service/storage.h"
#include "service/uploads.h"

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
    /* The writer of its store. */
    struct sha256_kept digest; /* on disk; the bucket's writer has its own */
    struct local_writer *local;
    struct storage_bucket bucket;
    struct s3_writer_hooks hooks;
    struct s3_writer *writer;
};

/* uploads_sink.c.  The bucket or the disk, whichever there is: E_UNAVAILABLE, code
 * "storage_off". */
enum status upload_sink_choose(struct upload *u, struct err *err);
/* The row, with room for the first bytes, and a writer at its beginning; type: a constant. */
enum status upload_sink_open(struct upload *u, const char *type, struct err *err);
enum status upload_sink_write(struct upload *u, struct str bytes, struct err *err);
/* All of it is in the store when this returns OK, with its checksum in the object. */
enum status upload_sink_finish(struct upload *u, struct err *err);
void upload_sink_close(struct upload *u);
/* "{folder}/{user}/…/{yyyy}/{mm}/{uuid}.{ext}" (UP-2). */
struct str upload_key(const struct upload *u, const char *type, struct arena *a);
/* The lease of its room, when it is time. */
enum status upload_sink_keep(struct upload *u, struct err *err);
