/* SPDX-License-Identifier: Apache-2.0 */
/* videos — the OpenAI Videos API as its living servers answer it: vLLM-Omni, SGLang,
 * LiteLLM, new-api and other Kinoras.
 *
 *   POST {base}/v1/videos        multipart, as the official package sends it: vLLM-Omni takes
 *                                nothing else, and all the others take it too
 *   POST …/{id}/remix            JSON, the prompt alone
 *   GET  {base}/v1/videos/{id}   status words in any case, see `words`
 *   GET  …/{id}/content          opened by the account's own credential
 *   DELETE …/{id}                stops it, or only forgets it (SGLang)
 *
 * The id of the submission is the one that counts: LiteLLM shows another when polled. */
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/json_out.h"
#include "dialect/dialect_http.h"
#include "net/multipart.h"
#include "platform/crypto.h"
#include "platform/json_in.h"

enum { BODY_MAX = 32 << 20, ID_MAX = 512 };

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

static void write_fields(struct buf *out, const char *boundary, const struct dialect_request *r,
                         struct arena *a)
{
    struct str size = size_of(r);
    multipart_write_field(out, boundary, STR("prompt"), r->prompt);
    multipart_write_field(out, boundary, STR("model"), r->model);
    if (r->seconds)
        multipart_write_field(out, boundary, STR("seconds"),
                              arena_printf(a, "%lld", (long long)r->seconds));
    if (size.n)
        multipart_write_field(out, boundary, STR("size"), size);
}

static void write_reference(struct buf *out, const char *boundary, const struct dialect_request *r,
                            struct arena *a)
{
    if (r->image_bytes.n) {
        struct str type = r->image_type.n ? r->image_type : STR("image/png");
        struct str name = arena_printf(a, "reference.%.*s", STR_ARG(str_from(type, 6)));
        multipart_write_file_head(out, boundary, STR("input_reference"), name, type);
        buf_add(out, r->image_bytes);
    } else if (r->image_url.n) {
        multipart_write_field(out, boundary, STR("input_reference[image_url]"), r->image_url);
    }
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
    _cleanup_(buf_cleanup) struct buf body = BUF_INIT(BODY_MAX);
    struct json_out j;
    struct str endpoint;
    TRY(task_endpoint(r->remix_of, "/remix", a, &endpoint, err));
    TRY(dialect_http_begin(ret, t, STR("POST"), endpoint, a, err));
    json_out_init(&j, &body);
    json_object(&j);
    json_kv_str(&j, "prompt", r->prompt);
    json_object_end(&j);
    ret->body = buf_failed(&body) ? STR_NONE : arena_str(a, buf_str(&body));
    if (!ret->body.p)
        return err_say(err, E_INVALID, "too_large", "The request is too large for this upstream.");
    dialect_http_bearer(ret, t, a);
    dialect_http_header(ret, STR("Content-Type"), STR("application/json"));
    return OK;
}

/* From what is said, so that a submission sent again is the same byte for byte: an upstream
 * that honours the Idempotency-Key compares bodies. */
static void choose_boundary(const struct dialect_request *r, char out[40])
{
    _cleanup_(sha256_freep) struct sha256 *hash = sha256_new();
    unsigned char digest[SHA256_SIZE];
    sha256_update(hash, r->model);
    sha256_update(hash, r->prompt);
    sha256_update(hash, r->image_bytes);
    sha256_final(hash, digest);
    memcpy(out, "kinora", 6);
    hex_encode(digest, 16, out + 6);
}

static enum status build_submit(const struct dialect_target *t, const struct dialect_request *r,
                                struct arena *a, struct dialect_http *ret, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf body = BUF_INIT(BODY_MAX);
    char boundary[40];
    if (r->media_type != MEDIA_VIDEO)
        return err_set(err, E_INVALID, "makes_videos_only");
    if (r->count > 1)
        return err_set(err, E_INVALID, "makes_one_video");
    if (r->remix_of.n)
        return build_remix(t, r, a, ret, err);
    TRY(dialect_http_begin(ret, t, STR("POST"), STR("/v1/videos"), a, err));
    choose_boundary(r, boundary);
    write_fields(&body, boundary, r, a);
    write_reference(&body, boundary, r, a);
    multipart_write_end(&body, boundary);
    ret->body = buf_failed(&body) ? STR_NONE : arena_str(a, buf_str(&body));
    if (!ret->body.p)
        return err_say(err, E_INVALID, "too_large", "The request is too large for this upstream.");
    dialect_http_bearer(ret, t, a);
    dialect_http_header(ret, STR("Content-Type"),
                        arena_printf(a, "multipart/form-data; boundary=%s", boundary));
    return OK;
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
    if (json_is_number(j))
        return (int64_t)json_real_or(j, -1);
    struct str text = json_str_or(j, STR_NONE);
    int64_t value;
    if (str_ends(text, STR("%")))
        text.n--;
    return str_to_i64(text, &value) ? value : -1;
}

static void read_failure(const struct dialect_answer *in, struct arena *a,
                         struct dialect_outcome *o)
{
    struct str code;
    o->failure.words = dialect_error_message(in, a, &code);
    o->failure.class = dialect_failure_class(code, o->failure.words);
    if (o->state == DIALECT_CANCELLED)
        o->failure.code = STR("upstream_cancelled");
}

static enum status read_task(const struct dialect_answer *in, struct json j, struct arena *a,
                             struct dialect_outcome *ret, struct err *err)
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
        read_failure(in, a, ret);
    return OK;
}

static struct str task_id_of(struct json j)
{
    struct str id = json_str_or(json_get(j, "id"), STR_NONE);
    return id.n ? id : json_str_or(json_get(j, "task_id"), STR_NONE);
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
    return false;
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
    TRY(read_task(in, j, a, ret, err));
    ret->task_id = arena_str(a, id);
    /* All that polling and fetching need, whatever ids later answers show. */
    ret->ref = ret->task_id;
    return ret->state == DIALECT_DONE ? add_content(t, j, ret->task_id, a, ret, err) : OK;
}

static enum status build_poll(const struct dialect_target *t, struct str task_id, struct str ref,
                              struct arena *a, struct dialect_http *ret, struct err *err)
{
    struct str endpoint;
    (void)ref;
    TRY(task_endpoint(task_id, "", a, &endpoint, err));
    TRY(dialect_http_begin(ret, t, STR("GET"), endpoint, a, err));
    dialect_http_bearer(ret, t, a);
    return OK;
}

/* vLLM-Omni answers the poll of a failed job with the job and its error's own status. Any
 * other body of an error, whatever words are in it, is not about the job. */
static bool is_failed_job(struct json j, const struct dialect_outcome *o)
{
    return task_id_of(j).n > 0 && (o->state == DIALECT_FAILED || o->state == DIALECT_CANCELLED);
}

static enum status read_poll(const struct dialect_target *t, struct str task_id,
                             const struct dialect_answer *in, struct arena *a,
                             struct dialect_outcome *ret, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    if (json_parse(in->body, &doc, err) != OK)
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer is not JSON.");
    struct json j = json_root(doc);
    TRY(read_task(in, j, a, ret, err));
    if (in->status / 100 != 2 && !is_failed_job(j, ret))
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer is an error.");
    return ret->state == DIALECT_DONE ? add_content(t, j, task_id, a, ret, err) : OK;
}

static enum status build_cancel(const struct dialect_target *t, struct str task_id, struct arena *a,
                                struct dialect_http *ret, struct err *err)
{
    struct str endpoint;
    TRY(task_endpoint(task_id, "", a, &endpoint, err));
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
    .read_submit = read_submit,
    .build_poll = build_poll,
    .read_poll = read_poll,
    .build_cancel = build_cancel,
    .build_models = build_models,
    .read_models = dialect_read_model_list,
};
