/* SPDX-License-Identifier: Apache-2.0 */
#include "service/library.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "net/fetch.h"
#include "service/quota.h"
#include "service/settings.h"
#include "store/objects.h"

enum {
    PART_BYTES = 8 << 20, /* room is taken part by part when the length is unknown */
    SNIFF_BYTES = 64,     /* enough to know every type we keep */
    OBJECT_MAX = 32 << 20,
    CONNECT_MS = 10000,
    STALL_MS = 60000,
    RENEW_MS = 30000,      /* of reservations while bytes flow */
    LEAST_RATE = 10 << 10, /* bytes a second over RENEW_MS: below it a fetch is given up */
};

/* One file on its way from a link to the store. */
struct transfer {
    struct worker *w;
    const struct generation *g;
    struct arena *arena;
    struct err *err;
    enum status failed; /* why the sink stopped the fetch */
    size_t place;
    enum media_type wanted;
    int answer_status;
    int64_t length; /* -1 unknown */
    int64_t renewed_at, renewed_size;
    struct sha256 *hash;
    struct local_writer *writer;
    struct object object;
    char head[SNIFF_BYTES];
    size_t head_n;
};

/* ---- keys and types */

static struct str make_key(struct arena *a, const struct generation *g, const char *type)
{
    char uuid[UUID_SIZE];
    struct tm day;
    time_t now = (time_t)(clock_wall_ms() / 1000);
    gmtime_r(&now, &day);
    crypto_uuid(uuid);
    return arena_printf(a, "sora/%" PRId64 "/%04d/%02d/%02d/%s.%s", g->user_id, day.tm_year + 1900,
                        day.tm_mon + 1, day.tm_mday, uuid, media_type_extension(type));
}

static bool is_media(const char *type, enum media_type wanted)
{
    return strncmp(type, wanted == MEDIA_VIDEO ? "video/" : "image/", 6) == 0;
}

/* ---- the ledger's side of a transfer */

static enum status begin_locked(struct worker *w, int64_t user_id, struct err *err)
{
    TRY(db_begin(w->db, err));
    return quota_lock_user(w->db, user_id, err);
}

static enum status reserve(struct transfer *t, int64_t bytes, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = t->w->db;
    TRY(begin_locked(t->w, t->g->user_id, err));
    if (t->object.id)
        TRY(quota_extend(t->w->app, tx, &t->object, bytes, err));
    else
        TRY(quota_reserve(t->w->app, tx, &t->object, bytes, err));
    TRY(db_commit(tx, err));
    t->renewed_at = clock_mono_ms();
    t->renewed_size = t->object.size;
    return OK;
}

/* This file's room, and that of those which are in already and wait for it. */
static enum status keep_leases(struct worker *w, const struct generation *g, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    TRY(begin_locked(w, g->user_id, err));
    TRY(quota_keep(tx, g->id, err));
    return db_commit(tx, err);
}

static enum status renew(struct transfer *t)
{
    int64_t elapsed_ms = clock_mono_ms() - t->renewed_at;
    if (t->object.size - t->renewed_size < LEAST_RATE * elapsed_ms / 1000)
        return err_say(t->err, E_TIMEOUT, "media_unavailable",
                       "The upstream's file came too slowly.");
    TRY(keep_leases(t->w, t->g, t->err));
    t->renewed_at += elapsed_ms;
    t->renewed_size = t->object.size;
    return OK;
}

static void discard_object(struct worker *w, const struct object *o)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct err err;
    if (!o->id)
        return;
    enum status status = begin_locked(w, o->user_id, &err);
    /* Its owner may be gone, and its row; the file is not. */
    if (status == OK || status == E_NOT_FOUND)
        status = quota_release(tx, o, clock_wall_ms(), &err);
    if (status == OK)
        status = db_commit(tx, &err);
    /* Its lease ends by itself then, and the janitor does the same. */
    if (status != OK)
        log_warn("object left to the janitor", LOG_I("object", o->id), LOG_Z("why", err.detail));
}

/* ---- the bytes */

static enum status open_object(struct transfer *t)
{
    const char *type = media_type_sniff((struct str){t->head, t->head_n});
    if (!is_media(type, t->wanted))
        return err_say(t->err, E_UPSTREAM, "bad_media", "The upstream's link did not lead to %s.",
                       t->wanted == MEDIA_VIDEO ? "a video" : "an image");
    t->object = (struct object){
        .user_id = t->g->user_id,
        .generation_id = t->g->id,
        .counter = COUNTER_SORA,
        .storage = STORAGE_LOCAL,
        .key = make_key(t->arena, t->g, type),
        .type = str_of(type),
        .place = (int64_t)t->place,
    };
    if (!t->object.key.p)
        return err_set(t->err, E_NO_MEMORY, "overloaded");
    TRY(reserve(t, t->length > 0 ? t->length : PART_BYTES, t->err));
    return local_create(t->w->app->local, t->object.key, &t->writer, t->err);
}

static enum status keep_room(struct transfer *t, size_t more)
{
    if (t->object.size + (int64_t)more > t->object.reserved)
        return reserve(t, MAX((int64_t)PART_BYTES, (int64_t)more), t->err);
    if (clock_mono_ms() - t->renewed_at > RENEW_MS)
        return renew(t);
    return OK;
}

static enum status take_bytes(struct transfer *t, struct str piece)
{
    TRY(keep_room(t, piece.n));
    TRY(local_write(t->writer, piece, t->err));
    sha256_update(t->hash, piece);
    t->object.size += (int64_t)piece.n;
    return OK;
}

/* Held back until there is enough to know what it is. */
static enum status take_piece(struct transfer *t, struct str piece)
{
    if (t->writer)
        return take_bytes(t, piece);
    size_t n = MIN(piece.n, sizeof(t->head) - t->head_n);
    memcpy(t->head + t->head_n, piece.p, n);
    t->head_n += n;
    if (t->head_n < sizeof(t->head))
        return OK;
    TRY(open_object(t));
    TRY(take_bytes(t, (struct str){t->head, t->head_n}));
    return take_bytes(t, str_from(piece, n));
}

static bool on_head(const struct http_head *head, void *ctx)
{
    struct transfer *t = ctx;
    t->answer_status = head->status;
    t->length = head->content_length;
    return head->status / 100 == 2;
}

static bool on_body(struct str piece, void *ctx)
{
    struct transfer *t = ctx;
    t->failed = take_piece(t, piece);
    return t->failed == OK;
}

static enum status finish_file(struct transfer *t)
{
    unsigned char digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    if (!t->writer && t->head_n) {
        TRY(open_object(t));
        TRY(take_bytes(t, (struct str){t->head, t->head_n}));
    }
    if (!t->writer || (t->length >= 0 && t->object.size != t->length))
        return err_say(t->err, E_UPSTREAM, "media_unavailable",
                       "The upstream's file ended before it was complete.");
    struct local_writer *writer = t->writer;
    t->writer = NULL;
    TRY(local_finish(writer, t->err));
    sha256_final(t->hash, digest);
    hex_encode(digest, sizeof(digest), hex);
    t->object.checksum = arena_str(t->arena, str_of(hex));
    return OK;
}

/* ---- asking the link */

static enum status refused_link(const struct transfer *t, struct err *err)
{
    switch (t->answer_status) {
    case 401:
    case 403:
    case 404:
    case 410:
        return err_set(err, E_GONE, "link_expired");
    default:
        return err_say(err, E_UPSTREAM, "media_unavailable",
                       "The upstream answered %d when asked for the file.", t->answer_status);
    }
}

static void build_fetch(struct fetch_request *r, struct http_header *auth, struct transfer *t,
                        const struct job_media *m, const struct library_source *source,
                        const struct settings *settings)
{
    const struct pool_account *account = source->account;
    *r = (struct fetch_request){
        .url = m->url,
        .guard = {GUARD_PUBLIC, settings->allowed_private_networks,
                  settings->allowed_private_network_count},
        .follow_redirects = true,
        .connect_timeout_ms = CONNECT_MS,
        .stall_timeout_ms = STALL_MS,
        .on_body = on_body,
        .on_head = on_head,
        .ctx = t,
        .cancelled = source->cancelled,
    };
    if (!account)
        return;
    r->trusted_origin = &account->target.base;
    r->ca_pem = account->ca_pem;
    r->proxy_url = account->proxy_url;
    if (m->needs_credential) {
        auth->name = STR("Authorization");
        auth->value = arena_printf(t->arena, "Bearer %.*s", STR_ARG(account->target.credential));
        r->headers = auth;
        r->header_count = 1;
    }
}

/* What came as bytes is a free object already. */
static enum status copy_object(struct transfer *t, int64_t object_id)
{
    struct object from;
    struct str bytes;
    enum status status = library_read_object(t->w, object_id, OBJECT_MAX, t->arena, &from, &bytes,
                                             t->err);
    if (status != OK)
        return status == E_NOT_FOUND ? err_set(t->err, E_GONE, "link_expired") : status;
    t->length = (int64_t)bytes.n;
    TRY(take_piece(t, bytes));
    return finish_file(t);
}

static enum status run_transfer(struct transfer *t, const struct job_media *m,
                                const struct library_source *source)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(t->w->app);
    struct fetch_request request;
    struct fetch_answer answer;
    struct http_header auth;

    if (m->object_id)
        return copy_object(t, m->object_id);
    build_fetch(&request, &auth, t, m, source, settings);
    struct err err = {0};
    enum status status = fetch_run(t->w->fetcher, &request, t->arena, &answer, &err);
    if (t->failed != OK)
        return t->failed; /* the sink's own reason, in t->err */
    if (t->answer_status == 401 && m->needs_credential && source->ret_token_refused)
        *source->ret_token_refused = true;
    if (t->answer_status && t->answer_status / 100 != 2)
        return refused_link(t, t->err);
    if (status != OK) {
        *t->err = err;
        return status;
    }
    return finish_file(t);
}

enum status library_fetch_bytes(struct worker *w, const struct library_source *source, size_t place,
                                size_t max, struct arena *a, struct str *ret, struct err *err)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(w->app);
    struct transfer t = {.w = w, .arena = a};
    struct fetch_request request;
    struct fetch_answer answer;
    struct http_header auth;
    build_fetch(&request, &auth, &t, &source->media[place], source, settings);
    request.on_body = NULL;
    request.on_head = NULL;
    request.max_body = max;
    TRY(fetch_run(w->fetcher, &request, a, &answer, err));
    t.answer_status = answer.status;
    *ret = answer.body;
    return answer.status / 100 == 2 ? OK : refused_link(&t, err);
}

static enum status fetch_one(struct worker *w, const struct generation *g,
                             const struct library_source *source, size_t place, struct arena *a,
                             struct object *ret, struct err *err)
{
    const struct job_media *m = &source->media[place];
    _cleanup_(sha256_freep) struct sha256 *hash = sha256_new();
    struct err sink_err = {0};
    struct transfer t = {.w = w,
                         .g = g,
                         .arena = a,
                         .err = &sink_err,
                         .place = place,
                         .wanted = m->type,
                         .length = -1,
                         .hash = hash};

    enum status status = run_transfer(&t, m, source);
    if (status != OK) {
        local_abandon(t.writer);
        discard_object(w, &t.object);
        if (err)
            *err = sink_err;
        return status;
    }
    *ret = t.object;
    return OK;
}

/* ---- posters */

/* A picture of the first moments; its absence fails nothing. */
static void add_poster(struct worker *w, const struct generation *g, struct library_take *take,
                       struct arena *a)
{
    char path[2048];
    struct str jpeg;
    struct err err;
    local_path(w->app->local, take->files[0].key, path, sizeof(path));
    if (media_probe(path, a, &take->facts, &err) != OK || g->media_type != MEDIA_VIDEO)
        return;
    if (media_poster(path, a, &jpeg, &err) != OK)
        return;
    struct object poster = {.user_id = g->user_id,
                            .generation_id = g->id,
                            .counter = COUNTER_FREE,
                            .storage = STORAGE_LOCAL,
                            .key = make_key(a, g, "image/jpeg"),
                            .type = STR("image/jpeg"),
                            .place = -1};
    if (library_write(w, &poster, jpeg, a, &err) == OK)
        take->poster = poster;
}

bool library_local_enabled(struct app *app)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(app);
    return settings->local_storage_enabled && app->local && local_writable(app->local);
}

enum status library_fetch(struct worker *w, const struct generation *g,
                          const struct library_source *source, struct arena *a,
                          struct library_take *ret, struct err *err)
{
    memset(ret, 0, sizeof(*ret));
    if (!library_local_enabled(w->app))
        return err_set(err, E_UNAVAILABLE, "storage_off");
    for (size_t i = 0; i < source->count && i < LIBRARY_MAX_FILES; i++) {
        enum status status = fetch_one(w, g, source, i, a, &ret->files[i], err);
        if (status != OK) {
            library_discard(w, ret);
            return status;
        }
        ret->count++;
        ret->bytes += ret->files[i].size;
    }
    enum status status = keep_leases(w, g, err);
    if (status != OK) {
        library_discard(w, ret);
        return status;
    }
    add_poster(w, g, ret, a);
    return OK;
}

enum status library_settle(struct db_conn *tx, const struct library_take *take, struct err *err)
{
    for (size_t i = 0; i < take->count; i++)
        TRY(quota_settle(tx, &take->files[i], err));
    return take->poster.id ? quota_settle(tx, &take->poster, err) : OK;
}

void library_discard(struct worker *w, const struct library_take *take)
{
    for (size_t i = 0; i < take->count; i++)
        discard_object(w, &take->files[i]);
    discard_object(w, &take->poster);
}

enum status library_discard_dead(struct worker *w, const struct generation *g, struct arena *a,
                                 struct err *err)
{
    struct object objects[2 * (LIBRARY_MAX_FILES + 1)];
    size_t n;
    TRY(object_list_of_generation(w->db, g->id, a, objects, ARRAY_SIZE(objects), &n, err));
    for (size_t i = 0; i < n; i++) {
        if (objects[i].state == OBJECT_WRITING)
            discard_object(w, &objects[i]);
    }
    return OK;
}

/* ---- bytes in memory */

static enum status write_file(struct worker *w, struct str key, struct str bytes, struct err *err)
{
    struct local_writer *writer;
    TRY(local_create(w->app->local, key, &writer, err));
    enum status status = local_write(writer, bytes, err);
    if (status != OK) {
        local_abandon(writer);
        return status;
    }
    return local_finish(writer, err);
}

enum status library_write(struct worker *w, struct object *o, struct str bytes, struct arena *a,
                          struct err *err)
{
    unsigned char digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    {
        _cleanup_(db_tx_end) struct db_conn *tx = w->db;
        TRY(begin_locked(w, o->user_id, err));
        TRY(quota_reserve(w->app, tx, o, (int64_t)bytes.n, err));
        TRY(db_commit(tx, err));
    }
    enum status status = write_file(w, o->key, bytes, err);
    if (status != OK) {
        discard_object(w, o);
        return status;
    }
    crypto_sha256(bytes, digest);
    hex_encode(digest, sizeof(digest), hex);
    o->checksum = arena_str(a, str_of(hex));
    o->size = (int64_t)bytes.n;
    return OK;
}

static enum status put_free(struct worker *w, const char *folder, int64_t user_id, struct str bytes,
                            const char *type, struct arena *a, struct object *ret, struct err *err)
{
    char uuid[UUID_SIZE];
    if (!w->app->local)
        return err_set(err, E_UNAVAILABLE, "storage_off");
    crypto_uuid(uuid);
    *ret = (struct object){.user_id = user_id,
                           .counter = COUNTER_FREE,
                           .storage = STORAGE_LOCAL,
                           .key = arena_printf(a, "%s/%" PRId64 "/%s.%s", folder, user_id, uuid,
                                               media_type_extension(type)),
                           .type = str_of(type)};
    return library_write(w, ret, bytes, a, err);
}

enum status library_put_input(struct worker *w, int64_t user_id, struct str bytes, const char *type,
                              struct arena *a, struct object *ret, struct err *err)
{
    return put_free(w, "inputs", user_id, bytes, type, a, ret, err);
}

enum status library_put_result(struct worker *w, int64_t user_id, struct str bytes,
                               const char *type, struct arena *a, struct object *ret,
                               struct err *err)
{
    return put_free(w, "results", user_id, bytes, type, a, ret, err);
}

static enum status read_whole(int fd, size_t size, struct arena *a, struct str *ret,
                              struct err *err)
{
    char *p = arena_alloc(a, size + 1);
    size_t have = 0;
    if (!p)
        return err_set(err, E_NO_MEMORY, "overloaded");
    while (have < size) {
        ssize_t n = read(fd, p + have, size - have);
        if (n <= 0)
            return err_errno(err, "read a media file");
        have += (size_t)n;
    }
    *ret = (struct str){p, size};
    return OK;
}

enum status library_read_object(struct worker *w, int64_t object_id, size_t max, struct arena *a,
                                struct object *ret, struct str *ret_bytes, struct err *err)
{
    _cleanup_close_ int fd = -1;
    int64_t size;
    TRY(object_load(w->db, object_id, a, ret, err));
    TRY(local_read(w->app->local, ret->key, &fd, &size, err));
    if ((size_t)size > max)
        return err_set(err, E_TOO_LARGE, "too_large");
    return read_whole(fd, (size_t)size, a, ret_bytes, err);
}
