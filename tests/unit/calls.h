/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* calls — drives the upstream client from a test's own loop and notes what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "net/upstream.h"
#include "peer.h"

enum when { NEVER, AT_HEAD, AT_BODY, AT_END, AT_FAIL, AT_DRAIN };

struct call {
    /* What to ask. */
    const char *url, *method, *body, *ca;
    bool pieces; /* the body by upstream_write, chunked */
    char *lent;  /* or from where it lies, which is freed as soon as it may be */
    size_t lent_n;
    enum guard_level level;
    int connect_ms, first_byte_ms, idle_ms;
    size_t take; /* bytes that on_body takes at most, then it pauses; 0: all */
    enum when cancel_at;
    void (*then)(struct call *c); /* at the end or failure */
    atomic_int *pieces_taken;     /* counts on_body, for another thread; NULL: nobody asks */
    /* What came. */
    struct upstream_call *call;
    int heads, bodies, ends, fails, drains, status;
    struct buf answer;
    struct upstream_failure failure;
    size_t left_to_write;
    struct timer timer;
};

static struct loop *loop;
static struct upstream_client *client;
static struct arena *arena;
static int calls_open;
static const char *calls_proxy; /* NULL: none */
static bool calls_http2;

static inline void calls_start(const struct upstream_config *config)
{
    struct upstream_config own = config ? *config : (struct upstream_config){0};

    if (!loop)
        loop = loop_new();
    arena = arena_new(1 << 20);
    own.loop = loop;
    assert_int_equal(upstream_client_new(&own, &client, NULL), OK);
    calls_open = 0;
}

static inline void calls_stop(void)
{
    upstream_client_free(client);
    arena_free(arena);
    loop_free(loop);
    client = NULL;
    loop = NULL;
}

static inline void call_closed(struct call *c)
{
    timer_unset(loop, &c->timer);
    if (c->then)
        c->then(c);
    if (--calls_open == 0)
        loop_stop(loop);
}

/* Inside a callback: no other may follow. */
static inline bool cancel_now(struct call *c, enum when now)
{
    if (c->cancel_at != now)
        return false;
    upstream_cancel(c->call);
    if (now != AT_END && now != AT_FAIL)
        call_closed(c);
    return true;
}

static inline void take_back(struct call *c)
{
    free(c->lent);
    c->lent = NULL;
}

static inline void note_head(struct upstream_call *u, const struct http_head *head, void *ctx)
{
    struct call *c = ctx;
    assert_ptr_equal(u, c->call);
    c->heads++;
    c->status = head->status;
    take_back(c);
    cancel_now(c, AT_HEAD);
}

static inline void resume_later(struct timer *t)
{
    upstream_resume(CONTAINER_OF(t, struct call, timer)->call);
}

static inline size_t note_body(struct upstream_call *u, struct str piece, void *ctx)
{
    struct call *c = ctx;
    size_t taken = c->take ? MIN(c->take, piece.n) : piece.n;
    (void)u;
    assert_true(piece.n > 0);
    assert_false(timer_is_set(&c->timer)); /* nothing may come while paused */
    c->bodies++;
    if (c->pieces_taken)
        atomic_fetch_add(c->pieces_taken, 1);
    buf_add(&c->answer, str_to(piece, taken));
    if (cancel_now(c, AT_BODY)) {
        buf_add(&c->answer, piece); /* the view still holds */
        return piece.n;
    }
    if (taken < piece.n) {
        c->timer.fn = resume_later;
        timer_set_in(loop, &c->timer, 1);
    }
    return taken;
}

static inline void note_end(struct upstream_call *u, void *ctx)
{
    struct call *c = ctx;
    (void)u;
    c->ends++;
    cancel_now(c, AT_END);
    call_closed(c);
}

static inline void note_fail(struct upstream_call *u, const struct upstream_failure *f, void *ctx)
{
    struct call *c = ctx;
    (void)u;
    c->fails++;
    c->failure = *f;
    take_back(c);
    cancel_now(c, AT_FAIL);
    call_closed(c);
}

static inline void write_more(struct call *c)
{
    static char block[100 * 1000];
    memset(block, 'u', sizeof(block));
    while (c->left_to_write) {
        size_t n = MIN(c->left_to_write, sizeof(block));
        c->left_to_write -= n;
        if (!upstream_write(c->call, (struct str){block, n}))
            return;
    }
    upstream_write_end(c->call);
}

static inline void note_drain(struct upstream_call *u, void *ctx)
{
    struct call *c = ctx;
    (void)u;
    c->drains++;
    if (!cancel_now(c, AT_DRAIN))
        write_more(c);
}

static inline bool call_try(struct call *c, struct err *err)
{
    static const struct upstream_handler handler = {note_head, note_body, note_end, note_fail,
                                                    note_drain};
    const struct http_header headers[] = {{STR("Authorization"), STR("Bearer x")},
                                          {STR("connection"), STR("upgrade")},
                                          {STR("Host"), STR("evil")}};
    struct str body = c->lent ? (struct str){c->lent, c->lent_n} : str_of(c->body);
    struct url url;

    c->answer = BUF_INIT(64 << 20);
    assert_int_equal(url_parse(str_of(c->url), arena, &url, NULL), OK);
    /* Under valgrind on a busy machine a hundred calls take their time. */
    enum { PATIENCE_MS = 60000 };
    struct upstream_request r = {
        .url = &url,
        .method = c->method ? str_of(c->method) : STR("GET"),
        .headers = headers,
        .header_count = ARRAY_SIZE(headers),
        .body = body,
        .body_lent = c->lent != NULL,
        .body_length = c->pieces ? -1 : (int64_t)body.n,
        .guard = {.level = c->level},
        .ca_pem = str_of(c->ca),
        .proxy_url = str_of(calls_proxy),
        .http2 = calls_http2,
        .connect_timeout_ms = c->connect_ms ? c->connect_ms : PATIENCE_MS,
        .first_byte_timeout_ms = c->first_byte_ms ? c->first_byte_ms : PATIENCE_MS,
        .idle_timeout_ms = c->idle_ms ? c->idle_ms : PATIENCE_MS,
    };
    c->call = upstream_start(client, &r, &handler, c, err);
    if (!c->call)
        return false;
    assert_int_equal(c->heads + c->bodies + c->ends + c->fails, 0);
    calls_open++;
    if (c->pieces)
        write_more(c);
    return true;
}

static inline void call_start(struct call *c)
{
    struct err err = {0};
    if (!call_try(c, &err))
        fail_msg("not started: %s %s", err.code, err.text);
}

static inline void too_long(struct timer *t)
{
    (void)t;
    fail_msg("nothing happened for a minute");
}

static inline void calls_run(void)
{
    struct timer watchdog = {.fn = too_long};
    timer_set_in(loop, &watchdog, 60 * 1000);
    if (calls_open)
        loop_run(loop);
    timer_unset(loop, &watchdog);
}

/* One call from start to end. */
static inline void call_run(struct call *c)
{
    call_start(c);
    calls_run();
    buf_add_char(&c->answer, '\0');
    c->answer.end--;
}

static inline void stop_loop(struct timer *t)
{
    (void)t;
    loop_stop(loop);
}

static inline void calls_idle(int ms)
{
    struct timer t = {.fn = stop_loop};
    timer_set_in(loop, &t, ms);
    loop_run(loop);
}

static inline void expect_answer(struct call *c, int status, const char *body)
{
    if (c->fails)
        fail_msg("%s: %s", upstream_fault_name(c->failure.fault), c->failure.detail);
    assert_int_equal(c->heads, 1);
    assert_int_equal(c->ends, 1);
    assert_int_equal(c->status, status);
    if (body)
        assert_string_equal(buf_str(&c->answer).p, body);
    buf_release(&c->answer);
}

static inline void expect_fault(struct call *c, enum upstream_fault fault)
{
    if (!c->fails)
        fail_msg("no failure but %d", c->status);
    assert_int_equal(c->ends, 0);
    assert_int_equal(c->fails, 1);
    if (c->failure.fault != fault)
        fail_msg("%s and not %s: %s", upstream_fault_name(c->failure.fault),
                 upstream_fault_name(fault), c->failure.detail);
    buf_release(&c->answer);
}

static inline const char *peer_url(const struct peer *p, const char *scheme, const char *host)
{
    return arena_printf(arena, "%s://%s:%u/a/b?c=d", scheme, host, p->port).p;
}
