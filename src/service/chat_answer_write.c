/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_out.h"
#include "net/sse.h"
#include "service/chat_answer_impl.h"

enum { CHUNK_MAX = 256 << 10 };

static void write_content(struct buf *out, const struct chat_job *j)
{
    for (size_t i = 0; i < j->link_count; i++) {
        if (i)
            buf_add_char(out, '\n');
        if (j->types[i] == MEDIA_VIDEO)
            buf_addf(out, "```html\n<video src='%.*s' controls></video>\n```",
                     STR_ARG(j->links[i]));
        else
            buf_addf(out, "![image](%.*s)", STR_ARG(j->links[i]));
    }
}

static void write_media(struct json_out *o, const struct chat_job *j)
{
    json_kv_str_or_null(o, "media_url", j->link_count ? j->links[0] : STR_NONE);
    json_key(o, "media_urls");
    json_array(o);
    for (size_t i = 0; i < j->link_count; i++)
        json_str(o, j->links[i]);
    json_array_end(o);
}

static void write_text(struct json_out *o, const struct chat_job *j)
{
    _cleanup_(buf_cleanup) struct buf text = BUF_INIT(CHUNK_MAX);
    write_content(&text, j);
    json_kv_str(o, "content", buf_str(&text));
    write_media(o, j);
}

static void begin(struct json_out *o, struct buf *out, const struct chat_job *j, int64_t created_s,
                  const char *object)
{
    char id[CHAT_ID_MAX + 16];
    struct buf text = {.p = id, .size = sizeof(id), .cap = sizeof(id)};
    buf_addf(&text, "chatcmpl-%s", j->public_id);
    json_out_init(o, out);
    json_object(o);
    json_kv_str(o, "id", buf_str(&text));
    json_kv_z(o, "object", object);
    json_kv_int(o, "created", created_s);
    json_kv_str(o, "model", j->model);
    json_key(o, "choices");
    json_array(o);
    json_object(o);
    json_kv_int(o, "index", 0);
}

static void end(struct json_out *o, const char *finish_reason, const struct chat_job *media)
{
    json_kv_str_or_null(o, "finish_reason", str_of(finish_reason));
    json_object_end(o);
    json_array_end(o);
    if (media)
        write_media(o, media);
    json_object_end(o);
}

/* One chunk: begun, its delta filled by the caller, ended and put on the wire. */
struct chunk {
    struct buf text;
    struct json_out o;
};

static struct json_out *chunk_begin(struct chunk *c, const struct chat_job *j, int64_t created_s)
{
    buf_init(&c->text, CHUNK_MAX);
    begin(&c->o, &c->text, j, created_s, "chat.completion.chunk");
    json_key(&c->o, "delta");
    json_object(&c->o);
    return &c->o;
}

static void chunk_end(struct chunk *c, struct buf *out, const char *finish_reason,
                      const struct chat_job *media)
{
    json_object_end(&c->o);
    end(&c->o, finish_reason, media);
    sse_write(out, STR_NONE, STR_NONE, buf_str(&c->text));
    buf_release(&c->text);
}

void chat_write_role(struct buf *out, const struct chat_job *j, int64_t created_s)
{
    struct chunk c;
    struct json_out *o = chunk_begin(&c, j, created_s);
    json_kv_z(o, "role", "assistant");
    json_kv_z(o, "content", "");
    chunk_end(&c, out, NULL, NULL);
}

void chat_write_progress(struct buf *out, const struct chat_job *j, int64_t created_s)
{
    struct chunk c;
    struct json_out *o = chunk_begin(&c, j, created_s);
    char words[32];
    struct buf text = {.p = words, .size = sizeof(words), .cap = sizeof(words)};
    buf_addf(&text, "Progress %lld%%\n", (long long)j->progress);
    json_kv_str(o, "reasoning_content", buf_str(&text));
    chunk_end(&c, out, NULL, NULL);
}

void chat_write_content(struct buf *out, const struct chat_job *j, int64_t created_s)
{
    struct chunk c;
    write_text(chunk_begin(&c, j, created_s), j);
    chunk_end(&c, out, NULL, j);
}

void chat_write_finish(struct buf *out, const struct chat_job *j, int64_t created_s)
{
    struct chunk c;
    chunk_begin(&c, j, created_s);
    chunk_end(&c, out, "stop", NULL);
    sse_write(out, STR_NONE, STR_NONE, STR("[DONE]"));
}

void chat_write_completion(struct buf *out, const struct chat_job *j, int64_t created_s)
{
    struct json_out o;
    begin(&o, out, j, created_s, "chat.completion");
    json_key(&o, "message");
    json_object(&o);
    json_kv_z(&o, "role", "assistant");
    write_text(&o, j);
    json_object_end(&o);
    end(&o, "stop", j);
}
