/* SPDX-License-Identifier: Apache-2.0 */
/* The public calls of an exchange, and the head of its answer. */
#include <assert.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/server_impl.h"

/* ---- the request ---- */

static bool id_is_good(struct str id)
{
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return id.n > 0 && id.n <= REQUEST_ID_MAX;
}

static void choose_id(struct exchange *x)
{
    struct str given = http_head_get(x->head, STR("x-request-id"));
    if (!id_is_good(given)) {
        x->id_length = (unsigned char)server_make_id(server_conn_of(x)->server, x->id);
        return;
    }
    for (size_t i = 0; i < given.n; i++)
        x->id[i] = given.p[i];
    x->id_length = (unsigned char)given.n;
}

void exchange_begin(struct server_conn *c, const struct http_head *head)
{
    struct exchange *x = &c->x;
    *x = (struct exchange){.head = head, .max_body = DEFAULT_MAX_BODY};
    x->owes_continue = head->expect_continue;
    x->renew_at = BODY_STEP;
    http1_body_of_request(&x->body, head);
    x->body_read = x->body.framing == HTTP_BODY_NONE;
    choose_id(x);
}

const struct http_head *exchange_head(const struct exchange *x)
{
    return x->head;
}

struct loop *exchange_loop(const struct exchange *x)
{
    return server_conn_of(x)->server->loop;
}

struct str exchange_request_id(const struct exchange *x)
{
    return (struct str){x->id, x->id_length};
}

struct str exchange_peer(const struct exchange *x)
{
    return str_of(server_conn_of(x)->peer);
}

bool exchange_body_done(const struct exchange *x)
{
    return x->body_read && x->piece_left == 0;
}

void exchange_handle(struct exchange *x, const struct exchange_handler *h, void *ctx)
{
    x->handler = h;
    x->ctx = ctx;
    server_conn_kick(server_conn_of(x));
}

void *exchange_ctx(const struct exchange *x)
{
    return x->ctx;
}

void exchange_max_body(struct exchange *x, uint64_t bytes)
{
    x->max_body = bytes;
    server_conn_kick(server_conn_of(x));
}

void exchange_resume_body(struct exchange *x)
{
    x->stalled = false;
    x->resumed = true;
    server_conn_kick(server_conn_of(x));
}

/* ---- the answer's head ---- */

/* Fields that the server writes itself, or that do not travel. */
static bool is_servers_own(struct str name)
{
    return http_is_hop(name) || str_eq_ci(name, STR("date"));
}

/* The rest of the body is more than we would read for nothing, or waits for a 100 that
 * will not come. */
static bool body_costs_connection(const struct exchange *x)
{
    if (exchange_body_done(x))
        return false;
    return x->owes_continue || (x->body.framing == HTTP_BODY_LENGTH && x->body.left > DRAIN_MAX);
}

static void choose_framing(struct exchange *x, int status, int64_t length)
{
    struct server_conn *c = server_conn_of(x);
    bool headless = status == 204 || status == 304;
    x->bodiless = headless || x->head->method == HTTP_HEAD;
    x->chunked = length < 0 && !x->bodiless && x->head->minor == 1;
    x->to_eof = length < 0 && !x->bodiless && x->head->minor == 0;
    x->answer_left = length > 0 && !x->bodiless ? (uint64_t)length : 0;
    c->close_after = c->close_after || !x->head->keep_alive || c->server->draining || c->eof ||
                     x->to_eof || body_costs_connection(x);
}

static void write_framing(struct exchange *x, struct buf *out, int status, int64_t length)
{
    if (server_conn_of(x)->close_after)
        buf_add(out, STR("Connection: close\r\n"));
    else if (x->head->minor == 0)
        buf_add(out, STR("Connection: keep-alive\r\n"));
    if (x->chunked) {
        buf_add(out, STR("Transfer-Encoding: chunked\r\n"));
    } else if (length >= 0 && status != 204 && status != 304) {
        buf_add(out, STR("Content-Length: "));
        buf_add_u64(out, (uint64_t)length);
        buf_add(out, STR("\r\n"));
    }
}

static struct iovec compose_head(struct exchange *x, int status, const struct http_header *headers,
                                 size_t n, int64_t length)
{
    struct server *s = server_conn_of(x)->server;
    struct buf *out = &s->compose;
    bool has_id = false;

    choose_framing(x, status, length);
    buf_reset(out);
    http1_write_status_line(out, status);
    for (size_t i = 0; i < n; i++) {
        if (is_servers_own(headers[i].name))
            continue;
        has_id |= str_eq_ci(headers[i].name, STR("x-request-id"));
        http1_write_header(out, headers[i].name, headers[i].value);
    }
    buf_add(out, server_date(s));
    if (!has_id) {
        buf_add(out, STR("x-request-id: "));
        buf_add(out, exchange_request_id(x));
        buf_add(out, STR("\r\n"));
    }
    write_framing(x, out, status, length);
    buf_add(out, STR("\r\n"));
    x->answer = ANSWER_OPEN;
    if (buf_failed(out))
        server_conn_of(x)->broken = true;
    return (struct iovec){out->p + out->start, buf_len(out)};
}

/* ---- the answer ---- */

void exchange_start(struct exchange *x, int status, const struct http_header *headers, size_t n,
                    int64_t length)
{
    assert(status >= 200 && status <= 999);
    if (x->answer != ANSWER_NONE)
        return;
    struct iovec head = compose_head(x, status, headers, n, length);
    server_conn_send(server_conn_of(x), &head, 1, false);
    server_conn_kick(server_conn_of(x));
}

static void send_chunk(struct exchange *x, struct str bytes)
{
    char prefix[HTTP_CHUNK_PREFIX];
    struct iovec parts[3] = {
        {prefix, http1_chunk_prefix(bytes.n, prefix)}, part_of(bytes), part_of(STR("\r\n"))};
    server_conn_send(server_conn_of(x), parts, 3, false);
}

bool exchange_write(struct exchange *x, struct str bytes)
{
    struct server_conn *c = server_conn_of(x);
    if (x->answer != ANSWER_OPEN || c->broken || c->closed)
        return true;
    if (!x->bodiless && bytes.n) {
        if (x->chunked) {
            send_chunk(x, bytes);
        } else {
            if (!x->to_eof)
                bytes = str_to(bytes, (size_t)MIN(x->answer_left, (uint64_t)bytes.n));
            x->answer_left -= x->to_eof ? 0 : bytes.n;
            server_conn_send(c, &(struct iovec){(void *)(uintptr_t)bytes.p, bytes.n}, 1, false);
        }
    }
    x->want_drain = server_conn_pending(c) > c->server->config.out_high;
    return !x->want_drain;
}

void exchange_end(struct exchange *x)
{
    struct server_conn *c = server_conn_of(x);
    if (x->answer != ANSWER_OPEN)
        return;
    if (x->answer_left) {
        exchange_abort(x);
        return;
    }
    x->answer = ANSWER_ENDED;
    struct iovec last = part_of(STR("0\r\n\r\n"));
    server_conn_send(c, &last, x->chunked ? 1 : 0, true);
    server_conn_kick(c);
}

static void reply(struct exchange *x, int status, const struct http_header *headers, size_t n,
                  struct str body, bool lasting)
{
    assert(status >= 200 && status <= 999);
    if (x->answer != ANSWER_NONE)
        return;
    struct iovec parts[2] = {compose_head(x, status, headers, n, (int64_t)body.n), part_of(body)};
    x->answer = ANSWER_ENDED;
    x->answer_left = 0;
    if (lasting && !x->bodiless)
        server_conn_send_lasting(server_conn_of(x), parts, body);
    else
        server_conn_send(server_conn_of(x), parts, x->bodiless ? 1 : 2, true);
    server_conn_kick(server_conn_of(x));
}

void exchange_reply(struct exchange *x, int status, const struct http_header *headers, size_t n,
                    struct str body)
{
    reply(x, status, headers, n, body, false);
}

void exchange_reply_lasting(struct exchange *x, int status, const struct http_header *headers,
                            size_t n, struct str body)
{
    reply(x, status, headers, n, body, true);
}

bool exchange_started(const struct exchange *x)
{
    return x->answer != ANSWER_NONE;
}

static void abort_with(struct exchange *x, bool reset)
{
    struct server_conn *c = server_conn_of(x);
    if (c->closed)
        return;
    if (c->server->corked == c)
        cork_flush(c->server);
    if (reset) {
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    c->broken = true;
    server_conn_kick(c);
}

void exchange_abort(struct exchange *x)
{
    /* Where the end of the bytes would be the answer's end, it must be a reset. */
    abort_with(x, x->to_eof);
}

void exchange_reset(struct exchange *x)
{
    abort_with(x, true);
}

size_t exchange_pending(const struct exchange *x)
{
    return server_conn_pending(server_conn_of(x));
}

void exchange_keep_open(struct exchange *x)
{
    struct server_conn *c = server_conn_of(x);
    if (buf_len(&c->in) == 0)
        buf_release(&c->in);
    if (server_conn_pending(c) == 0)
        c->write_deadline = NO_DEADLINE;
}

/* ---- the server's own answers ---- */

static const char *code_of(int status)
{
    switch (status) {
    case 408:
        return "request_timeout";
    case 413:
        return "body_too_large";
    case 501:
        return "not_implemented";
    case 503:
        return "overloaded";
    default:
        return "bad_request";
    }
}

static bool is_explained(struct exchange *x, int status, struct buf *out)
{
    const struct server_config *config = &server_conn_of(x)->server->config;
    return x->handler && config->explain && config->explain(x, status, out, config->ctx);
}

void exchange_fail(struct exchange *x, int status, const char *reason)
{
    struct server_conn *c = server_conn_of(x);
    char text[512];
    struct buf body = {.p = text, .size = sizeof(text), .cap = sizeof(text)};
    const struct http_header type = {STR("Content-Type"), STR("application/json")};

    if (x->answer == ANSWER_ENDED)
        return;
    x->failed = true;
    c->close_after = true;
    if (x->answer == ANSWER_OPEN) {
        exchange_abort(x);
        return;
    }
    /* Reasons are constants of ours without anything to escape. */
    if (!is_explained(x, status, &body) || buf_failed(&body)) {
        buf_reset(&body);
        buf_addf(&body,
                 "{\"error\":{\"message\":\"The request was refused: %s.\",\"type\":\"%s\","
                 "\"param\":null,\"code\":\"%s\"}}",
                 reason, status < 500 ? "invalid_request_error" : "server_error", code_of(status));
    }
    exchange_reply(x, status, &type, 1, buf_str(&body));
}
