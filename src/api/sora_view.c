/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sora_view.h"

#include "api/messages.h"
#include "api/object_link.h"
#include "base/clock.h"
#include "media/links.h"
#include "platform/json_in.h"
#include "platform/media_probe.h"
#include "service/generations.h"
#include "service/library.h"
#include "service/relay_link.h"
#include "service/storage.h"
#include "store/objects.h"

/* Where a work can be played and downloaded. */
struct places {
    struct str urls[LIBRARY_MAX_FILES], downloads[LIBRARY_MAX_FILES];
    size_t count;
    struct str poster;
};

/* What a file is called where it is kept by whoever gets it: safe characters only. */
static struct str name_of(struct arena *a, const struct object *o, const struct generation *g)
{
    const char *extension = media_type_extension(arena_strz(a, o->type));
    if (o->place < 0)
        return arena_printf(a, "kinora-%lld-poster.%s", (long long)g->id, extension);
    return arena_printf(a, "kinora-%lld-%lld.%s", (long long)g->id, (long long)o->place + 1,
                        extension);
}

static enum status find_stored(struct worker *w, struct arena *a, struct str origin,
                               const struct generation *g, struct places *ret, struct err *err)
{
    _cleanup_(storage_close) struct storage_bucket bucket = {0};
    struct object objects[2 * (LIBRARY_MAX_FILES + 1)];
    size_t n;
    TRY(object_list_of_generation(w->db, g->id, a, objects, ARRAY_SIZE(objects), &n, err));
    for (size_t i = 0; i < n; i++) {
        const struct object *o = &objects[i];
        if (o->state != OBJECT_STORED)
            continue;
        struct str name = name_of(a, o, g);
        struct object_link link = object_link_make(w, a, origin, &bucket, o, name);
        if (o->place < 0) {
            ret->poster = link.url;
        } else if (link.url.p && ret->count < LIBRARY_MAX_FILES) {
            ret->urls[ret->count] = link.url;
            ret->downloads[ret->count++] = link.download;
        }
    }
    return OK;
}

/* What only the account's credential opens goes through a signed link of ours (GW-9). */
static struct str upstream_link(struct worker *w, struct arena *a, struct str origin,
                                struct str address, bool download)
{
    struct relay_link link;
    struct str signed_link;
    int64_t object_id;
    if (relay_link_read_object(address, &object_id))
        signed_link = link_make(w->app->keys, a, origin, "object", object_id, clock_wall_ms(),
                                STR("kinora"));
    else if (relay_link_read(address, &link))
        signed_link = relay_link_sign(w->app->keys, a, origin, &link, clock_wall_ms());
    else
        return arena_str(a, address);
    return download ? arena_printf(a, "%.*s?download=1", STR_ARG(signed_link)) : signed_link;
}

static enum status find_upstream(struct worker *w, struct arena *a, struct str origin,
                                 const struct generation *g, struct places *ret, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    TRY(json_parse(g->media_urls, &doc, err));
    struct json list = json_root(doc);
    for (size_t i = 0; i < json_size(list) && i < LIBRARY_MAX_FILES; i++) {
        struct str address = json_str_or(json_at(list, i), STR(""));
        ret->urls[ret->count] = upstream_link(w, a, origin, address, false);
        ret->downloads[ret->count++] = upstream_link(w, a, origin, address, true);
    }
    return OK;
}

static void write_list(struct json_out *j, const char *key, const struct str *items, size_t n)
{
    json_key(j, key);
    json_array(j);
    for (size_t i = 0; i < n; i++)
        json_str(j, items[i]);
    json_array_end(j);
}

static void write_places(struct json_out *j, const struct places *p)
{
    json_kv_str_or_null(j, "media_url", p->count ? p->urls[0] : STR_NONE);
    write_list(j, "media_urls", p->urls, p->count);
    write_list(j, "download_urls", p->downloads, p->count);
    json_kv_str_or_null(j, "poster_url", p->poster);
}

static void write_int_or_null(struct json_out *j, const char *key, int64_t value, int64_t none)
{
    if (value == none)
        json_kv_null(j, key);
    else
        json_kv_int(j, key, value);
}

static void write_state(struct json_out *j, const struct generation *g)
{
    json_kv_z(j, "status", generation_status_name(g->status));
    json_kv_int(j, "progress", g->progress);
    write_int_or_null(j, "queue_position", g->queue_position, -1);
    write_int_or_null(j, "eta_seconds", g->eta_seconds, -1);
    json_kv_z(j, "storage_type", storage_type_name(g->storage_type));
    json_kv_str_or_null(j, "storage_reason", g->storage_reason);
}

static void write_failure(struct json_out *j, const struct generation *g, enum language language,
                          struct arena *a)
{
    bool failed = g->failure.class != FAILURE_NONE;
    json_kv_str_or_null(j, "error_code",
                        failed ? str_of(failure_class_name(g->failure.class)) : STR_NONE);
    json_kv_str_or_null(j, "error_message",
                        failed ? message_of_failure(&g->failure, language, a) : STR_NONE);
}

static void write_facts(struct json_out *j, const struct generation *g)
{
    json_key(j, "s3_object_keys");
    json_raw(j, g->storage_type == STORAGE_S3 ? g->object_keys : STR("[]"));
    json_kv_int(j, "file_size_bytes", g->file_size_bytes);
    write_int_or_null(j, "width", g->width, 0);
    write_int_or_null(j, "height", g->height, 0);
    json_key(j, "duration_seconds");
    if (g->duration_ms)
        json_real(j, (double)g->duration_ms / 1000);
    else
        json_null(j);
}

static void write_times(struct json_out *j, const struct generation *g)
{
    json_kv_time(j, "created_at", g->created_at);
    json_kv_time(j, "started_at", g->started_at);
    json_kv_time(j, "completed_at", g->completed_at);
    json_kv_time(j, "expires_at", g->expires_at);
}

enum status view_generation(struct worker *w, struct arena *a, struct str origin,
                            enum language language, struct generation *g, struct json_out *j,
                            struct err *err)
{
    struct places places = {0};
    TRY(generation_estimate(w, g, err));
    if (g->storage_type == STORAGE_LOCAL || g->storage_type == STORAGE_S3)
        TRY(find_stored(w, a, origin, g, &places, err));
    else if (g->storage_type == STORAGE_UPSTREAM)
        TRY(find_upstream(w, a, origin, g, &places, err));
    json_object(j);
    json_kv_int(j, "id", g->id);
    json_kv_str(j, "model", g->model);
    json_kv_str(j, "prompt", g->prompt);
    json_kv_z(j, "media_type", media_type_name(g->media_type));
    json_key(j, "params");
    json_raw(j, g->params);
    write_state(j, g);
    write_places(j, &places);
    write_facts(j, g);
    write_failure(j, g, language, a);
    write_times(j, g);
    json_object_end(j);
    return OK;
}

void view_quota(const struct quota *q, struct json_out *j)
{
    json_object(j);
    json_kv_int(j, "quota_bytes", q->limit);
    json_kv_int(j, "used_bytes", q->used);
    write_int_or_null(j, "available_bytes", q->available, INT64_MAX);
    json_kv_z(j, "quota_source", quota_source_name(q->source));
    json_object_end(j);
}
