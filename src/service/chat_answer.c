/* SPDX-License-Identifier: Apache-2.0 */
/* Following a job on the loop.  One struct goes to and fro: while a worker has it
 * (`working`), the loop touches only what the worker does not: x, the timer, `again`. */
#include "service/chat_answer.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/server.h"
#include "net/sse.h"
#include "service/chat_answer_impl.h"
#include "service/direct_job.h"
#include "service/job_watch.h"
#include "service/metrics.h"
#include "service/settings.h"

enum { ANSWER_ARENA = 1 << 20, EVENTS_MAX = 1 << 20, ERROR_MAX = 16 << 10 };

struct chat_answer {
    struct work work;
    struct task done;
    struct relay_host host;
    struct relay_caller caller;
    struct exchange *x; /* NULL: the client has left */
    struct spool body;
    struct chat_job job;
    struct job_watch watch;
    bool stream, made, working, again, over;
    int64_t told; /* progress said so far */
    int64_t created_s;
    enum status outcome;
    struct err err;
};

static void answer_free(struct chat_answer *c)
{
    spool_release(&c->body);
    arena_free(c->job.arena);
    free(c);
}

/* ---- in the worker */

static void run(struct work *work, void *thread_state)
{
    struct chat_answer *c = CONTAINER_OF(work, struct chat_answer, work);
    c->outcome = c->made ? chat_job_look(&c->job, thread_state, &c->err)
                         : chat_job_make(&c->job, thread_state, &c->err);
    loop_post(c->host.loop, &c->done);
}

static void look(struct chat_answer *c)
{
    if (c->over)
        return;
    c->again = c->working;
    if (c->working)
        return;
    c->working = workers_submit(c->host.app->api_workers, &c->work);
    /* No room: the next heartbeat asks again. */
}

/* ---- the end of the answer */

static void stop_following(struct chat_answer *c)
{
    c->over = true;
    job_watch_stop(&c->watch);
}

static void fail(struct chat_answer *c, const struct err *err)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(EVENTS_MAX), body = BUF_INIT(ERROR_MAX);
    stop_following(c);
    if (!exchange_started(c->x)) {
        c->host.refuse(c->x, 0, err);
        return;
    }
    c->host.write_error(&body, err);
    sse_write(&out, STR_NONE, STR_NONE, buf_str(&body));
    sse_write(&out, STR_NONE, STR_NONE, STR("[DONE]"));
    exchange_write(c->x, buf_str(&out));
    exchange_end(c->x);
}

static void reply_whole(struct chat_answer *c)
{
    static const struct http_header type = HTTP_HEADER("Content-Type", "application/json");
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(EVENTS_MAX);
    metrics_answer(METRICS_GATEWAY, 200);
    chat_write_completion(&out, &c->job, c->created_s);
    exchange_reply(c->x, 200, &type, 1, buf_str(&out));
}

static void finish(struct chat_answer *c)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(EVENTS_MAX);
    struct err err;
    if (c->job.link_count == 0) {
        direct_job_error(&c->job.failure, c->job.next_at, &err);
        fail(c, &err);
        return;
    }
    stop_following(c);
    if (!c->stream) {
        reply_whole(c);
        return;
    }
    chat_write_content(&out, &c->job, c->created_s);
    chat_write_finish(&out, &c->job, c->created_s);
    exchange_write(c->x, buf_str(&out));
    exchange_end(c->x);
}

/* ---- telling */

static void tell_progress(struct chat_answer *c)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(EVENTS_MAX);
    if (!c->stream || c->job.progress <= c->told)
        return;
    c->told = c->job.progress;
    chat_write_progress(&out, &c->job, c->created_s);
    exchange_write(c->x, buf_str(&out));
}

static void on_change(struct job_watch *w)
{
    look(CONTAINER_OF(w, struct chat_answer, watch));
}

/* Half an answer must not look like a whole one. */
static void on_closing(struct job_watch *w)
{
    struct chat_answer *c = CONTAINER_OF(w, struct chat_answer, watch);
    struct err err;
    stop_following(c);
    if (exchange_started(c->x)) {
        exchange_abort(c->x);
        return;
    }
    err_set(&err, E_UNAVAILABLE, "overloaded");
    err.retry_after_ms = 5 * CLOCK_SECOND_MS;
    c->host.refuse(c->x, 0, &err);
}

static void on_heartbeat(struct job_watch *w)
{
    struct chat_answer *c = CONTAINER_OF(w, struct chat_answer, watch);
    if (c->stream)
        exchange_write(c->x, STR(": heartbeat\n\n"));
}

static void begin(struct chat_answer *c)
{
    static const struct http_header headers[] = {
        HTTP_HEADER("Content-Type", "text/event-stream; charset=utf-8"),
        HTTP_HEADER("Cache-Control", "no-cache"),
        HTTP_HEADER("X-Accel-Buffering", "no"),
    };
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(EVENTS_MAX);
    c->made = true;
    spool_release(&c->body);
    job_watch_start(&c->watch, c->host.app, c->host.loop, c->job.id);
    if (!c->stream)
        return;
    metrics_answer(METRICS_GATEWAY, 200);
    exchange_start(c->x, 200, headers, ARRAY_SIZE(headers), EXCHANGE_CHUNKED);
    chat_write_role(&out, &c->job, c->created_s);
    exchange_write(c->x, buf_str(&out));
}

/* A database that is away for a moment may say more at the next look; nothing else will. */
static bool may_pass(enum status status)
{
    return status == E_UNAVAILABLE || status == E_IO;
}

static void on_worked(struct task *task)
{
    struct chat_answer *c = CONTAINER_OF(task, struct chat_answer, done);
    bool first = !c->made;
    c->working = false;
    if (!c->x) {
        answer_free(c);
        return;
    }
    if (c->over)
        return;
    if (c->outcome != OK && (first || !may_pass(c->outcome))) {
        fail(c, &c->err);
        return;
    }
    if (first)
        begin(c);
    else if (c->outcome == OK)
        tell_progress(c);
    if (c->outcome == OK && c->job.ended)
        finish(c);
    else if (first || c->again)
        look(c);
}

/* ---- the client */

static void on_done(struct exchange *x, bool complete)
{
    struct chat_answer *c = exchange_ctx(x);
    (void)complete;
    metrics_stream_end();
    stop_following(c);
    c->x = NULL;
    if (!c->working)
        answer_free(c);
}

static const struct exchange_handler handler = {.on_done = on_done};

static void nothing(struct spool *s)
{
    (void)s;
}

static struct chat_answer *answer_new(struct exchange *x, const struct relay_host *host,
                                      const struct relay_caller *caller, struct spool *body,
                                      bool stream)
{
    const struct http_head *head = exchange_head(x);
    struct chat_answer *c = mem_zalloc(sizeof(*c));
    metrics_stream_begin();
    c->host = *host;
    c->caller = *caller;
    c->x = x;
    c->stream = stream;
    c->told = -1;
    c->created_s = clock_wall_ms() / CLOCK_SECOND_MS;
    c->work.run = run;
    c->done.fn = on_worked;
    c->watch.look = on_change;
    c->watch.closing = on_closing;
    c->watch.beat = on_heartbeat;
    spool_move(&c->body, body, nothing);
    struct arena *a = arena_new(ANSWER_ARENA);
    c->job = (struct chat_job){
        .caller = &c->caller,
        .body = &c->body,
        .arena = a,
        .path = arena_str(a, head->path),
        .idempotency_key = arena_str(a, http_head_get(head, STR("idempotency-key"))),
        .origin = host->origin(x, host->app, a)};
    exchange_handle(x, &handler, c);
    return c;
}

void chat_answer_start(struct exchange *x, const struct relay_host *host,
                       const struct relay_caller *caller, struct spool *body, bool stream)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(host->app);
    struct chat_answer *c = answer_new(x, host, caller, body, stream);
    struct err err;
    if (!stream && !settings->collect_non_streamed) {
        err_set(&err, E_INVALID, "stream_required");
        fail(c, &err);
        return;
    }
    look(c);
    if (c->working)
        return;
    err_set(&err, E_UNAVAILABLE, "overloaded");
    err.retry_after_ms = CLOCK_SECOND_MS;
    fail(c, &err);
}
