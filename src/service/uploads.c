/* SPDX-License-Identifier: Apache-2.0 */
/* What a file must be, and what it becomes. */
#include "service/uploads.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "service/library.h"
#include "service/quota.h"
#include "service/upload_rules.h"
#include "service/uploads_impl.h"
#include "store/objects.h"
#include "store/users.h"

enum {
    ARENA_BYTES = 256 << 10,
    PROBE_ARENA_BYTES = 4 << 20,
    STORE_RETRY_MS = 10000, /* the bucket is looked at twice a minute and more */
};

/* ---- what is refused */

static enum status refuse_large(const struct upload *u, struct err *err)
{
    err_say(err, E_TOO_LARGE, "file_too_large", "The file is larger than %" PRId64 " bytes.",
            u->limits.bytes);
    err_number(err, "limit_bytes", u->limits.bytes);
    return E_TOO_LARGE;
}

static enum status check_pixels(const struct upload *u, struct err *err)
{
    uint64_t pixels = (uint64_t)u->look.width * u->look.height;
    if (upload_is_video(u->wish.sub_type) || pixels <= (uint64_t)u->limits.pixels)
        return OK;
    err_say(err, E_TOO_LARGE, "too_many_pixels",
            "The image has %" PRIu32 " x %" PRIu32 " pixels, more than %" PRId64 " in all.",
            u->look.width, u->look.height, u->limits.pixels);
    err_number(err, "limit_pixels", u->limits.pixels);
    return E_TOO_LARGE;
}

static bool is_allowed(enum upload_sub_type sub_type, const char *type)
{
    static const char *const images[] = {"image/jpeg", "image/png", "image/webp", "image/gif"};
    static const char *const videos[] = {"video/mp4", "video/webm", "video/quicktime"};
    bool video = upload_is_video(sub_type);
    size_t n = video ? ARRAY_SIZE(videos) : ARRAY_SIZE(images);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(type, video ? videos[i] : images[i]) == 0)
            return true;
    }
    return false;
}

static enum status refuse_type(const struct upload *u, struct err *err)
{
    return err_say(err, E_UNSUPPORTED, "unsupported_type", "The file is not %s.",
                   upload_is_video(u->wish.sub_type) ? "an MP4, WebM or MOV video"
                                                     : "a JPEG, PNG, WebP or GIF image");
}

/* ---- a bucket that fails */

static bool is_buckets(enum status status, struct str code)
{
    if (status == E_NOT_FOUND)
        return str_eq(code, STR("bucket_not_found")) || str_eq(code, STR("object_not_found")) ||
               str_eq(code, STR("upload_gone"));
    if (status != E_UNAVAILABLE)
        return status == E_UPSTREAM || status == E_FORBIDDEN;
    return !str_starts(code, STR("database_")) && !str_eq(code, STR("cancelled"));
}

enum status upload_store_failed(const struct upload *u, enum status status, struct err *err)
{
    struct err why = *err;
    if (u->object.storage != STORAGE_S3 || !is_buckets(status, str_of(err->code)))
        return status;
    log_warn("the bucket has failed an upload", LOG_Z("code", why.code), LOG_Z("why", why.detail));
    err_set(err, E_UNAVAILABLE, "storage_unavailable");
    err->retry_after_ms = STORE_RETRY_MS;
    return E_UNAVAILABLE;
}

/* ---- beginning */

enum { NAME_MAX_BYTES = 255 };

/* The last part of whatever path it is, without what no screen should be made to show. */
static struct str clean_name(struct str name, struct arena *a)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(NAME_MAX_BYTES);
    for (size_t i = 0; i < name.n; i++) {
        unsigned char ch = (unsigned char)name.p[i];
        if (ch == '/' || ch == '\\')
            buf_reset(&out);
        else if (ch >= 0x20 && ch != 0x7f && buf_len(&out) < NAME_MAX_BYTES)
            buf_add_char(&out, name.p[i]);
    }
    struct str kept = buf_str(&out);
    while (kept.n && !utf8_valid(kept)) /* cut in the middle of a character */
        kept.n--;
    return kept.n ? arena_str(a, kept) : STR_NONE;
}

static enum status find_rules(struct upload *u, struct err *err)
{
    struct worker *w = u->worker;
    struct user user;
    TRY(upload_rules_limits(w->app, w->db, u->wish.user_id, u->wish.sub_type, &u->limits, err));
    if (u->wish.length - u->wish.around > u->limits.bytes)
        return refuse_large(u, err);
    TRY(users_find(w->db, u->wish.user_id, u->arena, &user, err));
    u->user_uuid = user.uuid;
    u->name = clean_name(u->wish.name, u->arena);
    return OK;
}

enum status upload_new(struct worker *w, const struct upload_wish *wish, struct upload **ret,
                       struct err *err)
{
    struct upload *u = mem_zalloc(sizeof(*u));
    u->wish = *wish;
    u->worker = w;
    u->arena = arena_new(ARENA_BYTES);
    enum status status = find_rules(u, err);
    if (status != OK) {
        upload_end(w, u);
        return status;
    }
    *ret = u;
    return OK;
}

enum status upload_begin(struct worker *w, const struct upload_wish *wish, struct upload **ret,
                         struct err *err)
{
    struct upload *u;
    TRY(upload_new(w, wish, &u, err));
    enum status status = upload_sink_choose(u, err);
    if (status != OK) {
        upload_end(w, u);
        return status;
    }
    *ret = u;
    return OK;
}

/* ---- the bytes */

/* The first of them, which were held back until they tell what they are. */
static enum status open_sink(struct upload *u, struct err *err)
{
    const char *type = media_look_type(&u->look);
    if (!is_allowed(u->wish.sub_type, type))
        return refuse_type(u, err);
    TRY(upload_sink_open(u, type, err));
    return upload_sink_write(u, (struct str){u->look.head, u->look.head_n}, err);
}

static enum status take(struct upload *u, struct str bytes, struct err *err)
{
    u->seen += (int64_t)bytes.n;
    if (u->seen > u->limits.bytes)
        return refuse_large(u, err);
    size_t head_before = u->look.head_n;
    media_look_feed(&u->look, bytes);
    TRY(check_pixels(u, err));
    if (u->open)
        return upload_sink_write(u, bytes, err);
    if (!media_look_has_head(&u->look))
        return OK;
    TRY(open_sink(u, err));
    return upload_sink_write(u, str_from(bytes, u->look.head_n - head_before), err);
}

enum status upload_take(struct worker *w, struct upload *u, struct str bytes, struct err *err)
{
    u->worker = w;
    enum status status = take(u, bytes, err);
    return u->guard ? status : upload_store_failed(u, status, err);
}

/* ---- the end */

/* An image says its size in its first bytes, or it is none; a video's facts are looked for and may
 * be missing. */
static void find_facts(struct upload *u, struct media_facts *ret)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(PROBE_ARENA_BYTES);
    struct object poster = {.user_id = u->wish.user_id,
                            .counter = COUNTER_FREE,
                            .storage = u->object.storage,
                            .store_id = u->object.store_id,
                            .type = STR("image/jpeg")};
    struct err ignored;
    struct str jpeg;
    *ret = (struct media_facts){0};
    media_look_size(&u->look, &ret->width, &ret->height);
    if (!upload_is_video(u->wish.sub_type))
        return;
    library_look_at(u->worker, &u->object, &u->bucket, true, a, ret, &jpeg);
    if (jpeg.p && upload_key(u, "image/jpeg", u->arena, &poster.key, &ignored) == OK &&
        library_write(u->worker, &poster, jpeg, u->arena, &ignored) == OK)
        u->poster = poster;
}

static enum status settle(struct upload *u, struct upload_record *r, struct err *err)
{
    char uuid[UUID_SIZE];
    _cleanup_(db_tx_end) struct db_conn *tx = u->worker->db;
    TRY(library_lock(u->worker, r->user_id, err));
    TRY(quota_settle(tx, &u->object, err));
    if (u->poster.id)
        TRY(quota_settle(tx, &u->poster, err));
    TRY(upload_rows_insert(tx, r, uuid, err));
    if (u->guard)
        TRY(u->guard->settled(u->guard->ctx, tx, uuid, err));
    TRY(db_commit(tx, err));
    u->settled = true;
    r->uuid = uuid[0] ? arena_str(u->arena, str_of(uuid)) : STR_NONE;
    return OK;
}

static struct upload_record record_of(const struct upload *u, const struct media_facts *facts)
{
    int64_t now = clock_wall_ms();
    return (struct upload_record){.user_id = u->wish.user_id,
                                  .sub_type = u->wish.sub_type,
                                  .object_id = u->object.id,
                                  .poster_object_id = u->poster.id,
                                  .key = u->object.key,
                                  .type = u->object.type,
                                  .name = u->name,
                                  .size = u->object.size,
                                  .width = facts->width,
                                  .height = facts->height,
                                  .duration_ms = facts->duration_ms,
                                  .created_at = now,
                                  .storage = u->object.storage,
                                  .store_id = u->object.store_id,
                                  .used_at = upload_has_uuid(u->wish.sub_type) ? 0 : now};
}

static enum status check_whole(struct upload *u, struct err *err)
{
    if (u->seen == 0)
        return err_set(err, E_INVALID, "file_empty");
    if (!u->open)
        TRY(open_sink(u, err));
    if (!upload_is_video(u->wish.sub_type) && u->look.state != LOOK_KNOWN)
        return err_set(err, E_UNPROCESSABLE, "image_unreadable");
    return OK;
}

static enum status finish(struct upload *u, struct arena *a, struct upload_record *ret,
                          struct err *err)
{
    struct media_facts facts;
    TRY(check_whole(u, err));
    TRY(upload_sink_finish(u, err));
    find_facts(u, &facts);
    struct upload_record record = record_of(u, &facts);
    TRY(settle(u, &record, err));
    record.key = arena_str(a, record.key);
    record.name = record.name.p ? arena_str(a, record.name) : STR_NONE;
    record.uuid = record.uuid.p ? arena_str(a, record.uuid) : STR_NONE;
    *ret = record;
    return OK;
}

enum status upload_finish(struct worker *w, struct upload *u, struct arena *a,
                          struct upload_record *ret, struct err *err)
{
    u->worker = w;
    enum status status = finish(u, a, ret, err);
    return u->guard ? status : upload_store_failed(u, status, err);
}

void upload_end(struct worker *w, struct upload *u)
{
    if (!u)
        return;
    if (w && !u->settled) {
        db_rollback(w->db);
        library_drop(w, &u->object);
        library_drop(w, &u->poster);
    }
    upload_sink_close(u);
    arena_free(u->arena);
    free(u);
}
