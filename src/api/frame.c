/* SPDX-License-Identifier: Apache-2.0 */
#include "api/frame.h"

#include <string.h>

#include "api/dispatch.h"
#include "api/messages.h"
#include "api/respond.h"
#include "api/session.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/tus_fields.h"
#include "platform/gzip.h"
#include "service/metrics.h"

/* What fits into a packet or two gains nothing. */
enum { PACK_MIN_BYTES = 1024 };

/* ---- making and ending */

static struct http_head *copy_head(const struct http_head *head, struct arena *a)
{
    struct http_head *copy = arena_alloc(a, sizeof(*copy));
    /* The server keeps no more of it than the fields there are. */
    memcpy(copy, head,
           offsetof(struct http_head, headers) + head->header_count * sizeof(head->headers[0]));
    struct str *fields[] = {&copy->method_text, &copy->target, &copy->path, &copy->query,
                            &copy->host};
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        if (fields[i]->p)
            *fields[i] = arena_str(a, *fields[i]);
    }
    for (size_t i = 0; i < copy->header_count; i++) {
        copy->headers[i].name = arena_str(a, head->headers[i].name);
        copy->headers[i].value = arena_str(a, head->headers[i].value);
    }
    return copy;
}

enum language frame_language(const struct settings *settings, const struct http_head *head)
{
    if (str_starts(head->path, STR("/api/upload")))
        return LANG_EN; /* UP-6 */
    return language_of(http_head_get(head, STR("accept-language")), settings->language);
}

void frame_open(struct call *c, struct dispatch *d, struct exchange *x,
                const struct endpoint *endpoint, const struct route_match *match,
                const struct relay_caller *caller, struct arena *a)
{
    c->app = dispatch_app(d);
    c->dispatch = d;
    c->arena = a;
    c->caller = *caller;
    c->endpoint = endpoint;
    c->match = *match;
    buf_init(&c->out, CALL_ANSWER_BYTES);
    c->head = copy_head(exchange_head(x), a);
    c->request_id = arena_str(a, exchange_request_id(x));
    c->peer = arena_str(a, exchange_peer(x));
    c->settings = settings_hold(c->app);
    c->language = frame_language(c->settings, c->head);
    c->status = 204;
}

void frame_close(struct call *c)
{
    if (c->abandon)
        c->abandon(c);
    json_doc_free(c->doc);
    buf_release(&c->out);
    if (c->settings)
        settings_drop(c->settings);
    arena_free(c->arena);
}

/* ---- who asks */

enum status frame_check_access(struct call *c, struct err *err)
{
    enum access access = c->endpoint->access;
    if (access == ACCESS_KEY)
        return session_find_origin(c, err);
    TRY(session_find_caller(c, err));
    if (access >= ACCESS_USER && !c->who.user_id)
        return err_set(err, E_AUTH, "unauthenticated");
    if (access == ACCESS_ADMIN && c->who.role != ROLE_ADMIN)
        return err_set(err, E_FORBIDDEN, "admin_only");
    return OK;
}

/* ---- answering */

static bool is_openai(struct str path)
{
    return str_starts(path, STR("/v1/")) || str_starts(path, STR("/sora/v1/"));
}

void frame_write_error(struct buf *out, struct str path, enum language language, int status,
                       const struct err *err)
{
    if (is_openai(path))
        respond_openai_error(out, status, err);
    else
        respond_error(out, language, err);
}

static void count_answer(struct str path, int status)
{
    metrics_answer(is_openai(path) ? METRICS_GATEWAY : METRICS_API, status);
}

/* The tus protocol 1.0.0: every answer names the version, a refused one those that are spoken. */
static size_t tus_headers(struct str path, int status, struct http_header ret[2])
{
    static const struct http_header resumable = HTTP_HEADER("Tus-Resumable", TUS_VERSION);
    static const struct http_header version = HTTP_HEADER("Tus-Version", TUS_VERSION);
    size_t n = 0;
    if (!str_starts(path, STR("/api/uploads/tus")))
        return 0;
    ret[n++] = resumable;
    if (status == 412)
        ret[n++] = version;
    return n;
}

/* allow: of E_METHOD, else STR_NONE. */
static void refuse(struct exchange *x, enum language language, const struct err *err,
                   struct str allow)
{
    struct buf out = BUF_INIT(64 << 10);
    int status = respond_status(err->status);
    struct str path = exchange_head(x)->path;
    char seconds[24];
    struct http_header headers[RESPOND_HEADERS + 3];

    frame_write_error(&out, path, language, status, err);
    count_answer(path, status);
    size_t n = respond_headers(err, seconds, headers);
    n += tus_headers(path, status, headers + n);
    if (allow.p)
        headers[n++] = (struct http_header){STR("Allow"), allow};
    exchange_reply(x, status, headers, n, buf_str(&out));
    buf_release(&out);
}

void frame_refuse(struct exchange *x, enum language language, const struct err *err)
{
    refuse(x, language, err, STR_NONE);
}

void frame_refuse_method(struct exchange *x, enum language language, struct str allow)
{
    struct err err;
    err_set(&err, E_METHOD, "method_not_allowed");
    refuse(x, language, &err, allow);
}

void frame_refuse_overloaded(struct exchange *x, enum language language, int64_t retry_after_ms)
{
    struct err err;
    err_set(&err, E_UNAVAILABLE, "overloaded");
    err.retry_after_ms = retry_after_ms;
    frame_refuse(x, language, &err);
}

static void log_outcome(const struct call *c, const struct err *err)
{
    if (err->status == E_INTERNAL || err->status == E_IO)
        log_error("request failed", LOG_S("request_id", c->request_id),
                  LOG_S("path", c->head->path), LOG_Z("code", err->code),
                  LOG_Z("detail", err->detail));
}

/* Nobody learns a secret from the length of an answer in which words of their own stand beside it
 * (BREACH): all that a page elsewhere can have asked for with our cookie, which is SameSite=Lax, is
 * a GET, and what a GET answers with repeats nothing of the request. */
void frame_pack(struct call *c)
{
    static const struct http_header vary = HTTP_HEADER("vary", "Accept-Encoding");
    static const struct http_header gzip = HTTP_HEADER("content-encoding", "gzip");
    struct str accept = http_head_get(c->head, STR("accept-encoding"));
    size_t n = buf_len(&c->out);
    if (is_openai(c->head->path) || n < PACK_MIN_BYTES || buf_failed(&c->out) ||
        c->header_count + 2 > CALL_MAX_HEADERS)
        return;
    c->headers[c->header_count++] = vary;
    struct buf packed = BUF_INIT(n - 1);
    if (http_coding_accepted(accept, STR("gzip")) && gzip_add(&packed, buf_str(&c->out))) {
        c->headers[c->header_count++] = gzip;
        buf_release(&c->out);
        c->out = packed;
    } else {
        buf_release(&packed);
    }
}

void frame_answer(struct exchange *x, struct call *c, enum status outcome, struct err *err)
{
    if (outcome == OK && buf_failed(&c->out))
        outcome = err_say(err, E_INTERNAL, "internal_error", "The answer was too large.");
    if (outcome == OK) {
        count_answer(c->head->path, c->status);
        exchange_reply(x, c->status, c->headers, c->header_count, buf_str(&c->out));
    } else {
        log_outcome(c, err);
        frame_refuse(x, c->language, err);
    }
}
