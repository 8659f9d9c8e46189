/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of resumable uploads.
 *
 * Their state is put into the row at every whole step of the file and at the end of each request,
 * in one transaction with whatever it speaks of: the parts of the bucket, the object that holds
 * its last bytes.  A step is as long as a part, so that what the look at the file and the digest
 * have seen ends where the part does. */
#include <stdio.h>

#include "base/clock.h"
#include "base/hex.h"
#include "service/library.h"
#include "service/quota.h"
#include "service/tus_impl.h"
#include "service/upload_rules.h"
#include "store/objects.h"

enum {
    STEP = S3_PART_BYTES,
    ARENA_BYTES = 8 << 20, /* with the list of its parts */
    BUSY_MS = 10000,
    BUSY_LONG_MS = 90000, /* at the end, when children look at it: two thirds are always left */
};

static struct str claim_of(const struct tus_upload *t)
{
    return str_of(t->claim);
}

/* ---- whose it is */

static enum status check_writer(void *ctx, struct db_conn *db, struct err *err)
{
    const struct tus_upload *t = ctx;
    return tus_check_claim(db, &t->row, claim_of(t), err);
}

static enum status set_busy(struct tus_upload *t, int64_t ms, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = t->upload->worker->db;
    TRY(db_begin(tx, err));
    TRY(tus_set_busy(tx, &t->row, claim_of(t), ms ? clock_wall_ms() + ms : 0, err));
    TRY(db_commit(tx, err));
    t->busy_ms = ms;
    t->kept_at = clock_mono_ms();
    return OK;
}

/* Whoever cannot say that the bucket is at it stops it. */
static void keep_busy(void *ctx)
{
    struct tus_upload *t = ctx;
    struct err ignored;
    if (t->busy_ms && clock_mono_ms() - t->kept_at > t->busy_ms / 3 &&
        set_busy(t, t->busy_ms, &ignored) != OK)
        atomic_store(&t->lost, true);
}

static void end_busy(struct tus_upload *t)
{
    struct err ignored; /* it ends by itself */
    set_busy(t, 0, &ignored);
}

/* ---- what is durable */

static enum status note_part(const struct s3_part *part, void *ctx, struct err *err)
{
    struct tus_upload *t = ctx;
    (void)err;
    if (t->part_count == t->part_room) {
        t->part_room = MAX(2 * t->part_room, 4);
        t->parts = mem_realloc(t->parts, t->part_room * sizeof(*t->parts));
    }
    t->parts[t->part_count++] = (struct tus_part){*part, t->upload->digest};
    return OK;
}

static enum status add_parts(struct tus_upload *t, struct db_conn *tx, struct err *err)
{
    char hex[2 * sizeof(struct sha256) + 1];
    for (size_t i = 0; i < t->part_count; i++) {
        const struct s3_part *part = &t->parts[i].part;
        hex_encode(&t->parts[i].digest, sizeof(t->parts[i].digest), hex);
        const struct object_part row = {part->number, part->size, str_of(part->etag), str_of(hex)};
        TRY(object_add_part(tx, t->upload->object.id, &row, err));
    }
    return OK;
}

static enum status drop_tail(struct tus_upload *t, struct db_conn *tx, struct err *err)
{
    struct object tail;
    if (!t->row.tail_object_id)
        return OK;
    TRY(object_load(tx, t->row.tail_object_id, t->arena, &tail, err));
    /* It lies there whole, so its deletion needs no second look for an upload in parts. */
    tail.state = OBJECT_STORED;
    return quota_release(tx, &tail, clock_wall_ms(), err);
}

/* All that came is there; tail: its last bytes, id 0: they are where the rest is. */
static enum status advance(struct tus_upload *t, const struct object *tail, struct err *err)
{
    const struct upload *u = t->upload;
    char look[2 * sizeof(u->look) + 1], digest[2 * sizeof(u->digest) + 1];
    int64_t now = clock_wall_ms();
    struct tus_row row = t->row;
    row.position = u->seen;
    row.expires_at = now + TUS_LIFE_MS;
    row.tail_object_id = tail->id;
    hex_encode(&u->look, sizeof(u->look), look);
    hex_encode(&u->digest, sizeof(u->digest), digest);
    row.look = str_of(look);
    row.digest = str_of(digest);

    _cleanup_(db_tx_end) struct db_conn *tx = u->worker->db;
    TRY(library_lock(u->worker, row.user_id, err));
    TRY(tus_advance(tx, &row, claim_of(t), err));
    TRY(object_reserve(tx, u->object.id, u->object.reserved, now, row.expires_at, err));
    if (tail->id)
        TRY(object_reserve(tx, tail->id, tail->reserved, now, row.expires_at, err));
    TRY(add_parts(t, tx, err));
    TRY(drop_tail(t, tx, err));
    TRY(db_commit(tx, err));
    t->row.position = row.position;
    t->row.expires_at = row.expires_at;
    t->row.tail_object_id = row.tail_object_id;
    t->part_count = 0;
    t->busy_ms = 0;
    return OK;
}

/* The bytes behind the last part, as an object of their own. */
static enum status put_tail(struct tus_upload *t, struct object *ret, struct err *err)
{
    struct upload *u = t->upload;
    struct worker *w = u->worker;
    struct str bytes = s3_writer_unsent(u->writer);
    struct object tail = {.user_id = t->row.user_id,
                          .counter = COUNTER_FREE,
                          .storage = STORAGE_S3,
                          .store_id = u->object.store_id,
                          .type = UPLOAD_NO_TYPE};
    if (!bytes.n)
        return OK;
    TRY(upload_key(u, "application/octet-stream", u->arena, &tail.key, err));
    {
        _cleanup_(db_tx_end) struct db_conn *tx = w->db;
        TRY(library_lock(w, tail.user_id, err));
        TRY(quota_reserve(w->app, tx, &tail, (int64_t)bytes.n, err));
        TRY(db_commit(tx, err));
    }
    enum status status = s3_put(&u->bucket.s3, tail.key, tail.type, bytes, err);
    if (status != OK)
        library_drop(w, &tail);
    else
        *ret = tail;
    return status;
}

static enum status save_local(struct tus_upload *t, struct err *err)
{
    static const struct object no_tail;
    if (t->upload->local)
        TRY(local_sync(t->upload->local, err));
    return advance(t, &no_tail, err);
}

static enum status save_bucket(struct tus_upload *t, struct err *err)
{
    struct object tail = {0};
    t->upload->bucket.s3.fetcher = t->upload->worker->store_fetcher;
    if (t->upload->open)
        TRY(put_tail(t, &tail, err));
    enum status status = advance(t, &tail, err);
    /* One that nobody may know of goes; a commit whose outcome is not known may have named it. */
    if (status == E_LOCKED || status == E_NOT_FOUND)
        library_drop(t->upload->worker, &tail);
    return status;
}

/* An upload in parts that a writer has begun and died before it could say so would stay for ever
 * beside the one that is finished; whoever may not list them leaves that to the bucket's rules. */
static void end_unnamed(struct tus_upload *t)
{
    struct upload *u = t->upload;
    struct err ignored;
    u->bucket.s3.fetcher = u->worker->store_fetcher;
    if (t->named_before && !u->object.upload_id.n)
        s3_upload_abort_all(&u->bucket.s3, u->object.key, &ignored);
}

static enum status step(struct tus_upload *t, struct err *err)
{
    static const struct object no_tail;
    if (t->upload->object.storage == STORAGE_LOCAL)
        return t->whole ? OK : save_local(t, err);
    TRY(set_busy(t, BUSY_MS, err));
    end_unnamed(t);
    enum status status = upload_sink_flush(t->upload, err);
    if (status == OK && !t->whole)
        status = advance(t, &no_tail, err);
    if (t->busy_ms)
        end_busy(t);
    return status;
}

/* ---- going on */

/* A reference has no other row for what was seen of it. */
static enum status settled(void *ctx, struct db_conn *tx, const char *uuid, struct err *err)
{
    struct tus_upload *t = ctx;
    char look[2 * sizeof(t->upload->look) + 1];
    hex_encode(&t->upload->look, sizeof(t->upload->look), look);
    t->row.look = str_of(look);
    t->row.upload_uuid = uuid[0] ? arena_str(t->arena, str_of(uuid)) : STR_NONE;
    t->row.expires_at = clock_wall_ms() + TUS_LIFE_MS;
    enum status status = tus_finish(tx, &t->row, claim_of(t), err);
    t->row.look = STR_NONE;
    return status == OK ? drop_tail(t, tx, err) : status;
}

static enum status stands_at(struct tus_upload *t, struct db_conn *tx, int64_t user_id,
                             struct str uuid, int64_t offset, struct err *err)
{
    TRY(tus_look(tx, user_id, uuid, t->arena, &t->row, err));
    return !t->row.done && t->row.position == offset ? OK
                                                     : err_set(err, E_CONFLICT, "upload_offset");
}

/* A slow line shall not see it end before its first step. */
static enum status keep_a_day(struct tus_upload *t, struct db_conn *tx, const struct object *o,
                              struct err *err)
{
    int64_t now = clock_wall_ms(), until = now + TUS_LIFE_MS;
    struct object tail;
    TRY(tus_prolong(tx, t->row.id, until, err));
    TRY(object_reserve(tx, o->id, o->reserved, now, until, err));
    t->row.expires_at = until;
    if (!t->row.tail_object_id)
        return OK;
    TRY(object_load(tx, t->row.tail_object_id, t->arena, &tail, err));
    return object_reserve(tx, tail.id, tail.reserved, now, until, err);
}

/* Looked at once more behind the claim: the earlier writer may have moved it until then, and
 * cannot any more.  A wrong offset takes nothing from anybody. */
static enum status take_over(struct tus_upload *t, struct worker *w, int64_t user_id,
                             struct str uuid, int64_t offset, struct object *ret, struct err *err)
{
    char own[UUID_SIZE];
    struct str alive = STR("");
    if (db_engine_of(w->app->db) == DB_SQLITE) /* there is no other process */
        alive = str_of(w->app->node_id);
    crypto_uuid(own);
    snprintf(t->claim, sizeof(t->claim), "%s%s", w->app->node_id, own);
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    TRY(library_lock(w, user_id, err));
    TRY(stands_at(t, tx, user_id, uuid, offset, err));
    TRY(tus_claim(tx, t->row.id, claim_of(t), alive, clock_wall_ms(), err));
    TRY(stands_at(t, tx, user_id, uuid, offset, err));
    TRY(object_load(tx, t->row.object_id, t->arena, ret, err));
    TRY(keep_a_day(t, tx, ret, err));
    return db_commit(tx, err);
}

/* Only when bytes come: a bucket that is slow keeps none waiting who only asks. */
static enum status be_ready(struct tus_upload *t, struct err *err)
{
    if (!t->restored)
        TRY(tus_restore(t, err));
    t->restored = true;
    return OK;
}

static enum status open_upload(struct tus_upload *t, struct worker *w, int64_t user_id,
                               struct str uuid, int64_t offset, struct err *err)
{
    struct object o;
    TRY(take_over(t, w, user_id, uuid, offset, &o, err));
    const struct upload_wish wish = {.user_id = user_id,
                                     .sub_type = t->row.sub_type,
                                     .length = t->row.length,
                                     .name = t->row.name};
    TRY(upload_new(w, &wish, &t->upload, err));
    t->upload->object = o;
    t->upload->guard = &t->guard;
    t->upload->seen = t->row.position;
    return OK;
}

enum status tus_open(struct worker *w, int64_t user_id, struct str uuid, int64_t offset, bool whole,
                     struct tus_upload **ret, struct err *err)
{
    struct tus_upload *t = mem_zalloc(sizeof(*t));
    t->arena = arena_new(ARENA_BYTES);
    t->whole = whole;
    t->guard = (struct upload_guard){check_writer, keep_busy, note_part, settled, t};
    enum status status = open_upload(t, w, user_id, uuid, offset, err);
    if (status != OK) {
        tus_close(w, t);
        return status;
    }
    *ret = t;
    return OK;
}

/* ---- bytes */

/* The file is not what is taken here, or what was there of it is not any more. */
static bool ends_upload(enum status status)
{
    return status == E_TOO_LARGE || status == E_UNSUPPORTED || status == E_UNPROCESSABLE ||
           status == E_GONE;
}

static enum status discard(struct tus_upload *t, struct err *err)
{
    struct worker *w = t->upload->worker;
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    TRY(library_lock(w, t->row.user_id, err));
    TRY(tus_check_claim(tx, &t->row, claim_of(t), err));
    TRY(tus_discard(tx, &t->row, t->arena, err));
    return db_commit(tx, err);
}

/* Bytes that are yet to be checked may be damaged: what they look like is told when they are as
 * they were sent, and only then ends the upload. */
static enum status failed(struct tus_upload *t, enum status status, struct err *err)
{
    struct err ignored; /* its lease ends */
    t->failed = true;
    if (status == E_NOT_FOUND && str_eq(str_of(err->code), STR("upload_gone")))
        status = err_set(err, E_GONE, "upload_lost");
    status = upload_store_failed(t->upload, status, err);
    if (ends_upload(status) && t->whole) {
        t->refusal = *err;
        return OK;
    }
    if (ends_upload(status))
        discard(t, &ignored);
    return status;
}

static enum status refuse_checked(struct tus_upload *t, struct err *err)
{
    struct err ignored;
    discard(t, &ignored);
    *err = t->refusal;
    return err->status;
}

static enum status take_step(struct worker *w, struct tus_upload *t, struct str bytes,
                             struct err *err)
{
    struct upload *u = t->upload;
    u->worker = w;
    TRY(be_ready(t, err));
    TRY(upload_take(w, u, bytes, err));
    return u->seen % STEP == 0 && u->seen < t->row.length ? step(t, err) : OK;
}

enum status tus_take(struct worker *w, struct tus_upload *t, struct str bytes, struct err *err)
{
    struct upload *u = t->upload;
    if ((int64_t)bytes.n > t->row.length - u->seen)
        return err_set(err, E_TOO_LARGE, "too_large");
    while (bytes.n && t->refusal.status == OK) {
        size_t n = MIN(bytes.n, (size_t)(STEP - u->seen % STEP));
        enum status status = take_step(w, t, str_to(bytes, n), err);
        if (status != OK)
            return failed(t, status, err);
        bytes = str_from(bytes, n);
    }
    return OK;
}

static enum status finish(struct tus_upload *t, struct err *err)
{
    struct upload *u = t->upload;
    struct upload_record record;
    if (u->object.storage == STORAGE_S3) {
        TRY(set_busy(t, BUSY_LONG_MS, err));
        end_unnamed(t);
    }
    enum status status = upload_finish(u->worker, u, t->arena, &record, err);
    if (status != OK && t->busy_ms)
        end_busy(t);
    if (status != OK)
        return status;
    t->row.done = true;
    t->row.position = t->row.length;
    return OK;
}

enum status tus_save(struct worker *w, struct tus_upload *t, struct err *err)
{
    struct upload *u = t->upload;
    u->worker = w;
    if (t->refusal.status != OK)
        return refuse_checked(t, err);
    if (t->failed || t->row.done || u->seen == t->row.position)
        return OK;
    enum status status = u->seen == t->row.length             ? finish(t, err)
                         : u->object.storage == STORAGE_LOCAL ? save_local(t, err)
                                                              : save_bucket(t, err);
    t->whole = false; /* whoever saves has checked it */
    return status == OK ? OK : failed(t, status, err);
}

bool tus_is_in_bucket(const struct tus_upload *t)
{
    return t->upload->object.storage == STORAGE_S3;
}

const struct tus_row *tus_row_of(const struct tus_upload *t)
{
    return &t->row;
}

void tus_close(struct worker *w, struct tus_upload *t)
{
    if (!t)
        return;
    struct upload *u = t->upload;
    if (w)
        db_rollback(w->db);
    if (u) {
        local_leave(u->local);
        u->local = NULL;
        u->object.id = 0; /* what is there of it stays */
        upload_end(w, u);
    }
    free(t->parts);
    arena_free(t->arena);
    free(t);
}
