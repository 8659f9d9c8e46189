/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What tus.c (making, finding, ending uploads), tus_write.c (their bytes) and tus_restore.c (what is
 * there of them) share. */
#include <stdatomic.h>

#include "service/tus.h"
#include "service/uploads_impl.h"

enum { TUS_LIFE_MS = 24 * 3600 * 1000 }; /* since its last byte */

struct tus_part {
    struct s3_part part;
    struct sha256 digest;
};

struct tus_upload {
    struct tus_row row; /* as it stands in the database */
    struct arena *arena;
    struct upload *upload;
    struct upload_guard guard;
    char claim[2 * UUID_SIZE]; /* the process's number, and its own */
    bool whole, failed, restored;
    struct err refusal;       /* of a whole one; status OK: none */
    bool named_before;        /* an earlier writer has given the object its key */
    int64_t busy_ms, kept_at; /* for how long at a time the row says so, 0: not; mono ms */
    atomic_bool lost;         /* while it did, somebody else took it */
    struct tus_part *parts;   /* the bucket has them, and no row says so yet */
    size_t part_count, part_room;
};

/* In a transaction with the owner's lock: the room of an unfinished one, what there is of it, and
 * its row. */
enum status tus_discard(struct db_conn *tx, const struct tus_row *row, struct arena *a,
                        struct err *err);

/* Out of the hex of a row; STR_NONE leaves *ret as it is.  False: it is not of this program. */
bool tus_read_state(struct str hex, void *ret, size_t size);

/* A writer behind the durable bytes of t->upload, whose object is loaded.  E_GONE upload_lost: they
 * are not there any more; E_UNAVAILABLE storage_unavailable: they lie where we cannot look. */
enum status tus_restore(struct tus_upload *t, struct err *err);
