/* SPDX-License-Identifier: Apache-2.0 */
/* ark — Seedance on Volcengine Ark and BytePlus ModelArk.
 *
 *   POST   {base}/api/v3/contents/generations/tasks        {model, content: [text, image_url], …}
 *   GET    …/{id}                                          200 also for a task that failed
 *   DELETE …/{id}                                          ends what waits, not what runs
 *   GET    …?page_num=1&page_size=1                        the list, for the test of AC-5
 *
 * Its links are signed and live 24 hours; another look at the task gives fresh ones. */
#include <string.h>

#include "base/buf.h"
#include "base/json_out.h"
#include "dialect/dialect_http.h"
#include "platform/json_in.h"

#define ENDPOINT "/api/v3/contents/generations/tasks"

enum { BODY_MAX = 64 << 20, ID_MAX = 512 };

/* ---- submission */

static enum status check_kind(const struct dialect_request *r, struct err *err)
{
    if (r->media_type != MEDIA_VIDEO)
        return err_set(err, E_INVALID, "makes_videos_only");
    if (r->count > 1)
        return err_set(err, E_INVALID, "makes_one_video");
    return r->remix_of.n ? err_set(err, E_INVALID, "takes_no_remix") : OK;
}

static void write_content(struct json_out *j, const struct dialect_request *r)
{
    json_array(j);
    json_object(j);
    json_kv_z(j, "type", "text");
    json_kv_str(j, "text", r->prompt);
    json_object_end(j);
    if (r->image_url.n) {
        json_object(j);
        json_kv_z(j, "type", "image_url");
        json_key(j, "image_url");
        json_object(j);
        json_kv_str(j, "url", r->image_url);
        json_object_end(j);
        json_kv_z(j, "role", "first_frame");
        json_object_end(j);
    }
    json_array_end(j);
}

static enum status write_task(struct json_out *j, const struct dialect_request *r, struct err *err)
{
    struct dialect_shape shape;
    TRY(check_kind(r, err));
    TRY(dialect_shape_of(r, &shape, err));
    json_object(j);
    json_kv_str(j, "model", r->model);
    json_key(j, "content");
    write_content(j, r);
    if (shape.ratio.n)
        json_kv_str(j, "ratio", shape.ratio);
    if (shape.resolution.n)
        json_kv_str(j, "resolution", shape.resolution);
    /* Which lengths there are differs from model to model: it says so itself. */
    if (r->seconds)
        json_kv_int(j, "duration", r->seconds);
    json_object_end(j);
    return OK;
}

static enum status build_submit(const struct dialect_target *t, const struct dialect_request *r,
                                struct arena *a, struct dialect_http *ret, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf body = BUF_INIT(BODY_MAX);
    struct json_out j;
    TRY(dialect_http_begin(ret, t, STR("POST"), STR(ENDPOINT), a, err));
    json_out_init(&j, &body);
    TRY(dialect_one_image(r, err));
    TRY(write_task(&j, r, err));
    dialect_http_bearer(ret, t, a);
    return dialect_http_end_json(ret, &body, a, err);
}

static enum status read_submit(const struct dialect_target *t, const struct dialect_answer *in,
                               struct arena *a, struct dialect_outcome *ret, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    (void)t;
    if (json_parse(in->body, &doc, err) != OK)
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer is not JSON.");
    struct str id = json_str_or(json_get(json_root(doc), "id"), STR(""));
    if (!id.n || id.n > ID_MAX)
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer has no usable id.");
    *ret = (struct dialect_outcome){.state = DIALECT_PENDING,
                                    .task_id = arena_str(a, id),
                                    .progress = -1,
                                    .queue_position = -1};
    return OK;
}

/* ---- the task */

static enum status ask(const struct dialect_target *t, struct str method, struct str task_id,
                       struct arena *a, struct dialect_http *ret, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf path = BUF_INIT(4096);
    buf_add(&path, STR(ENDPOINT "/"));
    url_percent_encode(task_id, false, &path);
    TRY(dialect_http_begin(ret, t, method, buf_str(&path), a, err));
    dialect_http_bearer(ret, t, a);
    return OK;
}

static enum status build_poll(const struct dialect_target *t, const struct dialect_task *task,
                              struct arena *a, struct dialect_http *ret, struct err *err)
{
    return ask(t, STR("GET"), task->id, a, ret, err);
}

/* A word that we do not know is no reason to give up. */
static enum dialect_state state_of(struct str word)
{
    static const struct {
        const char *word;
        enum dialect_state state;
    } words[] = {{"queued", DIALECT_PENDING}, {"running", DIALECT_RUNNING},
                 {"succeeded", DIALECT_DONE}, {"failed", DIALECT_FAILED},
                 {"expired", DIALECT_FAILED}, {"cancelled", DIALECT_CANCELLED}};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (str_eq(word, str_of(words[i].word)))
            return words[i].state;
    }
    return DIALECT_RUNNING;
}

static void read_failure(const struct dialect_target *t, const struct dialect_answer *in,
                         struct str word, struct arena *a, struct dialect_outcome *o)
{
    struct str code;
    o->failure.words = dialect_error_message(in, t->credential, a, &code);
    o->failure.class = dialect_failure_class(code, o->failure.words);
    if (o->state == DIALECT_CANCELLED)
        o->failure.code = STR("upstream_cancelled");
    else if (str_eq(word, STR("expired")))
        o->failure = (struct failure){.class = FAILURE_TIMEOUT, .code = STR("job_too_long")};
}

static void read_video(const struct dialect_target *t, struct json content, struct arena *a,
                       struct dialect_outcome *o)
{
    struct str link = json_str_or(json_get(content, "video_url"), STR_NONE);
    if (link.n && dialect_media_link(t, link, MEDIA_VIDEO, a, &o->media[0])) {
        o->media[0].needs_credential = false; /* signed: open to whoever has the address */
        o->media_count = 1;
        return;
    }
    o->state = DIALECT_FAILED;
    o->failure = (struct failure){.class = FAILURE_UPSTREAM, .code = STR("no_result")};
}

static enum status read_poll(const struct dialect_target *t, const struct dialect_task *task,
                             const struct dialect_answer *in, struct arena *a,
                             struct dialect_outcome *ret, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct dialect_outcome o = {.progress = -1, .queue_position = -1};
    (void)task;
    if (json_parse(in->body, &doc, err) != OK)
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer is not JSON.");
    struct json j = json_root(doc);
    struct str word = json_str_or(json_get(j, "status"), STR_NONE);
    if (in->status / 100 != 2 || !word.n)
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer has no status.");
    o.state = state_of(word);
    if (o.state == DIALECT_DONE)
        read_video(t, json_get(j, "content"), a, &o);
    else if (o.state == DIALECT_FAILED || o.state == DIALECT_CANCELLED)
        read_failure(t, in, word, a, &o);
    *ret = o;
    return OK;
}

/* Refused for what runs: it goes on there, and is forgotten here. */
static enum status build_cancel(const struct dialect_target *t, const struct dialect_task *task,
                                struct arena *a, struct dialect_http *ret, struct err *err)
{
    return ask(t, STR("DELETE"), task->id, a, ret, err);
}

/* ---- the light request of AC-5: the list of tasks, as there is none of models */

static enum status build_models(const struct dialect_target *t, struct arena *a,
                                struct dialect_http *ret, struct err *err)
{
    TRY(dialect_http_begin(ret, t, STR("GET"), STR(ENDPOINT "?page_num=1&page_size=1"), a, err));
    dialect_http_bearer(ret, t, a);
    return OK;
}

static enum status read_models(const struct dialect_answer *in, struct arena *a,
                               struct str *ret_names, size_t max, size_t *ret_count,
                               struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct err ignored;
    (void)a;
    (void)ret_names;
    (void)max;
    if (in->status / 100 != 2 || json_parse(in->body, &doc, &ignored) != OK ||
        !json_is_int(json_get(json_root(doc), "total")))
        return err_set(err, E_UPSTREAM, "not_this_api");
    *ret_count = 0;
    return OK;
}

const struct dialect dialect_ark = {
    .name = "ark",
    .build_submit = build_submit,
    .read_submit = read_submit,
    .build_poll = build_poll,
    .read_poll = read_poll,
    .build_cancel = build_cancel,
    .build_models = build_models,
    .read_models = read_models,
};
