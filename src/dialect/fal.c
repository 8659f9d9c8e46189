/* SPDX-License-Identifier: Apache-2.0 */
/* fal — the models behind fal's queue.
 *
 *   POST {base}/{model}    the body is the model's own input; the account's mapping names the model
 *   GET  status_url        202 while it waits or runs, 200 when it has finished
 *   GET  response_url      the result, or the model's own error
 *   PUT  cancel_url        best effort
 *
 * The three addresses come with the answer to the submission and drop the model's sub-path, so
 * they are kept, as `ref`.  Of each only path and query are kept: the credential goes to the
 * account's own origin and nowhere else, whatever host an answer names.
 *
 * A finished task is asked once more, for its result: `ref` without a status address says that
 * it has come so far. */
#include <string.h>

#include "base/buf.h"
#include "base/json_out.h"
#include "dialect/dialect_http.h"
#include "platform/json_in.h"

enum { BODY_MAX = 64 << 20, ID_MAX = 512, PLACE_MAX = 2048, MODEL_MAX = 256, IMAGES_MAX = 4 };

/* ---- what the models take */

enum makes { MAKES_VIDEO, MAKES_IMAGES, MAKES_ANY };
enum shape {
    SHAPE_NONE,
    SHAPE_RATIO,      /* aspect_ratio, resolution */
    SHAPE_RESOLUTION, /* resolution; the ratio is the picture's */
    SHAPE_PIXELS,     /* image_size: {width, height}, or a name */
};

/* The inputs of the models that we know of.  Nothing is sent that a row does not name, and what
 * is asked for beyond it is refused. */
struct input {
    const char *model;
    enum makes makes;
    enum shape shape;
    const char *image; /* the field of a reference; NULL: it takes none */
    bool needs_image;
    int seconds[4]; /* as duration: "8s"; none: it takes no duration */
};

static const struct input inputs[] = {
    {"fal-ai/veo3.1", MAKES_VIDEO, SHAPE_RATIO, NULL, false, {4, 6, 8}},
    {"fal-ai/veo3.1/fast", MAKES_VIDEO, SHAPE_RATIO, NULL, false, {4, 6, 8}},
    {"fal-ai/veo3.1/image-to-video", MAKES_VIDEO, SHAPE_RATIO, "image_url", true, {4, 6, 8}},
    {"fal-ai/veo3.1/fast/image-to-video", MAKES_VIDEO, SHAPE_RATIO, "image_url", true, {4, 6, 8}},
    {"bytedance/seedance-2.0/image-to-video",
     MAKES_VIDEO,
     SHAPE_RESOLUTION,
     "image_url",
     true,
     {0}},
    {"fal-ai/kling-video/v4/image-to-video", MAKES_VIDEO, SHAPE_NONE, "start_image_url", true, {0}},
    {"fal-ai/flux/dev", MAKES_IMAGES, SHAPE_PIXELS, NULL, false, {0}},
    {"fal-ai/flux/schnell", MAKES_IMAGES, SHAPE_PIXELS, NULL, false, {0}},
};
/* Of any other no more than what nearly all of them take. */
static const struct input other = {"", MAKES_ANY, SHAPE_NONE, "image_url", false, {0}};

static const struct input *input_of(struct str model)
{
    for (size_t i = 0; i < ARRAY_SIZE(inputs); i++) {
        if (str_eq(model, str_of(inputs[i].model)))
            return &inputs[i];
    }
    return &other;
}

/* ---- submission */

/* "owner/app" or more; what could not be a part of an address's path is no model. */
static bool is_model_path(struct str model)
{
    size_t parts = 0;
    if (model.n > MODEL_MAX)
        return false;
    while (model.p) {
        struct str part = str_cut(&model, '/');
        if (part.n == 0 || part.p[0] == '.')
            return false;
        for (size_t i = 0; i < part.n; i++) {
            char c = part.p[i];
            bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
            if (!word && c != '-' && c != '_' && c != '.')
                return false;
        }
        parts++;
    }
    return parts >= 2;
}

static enum status check_makes(const struct input *in, const struct dialect_request *r,
                               struct err *err)
{
    bool image = r->media_type == MEDIA_IMAGE;
    int most = in->makes == MAKES_IMAGES ? IMAGES_MAX : 1;
    if (in->makes == MAKES_VIDEO && image)
        return err_set(err, E_INVALID, "makes_videos_only");
    if (in->makes == MAKES_IMAGES && !image)
        return err_set(err, E_INVALID, "makes_images_only");
    if (!image && r->count > 1)
        return err_set(err, E_INVALID, "makes_one_video");
    if (image && r->count > most)
        return err_say(err, E_INVALID, "makes_fewer_images", "%d", most);
    return OK;
}

static enum status check_takes(const struct input *in, const struct dialect_request *r,
                               struct err *err)
{
    if (r->remix_of.n)
        return err_set(err, E_INVALID, "takes_no_remix");
    if (r->image_url.n && !in->image)
        return err_set(err, E_INVALID, "takes_no_image");
    if (!r->image_url.n && in->needs_image)
        return err_set(err, E_INVALID, "needs_image");
    return dialect_one_image(r, err);
}

static enum status write_seconds(struct json_out *j, const struct input *in,
                                 const struct dialect_request *r, struct arena *a, struct err *err)
{
    struct str offered = STR("");
    if (!r->seconds)
        return OK;
    for (size_t i = 0; i < ARRAY_SIZE(in->seconds) && in->seconds[i]; i++) {
        if (in->seconds[i] == r->seconds) {
            json_kv_str(j, "duration", arena_printf(a, "%ds", in->seconds[i]));
            return OK;
        }
        offered = arena_printf(a, "%.*s%s%d s", STR_ARG(offered), i ? ", " : "", in->seconds[i]);
    }
    return err_say(err, E_INVALID, "seconds_not_offered", "%.*s", STR_ARG(offered));
}

static enum status write_pixels(struct json_out *j, const struct dialect_request *r,
                                struct err *err)
{
    int64_t width, height;
    if (!r->size.n) {
        if (r->orientation.n)
            json_kv_z(j, "image_size",
                      str_eq(r->orientation, STR("portrait")) ? "portrait_16_9" : "landscape_16_9");
        return OK;
    }
    if (!dialect_read_size(r->size, &width, &height))
        return err_set(err, E_INVALID, "size_not_offered");
    json_key(j, "image_size");
    json_object(j);
    json_kv_int(j, "width", width);
    json_kv_int(j, "height", height);
    json_object_end(j);
    return OK;
}

static enum status write_shape(struct json_out *j, const struct input *in,
                               const struct dialect_request *r, struct err *err)
{
    struct dialect_shape shape;
    if (in->shape == SHAPE_PIXELS)
        return write_pixels(j, r, err);
    if (in->shape == SHAPE_NONE && (r->size.n || r->orientation.n))
        return err_set(err, E_INVALID, r->size.n ? "size_not_offered" : "orientation_not_offered");
    TRY(dialect_shape_of(r, &shape, err));
    if (in->shape == SHAPE_RESOLUTION && !r->size.n && shape.ratio.n)
        return err_set(err, E_INVALID, "orientation_not_offered");
    if (in->shape == SHAPE_RATIO && shape.ratio.n)
        json_kv_str(j, "aspect_ratio", shape.ratio);
    if (shape.resolution.n)
        json_kv_str(j, "resolution", shape.resolution);
    return OK;
}

static enum status write_input(struct json_out *j, const struct dialect_request *r, struct arena *a,
                               struct err *err)
{
    const struct input *in = input_of(r->model);
    TRY(check_makes(in, r, err));
    TRY(check_takes(in, r, err));
    json_object(j);
    json_kv_str(j, "prompt", r->prompt);
    TRY(write_seconds(j, in, r, a, err));
    TRY(write_shape(j, in, r, err));
    if (r->image_url.n)
        json_kv_str(j, in->image, r->image_url);
    if (r->count > 1)
        json_kv_int(j, "num_images", r->count);
    json_object_end(j);
    return OK;
}

/* Its word for a bearer. */
static void add_key(struct dialect_http *h, const struct dialect_target *t, struct arena *a)
{
    dialect_http_header(h, STR("Authorization"),
                        arena_printf(a, "Key %.*s", STR_ARG(t->credential)));
    h->sends_credential = true;
}

static enum status build_submit(const struct dialect_target *t, const struct dialect_request *r,
                                struct arena *a, struct dialect_http *ret, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf body = BUF_INIT(BODY_MAX);
    struct json_out j;
    if (!is_model_path(r->model))
        return err_set(err, E_INVALID, "no_model_path");
    TRY(dialect_http_begin(ret, t, STR("POST"), arena_printf(a, "/%.*s", STR_ARG(r->model)), a,
                           err));
    json_out_init(&j, &body);
    TRY(write_input(&j, r, a, err));
    add_key(ret, t, a);
    return dialect_http_end_json(ret, &body, a, err);
}

/* ---- the three addresses, a line each in `ref` */

struct places {
    struct str status, response, cancel; /* path and query; empty: none, or done with */
};

/* Of an address in an answer, what lies behind the origin. */
static struct str place_of(const struct dialect_target *t, struct json link, struct arena *a)
{
    struct str text = json_str_or(link, STR("")), place;
    struct url url;
    struct err ignored;
    if (text.n == 0 || url_resolve(&t->base, text, a, &url, &ignored) != OK)
        return STR("");
    place = url.query.p ? arena_printf(a, "%.*s?%.*s", STR_ARG(url.path), STR_ARG(url.query))
                        : url.path;
    return place.n <= PLACE_MAX ? place : STR("");
}

static struct str write_places(const struct places *p, struct arena *a)
{
    return arena_printf(a, "%.*s\n%.*s\n%.*s", STR_ARG(p->status), STR_ARG(p->response),
                        STR_ARG(p->cancel));
}

static struct places read_places(struct str ref)
{
    struct places p;
    p.status = str_cut(&ref, '\n');
    p.response = str_cut(&ref, '\n');
    p.cancel = ref;
    return p;
}

/* Always at the account's own origin, and below its base. */
static enum status ask(const struct dialect_target *t, struct str method, struct str place,
                       struct arena *a, struct dialect_http *ret, struct err *err)
{
    if (!str_starts(place, STR("/")))
        return err_set(err, E_INVALID, "task_forgotten");
    TRY(dialect_http_begin(ret, t, method, place, a, err));
    add_key(ret, t, a);
    return OK;
}

static enum status read_submit(const struct dialect_target *t, const struct dialect_answer *in,
                               struct arena *a, struct dialect_outcome *ret, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    if (json_parse(in->body, &doc, err) != OK)
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer is not JSON.");
    struct json j = json_root(doc);
    struct str id = json_str_or(json_get(j, "request_id"), STR(""));
    struct places p = {place_of(t, json_get(j, "status_url"), a),
                       place_of(t, json_get(j, "response_url"), a),
                       place_of(t, json_get(j, "cancel_url"), a)};
    if (!id.n || id.n > ID_MAX || !p.status.n || !p.response.n)
        return err_say(err, E_UPSTREAM, "bad_answer",
                       "The upstream's answer does not say where to ask for the result.");
    *ret = (struct dialect_outcome){.state = DIALECT_PENDING,
                                    .task_id = arena_str(a, id),
                                    .ref = write_places(&p, a),
                                    .progress = -1,
                                    .queue_position = -1};
    return OK;
}

/* ---- polling */

static enum status build_poll(const struct dialect_target *t, const struct dialect_task *task,
                              struct arena *a, struct dialect_http *ret, struct err *err)
{
    struct places p = read_places(task->ref);
    return ask(t, STR("GET"), p.status.n ? p.status : p.response, a, ret, err);
}

static void fail(const struct dialect_target *t, const struct dialect_answer *in, struct arena *a,
                 struct dialect_outcome *o)
{
    struct str code;
    o->state = DIALECT_FAILED;
    o->failure.words = dialect_error_message(in, t->credential, a, &code);
    o->failure.class = dialect_failure_class(code, o->failure.words);
}

static enum status read_status(const struct dialect_target *t, const struct dialect_answer *in,
                               struct json j, const struct places *p, struct arena *a,
                               struct dialect_outcome *o, struct err *err)
{
    struct str status = json_str_or(json_get(j, "status"), STR_NONE);
    struct json error = json_get(j, "error");
    if (in->status / 100 != 2 || !status.n)
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer has no status.");
    if (str_eq(status, STR("IN_QUEUE"))) {
        o->state = DIALECT_PENDING;
        o->queue_position = json_int_or(json_get(j, "queue_position"), -1);
    } else if (str_eq(status, STR("COMPLETED"))) {
        /* That is all that is said of a failure, too. */
        if (json_is_object(error) || json_str_or(error, STR("")).n) {
            fail(t, in, a, o);
            return OK;
        }
        o->ref = write_places(&(struct places){STR(""), p->response, p->cancel}, a);
        o->at_once = true;
    }
    return OK;
}

/* The account's, or passing: says nothing about the task. */
static bool about_the_call(int status)
{
    return status == 401 || status == 402 || status == 403 || status == 408 || status == 429;
}

/* The model's own error is a list with the type of each; what its servers say of a result that
 * they cannot give just now is not. */
static bool is_models_error(const struct dialect_answer *in, struct json j)
{
    struct json detail = json_get(j, "detail");
    if (about_the_call(in->status))
        return false;
    if (json_is_string(json_get(json_at(detail, 0), "type")))
        return true;
    return (in->status == 400 || in->status == 422) && json_is_string(detail);
}

static void add_file(const struct dialect_target *t, struct json file, enum media_type type,
                     struct arena *a, struct dialect_outcome *o)
{
    struct str link = json_str_or(json_is_object(file) ? json_get(file, "url") : file, STR_NONE);
    struct dialect_media *media = &o->media[o->media_count];
    if (!link.n || o->media_count == DIALECT_MAX_MEDIA ||
        !dialect_media_link(t, link, type, a, media))
        return;
    media->needs_credential = false; /* its files are open to whoever has the address */
    o->media_count++;
}

static void read_result(const struct dialect_target *t, struct json j, struct arena *a,
                        struct dialect_outcome *o)
{
    static const struct {
        const char *key;
        enum media_type type;
    } places[] = {{"video", MEDIA_VIDEO},
                  {"videos", MEDIA_VIDEO},
                  {"image", MEDIA_IMAGE},
                  {"images", MEDIA_IMAGE}};
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        struct json value = json_get(j, places[i].key);
        size_t n = json_is_array(value) ? json_size(value) : 1;
        for (size_t k = 0; k < n; k++)
            add_file(t, json_is_array(value) ? json_at(value, k) : value, places[i].type, a, o);
    }
    o->state = o->media_count ? DIALECT_DONE : DIALECT_FAILED;
    if (!o->media_count)
        o->failure = (struct failure){.class = FAILURE_UPSTREAM, .code = STR("no_result")};
}

static enum status read_response(const struct dialect_target *t, const struct dialect_answer *in,
                                 struct json j, struct arena *a, struct dialect_outcome *o,
                                 struct err *err)
{
    if (in->status / 100 == 2) {
        read_result(t, j, a, o);
        return OK;
    }
    /* Too early, or (504 was seen) not to be had just now: neither is the account's fault. */
    if (in->status == 504 && !is_models_error(in, j))
        return OK;
    if (in->status == 400 && str_find(in->body, STR("still in progress")) >= 0)
        return OK;
    if (!is_models_error(in, j))
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer is an error.");
    fail(t, in, a, o);
    return OK;
}

static enum status read_poll(const struct dialect_target *t, const struct dialect_task *task,
                             const struct dialect_answer *in, struct arena *a,
                             struct dialect_outcome *ret, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct places p = read_places(task->ref);
    struct dialect_outcome o = {.state = DIALECT_RUNNING, .progress = -1, .queue_position = -1};
    bool is_json = json_parse(in->body, &doc, err) == OK;
    if (!is_json && (p.status.n || in->status != 504))
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer is not JSON.");
    struct json j = is_json ? json_root(doc) : (struct json){NULL};
    TRY(p.status.n ? read_status(t, in, j, &p, a, &o, err) : read_response(t, in, j, a, &o, err));
    *ret = o;
    return OK;
}

static enum status build_cancel(const struct dialect_target *t, const struct dialect_task *task,
                                struct arena *a, struct dialect_http *ret, struct err *err)
{
    return ask(t, STR("PUT"), read_places(task->ref).cancel, a, ret, err);
}

/* ---- the light request of AC-5 */

/* The queue lists nothing: it is asked for a request that nobody has made. */
static enum status build_models(const struct dialect_target *t, struct arena *a,
                                struct dialect_http *ret, struct err *err)
{
    return ask(t, STR("GET"),
               STR("/fal-ai/flux/requests/00000000-0000-4000-8000-000000000000/status"), a, ret,
               err);
}

static bool is_fals_word(struct json j)
{
    struct json detail = json_get(j, "detail");
    /* What every server made with FastAPI says of an address that it does not have. */
    if (str_eq(json_str_or(detail, STR("")), STR("Not Found")))
        return false;
    return json_is_string(detail) || json_is_array(detail) ||
           json_is_string(json_get(j, "request_id"));
}

/* Whoever speaks of the request in fal's words is fal. */
static enum status read_models(const struct dialect_answer *in, struct arena *a,
                               struct str *ret_names, size_t max, size_t *ret_count,
                               struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct err ignored;
    (void)a;
    (void)ret_names;
    (void)max;
    bool known = in->status / 100 == 2 || in->status == 400 || in->status == 404 ||
                 in->status == 422;
    if (!known || json_parse(in->body, &doc, &ignored) != OK || !is_fals_word(json_root(doc)))
        return err_set(err, E_UPSTREAM, "not_this_api");
    *ret_count = 0;
    return OK;
}

const struct dialect dialect_fal = {
    .name = "fal",
    .build_submit = build_submit,
    .read_submit = read_submit,
    .build_poll = build_poll,
    .read_poll = read_poll,
    .build_cancel = build_cancel,
    .build_models = build_models,
    .read_models = read_models,
};
