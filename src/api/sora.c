/* SPDX-License-Identifier: Apache-2.0 */
/* The studio's addresses (SPEC section 4). */
#include <string.h>

#include "api/handlers.h"
#include "api/sora_view.h"
#include "base/hex.h"
#include "model/words.h"
#include "net/url.h"
#include "platform/media_probe.h"
#include "service/events.h"
#include "service/generations.h"
#include "service/library.h"
#include "service/models.h"
#include "service/quota.h"
#include "service/storage.h"
#include "service/upload_shelf.h"
#include "store/generations.h"
#include "store/groups.h"

enum {
    PROMPT_MAX = 8000,
    IMAGE_URL_MAX = 2048,
    IMAGE_BYTES_MAX = 20 << 20,
    VIDEO_COUNT_MAX = 3,
    SECONDS_MAX = 120,
};

/* ---- POST /generate */

static enum status own_models(struct call *c, struct model **ret, size_t *ret_count,
                              struct err *err)
{
    struct group group;
    TRY(groups_find(c->db, c->who.group_id, c->arena, &group, err));
    return models_list(c->app, c->who.group_id, !str_eq(group.platform, STR("sora")), false,
                       c->arena, ret, ret_count, err);
}

/* "data:image/png;base64,…" into bytes whose type is read from themselves. */
static enum status read_data_url(struct call *c, struct str url, struct generation_order *o,
                                 struct err *err)
{
    static const char *const kept[] = {"image/jpeg", "image/png", "image/webp", "image/gif", NULL};
    ptrdiff_t comma = str_find_char(url, ',');
    if (comma < 0 || !str_ends(str_to(url, (size_t)comma), STR(";base64")))
        return err_field(err, "invalid_field", "image_input",
                         "image_input must be a base64 data URL, an http(s) address, or the UUID "
                         "of an upload.");
    struct str text = str_from(url, (size_t)comma + 1);
    if (text.n / 4 * 3 > IMAGE_BYTES_MAX)
        return err_say(err, E_TOO_LARGE, "image_too_large", "The image may be 20 MiB at most.");
    _cleanup_(buf_cleanup) struct buf bytes = BUF_INIT(IMAGE_BYTES_MAX + 8);
    if (!base64_decode(&bytes, text))
        return err_field(err, "invalid_field", "image_input", "image_input is not valid base64.");
    o->image_type = media_type_sniff(buf_str(&bytes));
    if (word_index(kept, str_of(o->image_type)) < 0)
        return err_field(err, "invalid_field", "image_input",
                         "image_input must be a JPEG, PNG, WebP or GIF image.");
    o->image_bytes = arena_str(c->arena, buf_str(&bytes));
    return o->image_bytes.p ? OK : err_set(err, E_NO_MEMORY, "overloaded");
}

static enum status read_image(struct call *c, struct generation_order *o, struct err *err)
{
    struct str input = STR_NONE;
    struct url url;
    TRY(json_field_str(c->json, "image_input", JSON_OPTIONAL, 1, 2 * IMAGE_BYTES_MAX, &input, err));
    if (!input.n)
        return OK;
    if (str_starts(input, STR("data:")))
        return read_data_url(c, input, o, err);
    if (input.n <= IMAGE_URL_MAX && upload_may_be_named(input)) {
        o->image_name = input;
        if (url_parse(input, c->arena, &url, NULL) != OK)
            return OK;
    }
    if (input.n > IMAGE_URL_MAX || url_parse(input, c->arena, &url, err) != OK)
        return err_field(err, "invalid_field", "image_input",
                         "image_input must be a base64 data URL, an http(s) address, or the UUID "
                         "of an upload.");
    o->image_url = input;
    return OK;
}

static bool offers_seconds(const struct model *m, int64_t seconds)
{
    for (size_t i = 0; i < m->seconds_count; i++) {
        if (m->seconds[i] == seconds)
            return true;
    }
    return m->seconds_count == 0;
}

/* What the model fixes wins; what it leaves free is taken from the form. */
static enum status read_shape(struct call *c, const struct model *m, struct generation_order *o,
                              struct err *err)
{
    static const char *const orientations[] = {"landscape", "portrait", NULL};
    static const char *const media[] = {"video", "image", NULL};
    int orientation = -1, media_type = (int)m->media_type;
    int64_t seconds = 0;
    o->count = 1;
    TRY(json_field_word(c->json, "media_type", JSON_OPTIONAL, media, &media_type, err));
    TRY(json_field_word(c->json, "orientation", JSON_OPTIONAL, orientations, &orientation, err));
    TRY(json_field_int(c->json, "seconds", JSON_OPTIONAL, 1, SECONDS_MAX, &seconds, err));
    TRY(json_field_int(c->json, "video_count", JSON_OPTIONAL, 1, VIDEO_COUNT_MAX, &o->count, err));
    if (media_type != (int)m->media_type)
        return err_field(err, "invalid_field", "media_type", "%.*s makes %ss.", STR_ARG(m->id),
                         media[m->media_type]);
    if (seconds && !offers_seconds(m, seconds))
        return err_field(err, "invalid_field", "seconds", "%.*s does not make %lld seconds.",
                         STR_ARG(m->id), (long long)seconds);
    o->media_type = m->media_type;
    o->orientation = m->orientation.n   ? m->orientation
                     : orientation >= 0 ? str_of(orientations[orientation])
                                        : STR_NONE;
    o->seconds = m->seconds_count == 1 ? m->seconds[0] : seconds;
    return OK;
}

static void write_params(struct call *c, struct generation_order *o)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(8192);
    struct json_out j;
    json_out_init(&j, &out);
    json_object(&j);
    if (o->orientation.n)
        json_kv_str(&j, "orientation", o->orientation);
    if (o->seconds)
        json_kv_int(&j, "seconds", o->seconds);
    json_kv_int(&j, "video_count", o->count);
    if (o->image_url.n)
        json_kv_str(&j, "image_url", o->image_url);
    json_kv_bool(&j, "image_input", o->image_url.n || o->image_bytes.n || o->image_name.n);
    json_object_end(&j);
    o->params = arena_str(c->arena, buf_str(&out));
}

static bool is_blank(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!strchr(" \t\r\n", s.p[i]))
            return false;
    }
    return true;
}

enum status sora_generate(struct call *c, struct err *err)
{
    struct generation_order o = {.user_id = c->who.user_id};
    struct model *models;
    size_t n;
    int64_t id;

    TRY(json_field_str(c->json, "model", JSON_REQUIRED, 1, 100, &o.model, err));
    TRY(json_field_str(c->json, "prompt", JSON_REQUIRED, 1, PROMPT_MAX, &o.prompt, err));
    if (is_blank(o.prompt))
        return err_field(err, "invalid_field", "prompt", "prompt must say something.");
    TRY(own_models(c, &models, &n, err));
    const struct model *m = models_find(models, n, o.model);
    if (!m)
        return err_field(err, "unknown_model", "model", "There is no model %.*s.",
                         STR_ARG(o.model));
    TRY(read_shape(c, m, &o, err));
    TRY(read_image(c, &o, err));
    TRY(request_key_read(http_head_get(c->head, STR("idempotency-key")), "POST", c->head->path,
                         c->body, c->arena, &o.once, err));
    write_params(c, &o);
    TRY(generation_create(c->worker, &o, c->arena, &id, err));

    struct json_out *j = call_json(c, 202);
    json_object(j);
    json_kv_int(j, "generation_id", id);
    json_kv_z(j, "status", "pending");
    json_object_end(j);
    return OK;
}

/* ---- records */

typedef bool parse_word(struct str s, int *ret);

static bool parse_status(struct str s, int *ret)
{
    enum generation_status v;
    bool ok = generation_status_parse(s, &v);
    *ret = ok ? (int)v : 0;
    return ok;
}

static bool parse_storage(struct str s, int *ret)
{
    enum storage_type v;
    bool ok = storage_type_parse(s, &v);
    *ret = ok ? (int)v : 0;
    return ok;
}

static bool parse_media(struct str s, int *ret)
{
    enum media_type v;
    bool ok = media_type_parse(s, &v);
    *ret = ok ? (int)v : 0;
    return ok;
}

/* A comma list of words as a bit set. */
static enum status read_set(struct call *c, const char *name, parse_word *parse, unsigned *ret,
                            struct err *err)
{
    struct str list = call_query(c, name);
    while (list.n) {
        struct str word = str_trim(str_cut(&list, ','));
        int bit;
        if (!parse(word, &bit))
            return err_field(err, "invalid_field", name, "%s does not know \"%.*s\".", name,
                             STR_ARG(str_to(word, 40)));
        *ret |= 1u << bit;
    }
    return OK;
}

enum status sora_list(struct call *c, struct err *err)
{
    struct generation_filter f = {.user_id = c->who.user_id, .search = call_query(c, "q")};
    struct generation *list;
    struct page page;
    size_t n;
    int64_t total;
    TRY(call_page(c, &page, err));
    TRY(read_set(c, "status", parse_status, &f.statuses, err));
    TRY(read_set(c, "storage_type", parse_storage, &f.storages, err));
    TRY(read_set(c, "media_type", parse_media, &f.media, err));
    if (f.search.n > 500)
        return err_field(err, "invalid_field", "q", "q may have 500 bytes at most.");
    TRY(generation_list(c->db, &f, page.size, page.offset, c->arena, &list, &n, &total, err));
    struct json_out *j = call_list_begin(c);
    for (size_t i = 0; i < n; i++)
        TRY(view_generation(c->worker, c->arena, c->origin, c->language, &list[i], j, err));
    call_list_end(c, &page, total);
    return OK;
}

static enum status answer_record(struct call *c, int64_t id, struct err *err)
{
    struct generation g;
    TRY(generation_load_owned(c->db, c->who.user_id, id, c->arena, &g, err));
    return view_generation(c->worker, c->arena, c->origin, c->language, &g, call_json(c, 200), err);
}

enum status sora_get(struct call *c, struct err *err)
{
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    return answer_record(c, id, err);
}

enum status sora_delete(struct call *c, struct err *err)
{
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(generation_remove(c->worker, c->who.user_id, id, err));
    return call_empty(c);
}

enum status sora_cancel(struct call *c, struct err *err)
{
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(generation_cancel(c->worker, c->who.user_id, id, err));
    return answer_record(c, id, err);
}

enum status sora_save(struct call *c, struct err *err)
{
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(generation_save(c->worker, c->who.user_id, id, c->arena, err));
    return answer_record(c, id, err);
}

/* ---- what there is */

enum status sora_quota(struct call *c, struct err *err)
{
    struct quota q;
    TRY(quota_read(c->app, c->db, c->who.user_id, &q, err));
    view_quota(&q, call_json(c, 200));
    return OK;
}

static void write_model(struct json_out *j, const struct model *m, enum language language)
{
    json_object(j);
    json_kv_str(j, "id", m->id);
    json_kv_str(j, "name", models_name(m, language));
    json_kv_z(j, "media_type", media_type_name(m->media_type));
    json_kv_str(j, "description", models_description(m, language));
    json_key(j, "orientations");
    json_array(j);
    if (m->orientation.n) {
        json_str(j, m->orientation);
    } else if (m->media_type == MEDIA_VIDEO) {
        json_str(j, STR("landscape"));
        json_str(j, STR("portrait"));
    }
    json_array_end(j);
    json_key(j, "seconds");
    json_array(j);
    for (size_t i = 0; i < m->seconds_count; i++)
        json_int(j, m->seconds[i]);
    json_array_end(j);
    json_key(j, "sizes");
    json_array(j);
    if (m->size.n)
        json_str(j, m->size);
    json_array_end(j);
    json_kv_bool(j, "image_input", m->image_input);
    json_object_end(j);
}

enum status sora_models(struct call *c, struct err *err)
{
    struct model *models;
    size_t n;
    TRY(own_models(c, &models, &n, err));
    struct json_out *j = call_json(c, 200);
    json_object(j);
    json_key(j, "data");
    json_array(j);
    for (size_t i = 0; i < n; i++)
        write_model(j, &models[i], c->language);
    json_array_end(j);
    json_object_end(j);
    return OK;
}

enum status sora_storage_status(struct call *c, struct err *err)
{
    (void)err;
    struct json_out *j = call_json(c, 200);
    json_object(j);
    json_kv_bool(j, "s3_enabled", c->settings->sora_s3_enabled);
    json_kv_bool(j, "s3_healthy", storage_is_healthy(c->app));
    json_kv_bool(j, "local_enabled", library_local_enabled(c->app));
    json_object_end(j);
    return OK;
}
