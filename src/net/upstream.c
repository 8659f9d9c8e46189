/* SPDX-License-Identifier: Apache-2.0 */
#include "net/upstream.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/upstream_curl.h"

enum {
    SPARE_CALLS = 256,
    SPARE_OUT = 16 * 1024, /* what a spare call may keep of its buffer */
    IDLE_PER_ORIGIN = 64,
    IDLE_MOST = 512,
};

const char *upstream_fault_name(enum upstream_fault f)
{
    static const char *const names[] = {
        [UPSTREAM_NAME] = "name_not_found",
        [UPSTREAM_FORBIDDEN] = "address_forbidden",
        [UPSTREAM_REFUSED] = "connection_refused",
        [UPSTREAM_CONNECT_TIME] = "connect_timeout",
        [UPSTREAM_TLS] = "tls_failed",
        [UPSTREAM_BROKEN] = "connection_broken",
        [UPSTREAM_FIRST_BYTE_TIME] = "first_byte_timeout",
        [UPSTREAM_IDLE_TIME] = "idle_timeout",
        [UPSTREAM_BAD_ANSWER] = "bad_answer",
        [UPSTREAM_STARVED] = "no_resources",
    };
    return names[f];
}

bool upstream_is_starved(int code)
{
    return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM ||
           code == ENOSPC || code == EADDRNOTAVAIL;
}

/* ---- the client ---- */

enum status upstream_client_new(const struct upstream_config *config, struct upstream_client **ret,
                                struct err *err)
{
    struct upstream_client *client = mem_zalloc(sizeof(*client));
    enum status status = resolver_new(config->loop, config->resolver, &client->resolver, err);

    if (status != OK) {
        free(client);
        return status;
    }
    client->loop = config->loop;
    client->idle_per_origin = config->idle_per_origin ? config->idle_per_origin : IDLE_PER_ORIGIN;
    client->idle_most = config->idle_total ? config->idle_total : IDLE_MOST;
    client->read_size = UPSTREAM_READ_SIZE;
    if (config->in_high && config->in_high < client->read_size)
        client->read_size = config->in_high;
    client->scratch = mem_zalloc(client->read_size);
    client->tls = tls_contexts_new();
    list_init(&client->origin_ages);
    list_init(&client->idle);
    list_init(&client->calls);
    list_init(&client->conns);
    list_init(&client->spare_calls);
    list_init(&client->spare_conns);
    *ret = client;
    return OK;
}

static void call_free(struct upstream_call *call)
{
    buf_release(&call->out);
    free(call->allowed);
    free(call);
}

static void client_free(struct upstream_client *client)
{
    struct list *node;

    while ((node = list_pop_front(&client->spare_calls)))
        call_free(CONTAINER_OF(node, struct upstream_call, link));
    while ((node = list_pop_front(&client->spare_conns)))
        free(CONTAINER_OF(node, struct upstream_conn, all));
    curl_side_free(client->curl);
    origins_release(client);
    tls_contexts_free(client->tls);
    resolver_free(client->resolver);
    free(client->scratch);
    free(client);
}

void upstream_client_free(struct upstream_client *client)
{
    if (!client)
        return;
    while (!list_empty(&client->calls))
        upstream_cancel(CONTAINER_OF(client->calls.next, struct upstream_call, link));
    while (!list_empty(&client->conns))
        upstream_conn_close(CONTAINER_OF(client->conns.next, struct upstream_conn, all));
    client->released = true;
    if (!client->deferred)
        client_free(client);
}

void client_deferred_done(struct upstream_client *client)
{
    client->deferred--;
    if (client->released && !client->deferred)
        client_free(client);
}

/* ---- a call's end ---- */

static void call_give_back(struct upstream_call *call)
{
    struct upstream_client *client = call->client;

    if (client->spare_call_count < SPARE_CALLS && !client->released) {
        if (call->out.size > SPARE_OUT)
            buf_release(&call->out);
        client->spare_call_count++;
        list_push_front(&client->spare_calls, &call->link);
    } else {
        call_free(call);
    }
    client_deferred_done(client);
}

static void call_over(struct upstream_call *call)
{
    call->phase = CALL_OVER;
    list_remove(&call->link);
    if (call->origin)
        origin_unref(call->origin);
}

/* At the end of the turn in which the call failed, or was over. */
static void on_call_task(struct task *t)
{
    struct upstream_call *call = CONTAINER_OF(t, struct upstream_call, task);

    if (call->phase == CALL_FAILED) {
        call_over(call);
        call->handler.on_fail(call, &call->failure, call->ctx);
    }
    call_give_back(call);
}

static void defer_task(struct upstream_call *call)
{
    if (call->task.next)
        return;
    call->client->deferred++;
    loop_defer(call->client->loop, &call->task);
}

void call_fail(struct upstream_call *call, enum upstream_fault fault, const char *format, ...)
{
    struct upstream_failure *f = &call->failure;
    va_list args;

    f->fault = fault;
    f->unsent = !call->may_have_left;
    f->answered = call->answered;
    va_start(args, format);
    vsnprintf(f->detail, sizeof(f->detail), format, args);
    va_end(args);
    call->phase = CALL_FAILED;
    call->transport->leave(call);
    defer_task(call);
}

void call_end(struct upstream_call *call)
{
    call_over(call);
    defer_task(call);
    call->handler.on_end(call, call->ctx);
}

void upstream_cancel(struct upstream_call *call)
{
    if (call->phase == CALL_OVER)
        return;
    call->transport->leave(call);
    call_over(call);
    defer_task(call);
}

/* ---- a call's beginning ---- */

static struct upstream_call *call_new(struct upstream_client *client)
{
    struct list *node = list_pop_front(&client->spare_calls);
    struct upstream_call *call;
    struct buf out = {0};
    struct cidr *allowed = NULL;
    size_t allowed_size = 0;

    if (node) {
        client->spare_call_count--;
        call = CONTAINER_OF(node, struct upstream_call, link);
        buf_reset(&call->out);
        out = call->out;
        allowed = call->allowed;
        allowed_size = call->allowed_size;
        memset(call, 0, sizeof(*call));
    } else {
        call = mem_zalloc(sizeof(*call));
    }
    call->client = client;
    call->out = out;
    call->allowed = allowed;
    call->allowed_size = allowed_size;
    call->task.fn = on_call_task;
    list_push_back(&client->calls, &call->link);
    return call;
}

static void copy_guard(struct upstream_call *call, const struct guard *guard)
{
    size_t n = guard->allowed_count;

    if (n > call->allowed_size) {
        call->allowed = mem_realloc(call->allowed, n * sizeof(*call->allowed));
        call->allowed_size = n;
    }
    if (n)
        memcpy(call->allowed, guard->allowed, n * sizeof(*call->allowed));
    call->guard = (struct guard){guard->level, call->allowed, n};
}

static enum http_method method_of(struct str text)
{
    for (enum http_method m = HTTP_GET; m < HTTP_OTHER; m++) {
        if (str_eq(text, str_of(http_method_name(m))))
            return m;
    }
    return HTTP_OTHER;
}

/* On a kept connection, or on a new one.  A whole body is sent from where it lies; what of it has
 * to wait is copied unless it stays there. */
static void send_first(struct upstream_call *call, const struct upstream_request *r)
{
    struct upstream_conn *idle = idle_take(call->origin, &call->guard);

    if (!call->keep_sent && (idle || r->body_lent)) {
        call->lent = r->body;
        call->body_left -= (int64_t)r->body.n;
    } else {
        request_add_body(call, r->body);
    }
    if (idle) {
        upstream_conn_attach(idle, call);
        upstream_conn_send_out(idle);
    } else {
        dial_start(call);
    }
    if (!r->body_lent)
        request_copy_lent(call);
}

static struct upstream_call *refuse(struct upstream_call *call, struct err *err)
{
    err_say(err, E_INVALID, "bad_request", "The request has a field that cannot be sent.");
    call->transport->leave(call);
    call_over(call);
    defer_task(call);
    return NULL;
}

static bool length_is_true(const struct upstream_request *r)
{
    return !r->body.n || r->body_length == (int64_t)r->body.n;
}

static bool body_is_whole(const struct upstream_request *r)
{
    return r->body_length == 0 || r->body.n;
}

static struct upstream_call *call_begin(struct upstream_client *client,
                                        const struct upstream_request *r,
                                        const struct upstream_handler *h, void *ctx)
{
    struct upstream_call *call = call_new(client);

    call->handler = *h;
    call->ctx = ctx;
    call->method = method_of(r->method);
    call->idempotent = call->method == HTTP_GET || call->method == HTTP_HEAD;
    call->connect_ms = r->connect_timeout_ms;
    call->first_byte_ms = r->first_byte_timeout_ms;
    call->idle_ms = r->idle_timeout_ms;
    copy_guard(call, &r->guard);
    call->keep_sent = call->idempotent && body_is_whole(r);
    request_begin(call, r);
    return call;
}

static struct upstream_call *start_by_curl(struct upstream_client *client,
                                           const struct upstream_request *r,
                                           const struct upstream_handler *h, void *ctx,
                                           struct err *err)
{
    struct tls_context *known;

    if (r->ca_pem.n) { /* libcurl would tell of a bad one much later */
        if (tls_context_get(client->tls, r->ca_pem, &known, err) != OK)
            return NULL;
        tls_context_unref(known);
    }
    struct upstream_call *call = call_begin(client, r, h, ctx);
    call->unframed = true;
    call->transport = &upstream_curl_transport;
    if (!length_is_true(r) || !curl_call_start(call, r))
        return refuse(call, err);
    request_add_body(call, r->body);
    if (body_is_whole(r))
        call->all_given = true;
    return call;
}

struct upstream_call *upstream_start(struct upstream_client *client,
                                     const struct upstream_request *r,
                                     const struct upstream_handler *h, void *ctx, struct err *err)
{
    struct origin *origin;

    if (r->proxy_url.n || r->http2)
        return start_by_curl(client, r, h, ctx, err);
    if (origin_get(client, r->url, r->ca_pem, &origin, err) != OK)
        return NULL;
    struct upstream_call *call = call_begin(client, r, h, ctx);
    call->transport = &upstream_own_transport;
    call->origin = origin;
    if (!length_is_true(r) || !request_write_head(call, r))
        return refuse(call, err);
    if (body_is_whole(r))
        call->all_given = true;
    send_first(call, r);
    return call;
}

/* ---- in between ---- */

bool upstream_write(struct upstream_call *call, struct str bytes)
{
    if (!call_live(call) || call->all_given)
        return true;
    if (!request_add_body(call, bytes)) {
        call_fail(call, UPSTREAM_BROKEN, "more request body than was announced or can be held");
        return true;
    }
    call->transport->send(call);
    call->drain_wanted = request_unsent(call).n > UPSTREAM_OUT_HIGH;
    return !call->drain_wanted;
}

void upstream_write_end(struct upstream_call *call)
{
    if (!call_live(call) || call->all_given)
        return;
    if (!request_end_body(call)) {
        call_fail(call, UPSTREAM_BROKEN, "less request body than was announced");
        return;
    }
    call->transport->send(call);
}

void upstream_resume(struct upstream_call *call)
{
    if (call_live(call))
        call->transport->resume(call);
}

void call_drained(struct upstream_call *call)
{
    if (!call->drain_wanted || request_unsent(call).n >= UPSTREAM_OUT_LOW)
        return;
    call->drain_wanted = false;
    call->handler.on_drain(call, call->ctx);
}
