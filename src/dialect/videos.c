/* SPDX-License-Identifier: Apache-2.0 */
/* videos — the OpenAI Videos API as its living servers answer it: vLLM-Omni, SGLang,
 * LiteLLM, new-api and other Kinoras.
 *
 *   POST {base}/v1/videos        multipart, as the official package sends it and vLLM-Omni
 *                                alone takes it; where that is refused for its form, JSON
 *   POST …/{id}/remix            JSON, the prompt alone
 *   GET  {base}/v1/videos/{id}   status words in any case, see `words`
 *   GET  …/{id}/content          opened by the account's own credential
 *   DELETE …/{id}                stops it, or only forgets it (SGLang)
 *
 * The id of the submission is the one that counts: LiteLLM shows another when polled; and
 * where OpenRouter names the address to poll, that one. */
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "dialect/videos_impl.h"
#include "net/multipart.h"
#include "platform/crypto.h"
#include "platform/json_in.h"

enum { ID_MAX = 512 };

/* ---- what both halves write */

void videos_choose_boundary(const struct dialect_request *r, char out[40])
{
    unsigned char digest[SHA256_SIZE];
    crypto_hmac_sha256(r->secret, STR("multipart boundary"), digest);
    memcpy(out, "kinora", 6);
    hex_encode(digest, 16, out + 6);
}

struct form_out {
    struct buf *out;
    const char *boundary;
};

static void write_extra_field(void *out, const char *name, struct str json, struct str text)
{
    const struct form_out *f = out;
    (void)json;
    multipart_write_field(f->out, f->boundary, str_of(name), text);
}

void videos_write_extra_form(struct buf *out, const char *boundary, const struct dialect_request *r,
                             const char *const *written)
{
    struct form_out f = {out, boundary};
    dialect_each_extra(r, written, write_extra_field, &f);
}

void videos_write_image(struct buf *out, const char *boundary, const struct dialect_image *image,
                        struct str name, struct str address_name, struct arena *a)
{
    if (image->bytes.n) {
        struct str type = image->type.n ? image->type : STR("image/png");
        struct str file = arena_printf(a, "reference.%.*s", STR_ARG(str_from(type, 6)));
        multipart_write_file_head(out, boundary, name, file, type);
        buf_add(out, image->bytes);
    } else if (image->url.n) {
        multipart_write_field(out, boundary, address_name, image->url);
    }
}

struct dialect_image videos_first_image(const struct dialect_request *r)
{
    return (struct dialect_image){
        .url = r->image_url, .bytes = r->image_bytes, .type = r->image_type};
}

enum status videos_end_form(struct dialect_http *http, const struct dialect_target *t,
                            struct buf *body, const char *boundary, struct arena *a,
                            struct err *err)
{
    multipart_write_end(body, boundary);
    http->body = buf_failed(body) ? STR_NONE : arena_str(a, buf_str(body));
    if (!http->body.p)
        return err_set(err, E_INVALID, "too_large");
    dialect_http_bearer(http, t, a);
    dialect_http_header(http, STR("Content-Type"),
                        arena_printf(a, "multipart/form-data; boundary=%s", boundary));
    return OK;
}

enum status videos_end_json(struct dialect_http *http, const struct dialect_target *t,
                            struct buf *body, struct arena *a, struct err *err)
{
    dialect_http_bearer(http, t, a);
    return dialect_http_end_json(http, body, a, err);
}

/* ---- submission */

/* A model's size when the request names none. */
static struct str size_of(const struct dialect_request *r)
{
    if (r->size.n)
        return r->size;
    if (!r->orientation.n)
        return STR_NONE;
    return str_eq(r->orientation, STR("portrait")) ? STR("720x1280") : STR("1280x720");
}

static const char *const written[] = {"model",           "prompt",       "seconds",  "size",
                                      "input_reference", "frame_images", "duration", NULL};

static void write_form(struct buf *out, const char *boundary, const struct dialect_request *r,
                       struct arena *a)
{
    const struct dialect_image image = videos_first_image(r);
    struct str size = size_of(r);
    multipart_write_field(out, boundary, STR("prompt"), r->prompt);
    multipart_write_field(out, boundary, STR("model"), r->model);
    if (r->seconds)
        multipart_write_field(out, boundary, STR("seconds"),
                              arena_printf(a, "%lld", (long long)r->seconds));
    if (size.n)
        multipart_write_field(out, boundary, STR("size"), size);
    videos_write_extra_form(out, boundary, r, written);
    videos_write_image(out, boundary, &image, STR("input_reference"),
                       STR("input_reference[image_url]"), a);
}

/* As the package's types have it, and as OpenRouter has it. */
static void write_reference(struct json_out *j, struct str url)
{
    json_key(j, "input_reference");
    json_object(j);
    json_kv_str(j, "image_url", url);
    json_object_end(j);
    json_key(j, "frame_images");
    json_array(j);
    json_object(j);
    json_kv_z(j, "type", "image_url");
    json_key(j, "image_url");
    json_object(j);
    json_kv_str(j, "url", url);
    json_object_end(j);
    json_kv_z(j, "frame_type", "first_frame");
    json_object_end(j);
    json_array_end(j);
}

static void write_json(struct json_out *j, const struct dialect_request *r, struct arena *a)
{
    struct str size = size_of(r);
    json_object(j);
    json_kv_str(j, "model", r->model);
    json_kv_str(j, "prompt", r->prompt);
    if (r->seconds) {
        json_kv_str(j, "seconds", arena_printf(a, "%lld", (long long)r->seconds));
        json_kv_int(j, "duration", r->seconds);
    }
    if (size.n)
        json_kv_str(j, "size", size);
    if (r->image_url.n)
        write_reference(j, r->image_url);
    dialect_write_extra_json(j, r, written);
    json_object_end(j);
}

static enum status task_endpoint(struct str task_id, const char *more, struct arena *a,
                                 struct str *ret, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf path = BUF_INIT(8192);
    buf_add(&path, STR("/v1/videos/"));
    url_percent_encode(task_id, false, &path);
    buf_add(&path, str_of(more));
    *ret = buf_failed(&path) ? STR_NONE : arena_str(a, buf_str(&path));
    return ret->p ? OK : err_say(err, E_UPSTREAM, "bad_answer", "The upstream's id is too long.");
}

/* A remix takes nothing but the prompt. */
static enum status build_remix(const struct dialect_target *t, const struct dialect_request *r,
                               struct arena *a, struct dialect_http *ret, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf body = BUF_INIT(VIDEOS_BODY_MAX);
    struct json_out j;
    struct str endpoint;
    TRY(task_endpoint(r->remix_of, "/remix", a, &endpoint, err));
    TRY(dialect_http_begin(ret, t, STR("POST"), endpoint, a, err));
    json_out_init(&j, &body);
    json_object(&j);
    json_kv_str(&j, "prompt", r->prompt);
    json_object_end(&j);
    return videos_end_json(ret, t, &body, a, err);
}

static enum status build_submit(const struct dialect_target *t, const struct dialect_request *r,
                                struct arena *a, struct dialect_http *ret, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf body = BUF_INIT(VIDEOS_BODY_MAX);
    struct json_out j;
    char boundary[40];
    if (r->media_type == MEDIA_IMAGE)
        return videos_build_image(t, r, a, ret, err);
    if (r->count > 1)
        return err_set(err, E_INVALID, "makes_one_video");
    TRY(dialect_one_image(r, err));
    if (r->remix_of.n)
        return build_remix(t, r, a, ret, err);
    TRY(dialect_http_begin(ret, t, STR("POST"), STR("/v1/videos"), a, err));
    if (r->other_form) {
        json_out_init(&j, &body);
        write_json(&j, r, a);
        return videos_end_json(ret, t, &body, a, err);
    }
    ret->has_other_form = true;
    videos_choose_boundary(r, boundary);
    write_form(&body, boundary, r, a);
    return videos_end_form(ret, t, &body, boundary, a, err);
}

/* SGLang's older builds miss an input_reference in every form, and servers that read JSON
 * alone say so in one way or another; none of them has begun anything. */
static bool wants_other_form(const struct dialect_answer *in)
{
    return in->status == 415 || ((in->status == 400 || in->status == 422) &&
                                 (str_find(in->body, STR("input_reference")) >= 0 ||
                                  str_find(in->body, STR("application/json")) >= 0 ||
                                  str_find(in->body, STR("multipart")) >= 0));
}

/* ---- reading a task */

static const struct {
    const char *word;
    enum dialect_state state;
} words[] = {
    {"queued", DIALECT_PENDING},     {"pending", DIALECT_PENDING},
    {"submitted", DIALECT_PENDING},  {"not_start", DIALECT_PENDING},
    {"preparing", DIALECT_PENDING},  {"in_progress", DIALECT_RUNNING},
    {"processing", DIALECT_RUNNING}, {"running", DIALECT_RUNNING},
    {"generating", DIALECT_RUNNING}, {"completed", DIALECT_DONE},
    {"complete", DIALECT_DONE},      {"success", DIALECT_DONE},
    {"succeeded", DIALECT_DONE},     {"finished", DIALECT_DONE},
    {"failed", DIALECT_FAILED},      {"fail", DIALECT_FAILED},
    {"failure", DIALECT_FAILED},     {"error", DIALECT_FAILED},
    {"expired", DIALECT_FAILED},     {"cancelled", DIALECT_CANCELLED},
    {"canceled", DIALECT_CANCELLED}, {"deleted", DIALECT_CANCELLED},
};

/* A word we do not know (new-api has "unknown") is no reason to give up: it goes on. */
static enum dialect_state state_of(struct str word)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (str_eq_ci(word, str_of(words[i].word)))
            return words[i].state;
    }
    return DIALECT_RUNNING;
}

static int64_t progress_of(struct json j)
{
    double number = json_real_or(j, -1);
    if (json_is_number(j))
        return number >= 0 && number <= 100 ? (int64_t)number : -1;
    struct str text = json_str_or(j, STR_NONE);
    int64_t value;
    if (str_ends(text, STR("%")))
        text.n--;
    return str_to_i64(text, &value) ? value : -1;
}

static void read_failure(const struct dialect_target *t, const struct dialect_answer *in,
                         struct arena *a, struct dialect_outcome *o)
{
    struct str code;
    o->failure.words = dialect_error_message(in, t->credential, a, &code);
    o->failure.class = dialect_failure_class(code, o->failure.words);
    if (o->state == DIALECT_CANCELLED)
        o->failure.code = STR("upstream_cancelled");
}

static enum status read_task(const struct dialect_target *t, const struct dialect_answer *in,
                             struct json j, struct arena *a, struct dialect_outcome *ret,
                             struct err *err)
{
    struct str status = json_str_or(json_get(j, "status"), STR_NONE);
    if (!status.n)
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer has no status.");
    memset(ret, 0, sizeof(*ret));
    ret->queue_position = -1;
    ret->state = state_of(status);
    ret->progress = progress_of(json_get(j, "progress"));
    struct json error = json_get(j, "error");
    /* Some say "completed" of what carries an error. */
    if (ret->state == DIALECT_DONE && (json_is_object(error) || json_is_string(error)) &&
        json_str_or(error, STR("x")).n)
        ret->state = DIALECT_FAILED;
    if (ret->state == DIALECT_FAILED || ret->state == DIALECT_CANCELLED)
        read_failure(t, in, a, ret);
    return OK;
}

static struct str task_id_of(struct json j)
{
    struct str id = json_str_or(json_get(j, "id"), STR_NONE);
    return id.n ? id : json_str_or(json_get(j, "task_id"), STR_NONE);
}

/* OpenRouter's lists: the first opens with the account's credential alone. */
static bool add_listed(const struct dialect_target *t, struct json j, struct arena *a,
                       struct dialect_outcome *ret)
{
    struct str guarded = json_str_or(json_at(json_get(j, "unsigned_urls"), 0), STR_NONE);
    struct str open = json_str_or(json_at(json_get(j, "urls"), 0), STR_NONE);
    struct url url;
    struct err ignored;
    if (guarded.n && dialect_media_link(t, guarded, MEDIA_VIDEO, a, &ret->media[0]) &&
        url_parse(ret->media[0].url, a, &url, &ignored) == OK && url_same_origin(&url, &t->base)) {
        ret->media[0].needs_credential = true;
        return true;
    }
    return open.n && dialect_media_link(t, open, MEDIA_VIDEO, a, &ret->media[0]);
}

/* A public address in the task itself, or in its metadata (new-api). */
static bool add_link(const struct dialect_target *t, struct json j, struct arena *a,
                     struct dialect_outcome *ret)
{
    static const char *const fields[] = {"url", "video_url", "output_url", NULL};
    const struct json places[] = {j, json_get(j, "metadata")};
    for (size_t p = 0; p < ARRAY_SIZE(places); p++) {
        for (size_t i = 0; fields[i]; i++) {
            struct str link = json_str_or(json_get(places[p], fields[i]), STR_NONE);
            if (link.n && dialect_media_link(t, link, MEDIA_VIDEO, a, &ret->media[0]))
                return true;
        }
    }
    return add_listed(t, j, a, ret);
}

/* Without an address of its own: the content address. */
static enum status add_content(const struct dialect_target *t, struct json j, struct str task_id,
                               struct arena *a, struct dialect_outcome *ret, struct err *err)
{
    struct dialect_http http;
    struct str endpoint;
    ret->media_count = 1;
    if (add_link(t, j, a, ret))
        return OK;
    ret->media_count = 0;
    TRY(task_endpoint(task_id, "/content", a, &endpoint, err));
    TRY(dialect_http_begin(&http, t, STR("GET"), endpoint, a, err));
    ret->media[0] = (struct dialect_media){
        .url = url_text(&http.url, a), .needs_credential = true, .type = MEDIA_VIDEO};
    ret->media_count = 1;
    return OK;
}

static enum status read_submit(const struct dialect_target *t, const struct dialect_answer *in,
                               struct arena *a, struct dialect_outcome *ret, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    if (json_parse(in->body, &doc, err) != OK)
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer is not JSON.");
    struct json j = json_root(doc);
    struct str id = task_id_of(j);
    /* One that no address can carry could never be asked for. */
    if (!id.n || id.n > ID_MAX)
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer has no usable id.");
    TRY(read_task(t, in, j, a, ret, err));
    ret->task_id = arena_str(a, id);
    ret->ref = arena_str(a, json_str_or(json_get(j, "polling_url"), STR("")));
    return ret->state == DIALECT_DONE ? add_content(t, j, ret->task_id, a, ret, err) : OK;
}

/* The account's key goes to its own origin alone, whatever address the answer named. */
static void use_polling_url(const struct dialect_target *t, struct str polling_url, struct arena *a,
                            struct dialect_http *http)
{
    struct url url;
    struct err ignored;
    if (str_find_char(polling_url, '/') < 0 ||
        url_resolve(&t->base, polling_url, a, &url, &ignored) != OK ||
        !url_same_origin(&url, &t->base))
        return;
    http->url = url;
}

static enum status build_poll(const struct dialect_target *t, const struct dialect_task *task,
                              struct arena *a, struct dialect_http *ret, struct err *err)
{
    struct str endpoint;
    TRY(task_endpoint(task->id, "", a, &endpoint, err));
    TRY(dialect_http_begin(ret, t, STR("GET"), endpoint, a, err));
    use_polling_url(t, task->ref, a, ret);
    dialect_http_bearer(ret, t, a);
    return OK;
}

/* vLLM-Omni answers the poll of a failed job with the job and its error's own status. Any
 * other body of an error, whatever words are in it, is not about the job. */
static bool is_failed_job(struct json j, const struct dialect_outcome *o)
{
    return task_id_of(j).n > 0 && (o->state == DIALECT_FAILED || o->state == DIALECT_CANCELLED);
}

static enum status read_poll(const struct dialect_target *t, const struct dialect_task *task,
                             const struct dialect_answer *in, struct arena *a,
                             struct dialect_outcome *ret, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    if (json_parse(in->body, &doc, err) != OK)
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer is not JSON.");
    struct json j = json_root(doc);
    TRY(read_task(t, in, j, a, ret, err));
    if (in->status / 100 != 2 && !is_failed_job(j, ret))
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer is an error.");
    return ret->state == DIALECT_DONE ? add_content(t, j, task->id, a, ret, err) : OK;
}

static enum status build_cancel(const struct dialect_target *t, const struct dialect_task *task,
                                struct arena *a, struct dialect_http *ret, struct err *err)
{
    struct str endpoint;
    TRY(task_endpoint(task->id, "", a, &endpoint, err));
    TRY(dialect_http_begin(ret, t, STR("DELETE"), endpoint, a, err));
    dialect_http_bearer(ret, t, a);
    return OK;
}

static enum status build_models(const struct dialect_target *t, struct arena *a,
                                struct dialect_http *ret, struct err *err)
{
    TRY(dialect_http_begin(ret, t, STR("GET"), STR("/v1/models"), a, err));
    dialect_http_bearer(ret, t, a);
    return OK;
}

const struct dialect dialect_videos = {
    .name = "videos",
    .build_submit = build_submit,
    .wants_other_form = wants_other_form,
    .read_submit = read_submit,
    .build_poll = build_poll,
    .read_poll = read_poll,
    .build_cancel = build_cancel,
    .build_models = build_models,
    .read_models = dialect_read_model_list,
    .stream_new = videos_stream_new,
    .stream_feed = videos_stream_feed,
    .stream_outcome = videos_stream_outcome,
    .stream_finish = videos_stream_finish,
    .stream_free = videos_stream_free,
};
