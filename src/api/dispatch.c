/* SPDX-License-Identifier: Apache-2.0 */
#include "api/dispatch.h"

#include <stdio.h>
#include <string.h>

#include "api/call_body.h"
#include "api/frame.h"
#include "api/page.h"
#include "api/stream.h"
#include "base/clock.h"
#include "base/log.h"
#include "service/job_watch.h"

/* Some clients send an empty object where nothing is asked for. */
enum { IGNORED_BODY = 1024 };

struct dispatch {
    struct app *app;
    struct loop *loop;
    struct upstream_client *upstream;
    struct router *router;
};

/* A call on its way: first the loop's (collecting), then the worker's, then the loop's
 * again (answering), which may park it until a job has changed and give it to a worker once
 * more.  `x` belongs to the loop and is NULL once the client has left. */
struct pending {
    struct work work;
    struct task done;
    struct dispatch *dispatch;
    struct exchange *x;
    bool working, refused;
    bool again; /* the job has changed while the worker was at it */
    struct job_watch watch;
    struct call_body body;
    struct call call;
    struct err err;
    enum status outcome;
};

struct dispatch *dispatch_new(struct app *app, struct loop *loop, struct upstream_client *upstream)
{
    struct dispatch *d = mem_zalloc(sizeof(*d));
    size_t n;
    const struct route *routes = routes_table(&n);
    d->app = app;
    d->loop = loop;
    d->upstream = upstream;
    d->router = router_new(routes, n);
    return d;
}

void dispatch_free(struct dispatch *d)
{
    if (!d)
        return;
    router_free(d->router);
    free(d);
}

struct app *dispatch_app(const struct dispatch *d)
{
    return d->app;
}

struct loop *dispatch_loop(const struct dispatch *d)
{
    return d->loop;
}

struct upstream_client *dispatch_upstream(const struct dispatch *d)
{
    return d->upstream;
}

/* Both forms of it: a waiting call is only its answer. */
static void drop_request(struct pending *p)
{
    call_body_drop(&p->body);
    json_doc_free(p->call.doc);
    p->call.doc = NULL;
    p->call.json = (struct json){0};
    p->call.body = STR_NONE;
}

static void pending_free(struct pending *p)
{
    call_body_drop(&p->body);
    frame_close(&p->call);
    free(p);
}

/* ---- answering, on the loop */

static void over_done(struct exchange *x, bool complete)
{
    (void)x, (void)complete;
}

/* Of an exchange that was handed over: a takeover that replies at once sets none of its own. */
static const struct exchange_handler over_exchange = {.on_done = over_done};

static void hand_over(struct pending *p)
{
    struct call *c = &p->call;
    struct exchange *x = p->x;
    p->x = NULL;
    exchange_handle(x, &over_exchange, NULL);
    c->abandon = NULL;
    c->takeover(x, c);
    pending_free(p);
}

/* ---- parked, on the loop */

static void call_done(struct exchange *x, bool complete)
{
    struct pending *p = exchange_ctx(x);
    (void)complete;
    job_watch_stop(&p->watch);
    p->x = NULL;
    if (!p->working)
        pending_free(p);
}

/* For up to half an hour: who has shut its side has given up. */
static const struct exchange_handler parked_exchange = {.on_done = call_done};

static void look_again(struct job_watch *w)
{
    struct pending *p = CONTAINER_OF(w, struct pending, watch);
    p->again = p->working;
    if (!p->working) /* without room, the next look by time asks again */
        p->working = workers_submit(p->dispatch->app->api_workers, &p->work);
}

/* The job goes on in the next process, where the same Idempotency-Key finds it. */
static void stop_waiting(struct job_watch *w)
{
    struct pending *p = CONTAINER_OF(w, struct pending, watch);
    job_watch_stop(w);
    frame_refuse_overloaded(p->x, p->call.language, 5 * CLOCK_SECOND_MS);
}

static void park(struct pending *p)
{
    bool first = !p->watch.subscriber;
    p->watch.look = look_again;
    p->watch.closing = stop_waiting;
    if (first) {
        drop_request(p);
        exchange_handle(p->x, &parked_exchange, p);
        job_watch_start(&p->watch, p->dispatch->app, p->dispatch->loop, p->call.wait_job);
    }
    /* It may have changed before anybody listened. */
    if (first || p->again)
        look_again(&p->watch);
}

static void pending_answer(struct task *task)
{
    struct pending *p = CONTAINER_OF(task, struct pending, done);
    bool stopped = p->call.resume && p->watch.look && !p->watch.subscriber;
    p->working = false;
    if (!p->x) {
        pending_free(p);
        return;
    }
    if (stopped) /* answered while the worker was at it */
        return;
    if (p->outcome == OK && p->call.waits) {
        park(p);
        return;
    }
    job_watch_stop(&p->watch);
    if (p->outcome == OK && p->call.takeover)
        hand_over(p);
    else
        frame_answer(p->x, &p->call, p->outcome, &p->err);
}

/* ---- running, in the worker */

static enum status parse_body(struct call *c, struct err *err)
{
    static const struct str form = {"multipart/form-data", 19};
    struct str type = http_head_get(c->head, STR("content-type"));
    if (c->endpoint->max_body == 0 || (c->endpoint->optional_body && c->body.n == 0))
        return OK;
    if (c->endpoint->takes_form && str_eq_ci(str_to(type, form.n), form))
        return OK;
    TRY(json_parse(c->body, &c->doc, err));
    c->json = json_root(c->doc);
    return json_need_object(c->json, err);
}

static enum status run_call(struct pending *p, struct err *err)
{
    struct call *c = &p->call;
    TRY(frame_check_access(c, err));
    TRY(call_body_load(&p->body, &c->body, err));
    TRY(parse_body(c, err));
    return c->endpoint->handle(c, err);
}

static void pending_run(struct work *work, void *thread_state)
{
    struct pending *p = CONTAINER_OF(work, struct pending, work);
    struct call *c = &p->call;
    c->worker = thread_state;
    c->db = c->worker->db;
    c->waits = false;
    p->outcome = c->resume ? c->resume(c, &p->err) : run_call(p, &p->err);
    db_rollback(c->db);
    if (p->outcome == OK && !c->waits && !c->takeover)
        frame_pack(c);
    loop_post(p->dispatch->loop, &p->done);
}

/* ---- collecting, on the loop */

static void refuse_body(struct pending *p)
{
    p->refused = true;
    log_warn("a call's body was refused", LOG_S("request_id", p->call.request_id),
             LOG_Z("code", p->body.fault.code), LOG_Z("why", p->body.fault.detail));
    frame_refuse(p->x, p->call.language, &p->body.fault);
}

/* On a worker. */
static void sender_run(struct work *work, void *thread_state)
{
    struct pending *p = CONTAINER_OF(work, struct pending, work);
    struct call *c = &p->call;
    c->worker = thread_state;
    c->db = c->worker->db;
    p->outcome = frame_check_access(c, &p->err);
    db_rollback(c->db);
    loop_post(p->dispatch->loop, &p->done);
}

static void await_whole(struct pending *p)
{
    p->work.run = pending_run;
    p->done.fn = pending_answer;
}

static void sender_known(struct task *task)
{
    struct pending *p = CONTAINER_OF(task, struct pending, done);
    p->working = false;
    if (!p->x) {
        pending_free(p);
        return;
    }
    await_whole(p);
    if (p->outcome == OK) {
        call_body_admit(&p->body, p->call.who.user_id);
        exchange_resume_body(p->x);
        return;
    }
    call_body_drop(&p->body);
    frame_answer(p->x, &p->call, p->outcome, &p->err);
}

/* Before a long body is taken; the call itself asks once more, as a session may end meanwhile. */
static void ask_for_sender(struct pending *p)
{
    p->work.run = sender_run;
    p->done.fn = sender_known;
    p->working = workers_submit(p->dispatch->app->api_workers, &p->work);
    if (!p->working)
        frame_refuse_overloaded(p->x, p->call.language, CLOCK_SECOND_MS);
}

static size_t call_body(struct exchange *x, struct str piece)
{
    struct pending *p = exchange_ctx(x);
    size_t n = call_body_add(&p->body, piece);
    if (p->body.fault.status != OK && !p->refused)
        refuse_body(p);
    else if (n < piece.n && !p->body.spooled)
        ask_for_sender(p);
    return n;
}

static void body_is_whole(struct pending *p)
{
    struct app *app = p->dispatch->app;
    if (p->body.fault.status != OK) {
        if (!p->refused)
            refuse_body(p);
        return;
    }
    p->working = workers_submit(
        p->call.endpoint->transfers ? app->transfer_workers : app->api_workers, &p->work);
    if (!p->working)
        frame_refuse_overloaded(p->x, p->call.language, CLOCK_SECOND_MS);
}

static void call_body_whole(struct exchange *x)
{
    struct pending *p = exchange_ctx(x);
    if (call_body_end(&p->body))
        body_is_whole(p);
}

/* A slice has gone to the disk. */
static void on_spool(struct spool *s)
{
    struct call_body *body = CONTAINER_OF(s, struct call_body, spool);
    struct pending *p = CONTAINER_OF(body, struct pending, body);
    if (body->ended) {
        call_body_whole(p->x);
        return;
    }
    call_body_add(body, STR("")); /* a fault of the disk's */
    if (body->fault.status != OK && !p->refused)
        refuse_body(p);
    else
        exchange_resume_body(p->x);
}

static const struct exchange_handler call_exchange = {
    .on_body = call_body,
    .on_body_end = call_body_whole,
    .on_done = call_done,
    .serves_half_closed = true,
};

/* Who holds no good key sends no body. */
static bool admit(struct dispatch *d, struct exchange *x, const struct endpoint *endpoint,
                  struct relay_caller *ret)
{
    struct err err;
    if (endpoint->access != ACCESS_KEY || relay_admit(d->app, x, false, ret, &err) == OK)
        return true;
    frame_refuse(x, LANG_EN, &err);
    return false;
}

/* Takes the arena. */
static void start_call(struct dispatch *d, struct exchange *x, const struct endpoint *endpoint,
                       const struct route_match *match, struct arena *a)
{
    struct relay_caller caller = {0};
    if (!admit(d, x, endpoint, &caller)) {
        arena_free(a);
        return;
    }
    struct pending *p = mem_zalloc(sizeof(*p));
    p->dispatch = d;
    p->x = x;
    await_whole(p);
    call_body_init(&p->body, MAX(endpoint->max_body, IGNORED_BODY), caller.key.user_id,
                   endpoint->spooled ? d->app->data_dir : NULL, d->loop, d->app->file_workers,
                   on_spool);
    frame_open(&p->call, d, x, endpoint, match, &caller, a);
    exchange_handle(x, &call_exchange, p);
    exchange_max_body(x, MAX(endpoint->max_body, IGNORED_BODY));
}

/* ---- finding the route */

static bool is_program_path(struct str path)
{
    static const struct str prefixes[] = {
        {"/api/", 5}, {"/v1/", 4}, {"/sora/v1/", 9}, {"/media/", 7}};
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        if (str_starts(path, prefixes[i]))
            return true;
    }
    return false;
}

static enum language request_language(struct dispatch *d, const struct http_head *head)
{
    _cleanup_(settings_dropp) const struct settings *s = settings_hold(d->app);
    return frame_language(s, head);
}

static void refuse_address(struct dispatch *d, struct exchange *x)
{
    struct err err;
    err_set(&err, E_NOT_FOUND, "no_such_address");
    frame_refuse(x, request_language(d, exchange_head(x)), &err);
}

bool dispatch_explain(struct exchange *x, int status, struct buf *out, void *ctx)
{
    const struct http_head *head = exchange_head(x);
    struct err err;
    if (status != 400 && status != 413)
        return false;
    err_set(&err, status == 413 ? E_TOO_LARGE : E_INVALID,
            status == 413 ? "too_large" : "bad_request");
    frame_write_error(out, head->path, request_language(ctx, head), status, &err);
    return true;
}

void dispatch_request(struct exchange *x, void *ctx)
{
    struct dispatch *d = ctx;
    const struct http_head *head = exchange_head(x);
    struct arena *a = arena_new(CALL_ARENA_BYTES);
    struct route_match match;
    struct str allow;
    enum router_result found = router_match(d->router, head->method, head->path, a, &match, &allow);

    if (found == ROUTE_FOUND) {
        const struct target *target = match.route->target;
        if (target->stream) {
            call_stream_start(d, x, target, &match, a);
            return;
        }
        if (!target->loop) {
            start_call(d, x, &target->endpoint, &match, a);
            return;
        }
        target->loop(x, d, &match);
    } else if (found == ROUTE_NO_METHOD) {
        frame_refuse_method(x, request_language(d, head), allow);
    } else if (is_program_path(head->path)) {
        refuse_address(d, x);
    } else {
        page_reply(x);
    }
    arena_free(a);
}
