/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/chat.h"

#include "base/clock.h"
#include "demo/links.h"

enum { EVENT_MAX = 256 * 1024 };

/* Writing. */

static void open_document(struct call *c, struct json_out *j, const char *object)
{
    json_object(j);
    json_kv_str(j, "id", arena_printf(c->arena, "chatcmpl-%s", c->job->id));
    json_kv_z(j, "object", object);
    json_kv_int(j, "created", c->job->created_ms / CLOCK_SECOND_MS);
    json_kv_str(j, "model", c->job->wish.model);
}

/* What the finished job looks like in a message. */
static struct str content_of(struct call *c)
{
    const struct job *job = c->job;
    struct buf text = BUF_INIT(EVENT_MAX);

    if (job->wish.spec.kind == KIND_TEXT)
        buf_addf(&text,
                 "%.*s. A slow dolly-in at eye level, soft key light from the left, shallow depth "
                 "of field, natural colours, subtle film grain.",
                 STR_ARG(job->wish.prompt));
    for (size_t i = 0; i < job->media_count; i++) {
        struct str link = links_make(c, job, i);
        if (i)
            buf_add_char(&text, '\n');
        if (job->wish.spec.kind == KIND_VIDEO)
            buf_addf(&text, "```html\n<video src='%.*s' controls></video>\n```", STR_ARG(link));
        else
            buf_addf(&text, "![image](%.*s)", STR_ARG(link));
    }
    struct str ret = arena_str(c->arena, buf_str(&text));
    buf_release(&text);
    return ret;
}

enum chunk { CHUNK_ROLE, CHUNK_PROGRESS, CHUNK_CONTENT, CHUNK_FINISH };

static void write_delta(struct call *c, struct json_out *j, enum chunk kind, struct str text)
{
    json_object(j);
    if (kind == CHUNK_ROLE) {
        json_kv_z(j, "role", "assistant");
        json_kv_z(j, "content", "");
    } else if (kind == CHUNK_PROGRESS) {
        json_kv_str(j, "reasoning_content", text);
    } else if (kind == CHUNK_CONTENT) {
        json_kv_str(j, "content", text);
        if (c->job->wish.spec.kind != KIND_TEXT)
            links_write(c, c->job, j);
    }
    json_object_end(j);
}

static void send_chunk(struct call *c, enum chunk kind, struct str text)
{
    struct buf event = BUF_INIT(EVENT_MAX * 2);
    struct json_out j;

    json_out_init(&j, &event);
    open_document(c, &j, "chat.completion.chunk");
    json_key(&j, "choices");
    json_array(&j);
    json_object(&j);
    json_kv_int(&j, "index", 0);
    json_key(&j, "delta");
    write_delta(c, &j, kind, text);
    if (kind == CHUNK_FINISH)
        json_kv_z(&j, "finish_reason", "stop");
    else
        json_kv_null(&j, "finish_reason");
    json_object_end(&j);
    json_array_end(&j);
    if (kind == CHUNK_CONTENT && c->job->wish.spec.kind != KIND_TEXT)
        links_write(c, c->job, &j);
    json_object_end(&j);
    answer_event(&c->answer, buf_str(&event));
    buf_release(&event);
}

static void send_completion(struct call *c)
{
    struct json_out j;

    json_out_init(&j, &c->out);
    open_document(c, &j, "chat.completion");
    json_key(&j, "choices");
    json_array(&j);
    json_object(&j);
    json_kv_int(&j, "index", 0);
    json_key(&j, "message");
    json_object(&j);
    json_kv_z(&j, "role", "assistant");
    json_kv_str(&j, "content", content_of(c));
    if (c->job->wish.spec.kind != KIND_TEXT)
        links_write(c, c->job, &j);
    json_object_end(&j);
    json_kv_z(&j, "finish_reason", "stop");
    json_object_end(&j);
    json_array_end(&j);
    if (c->job->wish.spec.kind != KIND_TEXT)
        links_write(c, c->job, &j);
    json_object_end(&j);
    call_send_json(c, 200);
}

/* Following the job. */

static void end_stream(struct call *c)
{
    bool whole = !(c->fault && c->fault->no_done);

    timer_unset(c->demo->loop, &c->beat);
    if (c->job->state == JOB_COMPLETED) {
        send_chunk(c, CHUNK_CONTENT, content_of(c));
        if (whole)
            send_chunk(c, CHUNK_FINISH, STR_NONE);
    } else {
        struct str error = c->job->error.p ? c->job->error : STR("\"The job was cancelled.\"");
        answer_event(&c->answer, arena_printf(c->arena, "{\"error\":%.*s}", STR_ARG(error)));
    }
    if (whole)
        answer_event(&c->answer, STR("[DONE]"));
    answer_end(&c->answer);
}

static void follow(struct call *c)
{
    const struct job *job = c->job;

    if (job_ended(job)) {
        list_remove(&c->watch.link);
        if (c->stream)
            end_stream(c);
        else if (job->state == JOB_COMPLETED)
            send_completion(c);
        else if (job->state == JOB_FAILED)
            call_send_job_error(c);
        else
            call_send_error(c, 500, "server_error", "cancelled", STR_NONE,
                            STR("The job was cancelled."));
        return;
    }
    if (!c->stream || job_shown_progress(job) == c->shown_progress)
        return;
    c->shown_progress = job_shown_progress(job);
    send_chunk(c, CHUNK_PROGRESS,
               arena_printf(c->arena, "Progress %lld%%\n", (long long)c->shown_progress));
}

static void on_change(struct job_watch *w)
{
    follow(CONTAINER_OF(w, struct call, watch));
}

static void on_beat(struct timer *t)
{
    struct call *c = CONTAINER_OF(t, struct call, beat);

    answer_comment(&c->answer, STR("heartbeat"));
    timer_set_in(c->demo->loop, t, c->demo->settings.heartbeat_ms);
}

void chat_present(struct call *c)
{
    c->watch.fn = on_change;
    c->beat.fn = on_beat;
    if (c->stream) {
        answer_header(&c->answer, "X-Accel-Buffering", STR("no"));
        answer_stream(&c->answer);
        send_chunk(c, CHUNK_ROLE, STR_NONE);
        if (c->fault && c->fault->idle)
            answer_hold_here(&c->answer);
        timer_set_in(c->demo->loop, &c->beat, c->demo->settings.heartbeat_ms);
    }
    if (job_ended(c->job))
        follow(c);
    else
        job_watch(c->job, &c->watch);
}

void chat_present_models(struct call *c)
{
    struct json_out j;

    json_out_init(&j, &c->out);
    json_object(&j);
    json_kv_z(&j, "object", "list");
    json_key(&j, "data");
    json_array(&j);
    for (size_t i = 0; i < model_count; i++) {
        json_object(&j);
        json_kv_z(&j, "id", model_names[i]);
        json_kv_z(&j, "object", "model");
        json_kv_int(&j, "created", 1735689600);
        json_kv_z(&j, "owned_by", "demo");
        json_object_end(&j);
    }
    json_array_end(&j);
    json_object_end(&j);
    call_send_json(c, 200);
}
