/* SPDX-License-Identifier: Apache-2.0 */
/* One call upstream.  The body goes up as the client sent it and the answer comes down as
 * the upstream sent it; only a refusal that another account may make good is held back. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "pool/tokens.h"
#include "service/metrics.h"
#include "service/relay_impl.h"
#include "service/settings.h"

enum { HEADERS_MAX = 6, STARVED_RETRY_MS = 1000 };

static const struct str hops[RELAY_HOPS_MAX + 1] = {
    {"1", 1}, {"2", 1}, {"3", 1}, {"4", 1}, {"5", 1}};

/* ---- the answer ---- */

static bool has_field(const struct http_header *headers, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq_ci(headers[i].name, name))
            return true;
    }
    return false;
}

static bool is_kept(const struct relay_field *kept, size_t count, const struct http_header *field,
                    const struct http_header *so_far, size_t n)
{
    for (size_t i = 0; i < count; i++) {
        if (field->name.n == kept[i].name.n && str_eq_ci(field->name, kept[i].name))
            return kept[i].list || !has_field(so_far, n, field->name);
    }
    return false;
}

size_t relay_keep_fields(const struct http_head *head, const struct relay_field *kept, size_t count,
                         struct http_header *ret, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < head->header_count && n < max; i++) {
        if (head->headers[i].value.n && is_kept(kept, count, &head->headers[i], ret, n))
            ret[n++] = head->headers[i];
    }
    return n;
}

/* From here on the answer is the client's, and no other account is asked. */
static void begin_passing(struct relay *r, int status, const struct http_header *headers, size_t n,
                          int64_t length)
{
    r->phase = RELAY_PASSING;
    r->status = status;
    if (!r->sending)
        spool_release(&r->spool);
    metrics_answer(METRICS_GATEWAY, status);
    exchange_start(r->x, status, headers, n, length);
}

static void on_head(struct upstream_call *call, const struct http_head *head, void *ctx)
{
    static const struct relay_field kept[] = {{STR("content-type"), false},
                                              {STR("content-encoding"), true},
                                              {STR("x-request-id"), false}};
    struct relay *r = ctx;
    struct http_header headers[HEADERS_MAX];
    (void)call;
    metrics_first_byte(loop_now_ms(r->host.loop) - r->called_ms);
    if (pool_may_switch(head->status, true)) {
        r->answer = relay_answer_new(head);
        return;
    }
    if (pool_outcome_of_status(head->status) == POOL_SUCCESS)
        pool_proven(r->host.app->pool, &r->slot);
    size_t n = relay_keep_fields(head, kept, ARRAY_SIZE(kept), headers, HEADERS_MAX);
    int64_t length = head->chunked ? EXCHANGE_CHUNKED : head->content_length;
    begin_passing(r, head->status, headers, n, length < 0 ? EXCHANGE_CHUNKED : length);
    if (length < 0)
        exchange_keep_open(r->x);
}

/* What was collected goes to the client after all. */
static void pass_collected(struct relay *r, bool whole)
{
    struct relay_answer *a = r->answer;
    const struct {
        struct str name, value;
    } kept[] = {{STR("content-type"), str_of(a->type)},
                {STR("content-encoding"), str_of(a->encoding)},
                {STR("x-request-id"), str_of(a->request_id)}};
    struct http_header headers[ARRAY_SIZE(kept)];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        if (kept[i].value.n)
            headers[n++] = (struct http_header){kept[i].name, kept[i].value};
    }
    int64_t length = whole ? (int64_t)buf_len(&a->body) : a->length;
    begin_passing(r, a->status, headers, n, length < 0 ? EXCHANGE_CHUNKED : length);
    exchange_write(r->x, buf_str(&a->body));
    relay_answer_free(a);
    r->answer = NULL;
}

static bool another_may_help(const struct relay_answer *a)
{
    return pool_may_switch(a->status, a->status == 404 && relay_answer_lacks_model(a));
}

/* The upstream has said no: does another account help? */
static void judge_refusal(struct relay *r)
{
    struct relay_answer *a = r->answer;
    if (!another_may_help(a)) {
        pass_collected(r, true);
        exchange_end(r->x);
        r->phase = RELAY_OVER;
        relay_give_back(r, pool_outcome_of_status(r->status), 0);
        return;
    }
    relay_note_answer(&r->failures, a, r->slot.account->target.credential);
    enum pool_outcome outcome = pool_outcome_of_status(a->status);
    int64_t retry_after_ms = a->retry_after_ms;
    bool token_refused = a->status == 401 && token_may_renew(r->slot.account);
    relay_answer_free(a);
    r->answer = NULL;
    if (!token_refused || !relay_renew_token(r))
        relay_next(r, outcome, retry_after_ms);
}

/* More than a refusal needs to say: judged by what has come, or simply passed on. */
static size_t refusal_too_long(struct relay *r, struct upstream_call *call, struct str piece)
{
    if (r->answer->status == 404 && !relay_answer_lacks_model(r->answer)) {
        pass_collected(r, false);
        r->client_full = !exchange_write(r->x, piece);
        return piece.n;
    }
    upstream_cancel(call);
    r->call = NULL;
    judge_refusal(r);
    return 0;
}

static size_t on_body(struct upstream_call *call, struct str piece, void *ctx)
{
    struct relay *r = ctx;
    if (r->answer) {
        if (buf_len(&r->answer->body) + piece.n > RELAY_REFUSAL_BYTES)
            return refusal_too_long(r, call, piece);
        buf_add(&r->answer->body, piece);
        return piece.n;
    }
    if (r->client_full) {
        r->held_back = true;
        return 0;
    }
    r->client_full = !exchange_write(r->x, piece);
    return piece.n;
}

static void on_end(struct upstream_call *call, void *ctx)
{
    struct relay *r = ctx;
    (void)call;
    r->call = NULL;
    r->sending = false;
    if (r->answer) {
        judge_refusal(r);
        return;
    }
    r->phase = RELAY_OVER;
    timer_unset(r->host.loop, &r->deadline);
    exchange_end(r->x);
    relay_give_back(r, pool_outcome_of_status(r->status), 0);
}

static const char *fault_words(enum upstream_fault fault)
{
    static const char *const words[] = {
        [UPSTREAM_NAME] = "The upstream's host name was not found.",
        [UPSTREAM_FORBIDDEN] = "The upstream's address may not be connected to.",
        [UPSTREAM_REFUSED] = "The upstream refused the connection.",
        [UPSTREAM_CONNECT_TIME] = "Connecting to the upstream timed out.",
        [UPSTREAM_TLS] = "The TLS connection to the upstream failed.",
        [UPSTREAM_BROKEN] = "The upstream's connection broke before it answered.",
        [UPSTREAM_FIRST_BYTE_TIME] = "The upstream took too long to answer.",
        [UPSTREAM_IDLE_TIME] = "The upstream fell silent.",
        [UPSTREAM_BAD_ANSWER] = "The upstream's answer could not be understood.",
        [UPSTREAM_STARVED] = "The server has no connection left.",
    };
    return words[fault];
}

/* No other account would fare better. */
static void starved(struct relay *r, const struct upstream_failure *failure)
{
    struct err err;
    err_set(&err, E_UNAVAILABLE, "overloaded");
    err.retry_after_ms = STARVED_RETRY_MS;
    log_warn("no connection to an upstream could be opened",
             LOG_S("request_id", exchange_request_id(r->x)), LOG_Z("why", failure->detail));
    relay_refuse(r, 0, &err);
}

static void on_fail(struct upstream_call *call, const struct upstream_failure *failure, void *ctx)
{
    struct relay *r = ctx;
    (void)call;
    r->call = NULL;
    r->sending = false;
    if (r->answer && !another_may_help(r->answer))
        pass_collected(r, false);
    if (r->answer) {
        judge_refusal(r);
        return;
    }
    if (r->phase == RELAY_PASSING) {
        /* Half an answer must not look like a whole one.  Servers give up on readers that are
         * slow: no account pays for such a client. */
        r->phase = RELAY_OVER;
        relay_give_back(r, r->held_back ? POOL_NEUTRAL : POOL_UNAVAILABLE, 0);
        exchange_abort(r->x);
        return;
    }
    if (failure->fault == UPSTREAM_STARVED) {
        starved(r, failure);
        return;
    }
    relay_note_fault(&r->failures, fault_words(failure->fault));
    relay_next(r, failure->stale ? POOL_NEUTRAL : POOL_UNAVAILABLE, 0);
}

/* ---- the request ---- */

static void on_drain(struct upstream_call *call, void *ctx)
{
    struct relay *r = ctx;
    (void)call;
    r->upward_full = false;
    if (r->sending)
        relay_call_pump(r);
}

static const struct upstream_handler handler = {
    .on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
    .on_fail = on_fail,
    .on_drain = on_drain,
};

static void body_lost(struct relay *r)
{
    if (r->phase != RELAY_PASSING) {
        relay_refuse(r, 0, r->spool.err);
        return;
    }
    r->sending = false;
    upstream_cancel(r->call);
    r->call = NULL;
    r->phase = RELAY_OVER;
    relay_give_back(r, POOL_NEUTRAL, 0);
    exchange_abort(r->x);
}

void relay_call_pump(struct relay *r)
{
    struct str piece;
    while (!r->upward_full && r->call) {
        switch (spool_next(&r->spool, &piece)) {
        case SPOOL_PIECE:
            r->upward_full = !upstream_write(r->call, piece);
            break;
        case SPOOL_WAIT:
            return;
        case SPOOL_AT_END:
            r->sending = false;
            upstream_write_end(r->call);
            return;
        case SPOOL_FAILED:
            body_lost(r);
            return;
        }
    }
}

static size_t write_headers(const struct relay *r, struct http_header *ret)
{
    static const struct str passed[] = {{"accept", 6}, {"idempotency-key", 15}};
    const struct http_head *head = exchange_head(r->x);
    size_t n = 0;
    ret[n++] = (struct http_header){STR("Authorization"), r->slot.account->bearer};
    ret[n++] = (struct http_header)HTTP_HEADER("Content-Type", "application/json");
    ret[n++] = (struct http_header){STR("x-kinora-hop"), hops[r->caller.hop]};
    for (size_t i = 0; i < ARRAY_SIZE(passed); i++) {
        struct str value = http_head_get(head, passed[i]);
        if (value.n)
            ret[n++] = (struct http_header){passed[i], value};
    }
    return n;
}

void relay_call_start(struct relay *r)
{
    const struct pool_account *account = r->slot.account;
    bool streamed = scan_json_kind(&r->scan, SCAN_STREAM) == SCAN_TRUE;
    struct http_header headers[HEADERS_MAX];
    struct err err;
    struct str whole;
    bool in_memory = spool_whole(&r->spool, &whole);
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(r->host.app);
    struct upstream_request request = {
        .url = &account->chat,
        .method = STR("POST"),
        .headers = headers,
        .header_count = write_headers(r, headers),
        .body_length = (int64_t)r->spool.length,
        .body = in_memory ? whole : STR_NONE,
        .body_lent = true, /* the spool has it until the answer begins */
        .guard = {GUARD_ADMIN, settings->allowed_private_networks,
                  settings->allowed_private_network_count},
        .ca_pem = account->ca_pem,
        .proxy_url = account->proxy_url,
        .http2 = account->http2,
        .connect_timeout_ms = RELAY_CONNECT_MS,
        .first_byte_timeout_ms = streamed ? RELAY_FIRST_BYTE_STREAM_MS : RELAY_LONG_MS,
        .idle_timeout_ms = RELAY_LONG_MS,
    };
    r->phase = RELAY_CALLING;
    r->called_ms = loop_now_ms(r->host.loop);
    metrics_call();
    r->upward_full = false;
    if (!timer_is_set(&r->deadline))
        timer_set_in(r->host.loop, &r->deadline, RELAY_LONG_MS);
    r->call = upstream_start(r->host.upstream, &request, &handler, r, &err);
    if (!r->call) {
        relay_note_fault(&r->failures, "The upstream account's CA certificate cannot be used.");
        relay_next(r, POOL_UNAVAILABLE, 0);
        return;
    }
    if (in_memory)
        return;
    r->sending = true;
    spool_rewind(&r->spool);
    relay_call_pump(r);
}
