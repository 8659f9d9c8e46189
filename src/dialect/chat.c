/* SPDX-License-Identifier: Apache-2.0 */
/* chat — sub-gateways that speak OpenAI's chat completions for video and images
 * ({base}/sora/v1/chat/completions): the answer to the submission is the job.
 *
 * Streamed, progress comes as `delta.reasoning_content` with a percentage in its words, and
 * the result as content: a <video src='…'> block, Markdown images, and `media_url(s)` beside
 * it.  One JSON document instead of a stream is read the same way.  What says nothing of
 * these is noise and passes. */
#include <string.h>

#include "base/buf.h"
#include "base/json_out.h"
#include "dialect/dialect_http.h"
#include "net/sse.h"
#include "platform/json_in.h"

#define ENDPOINT STR("/sora/v1/chat/completions")

enum {
    BODY_MAX = 64 << 20,     /* an input image as a data URL */
    EVENT_MAX = 1 << 20,     /* one event, or the whole document */
    CONTENT_MAX = 256 << 10, /* what is kept of the content's text */
};

/* ---- submission */

static void write_image_part(struct json_out *j, struct str url)
{
    json_object(j);
    json_kv_z(j, "type", "image_url");
    json_key(j, "image_url");
    json_object(j);
    json_kv_str(j, "url", url);
    json_object_end(j);
    json_object_end(j);
}

static void write_message(struct json_out *j, const struct dialect_request *r)
{
    json_object(j);
    json_kv_z(j, "role", "user");
    json_key(j, "content");
    if (r->image_url.n) {
        json_array(j);
        json_object(j);
        json_kv_z(j, "type", "text");
        json_kv_str(j, "text", r->prompt);
        json_object_end(j);
        write_image_part(j, r->image_url);
        json_array_end(j);
    } else {
        json_str(j, r->prompt);
    }
    json_object_end(j);
}

/* ---- what a model's name says of the work: "sora2-landscape-10s" */

static bool name_has(struct str name, struct str word)
{
    while (name.n) {
        if (str_eq(str_cut(&name, '-'), word))
            return true;
    }
    return false;
}

/* 0: nothing. */
static int64_t seconds_in(struct str name)
{
    int64_t seconds = 0;
    while (name.n) {
        struct str word = str_cut(&name, '-');
        int64_t value;
        if (word.n > 1 && str_ends(word, STR("s")) && str_to_i64(str_to(word, word.n - 1), &value))
            seconds = value;
    }
    return seconds;
}

static struct str orientation_in(struct str name)
{
    if (name_has(name, STR("landscape")))
        return STR("landscape");
    return name_has(name, STR("portrait")) ? STR("portrait") : STR_NONE;
}

static struct str orientation_of(const struct dialect_request *r)
{
    int64_t width, height;
    if (!r->size_said || !dialect_read_size(r->size, &width, &height))
        return r->orientation;
    return width == height ? STR("square") : width > height ? STR("landscape") : STR("portrait");
}

/* The form has no place for them but the model's name.  What the caller's name of it says is
 * said: an administrator may have mapped it to any other.  What a name says otherwise is refused;
 * of what no name says there is a field, for upstreams that look at it. */
static enum status write_seconds(struct json_out *j, const struct dialect_request *r,
                                 struct arena *a, struct err *err)
{
    int64_t named = seconds_in(r->model);
    if (!r->seconds || r->seconds == seconds_in(r->asked_model) || r->seconds == named)
        return OK;
    if (named)
        return err_say(err, E_INVALID, "seconds_not_offered", "%s",
                       arena_printf(a, "%lld s", (long long)named).p);
    json_kv_int(j, "seconds", r->seconds);
    return OK;
}

static enum status write_shape(struct json_out *j, const struct dialect_request *r, struct err *err)
{
    struct str wanted = orientation_of(r), named = orientation_in(r->model);
    bool said = str_eq(wanted, orientation_in(r->asked_model)) || str_eq(wanted, named);
    if (wanted.n && named.n && !said)
        return err_set(err, E_INVALID,
                       r->size_said ? "size_not_offered" : "orientation_not_offered");
    if (r->size_said)
        json_kv_str(j, "size", r->size);
    else if (wanted.n && !said)
        json_kv_str(j, "orientation", wanted);
    return OK;
}

static const char *const written[] = {"model",       "messages",        "stream",  "image",
                                      "video",       "remix_target_id", "seconds", "size",
                                      "video_count", "orientation",     NULL};

static enum status write_body(struct json_out *j, const struct dialect_request *r, struct arena *a,
                              struct err *err)
{
    json_object(j);
    json_kv_str(j, "model", r->model);
    json_key(j, "messages");
    json_array(j);
    write_message(j, r);
    json_array_end(j);
    json_kv_bool(j, "stream", true);
    if (r->count > 1)
        json_kv_int(j, "video_count", r->count);
    if (r->remix_of.n)
        json_kv_str(j, "remix_target_id", r->remix_of);
    TRY(write_seconds(j, r, a, err));
    TRY(write_shape(j, r, err));
    dialect_write_extra_json(j, r, written);
    json_object_end(j);
    return OK;
}

static enum status build_submit(const struct dialect_target *t, const struct dialect_request *r,
                                struct arena *a, struct dialect_http *ret, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf body = BUF_INIT(BODY_MAX);
    struct json_out j;
    TRY(dialect_http_begin(ret, t, STR("POST"), ENDPOINT, a, err));
    ret->answer_is_job = true;
    json_out_init(&j, &body);
    TRY(dialect_one_image(r, err));
    TRY(write_body(&j, r, a, err));
    dialect_http_bearer(ret, t, a);
    dialect_http_header(ret, STR("Accept"), STR("text/event-stream"));
    return dialect_http_end_json(ret, &body, a, err);
}

/* ---- the answer as it arrives */

struct dialect_stream {
    struct arena *arena;
    const struct dialect_target *target;
    bool sse, done, failed;
    struct sse_reader reader;
    struct buf document, content;
    struct dialect_outcome outcome;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The last "37%" or "37.5 %" in a text; -1 without one. */
static int64_t last_percentage(struct str s)
{
    int64_t found = -1;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%')
            continue;
        size_t end = i;
        while (end > 0 && s.p[end - 1] == ' ')
            end--;
        size_t begin = end;
        while (begin > 0 && (is_digit(s.p[begin - 1]) || s.p[begin - 1] == '.'))
            begin--;
        struct str number = {s.p + begin, end - begin};
        uint64_t value;
        if (str_to_u64(str_cut(&number, '.'), &value) && value <= 100)
            found = (int64_t)value;
    }
    return found;
}

static void note_progress(struct dialect_stream *s, int64_t progress)
{
    if (progress > s->outcome.progress && progress <= 100)
        s->outcome.progress = progress;
}

static void add_media(struct dialect_stream *s, struct str link, enum media_type type)
{
    struct dialect_media media;
    struct dialect_outcome *o = &s->outcome;
    if (link.n == 0 || o->media_count == DIALECT_MAX_MEDIA ||
        !dialect_media_link(s->target, link, type, s->arena, &media))
        return;
    for (size_t i = 0; i < o->media_count; i++) {
        if (str_eq(o->media[i].url, media.url))
            return;
    }
    o->media[o->media_count++] = media;
}

/* A link that names no type: by its ending. */
static enum media_type type_of_link(struct str link)
{
    static const struct str images[] = {
        {".png", 4}, {".jpg", 4}, {".jpeg", 5}, {".webp", 5}, {".gif", 4}};
    struct str path = str_cut(&link, '?');
    for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
        if (str_ends(path, images[i]))
            return MEDIA_IMAGE;
    }
    return MEDIA_VIDEO;
}

static void read_media_fields(struct dialect_stream *s, struct json j)
{
    struct json list = json_get(j, "media_urls");
    for (size_t i = 0; i < json_size(list) && json_is_array(list); i++) {
        struct str link = json_str_or(json_at(list, i), STR_NONE);
        add_media(s, link, type_of_link(link));
    }
    struct str one = json_str_or(json_get(j, "media_url"), STR_NONE);
    add_media(s, one, type_of_link(one));
}

static void fail(struct dialect_stream *s, struct json root)
{
    struct str code;
    char *text = NULL;
    struct str dumped = STR_NONE;
    if (json_dump(root, &dumped))
        text = (char *)dumped.p;
    struct dialect_answer in = {200, STR("application/json"), dumped};
    s->failed = true;
    s->outcome.state = DIALECT_FAILED;
    s->outcome.failure.words = dialect_error_message(&in, s->target->credential, s->arena, &code);
    s->outcome.failure.class = dialect_failure_class(code, s->outcome.failure.words);
    free(text);
}

static void read_part(struct dialect_stream *s, struct json part)
{
    struct str reasoning = json_str_or(json_get(part, "reasoning_content"), STR_NONE);
    struct str content = json_str_or(json_get(part, "content"), STR_NONE);
    if (reasoning.n)
        note_progress(s, last_percentage(reasoning));
    if (content.n && buf_len(&s->content) + content.n <= CONTENT_MAX)
        buf_add(&s->content, content);
    read_media_fields(s, part);
}

static void read_chunk(struct dialect_stream *s, struct json root)
{
    struct json error = json_get(root, "error");
    if (!json_is_absent(error) && !json_is_null(error)) {
        fail(s, root);
        return;
    }
    if (json_is_int(json_get(root, "progress")))
        note_progress(s, json_int_or(json_get(root, "progress"), 0));
    struct json choices = json_get(root, "choices");
    for (size_t i = 0; i < json_size(choices); i++) {
        struct json choice = json_at(choices, i);
        read_part(s, json_get(choice, "delta"));
        read_part(s, json_get(choice, "message"));
        read_media_fields(s, choice);
        if (json_is_string(json_get(choice, "finish_reason")))
            s->done = true;
    }
    read_media_fields(s, root);
}

static void on_event(const struct sse_event *e, void *ctx)
{
    struct dialect_stream *s = ctx;
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct err ignored;
    if (s->failed)
        return;
    if (str_eq(str_trim(e->data), STR("[DONE]"))) {
        s->done = true;
        return;
    }
    if (json_parse(e->data, &doc, &ignored) == OK)
        read_chunk(s, json_root(doc));
}

/* ---- links inside the content's text */

/* src='…' or src="…" of every <video or <img tag. */
static void read_tags(struct dialect_stream *s, struct str text, struct str tag,
                      enum media_type type)
{
    for (ptrdiff_t at; (at = str_find(text, tag)) >= 0;) {
        text = str_from(text, (size_t)at + tag.n);
        struct str inside = text;
        inside = str_cut(&inside, '>');
        ptrdiff_t src = str_find(inside, STR("src="));
        if (src < 0)
            continue;
        struct str value = str_from(inside, (size_t)src + 4);
        if (value.n == 0 || (value.p[0] != '\'' && value.p[0] != '"'))
            continue;
        char quote = value.p[0];
        value = str_from(value, 1);
        add_media(s, str_cut(&value, quote), type);
    }
}

/* ![…](link) */
static void read_markdown(struct dialect_stream *s, struct str text)
{
    for (ptrdiff_t at; (at = str_find(text, STR("!["))) >= 0;) {
        text = str_from(text, (size_t)at + 2);
        ptrdiff_t open = str_find(text, STR("]("));
        if (open < 0)
            return;
        text = str_from(text, (size_t)open + 2);
        struct str rest = text, link = str_cut(&rest, ')');
        add_media(s, link, MEDIA_IMAGE);
    }
}

static void read_content(struct dialect_stream *s)
{
    struct str text = buf_str(&s->content);
    read_tags(s, text, STR("<video"), MEDIA_VIDEO);
    read_tags(s, text, STR("<img"), MEDIA_IMAGE);
    read_markdown(s, text);
}

/* What the content itself says is surer than a link's ending. */
static void correct_types(struct dialect_stream *s)
{
    struct str text = buf_str(&s->content);
    bool video = str_find(text, STR("<video")) >= 0;
    bool image = str_find(text, STR("![")) >= 0 || str_find(text, STR("<img")) >= 0;
    if (video == image)
        return;
    for (size_t i = 0; i < s->outcome.media_count; i++)
        s->outcome.media[i].type = video ? MEDIA_VIDEO : MEDIA_IMAGE;
}

/* ---- the interface */

static struct dialect_stream *stream_new(struct arena *a, const struct dialect_target *t, bool sse)
{
    struct dialect_stream *s = mem_zalloc(sizeof(*s));
    s->arena = a;
    s->target = t;
    s->sse = sse;
    s->outcome =
        (struct dialect_outcome){.state = DIALECT_RUNNING, .progress = -1, .queue_position = -1};
    buf_init(&s->document, EVENT_MAX);
    buf_init(&s->content, CONTENT_MAX);
    sse_reader_init(&s->reader, EVENT_MAX, on_event, s);
    return s;
}

static enum status stream_feed(struct dialect_stream *s, struct str bytes, struct err *err)
{
    bool ok = s->sse ? sse_reader_feed(&s->reader, bytes) : buf_add(&s->document, bytes);
    return ok ? OK : err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer was too large.");
}

static const struct dialect_outcome *stream_outcome(const struct dialect_stream *s)
{
    return &s->outcome;
}

static enum status read_document(struct dialect_stream *s, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    if (json_parse(buf_str(&s->document), &doc, err) != OK)
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer is not JSON.");
    read_chunk(s, json_root(doc));
    s->done = true;
    return OK;
}

static enum status stream_finish(struct dialect_stream *s, struct err *err)
{
    if (!s->sse)
        TRY(read_document(s, err));
    if (s->failed)
        return OK;
    read_content(s);
    correct_types(s);
    if (s->outcome.media_count) {
        s->outcome.state = DIALECT_DONE;
        return OK;
    }
    if (!s->done)
        return err_say(err, E_UPSTREAM, "bad_answer", "The upstream's answer was cut short.");
    s->outcome.state = DIALECT_FAILED;
    s->outcome.failure.class = dialect_failure_class(STR_NONE, buf_str(&s->content));
    if (s->outcome.failure.class == FAILURE_UPSTREAM)
        s->outcome.failure.code = STR("no_result");
    return OK;
}

static void stream_free(struct dialect_stream *s)
{
    if (!s)
        return;
    sse_reader_release(&s->reader);
    buf_release(&s->document);
    buf_release(&s->content);
    free(s);
}

/* ---- the light request of AC-5 */

static enum status build_models(const struct dialect_target *t, struct arena *a,
                                struct dialect_http *ret, struct err *err)
{
    TRY(dialect_http_begin(ret, t, STR("GET"), STR("/sora/v1/models"), a, err));
    dialect_http_bearer(ret, t, a);
    return OK;
}

const struct dialect dialect_chat = {
    .name = "chat",
    .streams = true,
    .build_submit = build_submit,
    .build_models = build_models,
    .read_models = dialect_read_model_list,
    .stream_new = stream_new,
    .stream_feed = stream_feed,
    .stream_outcome = stream_outcome,
    .stream_finish = stream_finish,
    .stream_free = stream_free,
};
