/* SPDX-License-Identifier: Apache-2.0 */
/* The request's body on its way from the connection's input to the handler. */
#include "base/mem.h"
#include "net/server_impl.h"

static void renew_deadline(struct exchange *x)
{
    struct server_conn *c = server_conn_of(x);
    const struct server *s = c->server;
    if (x->body.total < x->renew_at && c->read_deadline != NO_DEADLINE)
        return;
    x->renew_at = x->body.total + BODY_STEP;
    c->read_deadline = loop_now_ms(s->loop) + s->config.body_timeout_ms;
}

/* As announced, or so far. */
static bool is_too_large(const struct exchange *x)
{
    uint64_t announced = x->body.framing == HTTP_BODY_LENGTH ? x->body.left : 0;
    return x->body.total > x->max_body || announced > x->max_body - x->body.total;
}

/* Reads framing until payload stands at the input's front.  True when something changed. */
static bool next_piece(struct exchange *x)
{
    struct server_conn *c = server_conn_of(x);
    struct str in = server_conn_input(c), piece;
    struct http_fault fault;
    size_t used;

    enum http_parse r = http1_body_next(&x->body, in, &piece, &used, &fault);
    if (r == HTTP_PARSE_BAD) {
        x->failed = true;
        exchange_fail(x, 400, fault.reason);
        return true;
    }
    server_conn_consume(c, used - piece.n);
    x->piece_left = piece.n;
    x->body_read = r == HTTP_PARSE_DONE;
    if (is_too_large(x))
        exchange_fail(x, 413, "the body is too large");
    return used > 0 || x->body_read;
}

static bool give_piece(struct exchange *x)
{
    struct server_conn *c = server_conn_of(x);
    struct str piece = str_to(server_conn_input(c), x->piece_left);
    size_t taken = piece.n;

    x->resumed = false;
    if (x->handler->on_body)
        taken = x->handler->on_body(x, piece);
    server_conn_consume(c, taken);
    x->piece_left -= taken;
    if (taken < piece.n) {
        x->stalled = !x->resumed;
        c->read_deadline = NO_DEADLINE; /* the handler's pace, not the client's */
        if (x->resumed)
            loop_defer(c->server->loop, &c->task);
        return false;
    }
    return true;
}

static void send_continue(struct exchange *x)
{
    static char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const struct exchange_handler *h = x->handler;
    if (!x->owes_continue || (!h->on_body && !h->on_body_end))
        return;
    x->owes_continue = false;
    if (server_conn_input(server_conn_of(x)).n == 0)
        server_conn_send(server_conn_of(x), &(struct iovec){line, sizeof(line) - 1}, 1, true);
}

bool exchange_pump_body(struct exchange *x)
{
    if (!x->handler || x->answer == ANSWER_ENDED || x->body_told || x->stalled)
        return false;
    if (x->piece_left)
        return give_piece(x);
    if (x->body_read) {
        x->body_told = true;
        server_conn_of(x)->read_deadline = NO_DEADLINE;
        if (x->handler->on_body_end)
            x->handler->on_body_end(x);
        return true;
    }
    if (is_too_large(x)) {
        exchange_fail(x, 413, "the body is too large");
        return true;
    }
    if (x->answer == ANSWER_NONE)
        send_continue(x);
    renew_deadline(x);
    return next_piece(x);
}

bool exchange_drop_body(struct exchange *x)
{
    struct server_conn *c = server_conn_of(x);
    size_t before = server_conn_input(c).n;
    bool changed = x->piece_left > 0;

    server_conn_consume(c, x->piece_left);
    x->piece_left = 0;
    if (!x->body_read)
        changed |= next_piece(x);
    /* With its framing, which may be longer than what it frames. */
    c->dropped += before - server_conn_input(c).n;
    return changed;
}
