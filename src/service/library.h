/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* library — objects in and out: media move from an upstream's link into a store, under the
 * ledger: the bucket, else the local disk.
 *
 * Taking is in two halves.  library_fetch() moves bytes: each file has a row `writing`
 * with its room reserved before its first byte, and is on disk when the call returns.
 * library_settle() turns the rows to `stored`, inside the transaction that also completes
 * whatever they belong to.  A death between the two leaves rows whose lease ends; their room
 * is given back then, and what there is of them deleted.  An upload in parts goes on where it
 * stood, if the upstream's link allows it. */
#include <stdatomic.h>

#include "media/local.h"
#include "model/generation.h"
#include "model/object.h"
#include "platform/media_probe.h"
#include "pool/pool.h"
#include "service/app.h"
#include "service/jobs.h"
#include "service/storage.h"

enum {
    LIBRARY_MAX_FILES = DIALECT_MAX_MEDIA,
    LIBRARY_SAVING_MS = 120000, /* a claim to save that has not been prolonged so long is dead */
};

struct library_take {
    struct object files[LIBRARY_MAX_FILES];
    size_t count;
    struct object poster;     /* id 0: none */
    struct media_facts facts; /* of the first file */
    int64_t bytes;            /* of all files, the poster not counted */
    enum storage_type storage;
    bool store_failed; /* after a failure: the store is to blame */
};

struct library_source {
    const struct job_media *media;
    size_t count;
    const struct pool_account *account; /* its own origin may be private (AC-7) */
    const atomic_bool *cancelled;       /* may be NULL */
    bool *ret_token_refused; /* set when the account's own origin said 401; may be NULL */
    /* Not NULL: another take follows this one, so an upload whose link broke waits for it; true:
     * the process ends, and so does everything that is written. */
    const atomic_bool *kept_when_cut;
    bool saving; /* into the bucket or not at all; the claim to save is kept (ST-6) */
};

/* Whether new works are to go to the bucket first: switched on, with all that opens it. */
bool library_bucket_wanted(struct app *app);
/* Whether new works may go to the local disk: the setting, and a folder that takes them. */
bool library_local_enabled(struct app *app);
/* The same; E_UNAVAILABLE storage_off, E_NO_SPACE disk_full. */
enum status library_check_local(struct app *app, struct err *err);

/* Blocks.  Views in *ret live in the arena.  The bucket is tried with its pauses before the
 * disk is.  On failure nothing is left but deletions in the queue.  E_LIMIT quota_exceeded;
 * E_NO_SPACE disk_full, storage_full; E_GONE link_expired (the link answered 401, 403, 404 or
 * 410); E_UPSTREAM bad_media, media_unavailable; E_UNAVAILABLE storage_off,
 * storage_unavailable; E_FORBIDDEN storage_refused. */
enum status library_fetch(struct worker *w, const struct generation *g,
                          const struct library_source *source, struct arena *a,
                          struct library_take *ret, struct err *err);
/* For whoever holds the job's lease: what an earlier take of this work has left unfinished is
 * a dead one's; its room is given back at once, so that the next take finds it.  Uploads that
 * may go on stay for that take. */
enum status library_discard_dead(struct worker *w, const struct generation *g, struct arena *a,
                                 struct err *err);
/* No further take follows: those go too. */
enum status library_give_up(struct worker *w, const struct generation *g, struct arena *a,
                            struct err *err);
/* In a transaction that holds the owner's lock. */
enum status library_settle(struct db_conn *tx, const struct library_take *take, struct err *err);
/* A fetch or a settlement found that the sweep had taken its rows for a dead one's: to be done
 * again from the first byte. */
bool library_was_lost(enum status status, const struct err *err);
/* What the record then says of storage, keys, size and facts. */
void library_describe(const struct library_take *take, struct arena *a, struct generation *g);
/* In a transaction of its own. */
void library_discard(struct worker *w, const struct library_take *take);

/* Begins the transaction of a change to what this user has. */
enum status library_lock(struct worker *w, int64_t user_id, struct err *err);
/* An object that is not settled: its row goes, and whatever there is of it; logs what it cannot
 * do.  id 0: nothing. */
void library_drop(struct worker *w, const struct object *o);
/* What a whole object holds, and a small picture of it (STR_NONE: none, or it is small itself), by
 * children that read it where it lies; bucket: where that is S3.  The size of a picture that *ret
 * has already is not asked for again.  What cannot be found out stays as it is. */
void library_look_at(struct worker *w, const struct object *o, const struct storage_bucket *bucket,
                     bool is_video, struct arena *a, struct media_facts *ret,
                     struct str *ret_poster);

/* Bytes in memory: reserves and writes; o says owner, counter, key, type, place.  Still
 * `writing` until quota_settle(). */
enum status library_write(struct worker *w, struct object *o, struct str bytes, struct arena *a,
                          struct err *err);
/* Bytes of one's own (an input image) as a free object, still `writing` until
 * quota_settle(); key [prefix/]inputs/{user}/{uuid}.{ext}; in the
 * bucket where there is one that answers. */
enum status library_put_input(struct worker *w, int64_t user_id, struct str bytes, const char *type,
                              struct arena *a, struct object *ret, struct err *err);
/* The same for what an upstream gave as bytes; key results/{user}/{uuid}.{ext}. */
enum status library_put_result(struct worker *w, int64_t user_id, struct str bytes,
                               const char *type, struct arena *a, struct object *ret,
                               struct err *err);
/* One of the source's media into the arena, at most max bytes, under the same guard as
 * library_fetch().  Blocks.  E_GONE link_expired; E_UPSTREAM media_unavailable. */
enum status library_fetch_bytes(struct worker *w, const struct library_source *source, size_t place,
                                size_t max, struct arena *a, struct str *ret, struct err *err);
/* Whether the link opens: asks for its first byte, and takes none.  Failures as above, and what
 * fetch_run() says when there was no answer in time. */
enum status library_try_link(struct worker *w, const struct library_source *source, size_t place,
                             int timeout_ms, struct arena *a, struct err *err);
/* The bytes of a stored object as an open file, the caller's, at its beginning; those of a bucket
 * are fetched first.  E_NOT_FOUND object_not_found; E_UNAVAILABLE storage_unavailable: they lie in
 * a store that does not answer, or on another node's disk. */
enum { LIBRARY_OPEN_MAX = 32 << 20 };
enum status library_open_object(struct worker *w, const struct object *o, int *ret_fd,
                                int64_t *ret_size, struct err *err);
enum status library_read_object(struct worker *w, int64_t object_id, size_t max, struct arena *a,
                                struct object *ret, struct str *ret_bytes, struct err *err);
