/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/answer.h"

#include <string.h>

#include "base/mem.h"
#include "net/sse.h"

enum {
    SLICE = 64 * 1024,
    CUT_POLL_MS = 5,    /* until the socket has taken what was written */
    CUT_SETTLE_MS = 30, /* until the peer has it, before a reset throws the rest away */
};
#define NOWHERE UINT64_MAX

static void pump(struct answer *a);

static void on_timer(struct timer *t)
{
    pump(CONTAINER_OF(t, struct answer, timer));
}

/* Cutting is in two steps: what was written has to be on its way first. */
static void on_cut_timer(struct timer *t)
{
    struct answer *a = CONTAINER_OF(t, struct answer, cut_timer);

    if (exchange_pending(a->x)) {
        timer_set_in(a->loop, t, CUT_POLL_MS);
    } else if (a->fault && a->fault->reset) {
        exchange_reset(a->x);
    } else {
        exchange_abort(a->x);
    }
}

void answer_init(struct answer *a, struct exchange *x, struct arena *arena)
{
    *a = (struct answer){.x = x, .arena = arena, .loop = exchange_loop(x)};
    a->hold_at = a->stall_at = NOWHERE;
    a->timer.fn = on_timer;
    a->cut_timer.fn = on_cut_timer;
    buf_init(&a->queue, ANSWER_QUEUE_MAX);
}

static void end_hold(struct answer *a)
{
    if (!a->held)
        return;
    a->held = false;
    a->counts->held--;
    record_held(a->record, false);
}

static void hold(struct answer *a)
{
    a->held = true;
    a->counts->held++;
    record_held(a->record, true);
}

void answer_release(struct answer *a)
{
    end_hold(a);
    if (a->streaming)
        a->counts->streams--;
    timer_unset(a->loop, &a->timer);
    timer_unset(a->loop, &a->cut_timer);
    buf_release(&a->queue);
}

void answer_set_fault(struct answer *a, const struct fault *fault)
{
    a->fault = fault;
    if (!fault)
        return;
    if (fault->hold_at >= 0)
        a->hold_at = (uint64_t)fault->hold_at;
    if (fault->stall_at >= 0)
        a->stall_at = (uint64_t)fault->stall_at;
    for (size_t i = 0; i < fault->header_count; i++) {
        const char *name = arena_strz(a->arena, fault->headers[i].name);
        if (name)
            answer_header(a, name, fault->headers[i].value);
    }
}

static bool is_rules_own(const struct answer *a, struct str name)
{
    for (size_t i = 0; a->fault && i < a->fault->header_count; i++)
        if (str_eq_ci(a->fault->headers[i].name, name))
            return true;
    return false;
}

void answer_header(struct answer *a, const char *name, struct str value)
{
    const struct http_header header = {str_of(name), value};

    for (size_t i = 0; i < a->header_count; i++) {
        if (str_eq_ci(a->headers[i].name, header.name)) {
            if (!is_rules_own(a, header.name)) /* a rule has the last word */
                a->headers[i] = header;
            return;
        }
    }
    if (a->header_count < ANSWER_MAX_HEADERS)
        a->headers[a->header_count++] = header;
}

void answer_cut(struct answer *a, bool reset)
{
    a->over = a->was_cut = true;
    end_hold(a);
    timer_unset(a->loop, &a->timer);
    timer_set_in(a->loop, &a->cut_timer, reset ? CUT_SETTLE_MS : 0);
}

/* What a rule does before the first byte; false while it has not let go. */
static bool pass_head(struct answer *a)
{
    const struct fault *f = a->fault;

    if (!f)
        return true;
    if (f->delay_ms && !a->delayed) {
        a->delayed = true;
        timer_set_in(a->loop, &a->timer, f->delay_ms);
        return false;
    }
    if (f->hold && !a->was_held) {
        a->was_held = true;
        hold(a);
        return false;
    }
    if (f->cut == CUT_BEFORE_HEAD) {
        answer_cut(a, f->reset);
        return false;
    }
    return true;
}

static uint64_t cut_at(const struct answer *a)
{
    return a->fault && a->fault->cut == CUT_AT ? (uint64_t)a->fault->cut_at : NOWHERE;
}

/* At a place where a rule wants to stop; true to go on at once. */
static bool stop(struct answer *a)
{
    if (a->sent == a->stall_at) {
        a->stall_at = NOWHERE;
        timer_set_in(a->loop, &a->timer, a->fault->stall_ms);
        return a->fault->stall_ms == 0;
    }
    if (a->sent == a->hold_at) {
        a->hold_at = NOWHERE;
        hold(a);
        return false;
    }
    answer_cut(a, a->fault->reset);
    return false;
}

static void finish(struct answer *a)
{
    a->over = true;
    if (!a->streaming && a->length > (int64_t)a->sent && exchange_head(a->x)->method != HTTP_HEAD)
        answer_cut(a, false);
    else
        exchange_end(a->x);
}

static void send_piece(struct answer *a, struct str piece)
{
    record_answer_bytes(a->record, piece);
    a->sent += piece.n;
    a->blocked = !exchange_write(a->x, piece);
    if (a->streaming)
        buf_take(&a->queue, piece.n);
    else
        a->whole = str_from(a->whole, piece.n);
}

/* Sends one piece; false when there is nothing to do now. */
static bool step(struct answer *a)
{
    uint64_t limit = MIN(MIN(a->stall_at, a->hold_at), cut_at(a));
    struct str piece = a->streaming ? buf_str(&a->queue) : a->whole;

    if (a->sent == limit)
        return stop(a);
    piece = str_to(piece, (size_t)MIN((uint64_t)SLICE, limit - a->sent));
    if (a->fault && a->fault->drip_bytes)
        piece = str_to(piece, (size_t)a->fault->drip_bytes);
    if (a->streaming && a->fault && a->fault->truncate >= 0) {
        piece = str_to(piece, (size_t)((uint64_t)a->fault->truncate - a->sent));
        a->ended = a->ended || a->sent + piece.n == (uint64_t)a->fault->truncate;
    }
    if (!piece.n) {
        if (a->ended)
            finish(a);
        return false;
    }
    send_piece(a, piece);
    if (a->fault && a->fault->drip_bytes)
        timer_set_in(a->loop, &a->timer, a->fault->drip_ms);
    return true;
}

static void start(struct answer *a)
{
    a->head_sent = true;
    record_answer_head(a->record, a->status, a->headers, a->header_count);
    exchange_start(a->x, a->status, a->headers, a->header_count, a->length);
}

static void pump(struct answer *a)
{
    if (!a->begun || a->over || a->held || timer_is_set(&a->timer))
        return;
    if (!a->head_sent) {
        if (!pass_head(a))
            return;
        start(a);
    }
    while (!a->over && !a->held && !a->blocked && !timer_is_set(&a->timer) && step(a))
        ;
}

void answer_drained(struct answer *a)
{
    a->blocked = false;
    pump(a);
}

bool answer_go(struct answer *a)
{
    if (!a->held)
        return false;
    end_hold(a);
    pump(a);
    return true;
}

static struct str spoiled(struct answer *a, struct str body)
{
    const struct fault *f = a->fault;

    if (!f)
        return body;
    if (f->malformed == MALFORMED_JSON)
        body = str_to(body, body.n / 2);
    if (f->malformed == MALFORMED_UTF8 && body.n) {
        char *copy = arena_strz(a->arena, body);
        if (copy) {
            copy[body.n / 2] = '\xff';
            body.p = copy;
        }
    }
    if (f->truncate >= 0)
        body = str_to(body, (size_t)f->truncate);
    return body;
}

static int64_t stated_length(const struct answer *a, struct str *body)
{
    int64_t delta = a->fault ? a->fault->length_delta : 0;
    int64_t length = MAX((int64_t)body->n + delta, 0);

    *body = str_to(*body, (size_t)length);
    return length;
}

void answer_send(struct answer *a, int status, struct str type, struct str body)
{
    if (a->begun)
        return;
    if (type.n)
        answer_header(a, "Content-Type", type);
    a->begun = a->ended = true;
    a->status = status;
    body = spoiled(a, body);
    a->length = stated_length(a, &body);
    a->whole = exchange_head(a->x)->method == HTTP_HEAD ? STR("") : body;
    pump(a);
}

void answer_stream(struct answer *a)
{
    if (a->begun)
        return;
    answer_header(a, "Content-Type", STR("text/event-stream; charset=utf-8"));
    answer_header(a, "Cache-Control", STR("no-cache"));
    a->begun = a->streaming = true;
    a->status = 200;
    a->length = EXCHANGE_CHUNKED;
    a->counts->streams++;
    pump(a);
}

static void spoil_event(struct answer *a)
{
    a->events++;
    if (!a->fault || a->events != 2)
        return;
    if (a->fault->malformed == MALFORMED_SSE || a->fault->malformed == MALFORMED_JSON)
        buf_add(&a->queue, STR("data: {\"id\":\"chatcmpl-broken\",\"choices\":[{\"delta\":\n\n"));
    if (a->fault->malformed == MALFORMED_UTF8)
        buf_add(&a->queue, STR("data: {\"id\":\"\xff\"}\n\n"));
}

static void queued(struct answer *a)
{
    if (buf_failed(&a->queue))
        answer_cut(a, false);
    else
        pump(a);
}

void answer_event(struct answer *a, struct str data)
{
    if (a->ended || a->over)
        return;
    spoil_event(a);
    sse_write(&a->queue, STR_NONE, STR_NONE, data);
    queued(a);
}

void answer_comment(struct answer *a, struct str text)
{
    if (a->ended || a->over)
        return;
    sse_write_comment(&a->queue, text);
    queued(a);
}

void answer_end(struct answer *a)
{
    a->ended = true;
    pump(a);
}

void answer_hold_here(struct answer *a)
{
    a->hold_at = a->sent + buf_len(&a->queue);
    pump(a);
}
