/* SPDX-License-Identifier: Apache-2.0 */
#include "api/gateway.h"

#include "api/dispatch.h"
#include "api/messages.h"
#include "api/origin.h"
#include "api/respond.h"
#include "base/clock.h"
#include "service/metrics.h"
#include "service/models.h"
#include "service/relay_media.h"

enum { ERROR_BYTES = 16 << 10, LIST_BYTES = 1 << 20, LIST_ARENA = 1 << 20 };

static const struct http_header json_type = HTTP_HEADER("Content-Type", "application/json");

/* Written already in one of the two shapes. */
static void reply_error(struct exchange *x, int status, const struct err *err, struct str body)
{
    struct http_header headers[RESPOND_HEADERS];
    char seconds[24];
    exchange_reply(x, status, headers, respond_headers(err, seconds, headers), body);
}

static void refuse(struct exchange *x, int http_status, const struct err *err)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(ERROR_BYTES);
    int status = http_status ? http_status : respond_status(err->status);
    metrics_answer(METRICS_GATEWAY, status);
    respond_openai_error(&out, status, err);
    reply_error(x, status, err, buf_str(&out));
}

/* For people: a link is opened in a browser. */
static void refuse_media(struct exchange *x, int http_status, const struct err *err)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(ERROR_BYTES);
    struct str wanted = http_head_get(exchange_head(x), STR("accept-language"));
    respond_error(&out, language_of(wanted, LANG_ZH), err);
    int status = http_status ? http_status : respond_status(err->status);
    metrics_answer(METRICS_MEDIA, status);
    reply_error(x, status, err, buf_str(&out));
}

static void write_error(struct buf *out, const struct err *err)
{
    respond_openai_error(out, respond_status(err->status), err);
}

static struct str origin(const struct exchange *x, struct app *app, struct arena *a)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(app);
    struct origin seen;
    struct err ignored;
    if (origin_of(settings, exchange_peer(x), exchange_head(x), a, &seen, &ignored) != OK)
        return STR("");
    return arena_str(a, seen.text);
}

struct relay_host gateway_host(struct dispatch *d)
{
    return (struct relay_host){.app = dispatch_app(d),
                               .loop = dispatch_loop(d),
                               .upstream = dispatch_upstream(d),
                               .refuse = refuse,
                               .write_error = write_error,
                               .origin = origin};
}

void gateway_chat_sora(struct exchange *x, struct dispatch *d, const struct route_match *match)
{
    (void)match;
    struct relay_host host = gateway_host(d);
    relay_chat(x, &host, true);
}

void gateway_chat_v1(struct exchange *x, struct dispatch *d, const struct route_match *match)
{
    (void)match;
    struct relay_host host = gateway_host(d);
    relay_chat(x, &host, false);
}

void gateway_media(struct exchange *x, struct dispatch *d, const struct route_match *match)
{
    (void)match;
    struct relay_host host = gateway_host(d);
    host.refuse = refuse_media;
    relay_media(x, &host);
}

/* ---- models ---- */

static void write_model(struct json_out *j, const struct model *m)
{
    json_object(j);
    json_kv_str(j, "id", m->id);
    json_kv_z(j, "object", "model");
    json_kv_int(j, "created", 0); /* nobody knows; clients want a number */
    json_kv_z(j, "owned_by", "kinora");
    json_object_end(j);
}

static void write_models(struct json_out *j, const struct model *models, size_t n)
{
    json_object(j);
    json_kv_z(j, "object", "list");
    json_key(j, "data");
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        if (models[i].served)
            write_model(j, &models[i]);
    }
    json_array_end(j);
    json_object_end(j);
}

/* What the caller's group would be given, and what not (`served`). */
static enum status list_models(struct exchange *x, struct dispatch *d,
                               const struct route_match *match, struct arena *a, struct model **ret,
                               size_t *ret_count, struct err *err)
{
    bool forced = str_starts(str_of(match->route->pattern), STR("/sora/"));
    struct app *app = dispatch_app(d);
    struct relay_caller caller;
    TRY(relay_admit(app, x, forced, &caller, err));
    return models_list(app, caller.key.group_id, caller.ungrouped, false, a, ret, ret_count, err);
}

static void answer_json(struct exchange *x, struct buf *out)
{
    metrics_answer(METRICS_GATEWAY, 200);
    exchange_reply(x, 200, &json_type, 1, buf_str(out));
}

void gateway_models(struct exchange *x, struct dispatch *d, const struct route_match *match)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIST_ARENA);
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(LIST_BYTES);
    struct model *models;
    struct json_out j;
    struct err err;
    size_t n;
    if (list_models(x, d, match, a, &models, &n, &err) != OK) {
        refuse(x, 0, &err);
        return;
    }
    json_out_init(&j, &out);
    write_models(&j, models, n);
    answer_json(x, &out);
}

static enum status find_model(struct exchange *x, struct dispatch *d,
                              const struct route_match *match, struct arena *a,
                              const struct model **ret, struct err *err)
{
    struct model *models;
    size_t n;
    TRY(list_models(x, d, match, a, &models, &n, err));
    const struct model *found = models_find(models, n, match->values[0]);
    if (!found || !found->served) {
        err_fill_field(err, "model_not_found", "model",
                       "There is no such model, or no account of your group serves it.");
        return err->status = E_NOT_FOUND;
    }
    *ret = found;
    return OK;
}

void gateway_model(struct exchange *x, struct dispatch *d, const struct route_match *match)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(LIST_ARENA);
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(LIST_BYTES);
    const struct model *model;
    struct json_out j;
    struct err err;
    if (find_model(x, d, match, a, &model, &err) != OK) {
        refuse(x, 0, &err);
        return;
    }
    json_out_init(&j, &out);
    write_model(&j, model);
    answer_json(x, &out);
}
