/* SPDX-License-Identifier: Apache-2.0 */
/* A file's way into a store.  Its row, with room, is there before its first byte is. */
#include <time.h>

#include "base/clock.h"
#include "base/hex.h"
#include "service/library.h"
#include "service/quota.h"
#include "service/uploads_impl.h"
#include "store/objects.h"

enum {
    ROOM_BYTES = 8 << 20, /* taken at a time when the length is not known */
    RENEW_MS = 30000,     /* of the room, while bytes come */
};

/* ---- where to */

/* SG-5: bytes that come once cannot be sent a second time, so it is decided before the first. */
enum status upload_sink_choose(struct upload *u, struct err *err)
{
    struct app *app = u->worker->app;
    enum status disk = library_check_local(app, err);
    bool bucket = library_bucket_wanted(app), local = disk == OK;
    if (!bucket && !local)
        return disk;
    u->object.storage = bucket && (!local || storage_is_healthy(app)) ? STORAGE_S3 : STORAGE_LOCAL;
    u->object.store_id = storage_present(app, STORAGE_LOCAL);
    if (u->object.storage == STORAGE_LOCAL)
        return OK;
    TRY(storage_open(app, u->worker->store_fetcher, &u->bucket, err));
    u->object.store_id = u->bucket.store_id;
    u->bucket.s3.tries = UPLOAD_S3_TRIES;
    return OK;
}

enum status upload_key(const struct upload *u, const char *type, struct arena *a, struct str *ret,
                       struct err *err)
{
    struct str prefix = u->bucket.settings ? u->bucket.settings->sora_s3_prefix : STR_NONE;
    struct str slash = prefix.n ? STR("/") : STR("");
    enum upload_sub_type sub_type = u->wish.sub_type;
    time_t now = (time_t)(clock_wall_ms() / CLOCK_SECOND_MS);
    char uuid[UUID_SIZE];
    struct tm day;
    gmtime_r(&now, &day);
    crypto_uuid(uuid);
    struct str folder = STR_NONE;
    if (sub_type == UPLOAD_REFERENCE)
        folder = arena_printf(a, "reference/%.*s", STR_ARG(u->user_uuid));
    else
        folder = arena_printf(a, "uploads/%.*s/%s", STR_ARG(u->user_uuid),
                              upload_sub_type_name(sub_type));
    *ret = arena_printf(a, "%.*s%.*s%.*s/%04d/%02d/%s.%s", STR_ARG(prefix), STR_ARG(slash),
                        STR_ARG(folder), day.tm_year + 1900, day.tm_mon + 1, uuid,
                        media_type_extension(type));
    return folder.p && ret->p ? OK : err_set(err, E_NO_MEMORY, "overloaded");
}

/* ---- room */

/* So much as may still come, or a step of it; never less than what is here. */
static enum status reserve(struct upload *u, int64_t here, struct err *err)
{
    struct object *o = &u->object;
    struct worker *w = u->worker;
    int64_t left = MIN(u->wish.length, u->limits.bytes) - o->reserved, bytes;
    int64_t least = o->size + here - o->reserved;
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    TRY(library_lock(w, o->user_id, err));
    TRY(quota_choose(w->app, tx, o, least, MAX(least, left > 0 ? left : ROOM_BYTES), &bytes, err));
    if (o->id)
        TRY(quota_extend(w->app, tx, o, bytes, err));
    else
        TRY(quota_reserve(w->app, tx, o, bytes, err));
    TRY(db_commit(tx, err));
    u->renewed_at = clock_mono_ms();
    return OK;
}

enum status upload_sink_keep(struct upload *u, struct err *err)
{
    struct worker *w = u->worker;
    if (clock_mono_ms() - u->renewed_at < RENEW_MS)
        return OK;
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    TRY(library_lock(w, u->object.user_id, err));
    TRY(quota_extend(w->app, tx, &u->object, 0, err));
    TRY(db_commit(tx, err));
    u->renewed_at = clock_mono_ms();
    return OK;
}

/* A part may take a slow line longer than a lease lasts. */
static void keep_while_storing(void *upload)
{
    struct err ignored; /* settling will say it */
    struct upload *u = upload;
    if (u->guard)
        u->guard->keep(u->guard->ctx);
    else
        upload_sink_keep(u, &ignored);
}

/* ---- the bucket's writer */

static enum status parts_begun(const char *upload_id, void *upload, struct err *err)
{
    struct upload *u = upload;
    _cleanup_(db_tx_end) struct db_conn *tx = u->worker->db;
    u->object.upload_id = arena_str(u->arena, str_of(upload_id));
    TRY(library_lock(u->worker, u->object.user_id, err));
    if (u->guard)
        TRY(u->guard->check(u->guard->ctx, tx, err));
    TRY(object_set_upload(tx, &u->object, err));
    return db_commit(tx, err);
}

static enum status part_sent(const struct s3_part *part, const struct sha256 *digest, void *upload,
                             struct err *err)
{
    struct upload *u = upload;
    u->digest = *digest;
    return u->guard ? u->guard->part(part, u->guard->ctx, err) : OK;
}

static void use_bucket(struct upload *u)
{
    u->bucket.s3.fetcher = u->worker->store_fetcher;
    u->bucket.s3.while_waiting = keep_while_storing;
    u->bucket.s3.ctx = u;
}

/* ---- a writer */

static void open_bucket(struct upload *u, int64_t length, const struct s3_writer_state *from)
{
    struct object *o = &u->object;
    use_bucket(u);
    u->hooks = (struct s3_writer_hooks){parts_begun, part_sent, u};
    u->writer = s3_writer_new(&u->bucket.s3, o->key, o->type, length, &u->hooks, from);
}

enum status upload_sink_reopen(struct upload *u, const struct s3_writer_state *from,
                               struct err *err)
{
    if (u->object.storage == STORAGE_LOCAL)
        TRY(local_reopen(u->worker->app->local, u->object.key, &u->local, err));
    else
        open_bucket(u, u->wish.length, from);
    u->open = true;
    return OK;
}

static enum status name_object(struct upload *u, const char *type, struct err *err)
{
    struct object *o = &u->object;
    _cleanup_(db_tx_end) struct db_conn *tx = u->worker->db;
    TRY(upload_key(u, type, u->arena, &o->key, err));
    o->type = str_of(type);
    TRY(library_lock(u->worker, o->user_id, err));
    TRY(u->guard->check(u->guard->ctx, tx, err));
    TRY(object_set_key(tx, o, err));
    return db_commit(tx, err);
}

/* The row is there.  An earlier writer may have given it its key, and be at that file still. */
static enum status open_guarded(struct upload *u, const char *type, struct err *err)
{
    const struct object *o = &u->object;
    struct s3_writer_state from = {.upload_id = arena_strz(u->arena, o->upload_id)};
    sha256_init(&u->digest);
    from.digest = u->digest;
    if (str_eq(o->type, UPLOAD_NO_TYPE))
        TRY(name_object(u, type, err));
    else if (!str_eq(o->type, str_of(type)))
        return err_set(err, E_GONE, "upload_lost");
    return upload_sink_reopen(u, o->upload_id.n ? &from : NULL, err);
}

enum status upload_sink_open(struct upload *u, const char *type, struct err *err)
{
    struct object *o = &u->object;
    if (u->guard)
        return open_guarded(u, type, err);
    o->user_id = u->wish.user_id;
    o->counter = upload_counter(u->wish.sub_type);
    TRY(upload_key(u, type, u->arena, &o->key, err));
    o->type = str_of(type);
    TRY(reserve(u, u->look.head_n, err));
    if (o->storage == STORAGE_LOCAL) {
        sha256_init(&u->digest);
        TRY(local_create(u->worker->app->local, o->key, &u->local, err));
    } else {
        open_bucket(u, -1, NULL);
    }
    u->open = true;
    return OK;
}

/* ---- in, piece by piece */

static enum status write_locked(struct upload *u, struct str bytes, struct err *err)
{
    TRY(u->guard->check(u->guard->ctx, u->worker->db, err));
    if (!u->cut)
        TRY(local_cut(u->local, u->object.size, err));
    u->cut = true;
    return local_write(u->local, bytes, err);
}

/* Between the look at who writes and the bytes no other writer comes: never are those of two mixed.
 * Where the row has gone its file has too, and this one came after it. */
static enum status write_guarded(struct upload *u, struct str bytes, struct err *err)
{
    TRY(local_lock(u->local, err));
    enum status status = write_locked(u, bytes, err);
    local_unlock(u->local);
    if (status == E_NOT_FOUND) {
        local_abandon(u->local);
        u->local = NULL;
    }
    return status;
}

enum status upload_sink_write(struct upload *u, struct str bytes, struct err *err)
{
    struct object *o = &u->object;
    if (!u->guard && o->size + (int64_t)bytes.n > o->reserved)
        TRY(reserve(u, (int64_t)bytes.n, err));
    else if (!u->guard)
        TRY(upload_sink_keep(u, err));
    if (u->writer) {
        use_bucket(u);
        TRY(s3_writer_write(u->writer, bytes, err));
    } else {
        sha256_update(&u->digest, bytes);
        TRY(u->guard ? write_guarded(u, bytes, err) : local_write(u->local, bytes, err));
    }
    o->size += (int64_t)bytes.n;
    return OK;
}

enum status upload_sink_flush(struct upload *u, struct err *err)
{
    use_bucket(u);
    return s3_writer_flush(u->writer, err);
}

static enum status finish_local(struct upload *u, unsigned char digest[SHA256_SIZE],
                                struct err *err)
{
    sha256_final(&u->digest, digest);
    TRY(local_sync(u->local, err));
    local_leave(u->local);
    u->local = NULL;
    return OK;
}

enum status upload_sink_finish(struct upload *u, struct err *err)
{
    unsigned char digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    if (u->writer) {
        use_bucket(u);
        TRY(s3_writer_finish(u->writer, digest, err));
    } else {
        TRY(finish_local(u, digest, err));
    }
    hex_encode(digest, sizeof(digest), hex);
    u->object.checksum = arena_str(u->arena, str_of(hex));
    return u->object.checksum.p ? OK : err_set(err, E_NO_MEMORY, "overloaded");
}

void upload_sink_close(struct upload *u)
{
    local_abandon(u->local);
    s3_writer_free(u->writer);
    storage_close(&u->bucket);
}
