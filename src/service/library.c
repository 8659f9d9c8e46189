/* SPDX-License-Identifier: Apache-2.0 */
#include "service/library.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "base/log.h"
#include "platform/file.h"
#include "service/library_impl.h"
#include "service/quota.h"
#include "store/generations.h"
#include "store/objects.h"

enum { PROBE_LINK_S = 600 };

/* ---- keys */

struct str library_key(const struct library_target *target, struct arena *a, int64_t user_id,
                       const char *type)
{
    struct str prefix = target->type == STORAGE_S3 ? target->bucket.settings->sora_s3_prefix
                                                   : STR_NONE;
    char uuid[UUID_SIZE];
    struct tm day;
    time_t now = (time_t)(clock_wall_ms() / 1000);
    gmtime_r(&now, &day);
    crypto_uuid(uuid);
    return arena_printf(a, "%.*s%ssora/%" PRId64 "/%04d/%02d/%02d/%s.%s", STR_ARG(prefix),
                        prefix.n ? "/" : "", user_id, day.tm_year + 1900, day.tm_mon + 1,
                        day.tm_mday, uuid, media_type_extension(type));
}

/* ---- the ledger's side */

enum status library_lock(struct worker *w, int64_t user_id, struct err *err)
{
    TRY(db_begin(w->db, err));
    return quota_lock_user(w->db, user_id, err);
}

enum status library_keep(struct worker *w, const struct generation *g,
                         const struct library_source *source, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    TRY(library_lock(w, g->user_id, err));
    TRY(quota_keep(tx, g->id, err));
    if (source->saving)
        TRY(generation_keep_saving(tx, g->id, clock_wall_ms() + LIBRARY_SAVING_MS, err));
    return db_commit(tx, err);
}

void library_drop(struct worker *w, const struct object *o)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct err err;
    if (!o->id)
        return;
    enum status status = library_lock(w, o->user_id, &err);
    /* Its owner may be gone, and its row; the bytes are not. */
    if (status == OK || status == E_NOT_FOUND)
        status = quota_release(tx, o, clock_wall_ms(), &err);
    if (status == OK)
        status = db_commit(tx, &err);
    /* Its lease ends by itself then, and the keeper of the stores does the same. */
    if (status != OK)
        log_warn("object left to its lease", LOG_I("object", o->id), LOG_Z("why", err.detail));
}

/* ---- posters */

/* Where a child can read it; empty: nowhere. */
static struct str probe_address(struct worker *w, const struct object *o,
                                const struct storage_bucket *bucket, struct arena *a)
{
    char path[2048];
    if (o->storage == STORAGE_S3)
        return s3_link(&bucket->s3, o->key, STR_NONE, clock_wall_ms(), PROBE_LINK_S, a);
    local_path(w->app->local, o->key, path, sizeof(path));
    return arena_str(a, str_of(path));
}

/* The bucket's own authorities as the children read them: NULL where the system's do. */
static const char *authorities(struct worker *w, const struct object *o,
                               const struct storage_bucket *bucket, struct arena *a)
{
    struct err ignored;
    if (o->storage != STORAGE_S3 || !bucket->s3.endpoint.https || !bucket->s3.ca_pem.n)
        return NULL;
    struct str path = arena_printf(a, "%s/bucket-ca.pem", w->app->data_dir);
    bool written = path.p && file_write_atomic(path.p, bucket->s3.ca_pem, 0600, &ignored) == OK;
    return written ? path.p : NULL;
}

/* What is too large to be decoded needs no child to say so. */
static bool wants_thumbnail(const struct media_facts *facts)
{
    return facts->width > MEDIA_POSTER_WIDTH &&
           (int64_t)facts->width * facts->height <= MEDIA_PIXELS_MAX;
}

void library_look_at(struct worker *w, const struct object *o, const struct storage_bucket *bucket,
                     bool is_video, struct arena *a, struct media_facts *ret,
                     struct str *ret_poster)
{
    struct str address = probe_address(w, o, bucket, a);
    const struct media_source source = {.url = address.p,
                                        .ca_file = authorities(w, o, bucket, a),
                                        .cancelled = jobs_are_cut(w->app)};
    bool is_known = !is_video && ret->width;
    struct err ignored;
    *ret_poster = STR_NONE;
    if (!address.n || (!is_known && media_probe(&source, a, ret, &ignored) != OK))
        return;
    if (is_video)
        media_poster(&source, a, ret_poster, &ignored);
    else if (wants_thumbnail(ret))
        media_thumbnail(&source, a, ret_poster, &ignored);
}

/* What stands for the work in a list; its absence fails nothing. */
static void add_poster(struct worker *w, const struct generation *g,
                       const struct library_target *target, struct library_take *take,
                       struct arena *a)
{
    struct str picture;
    struct err err;
    library_look_at(w, &take->files[0], &target->bucket, g->media_type == MEDIA_VIDEO, a,
                    &take->facts, &picture);
    if (!picture.p)
        return;
    const char *type = media_type_sniff(picture);
    struct object poster = {.user_id = g->user_id,
                            .generation_id = g->id,
                            .counter = COUNTER_FREE,
                            .storage = target->type,
                            .store_id = target->store_id,
                            .key = library_key(target, a, g->user_id, type),
                            .type = str_of(type),
                            .place = -1};
    if (library_write(w, &poster, picture, a, &err) == OK)
        take->poster = poster;
}

/* ---- whole takes */

static bool was_cancelled(const struct library_source *source)
{
    return source->cancelled && atomic_load(source->cancelled);
}

/* An upload whose link broke, or whose process ends, waits for the next try; after its owner's
 * word there is none. */
static bool can_go_on(const struct library_file *f)
{
    const atomic_bool *ends = f->source->kept_when_cut;
    bool broke = f->failed == OK && !f->store_failed && f->answer_status / 100 == 2 &&
                 !was_cancelled(f->source);
    return ends && f->object.source.n && f->object.upload_id.n && (broke || atomic_load(ends));
}

static enum status take_one(struct worker *w, const struct generation *g,
                            const struct library_source *source,
                            const struct library_target *target, size_t place, struct arena *a,
                            struct library_take *take, struct err *err)
{
    struct library_file file = {
        .w = w, .g = g, .source = source, .target = target, .place = place, .arena = a};
    enum status status = library_file_take(&file, err);
    if (status == OK) {
        if (!take->count)
            media_look_size(&file.look, &take->facts.width, &take->facts.height);
        take->files[take->count++] = file.object;
        take->bytes += file.object.size;
        return OK;
    }
    take->store_failed = file.store_failed;
    if (!can_go_on(&file))
        library_drop(w, &file.object);
    return status;
}

static enum status take_all(struct worker *w, const struct generation *g,
                            const struct library_source *source,
                            const struct library_target *target, struct arena *a,
                            struct library_take *ret, struct err *err)
{
    enum status status = OK;
    *ret = (struct library_take){.storage = target->type};
    for (size_t i = 0; status == OK && i < source->count && i < LIBRARY_MAX_FILES; i++)
        status = take_one(w, g, source, target, i, a, ret, err);
    if (status == OK)
        status = library_keep(w, g, source, err);
    if (status != OK) {
        library_discard(w, ret);
        return status;
    }
    add_poster(w, g, target, ret, a);
    return OK;
}

/* What a store's failure is for the job: worth another try, or not. */
static enum status store_failed(enum status status, struct err *err)
{
    if (status == E_UNAVAILABLE || status == E_TIMEOUT || status == E_IO)
        return err_set(err, E_UNAVAILABLE, "storage_unavailable");
    return status == E_NO_SPACE ? status : err_set(err, E_FORBIDDEN, "storage_refused");
}

static enum status take_to_bucket(struct worker *w, const struct generation *g,
                                  const struct library_source *source, struct arena *a,
                                  struct library_take *ret, struct err *err)
{
    struct library_target target = {.type = STORAGE_S3};
    *ret = (struct library_take){.store_failed = true};
    enum status status = storage_open(w->app, w->store_fetcher, &target.bucket, err);
    if (status == OK) {
        target.store_id = target.bucket.store_id;
        status = take_all(w, g, source, &target, a, ret, err);
        storage_close(&target.bucket);
    }
    if (status != OK && ret->store_failed && !was_cancelled(source)) {
        log_warn("the bucket did not take a work", LOG_I("generation", g->id),
                 LOG_Z("code", err->code), LOG_Z("why", err->detail));
        return store_failed(status, err);
    }
    return status;
}

enum status library_check_local(struct app *app, struct err *err)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(app);
    if (!settings->local_storage_enabled || !app->local || storage_is_apart(app))
        return err_set(err, E_UNAVAILABLE, "storage_off");
    return local_check(app->local, err);
}

bool library_local_enabled(struct app *app)
{
    struct err ignored;
    return library_check_local(app, &ignored) == OK;
}

bool library_bucket_wanted(struct app *app)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(app);
    return storage_is_wanted(settings);
}

/* SG-5: the bucket, else the disk; whoever called keeps the link else. */
enum status library_fetch(struct worker *w, const struct generation *g,
                          const struct library_source *source, struct arena *a,
                          struct library_take *ret, struct err *err)
{
    const struct library_target disk = {.type = STORAGE_LOCAL,
                                        .store_id = storage_present(w->app, STORAGE_LOCAL)};
    enum status status = library_check_local(w->app, err);
    bool bucket = library_bucket_wanted(w->app);
    bool local = status == OK && !source->saving;
    memset(ret, 0, sizeof(*ret));
    if (bucket)
        status = take_to_bucket(w, g, source, a, ret, err);
    else if (!local && status == OK)
        status = err_set(err, E_UNAVAILABLE, "storage_off");
    if ((bucket && (status == OK || !ret->store_failed)) || !local)
        return status;
    if (status != OK && was_cancelled(source))
        return status;
    return take_all(w, g, source, &disk, a, ret, err);
}

enum status library_settle(struct db_conn *tx, const struct library_take *take, struct err *err)
{
    for (size_t i = 0; i < take->count; i++)
        TRY(quota_settle(tx, &take->files[i], err));
    return take->poster.id ? quota_settle(tx, &take->poster, err) : OK;
}

static struct str keys_of(const struct library_take *take, struct arena *a)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(64 << 10);
    struct json_out j;
    json_out_init(&j, &out);
    json_array(&j);
    for (size_t i = 0; i < take->count; i++)
        json_str(&j, take->files[i].key);
    json_array_end(&j);
    return arena_str(a, buf_str(&out));
}

void library_describe(const struct library_take *take, struct arena *a, struct generation *g)
{
    g->object_keys = keys_of(take, a);
    g->storage_type = take->storage;
    g->file_size_bytes = take->bytes;
    g->width = take->facts.width;
    g->height = take->facts.height;
    g->duration_ms = take->facts.duration_ms;
}

void library_discard(struct worker *w, const struct library_take *take)
{
    for (size_t i = 0; i < take->count; i++)
        library_drop(w, &take->files[i]);
    library_drop(w, &take->poster);
}

static enum status discard_unfinished(struct worker *w, const struct generation *g, bool all,
                                      struct arena *a, struct err *err)
{
    struct object objects[2 * (LIBRARY_MAX_FILES + 1)];
    size_t n;
    TRY(object_list_of_generation(w->db, g->id, a, objects, ARRAY_SIZE(objects), &n, err));
    for (size_t i = 0; i < n; i++) {
        /* An upload with parts may go on; whether it does is seen when its file is fetched. */
        if (objects[i].state == OBJECT_WRITING && (all || !objects[i].source.n))
            library_drop(w, &objects[i]);
    }
    return OK;
}

bool library_was_lost(enum status status, const struct err *err)
{
    return status == E_CONFLICT && str_eq(str_of(err->code), STR("object_lost"));
}

enum status library_discard_dead(struct worker *w, const struct generation *g, struct arena *a,
                                 struct err *err)
{
    return discard_unfinished(w, g, false, a, err);
}

enum status library_give_up(struct worker *w, const struct generation *g, struct arena *a,
                            struct err *err)
{
    return discard_unfinished(w, g, true, a, err);
}
