/* SPDX-License-Identifier: Apache-2.0 */
/* The Images half of the videos dialect, as vLLM-Omni, SGLang, LiteLLM and new-api answer it.
 *
 *   POST {base}/v1/images/generations   JSON
 *   POST {base}/v1/images/edits         multipart, the input image in `image`
 *
 * One call each, silent until the work is done; then {"created","data":[{"b64_json"|"url"}]}.
 * vLLM-Omni and SGLang give bytes alone, so bytes are asked for; GPT Image models give
 * nothing else, and their makers refuse to be asked. */
#include "base/buf.h"
#include "dialect/videos_impl.h"
#include "net/multipart.h"
#include "platform/json_in.h"

/* Of all images, as base64. */
enum { ANSWER_MAX = DIALECT_MAX_MEDIA * (32 << 20) };

/* ---- submission */

static struct str size_of(const struct dialect_request *r)
{
    if (r->size.n || !r->orientation.n)
        return r->size;
    return str_eq(r->orientation, STR("portrait")) ? STR("1024x1536") : STR("1536x1024");
}

static bool may_ask_for_bytes(const struct dialect_request *r)
{
    return !str_starts(r->model, STR("gpt-image"));
}

static const char *const written[] = {"model",           "prompt", "n",     "size",
                                      "response_format", "mask",   "image", "image[]",
                                      "images",          "url",    "url[]", NULL};

static void write_json(struct json_out *j, const struct dialect_request *r)
{
    struct str size = size_of(r);
    json_object(j);
    json_kv_str(j, "model", r->model);
    json_kv_str(j, "prompt", r->prompt);
    json_kv_int(j, "n", MAX(r->count, 1));
    if (size.n)
        json_kv_str(j, "size", size);
    if (may_ask_for_bytes(r))
        json_kv_z(j, "response_format", "b64_json");
    dialect_write_extra_json(j, r, written);
    json_object_end(j);
}

/* One as the single file that everybody takes; several as the list that the package sends and
 * vLLM-Omni and SGLang read. */
static void write_images(struct buf *out, const char *boundary, const struct dialect_request *r,
                         struct arena *a)
{
    bool several = r->more_image_count > 0;
    struct str name = several ? STR("image[]") : STR("image");
    struct str address_name = several ? STR("url[]") : STR("url");
    const struct dialect_image first = videos_first_image(r);
    videos_write_image(out, boundary, &first, name, address_name, a);
    for (size_t i = 0; i < r->more_image_count; i++)
        videos_write_image(out, boundary, &r->more_images[i], name, address_name, a);
    videos_write_image(out, boundary, &r->mask, STR("mask"), STR("mask"), a);
}

static void write_form(struct buf *out, const char *boundary, const struct dialect_request *r,
                       struct arena *a)
{
    struct str size = size_of(r);
    multipart_write_field(out, boundary, STR("model"), r->model);
    multipart_write_field(out, boundary, STR("prompt"), r->prompt);
    multipart_write_field(out, boundary, STR("n"),
                          arena_printf(a, "%lld", (long long)MAX(r->count, 1)));
    if (size.n)
        multipart_write_field(out, boundary, STR("size"), size);
    if (may_ask_for_bytes(r))
        multipart_write_field(out, boundary, STR("response_format"), STR("b64_json"));
    videos_write_extra_form(out, boundary, r, written);
    write_images(out, boundary, r, a);
}

enum status videos_build_image(const struct dialect_target *t, const struct dialect_request *r,
                               struct arena *a, struct dialect_http *ret, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf body = BUF_INIT(VIDEOS_BODY_MAX);
    bool edit = r->image_bytes.n || r->image_url.n;
    char boundary[40];
    struct json_out j;
    if (r->remix_of.n)
        return err_set(err, E_INVALID, "not_in_dialect");
    TRY(dialect_http_begin(ret, t, STR("POST"),
                           edit ? STR("/v1/images/edits") : STR("/v1/images/generations"), a, err));
    ret->answer_is_job = true;
    if (edit) {
        videos_choose_boundary(r, boundary);
        write_form(&body, boundary, r, a);
        return videos_end_form(ret, t, &body, boundary, a, err);
    }
    json_out_init(&j, &body);
    write_json(&j, r);
    return videos_end_json(ret, t, &body, a, err);
}

/* ---- the answer, whole */

struct dialect_stream {
    struct arena *arena;
    const struct dialect_target *target;
    struct buf document;
    struct json_doc *doc; /* when it is whole */
    struct dialect_outcome outcome;
};

struct dialect_stream *videos_stream_new(struct arena *a, const struct dialect_target *t, bool sse)
{
    struct dialect_stream *s = mem_zalloc(sizeof(*s));
    (void)sse;
    s->arena = a;
    s->target = t;
    s->outcome =
        (struct dialect_outcome){.state = DIALECT_RUNNING, .progress = -1, .queue_position = -1};
    buf_init(&s->document, ANSWER_MAX);
    return s;
}

enum status videos_stream_feed(struct dialect_stream *s, struct str bytes, struct err *err)
{
    return buf_add(&s->document, bytes)
               ? OK
               : err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer was too large.");
}

const struct dialect_outcome *videos_stream_outcome(const struct dialect_stream *s)
{
    return &s->outcome;
}

/* A data URL holds the bytes too. */
static bool read_image(struct dialect_stream *s, struct json item, struct dialect_media *ret)
{
    struct str bytes = json_str_or(json_get(item, "b64_json"), STR_NONE);
    struct str url = json_str_or(json_get(item, "url"), STR_NONE);
    if (!bytes.n && str_starts(url, STR("data:"))) {
        str_cut(&url, ',');
        bytes = url;
    }
    if (!bytes.n)
        return url.n && dialect_media_link(s->target, url, MEDIA_IMAGE, s->arena, ret);
    *ret = (struct dialect_media){.bytes_base64 = bytes, .type = MEDIA_IMAGE};
    return true;
}

static void read_failure(struct dialect_stream *s)
{
    struct dialect_answer in = {200, STR("application/json"), buf_str(&s->document)};
    struct failure *f = &s->outcome.failure;
    struct str code;
    s->outcome.state = DIALECT_FAILED;
    f->words = dialect_error_message(&in, s->target->credential, s->arena, &code);
    f->class = dialect_failure_class(code, f->words);
    if (f->class == FAILURE_UPSTREAM && !f->words.n)
        f->code = STR("no_result");
}

enum status videos_stream_finish(struct dialect_stream *s, struct err *err)
{
    struct dialect_outcome *o = &s->outcome;
    if (json_parse(buf_str(&s->document), &s->doc, err) != OK)
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer is not JSON.");
    struct json list = json_get(json_root(s->doc), "data");
    for (size_t i = 0; json_is_array(list) && i < json_size(list); i++) {
        if (o->media_count == DIALECT_MAX_MEDIA)
            break;
        if (read_image(s, json_at(list, i), &o->media[o->media_count]))
            o->media_count++;
    }
    o->state = DIALECT_DONE;
    if (o->media_count == 0)
        read_failure(s);
    buf_release(&s->document); /* the tree has it all once more */
    return OK;
}

void videos_stream_free(struct dialect_stream *s)
{
    if (!s)
        return;
    buf_release(&s->document);
    json_doc_free(s->doc);
    free(s);
}
