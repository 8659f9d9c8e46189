/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/v1/sora/events (ST-9): a signed-in user's own changes as server-sent events.
 *
 * The stream lives on its connection's loop.  A note says what changed; a worker reads the
 * record anew and renders it, at most one at a time per stream; what is noted meanwhile
 * waits in the subscription, where equal notes are one.  A reader that is too slow to take
 * what is there is asked to come back and read everything (it reconnects).
 *
 * A user has STREAMS_MAX of them in a process, and the next one is refused: a page without
 * events polls, where closing an old one would only make two pages chase each other. */
#include <string.h>

#include "api/frame.h"
#include "api/handlers.h"
#include "api/public.h"
#include "api/sora_view.h"
#include "base/log.h"
#include "net/server.h"
#include "net/sse.h"
#include "service/events.h"
#include "service/identity.h"
#include "store/generations.h"

enum {
    HEARTBEAT_MS = 15000,
    PENDING_BYTES = 1 << 20, /* unread by the client: then it is cut */
    RENDER_BYTES = 256 << 10,
    WAITING = 32,
    STREAMS_MAX = 16,
    RETRY_MS = 30000,
};

struct stream {
    struct app *app;
    struct loop *loop;
    struct exchange *x; /* NULL: the client has left */
    struct subscriber *user, *site;
    struct timer heartbeat;
    struct arena *arena;
    struct str origin;
    enum language language;
    struct identity who;
    struct event waiting[WAITING];
    size_t count;
    bool rendering;
    /* The worker's, while rendering. */
    struct work work;
    struct task done;
    struct event now;
    struct buf out;
    bool over;
};

static void stream_free(struct stream *s)
{
    buf_release(&s->out);
    arena_free(s->arena);
    free(s);
}

/* ---- rendering, in a worker */

static enum status render_generation(struct stream *s, struct worker *w, struct arena *a,
                                     struct err *err)
{
    _cleanup_(buf_cleanup) struct buf json = BUF_INIT(RENDER_BYTES);
    struct generation g;
    struct json_out j;
    TRY(generation_load_owned(w->db, s->who.user_id, s->now.subject, a, &g, err));
    json_out_init(&j, &json);
    TRY(view_generation(w, a, s->origin, s->language, &g, &j, err));
    sse_write(&s->out, STR("generation"), STR_NONE, buf_str(&json));
    return OK;
}

static void render_gone(struct stream *s)
{
    _cleanup_(buf_cleanup) struct buf json = BUF_INIT(256);
    buf_addf(&json, "{\"id\":%lld,\"deleted\":true}", (long long)s->now.subject);
    sse_write(&s->out, STR("generation"), STR_NONE, buf_str(&json));
}

static enum status render_quota(struct stream *s, struct worker *w, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf json = BUF_INIT(1024);
    struct quota q;
    struct json_out j;
    TRY(quota_read(w->app, w->db, s->who.user_id, &q, err));
    json_out_init(&j, &json);
    view_quota(&q, &j);
    sse_write(&s->out, STR("quota"), STR_NONE, buf_str(&json));
    return OK;
}

static enum status render_site(struct stream *s, struct worker *w, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf json = BUF_INIT(8192);
    struct json_out j;
    json_out_init(&j, &json);
    TRY(public_settings_write(w, &j, err));
    sse_write(&s->out, STR("settings"), STR_NONE, buf_str(&json));
    return OK;
}

static enum status check_session(struct stream *s, struct worker *w, struct err *err)
{
    bool alive;
    TRY(identity_is_alive(w->db, &s->who, &alive, err));
    s->over = !alive;
    return OK;
}

static enum status render(struct stream *s, struct worker *w, struct arena *a, struct err *err)
{
    switch (s->now.kind) {
    case EVENT_GENERATION:
        return render_generation(s, w, a, err);
    case EVENT_GENERATION_GONE:
        render_gone(s);
        return OK;
    case EVENT_QUOTA:
        return render_quota(s, w, err);
    case EVENT_SITE:
        return render_site(s, w, err);
    case EVENT_SESSIONS:
        return check_session(s, w, err);
    case EVENT_MISSED:
        sse_write(&s->out, STR("missed"), STR_NONE, STR("{}"));
        return check_session(s, w, err);
    case EVENT_JOB:
    case EVENT_CLOSING:
        break;
    }
    return OK;
}

static void render_run(struct work *work, void *thread_state)
{
    struct stream *s = CONTAINER_OF(work, struct stream, work);
    struct worker *w = thread_state;
    _cleanup_(arena_freep) struct arena *a = arena_new(4 << 20);
    struct err err;
    enum status status = render(s, w, a, &err);
    db_rollback(w->db);
    /* Gone meanwhile: its own event follows.  Else what it told would be lost, even that the
     * session has ended: the page has to come back, is judged anew and reads everything. */
    if (status != OK && status != E_NOT_FOUND) {
        log_warn("an event was not rendered", LOG_Z("code", err.code), LOG_Z("why", err.detail));
        s->over = true;
    }
    loop_post(s->loop, &s->done);
}

/* ---- the stream, on its loop */

static void take_next(struct stream *s)
{
    if (s->rendering || s->count == 0 || !s->x)
        return;
    s->now = s->waiting[0];
    memmove(s->waiting, s->waiting + 1, --s->count * sizeof(s->waiting[0]));
    /* A full queue drops nothing: the heartbeat tries again. */
    s->rendering = workers_submit(s->app->api_workers, &s->work);
    if (!s->rendering) {
        memmove(s->waiting + 1, s->waiting, s->count++ * sizeof(s->waiting[0]));
        s->waiting[0] = s->now;
    }
}

static void push(struct stream *s, struct str bytes)
{
    exchange_write(s->x, bytes);
    if (exchange_pending(s->x) > PENDING_BYTES)
        exchange_abort(s->x);
}

static void render_done(struct task *t)
{
    struct stream *s = CONTAINER_OF(t, struct stream, done);
    s->rendering = false;
    if (!s->x) {
        stream_free(s);
        return;
    }
    if (s->over) {
        exchange_end(s->x);
        return;
    }
    if (buf_len(&s->out))
        push(s, buf_str(&s->out));
    buf_release(&s->out);
    take_next(s);
}

static void on_event(void *ctx, const struct event *e)
{
    struct stream *s = ctx;
    if (e->kind == EVENT_CLOSING) {
        exchange_end(s->x);
        return;
    }
    for (size_t i = 0; i < s->count; i++) {
        if (s->waiting[i].kind == e->kind && s->waiting[i].subject == e->subject)
            return;
    }
    if (s->count == WAITING) {
        s->waiting[0] = (struct event){.kind = EVENT_MISSED};
        s->count = 1;
    } else {
        s->waiting[s->count++] = *e;
    }
    take_next(s);
}

static void beat(struct timer *t)
{
    struct stream *s = CONTAINER_OF(t, struct stream, heartbeat);
    timer_set_in(s->loop, t, HEARTBEAT_MS);
    take_next(s);
    push(s, STR(": still here\n\n"));
}

static void stream_done(struct exchange *x, bool complete)
{
    struct stream *s = exchange_ctx(x);
    (void)complete;
    s->x = NULL;
    timer_unset(s->loop, &s->heartbeat);
    events_unsubscribe(s->user);
    events_unsubscribe(s->site);
    if (!s->rendering)
        stream_free(s);
}

static const struct exchange_handler stream_exchange = {.on_done = stream_done};

static struct stream *stream_new(struct exchange *x, struct call *c)
{
    struct stream *s = mem_zalloc(sizeof(*s));
    s->app = c->app;
    s->loop = exchange_loop(x);
    s->x = x;
    s->arena = arena_new(4096);
    s->origin = arena_str(s->arena, c->origin);
    s->language = c->language;
    s->who = c->who;
    s->work.run = render_run;
    s->done.fn = render_done;
    s->heartbeat.fn = beat;
    buf_init(&s->out, RENDER_BYTES * 2);
    return s;
}

/* Counted with itself, so that streams opened at once on several loops stay within. */
static bool subscribe(struct stream *s)
{
    struct events *e = s->app->events;
    s->user = events_subscribe(e, s->loop, TOPIC_USER, s->who.user_id, on_event, s);
    if (events_count(e, TOPIC_USER, s->who.user_id) > STREAMS_MAX) {
        events_unsubscribe(s->user);
        return false;
    }
    s->site = events_subscribe(e, s->loop, TOPIC_SITE, 0, on_event, s);
    return true;
}

static void refuse(struct exchange *x, enum language language)
{
    struct err err;
    err_set(&err, E_LIMIT, "too_many_streams");
    err.retry_after_ms = RETRY_MS;
    frame_refuse(x, language, &err);
}

static void stream_open(struct exchange *x, struct call *c)
{
    static const struct http_header headers[] = {
        HTTP_HEADER("Content-Type", "text/event-stream"),
        HTTP_HEADER("Cache-Control", "no-store"),
        HTTP_HEADER("X-Accel-Buffering", "no"),
    };
    struct stream *s = stream_new(x, c);
    if (!subscribe(s)) {
        refuse(x, s->language);
        stream_free(s);
        return;
    }
    exchange_handle(x, &stream_exchange, s);
    exchange_keep_open(x);
    exchange_start(x, 200, headers, ARRAY_SIZE(headers), EXCHANGE_CHUNKED);
    /* Without it a proxy, or the browser, may wait for the first byte. */
    exchange_write(x, STR("retry: 2000\n\n"));
    timer_set_in(s->loop, &s->heartbeat, HEARTBEAT_MS);
    /* The session may have ended since the worker looked, before anyone told us of it. */
    on_event(s, &(struct event){.kind = EVENT_SESSIONS});
}

enum status sora_events(struct call *c, struct err *err)
{
    (void)err;
    c->takeover = stream_open;
    return OK;
}
