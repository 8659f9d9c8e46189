/* SPDX-License-Identifier: Apache-2.0 */
/* Answer bytes become callbacks, as views into what was read: only what a taker leaves,
 * or half a head, is copied. */
#include <string.h>

#include "base/mem.h"
#include "net/upstream_impl.h"

enum { HEAD_MAX = 64 * 1024, KEEP_MARGIN_MS = 1000 };

const struct http_limits upstream_head_limits = {8 * 1024, HEAD_MAX, HTTP_MAX_HEADERS};

void answer_reset(struct upstream_conn *c)
{
    c->payload_left = c->head_scanned = 0;
    c->interim = 0;
    c->got_bytes = c->head_done = c->body_done = c->keep_alive = false;
    c->paused = c->resume_asked = c->write_broken = c->tls_wants_write = false;
    c->keep_ms = UPSTREAM_IDLE_MS;
    c->body = (struct http_body){.framing = HTTP_BODY_NONE};
}

bool answer_reusable(const struct upstream_conn *c)
{
    const struct upstream_call *call = c->call;
    bool all_sent = call->all_given && !request_waiting(call) && !c->write_broken;

    return c->keep_alive && c->watched && all_sent && c->body.framing != HTTP_BODY_TO_EOF;
}

/* extra: bytes came behind the end, which cannot belong to any request. */
static void finish(struct upstream_conn *c, bool extra)
{
    struct upstream_call *call = c->call;
    bool keep = !extra && answer_reusable(c);

    upstream_conn_detach(c);
    if (keep)
        idle_put(c);
    else
        upstream_conn_close(c);
    call_end(call);
}

/* ---- the head ---- */

/* "timeout=5, max=1000" (RFC 2068 19.7.1.1): many servers say when they will hang up. */
static int promised_ms(struct str keep_alive)
{
    while (keep_alive.p) {
        struct str value = str_trim(str_cut(&keep_alive, ','));
        uint64_t seconds;
        if (!str_starts(value, STR("timeout=")) || !str_to_u64(str_from(value, 8), &seconds))
            continue;
        if (seconds >= UPSTREAM_IDLE_MS / 1000)
            break;
        return seconds > 1 ? (int)seconds * 1000 - KEEP_MARGIN_MS : KEEP_MARGIN_MS / 2;
    }
    return UPSTREAM_IDLE_MS;
}

static void take_head(struct upstream_conn *c, const struct http_head *head)
{
    struct upstream_call *call = c->call;

    c->head_done = call->answered = true;
    c->keep_alive = head->keep_alive;
    c->keep_ms = promised_ms(http_head_get(head, STR("keep-alive")));
    http1_body_of_response(&c->body, head, call->method);
    c->body_done = c->body.framing == HTTP_BODY_NONE;
    request_copy_lent(call);
    call->handler.on_head(call, head, call->ctx);
}

/* A head that grows by drops is read again only for another line of it. */
static bool worth_reading(struct upstream_conn *c, struct str in)
{
    struct str news = str_from(in, c->head_scanned);
    bool worth = !c->head_scanned || str_has_char(news, '\n') || in.n > HEAD_MAX;

    c->head_scanned = in.n;
    return worth;
}

/* Returns the bytes dealt with. */
static size_t read_heads(struct upstream_conn *c, struct str in)
{
    struct upstream_call *call = c->call;
    struct http_head head;
    struct http_fault fault = {0, ""};
    size_t at = 0, used;

    while (at < in.n && !c->head_done) {
        struct str rest = str_from(in, at);
        if (!worth_reading(c, rest))
            return at;
        enum http_parse parsed = http1_parse_response(rest, &upstream_head_limits, &head, &used,
                                                      &fault);
        if (parsed == HTTP_PARSE_MORE)
            return at;
        bool unasked = parsed == HTTP_PARSE_DONE && head.status < 200 &&
                       (head.status == 101 || ++c->interim > UPSTREAM_INTERIM_MOST);
        if (parsed == HTTP_PARSE_BAD || unasked) {
            call_fail(call, UPSTREAM_BAD_ANSWER, "%s",
                      unasked ? "an interim answer nobody asked for" : fault.reason);
            return at;
        }
        at += used;
        c->head_scanned = 0;
        if (head.status >= 200)
            take_head(c, &head);
    }
    return at;
}

/* ---- the body ---- */

static void pause_taking(struct upstream_conn *c, size_t left)
{
    c->payload_left = left;
    c->paused = true;
    if (!c->resume_asked)
        return;
    c->paused = false;
    upstream_conn_go_on_later(c);
}

/* Returns what was left of piece; the call may be over afterwards. */
static size_t give(struct upstream_conn *c, struct str piece)
{
    struct upstream_call *call = c->call;

    c->resume_asked = false;
    size_t taken = call->handler.on_body(call, piece, call->ctx);
    if (!call_live(call))
        return 0;
    if (taken < piece.n)
        pause_taking(c, piece.n - taken);
    return piece.n - taken;
}

/* Returns the bytes dealt with; a piece that was not taken lies before the rest of in. */
static size_t read_body(struct upstream_conn *c, struct str in)
{
    struct upstream_call *call = c->call;
    struct http_fault fault = {0, ""};
    size_t at = 0;

    while (!c->body_done && at < in.n) {
        struct str piece;
        size_t used;
        enum http_parse parsed = http1_body_next(&c->body, str_from(in, at), &piece, &used, &fault);
        if (parsed == HTTP_PARSE_BAD) {
            call_fail(call, UPSTREAM_BAD_ANSWER, "%s", fault.reason);
            return in.n;
        }
        at += used;
        c->body_done = parsed == HTTP_PARSE_DONE;
        if (piece.n) {
            size_t left = give(c, piece);
            if (!call_live(call))
                return in.n;
            if (left)
                return at - left;
        }
        if (!used && !c->body_done)
            break;
    }
    return at;
}

/* Returns the bytes dealt with. */
static size_t read_answer(struct upstream_conn *c, struct str in)
{
    struct upstream_call *call = c->call;

    c->reading = true;
    size_t at = c->head_done ? 0 : read_heads(c, in);
    if (call_live(call) && c->head_done)
        at += read_body(c, str_from(in, at));
    c->reading = false;
    if (!call_live(call))
        return in.n;
    if (c->head_done && c->body_done && !c->payload_left) {
        finish(c, at < in.n);
        return in.n;
    }
    return at;
}

static void hold(struct upstream_conn *c, struct str rest)
{
    if (rest.n && !buf_add(&c->in, rest))
        call_fail(c->call, UPSTREAM_BAD_ANSWER, "more than can be held");
}

void answer_bytes(struct upstream_conn *c, struct str in)
{
    struct upstream_call *call = c->call;

    c->got_bytes = true;
    if (buf_len(&c->in)) {
        hold(c, in);
        if (call_live(call))
            answer_go_on(c);
        return;
    }
    size_t used = read_answer(c, in);
    if (!call_live(call))
        return;
    hold(c, str_from(in, used));
    if (!call_live(call))
        return;
    upstream_conn_want(c);
    if (c->head_done)
        upstream_conn_arm(c);
}

void answer_go_on(struct upstream_conn *c)
{
    struct upstream_call *call = c->call;

    if (c->payload_left) {
        size_t had = c->payload_left;
        c->payload_left = 0;
        size_t left = give(c, str_to(buf_str(&c->in), had));
        if (!call_live(call))
            return;
        buf_take(&c->in, had - left);
    }
    if (!c->payload_left) {
        /* Even of nothing: the body may be at its end already. */
        size_t used = read_answer(c, buf_str(&c->in));
        if (!call_live(call))
            return;
        buf_take(&c->in, used);
    }
    if (!buf_len(&c->in))
        buf_release(&c->in);
    upstream_conn_want(c);
    if (c->head_done)
        upstream_conn_arm(c);
}

/* ---- the end of the connection ---- */

/* Only what cannot have been processed goes out again (RFC 9110 9.2.2), and once. */
static bool may_go_again(const struct upstream_conn *c)
{
    const struct upstream_call *call = c->call;
    return c->reused && !c->got_bytes && !call->replayed &&
           (call->keep_sent || !call->may_have_left);
}

static void go_again(struct upstream_conn *c)
{
    struct upstream_call *call = c->call;

    upstream_conn_close(c);
    call->replayed = true;
    call->out_sent = 0;
    dial_start(call);
}

static void broken(struct upstream_conn *c, const char *detail)
{
    c->call->failure.stale = c->reused && !c->got_bytes;
    call_fail(c->call, UPSTREAM_BROKEN, "%s", detail);
}

void answer_eof(struct upstream_conn *c, bool clean, const char *detail)
{
    if (c->head_done && c->body.framing == HTTP_BODY_TO_EOF && clean)
        finish(c, false);
    else if (may_go_again(c))
        go_again(c);
    else
        broken(c, detail);
}
