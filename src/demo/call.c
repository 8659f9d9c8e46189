/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/call.h"

#include "base/mem.h"
#include "demo/canned.h"
#include "demo/routes.h"

enum { CALL_MEMORY = 4 * 1024 * 1024, CALL_OUT_MAX = 192 * 1024 * 1024 };

static const struct exchange_handler handler;

static struct str bearer_of(struct str authorization)
{
    struct str rest = authorization, scheme = str_cut(&rest, ' ');

    return str_eq_ci(scheme, STR("bearer")) ? str_trim(rest) : STR_NONE;
}

static struct call *call_new(struct demo *demo, struct exchange *x)
{
    struct call *c = mem_zalloc(sizeof(*c));
    const struct http_head *head = exchange_head(x);

    c->demo = demo;
    c->x = x;
    c->arena = arena_new(CALL_MEMORY);
    c->action = routes_find(demo->router, head, c->arena, &c->match);
    c->target = arena_str(c->arena, head->target);
    c->host = arena_str(c->arena, head->host);
    c->bearer = arena_str(c->arena, bearer_of(http_head_get(head, STR("authorization"))));
    c->content_type = arena_str(c->arena, http_head_get(head, STR("content-type")));
    c->range = arena_str(c->arena, http_head_get(head, STR("range")));
    c->wish.idempotency_key = arena_str(c->arena, http_head_get(head, STR("idempotency-key")));
    c->wish.bearer = c->bearer;
    c->wish.path = arena_str(c->arena, head->path);
    buf_init(&c->body, c->action->route == ROUTE_CONTROL ? DEMO_CONTROL_BODY_MAX : DEMO_BODY_MAX);
    buf_init(&c->out, CALL_OUT_MAX);
    list_init(&c->watch.link);
    list_init(&c->wait.link);
    answer_init(&c->answer, x, c->arena);
    c->answer.counts = &demo->counts;
    list_push_back(&demo->calls, &c->link);
    return c;
}

static void call_free(struct call *c)
{
    list_remove(&c->link);
    list_remove(&c->watch.link);
    list_remove(&c->wait.link);
    timer_unset(c->demo->loop, &c->beat);
    answer_release(&c->answer);
    job_unref(c->job);
    media_unref(c->media);
    fault_unref(c->fault);
    record_unref(c->record);
    c->demo->body_bytes -= buf_len(&c->body);
    buf_release(&c->body);
    buf_release(&c->out);
    arena_free(c->arena);
    free(c);
}

static void match_fault(struct call *c, bool body_read)
{
    const struct fault_subject subject = {
        .route = c->action->route,
        .target = c->target,
        .bearer = c->bearer,
        .prompt = c->wish.prompt,
        .model = c->wish.model,
        .body_read = body_read,
    };

    c->fault = faults_match(&c->demo->faults, &subject);
    if (!c->fault)
        return;
    c->demo->counts.routes[c->action->route].faulted++;
    record_note(c->record, c->fault->name, STR_NONE);
    answer_set_fault(&c->answer, c->fault);
}

void call_begin(struct exchange *x, void *ctx)
{
    struct call *c = call_new(ctx, x);

    exchange_handle(x, &handler, c);
    exchange_keep_open(x);
    exchange_max_body(x, c->body.cap);
    if (c->action->route == ROUTE_CONTROL)
        return;
    c->record = journal_begin(&c->demo->journal, c->action->route, exchange_head(x),
                              exchange_peer(x));
    c->answer.record = c->record;
    counts_open(&c->demo->counts, c->action->route);
    match_fault(c, false);
    if (c->fault)
        answer_cut(&c->answer, c->fault->reset);
}

static size_t on_body(struct exchange *x, struct str piece)
{
    struct call *c = exchange_ctx(x);

    if (c->answer.over)
        return piece.n;
    record_request_bytes(c->record, piece);
    if (c->demo->body_bytes + piece.n > DEMO_BODIES_MAX || !buf_add(&c->body, piece)) {
        answer_cut(&c->answer, true);
        return piece.n;
    }
    c->demo->body_bytes += piece.n;
    return piece.n;
}

static bool has_key(const struct call *c)
{
    const struct options *o = &c->demo->options;

    if (c->action->public)
        return true;
    for (size_t i = 0; i < o->api_key_count; i++)
        if (str_eq(c->bearer, o->api_keys[i]))
            return true;
    return o->api_key_count == 0 && c->bearer.n;
}

static bool is_submission(const struct call *c)
{
    enum route_id route = c->action->route;

    return route == ROUTE_CHAT || route == ROUTE_VIDEOS_CREATE || route == ROUTE_IMAGES;
}

static enum status do_work(struct call *c, enum status read, struct err *err)
{
    if (!has_key(c))
        return err_say(err, E_AUTH, "invalid_api_key",
                       c->bearer.n ? "Incorrect API key provided."
                                   : "You didn't provide an API key.");
    if (read != OK)
        return read;
    TRY(c->action->make ? c->action->make(c, err) : OK);
    if (c->job)
        record_note(c->record, STR_NONE, str_of(c->job->id));
    if (c->job && is_submission(c) && !c->replayed)
        counts_accepted(&c->demo->counts, c->wish.idempotency_key, c->wish.prompt);
    return OK;
}

static void on_body_end(struct exchange *x)
{
    struct call *c = exchange_ctx(x);
    struct err err = {.status = OK};
    char digest[65];

    if (c->answer.over)
        return;
    record_request_end(c->record);
    if (c->action->route == ROUTE_CONTROL) {
        c->action->present(c);
        return;
    }
    record_request_digest(c->record, digest);
    c->wish.digest = arena_str(c->arena, str_of(digest));
    enum status status = c->action->read ? c->action->read(c, &err) : OK;
    if (is_submission(c))
        counts_received(&c->demo->counts, c->wish.idempotency_key, c->wish.prompt);
    match_fault(c, true);
    bool canned = c->fault && fault_is_canned(c->fault);
    if (!canned || c->fault->accept)
        status = do_work(c, status, &err);
    if (canned)
        canned_send(c);
    else if (status != OK)
        call_send_err(c, &err);
    else
        c->action->present(c);
}

static void on_drain(struct exchange *x)
{
    answer_drained(&((struct call *)exchange_ctx(x))->answer);
}

/* In the chat dialect the stream is the job: without a reader it ends, unless a rule
 * keeps the answer back or another request waits for the same job. */
static void abandon_job(struct call *c)
{
    if (c->action->route != ROUTE_CHAT || !c->job || job_ended(c->job))
        return;
    list_remove(&c->watch.link);
    if (!(c->fault && (c->fault->hold || c->fault->accept)) && list_empty(&c->job->watches))
        job_cancel(c->job);
}

static void on_done(struct exchange *x, bool complete)
{
    struct call *c = exchange_ctx(x);

    if (c->record) {
        struct route_counts *counts = &c->demo->counts.routes[c->action->route];
        bool was_cut = c->answer.was_cut;
        counts->open--;
        counts->answered += complete;
        counts->cut += !complete && was_cut;
        counts->left += !complete && !was_cut;
        record_end(c->record, complete ? END_COMPLETE : was_cut ? END_CUT : END_LEFT);
        if (!complete)
            abandon_job(c);
    }
    call_free(c);
}

static const struct exchange_handler handler = {
    .on_body = on_body,
    .on_body_end = on_body_end,
    .on_drain = on_drain,
    .on_done = on_done,
};

struct str call_param(const struct call *c, const char *name)
{
    for (size_t i = 0; i < c->match.param_count; i++)
        if (str_eq(c->match.names[i], str_of(name)))
            return c->match.values[i];
    return STR_NONE;
}

struct str call_query(struct call *c, const char *name)
{
    struct buf value = BUF_INIT(4096);
    struct str target = c->target, ret = STR_NONE;

    str_cut(&target, '?');
    if (target.p && http_query_get(target, str_of(name), &value))
        ret = arena_str(c->arena, buf_str(&value));
    buf_release(&value);
    return ret;
}

void call_send_json(struct call *c, int status)
{
    if (buf_failed(&c->out)) {
        buf_reset(&c->out);
        answer_send(&c->answer, 500, STR("text/plain"), STR("the answer is too large\n"));
        return;
    }
    answer_send(&c->answer, status, STR("application/json"), buf_str(&c->out));
}
