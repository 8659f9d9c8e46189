/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* upstream_contract — what every transport of the upstream client keeps: the same cases for
 * test_upstream.c (our own connections) and test_upstream_curl.c (libcurl's). */
#include "base/clock.h"
#include "calls.h"
#include "watches.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"

static struct peer *peer, *proxy;
/* What stands between; NULL: nothing. */
static void (*proxy_serve)(struct peer_link *l);
static const char *proxy_format;

static void begin_as(void (*serve)(struct peer_link *l), SSL_CTX *tls)
{
    static char proxy_text[256];

    peer = peer_new(serve, tls);
    calls_start(NULL);
    calls_proxy = NULL;
    if (!proxy_serve)
        return;
    proxy = peer_new(proxy_serve, NULL);
    snprintf(proxy_text, sizeof(proxy_text), "%s127.0.0.1:%u", proxy_format, proxy->port);
    calls_proxy = proxy_text;
}

static void begin(void (*serve)(struct peer_link *l))
{
    begin_as(serve, NULL);
}

static void finish(void)
{
    calls_stop();
    if (proxy)
        peer_free(proxy);
    peer_free(peer);
    proxy = NULL;
}

static const char *here(void)
{
    return peer_url(peer, "http", "127.0.0.1");
}

static void serve_hello(struct peer_link *l)
{
    while (peer_request(l))
        peer_send(l, OK_HEAD "hello");
}

static char request_seen[4096];

static void serve_and_note(struct peer_link *l)
{
    while (peer_request(l)) {
        snprintf(request_seen, sizeof(request_seen), "%.*s", (int)l->request_n, l->in);
        peer_send(l, OK_HEAD "hello");
    }
}

static void says_its_own_framing_and_host(void **state)
{
    (void)state;
    char expected[512];
    struct call get = {.level = GUARD_ADMIN},
                post = {.level = GUARD_ADMIN, .method = "POST", .body = "{}"};
    struct call empty = {.level = GUARD_ADMIN, .method = "POST"};
    begin(serve_and_note);

    get.url = post.url = empty.url = here();
    call_run(&get);
    expect_answer(&get, 200, "hello");
    snprintf(expected, sizeof(expected),
             "GET /a/b?c=d HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAuthorization: Bearer x\r\n\r\n",
             peer->port);
    assert_string_equal(request_seen, expected);
    call_run(&post);
    expect_answer(&post, 200, "hello");
    snprintf(expected, sizeof(expected),
             "POST /a/b?c=d HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAuthorization: Bearer x\r\n"
             "Content-Length: 2\r\n\r\n{}",
             peer->port);
    assert_string_equal(request_seen, expected);
    call_run(&empty);
    expect_answer(&empty, 200, "hello");
    assert_non_null(strstr(request_seen, "Content-Length: 0\r\n\r\n"));
    finish();
}

static void a_hundred_calls_at_once_all_come_back(void **state)
{
    (void)state;
    struct call c[100];
    begin(serve_hello);
    for (int i = 0; i < 100; i++) {
        c[i] = (struct call){.url = here(), .level = GUARD_ADMIN, .method = "POST", .body = "x"};
        call_start(&c[i]);
    }
    calls_run();
    for (int i = 0; i < 100; i++)
        expect_answer(&c[i], 200, NULL);
    finish();
}

/* ---- framings, in one piece and byte by byte ---- */

static const char *answer_text;
static bool in_drops;

static void serve_text(struct peer_link *l)
{
    while (peer_request(l)) {
        for (const char *p = answer_text; in_drops && *p; p++) {
            peer_send_n(l, p, 1);
            if (p - answer_text < 20)
                usleep(500);
        }
        if (!in_drops)
            peer_send(l, answer_text);
        if (strstr(answer_text, "HTTP/1.0") || !strstr(answer_text, "\r\n\r\n") ||
            !strstr(answer_text, "-"))
            return;
    }
}

static const struct {
    const char *text, *body, *method;
    int status;
} framings[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc", "GET", 200},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", "GET", 200},
    {"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", "x", "POST", 200},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
     "abcde", "GET", 200},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Late: 1\r\n\r\n", "a",
     "GET", 200},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", "GET", 200},
    {"HTTP/1.1 200 OK\r\n\r\nto the end", "to the end", "GET", 200},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", "", "GET", 200},
    {"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc", "GET", 200},
    {"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", "", "GET", 204},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", "", "GET", 304},
    {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "", "HEAD", 200},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "", "HEAD", 200},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "x", "POST",
     200},
    {"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 103 Early\r\n\r\n"
     "HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nx",
     "x", "GET", 404},
    {"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\nKeep-Alive: timeout=5, max=9\r\n\r\nno", "no", "GET",
     500},
};

static void reads_every_framing_whole_and_in_drops(void **state)
{
    (void)state;
    for (int drops = 0; drops < 2; drops++) {
        for (size_t i = 0; i < ARRAY_SIZE(framings); i++) {
            in_drops = drops;
            answer_text = framings[i].text;
            begin(serve_text);
            struct call c = {.url = here(), .level = GUARD_ADMIN, .method = framings[i].method};
            call_run(&c);
            expect_answer(&c, framings[i].status, framings[i].body);
            finish();
        }
    }
    in_drops = false;
}

static const struct {
    const char *text;
    enum upstream_fault fault, by_curl; /* where libcurl says no more than that */
} bad_answers[] = {
    {"hello\r\n\r\n -", UPSTREAM_BAD_ANSWER, 0},
    {"SSH-2.0-x\r\n\r\n", UPSTREAM_BAD_ANSWER, 0},
    {"HTTP/2 200 OK\r\nX-A: b\r\n\r\n", UPSTREAM_BAD_ANSWER, 0},
    {"HTTP/1.1 200 OK\nContent-Length: 1\n\nx", UPSTREAM_BAD_ANSWER, 0},
    {"HTTP/1.1 20 OK\r\nContent-Length: 1\r\n\r\nx", UPSTREAM_BAD_ANSWER, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", UPSTREAM_BAD_ANSWER, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx", UPSTREAM_BAD_ANSWER, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     UPSTREAM_BAD_ANSWER, 0},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx", UPSTREAM_BAD_ANSWER, 0},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", UPSTREAM_BAD_ANSWER,
     UPSTREAM_BROKEN},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", UPSTREAM_BAD_ANSWER,
     UPSTREAM_BROKEN},
    {"HTTP/1.1 200 OK\r\nX-A : b\r\nContent-Length: 0\r\n\r\n", UPSTREAM_BAD_ANSWER, 0},
    {"HTTP/1.1 200 OK\r\nX-A: b\r\n folded\r\nContent-Length: 0\r\n\r\n", UPSTREAM_BAD_ANSWER, 0},
    {"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\n\r\n-", UPSTREAM_BAD_ANSWER, 0},
    {"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\nshort", UPSTREAM_BROKEN, 0},
    {"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n", UPSTREAM_BROKEN, 0},
    {"HTTP/1.0 200 OK\r\nContent-Len", UPSTREAM_BROKEN, 0},
    {"HTTP/1.1 ", UPSTREAM_BROKEN, 0},
    {"", UPSTREAM_BROKEN, 0},
};

static void trusts_no_bad_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad_answers); i++) {
        answer_text = bad_answers[i].text;
        begin(serve_text);
        struct call c = {.url = here(), .level = GUARD_ADMIN};
        call_run(&c);
        bool other = proxy_serve && bad_answers[i].by_curl;
        expect_fault(&c, other ? bad_answers[i].by_curl : bad_answers[i].fault);
        assert_false(c.failure.unsent);
        assert_int_equal(atomic_load(&peer->requests), 1);
        finish();
    }
}

static void serve_endless_head(struct peer_link *l)
{
    peer_request(l);
    peer_send(l, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 2000; i++)
        peer_send(l, "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
}

static void serve_endless_interim(struct peer_link *l)
{
    peer_request(l);
    for (int i = 0; i < 2000; i++)
        peer_send(l, "HTTP/1.1 102 Processing\r\n\r\n");
}

static void endless_heads_end(void **state)
{
    (void)state;
    void (*const peers[])(struct peer_link *) = {serve_endless_head, serve_endless_interim};
    for (size_t i = 0; i < 2; i++) {
        begin(peers[i]);
        struct call c = {.url = here(), .level = GUARD_ADMIN};
        call_run(&c);
        expect_fault(&c, UPSTREAM_BAD_ANSWER);
        finish();
    }
}

static void a_new_connection_that_dies_is_not_tried_again(void **state)
{
    (void)state;
    answer_text = "";
    begin(serve_text);
    struct call c = {.url = here(), .level = GUARD_ADMIN};
    call_run(&c);
    expect_fault(&c, UPSTREAM_BROKEN);
    assert_int_equal(atomic_load(&peer->connections), 1);
    finish();
}

/* ---- cancelling ---- */

static void serve_slowly(struct peer_link *l)
{
    if (!peer_request(l))
        return;
    peer_send(l, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    usleep(30 * 1000);
    peer_send(l, "world");
    peer_wait_until_gone(l);
}

static void cancelled_inside_a_callback_nothing_more_comes(void **state)
{
    (void)state;
    for (enum when when = AT_HEAD; when <= AT_FAIL; when++) {
        begin(serve_slowly);
        struct call c = {.url = when == AT_FAIL ? "http://127.0.0.1:1/" : here(),
                         .level = GUARD_ADMIN,
                         .cancel_at = when};
        call_run(&c);
        assert_int_equal(c.heads, when != AT_FAIL);
        assert_true(when == AT_HEAD || when == AT_FAIL ? c.bodies == 0 : c.bodies > 0);
        assert_int_equal(c.ends, when == AT_END);
        assert_int_equal(c.fails, when == AT_FAIL);
        calls_idle(60);
        assert_int_equal(c.heads + c.ends + c.fails, when == AT_END ? 2 : 1);
        buf_release(&c.answer);
        finish();
    }
}

static void cancelled_at_any_moment_nothing_more_comes(void **state)
{
    (void)state;
    static const char *const urls[] = {NULL, "http://localhost:1/", "http://127.0.0.1:1/",
                                       "http://169.254.1.1/", "http://nowhere.invalid/"};
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        for (int ms = -1; ms < 50; ms = ms < 0 ? 0 : ms * 2 + 1) {
            begin(serve_slowly);
            struct call c = {.url = urls[i] ? urls[i] : here(), .level = GUARD_ADMIN};
            call_start(&c);
            if (ms >= 0)
                calls_idle(ms);
            int seen = c.heads + c.bodies + c.ends + c.fails;
            if (!c.ends && !c.fails) {
                upstream_cancel(c.call);
                calls_idle(20);
                assert_int_equal(c.heads + c.bodies + c.ends + c.fails, seen);
            }
            buf_release(&c.answer);
            finish();
        }
    }
}

static void a_client_freed_under_live_calls_forgets_them(void **state)
{
    (void)state;
    struct call c[4];
    begin(serve_slowly);
    for (int i = 0; i < 4; i++) {
        c[i] = (struct call){.url = i == 3 ? "http://nowhere.invalid/" : here(),
                             .level = GUARD_ADMIN};
        call_start(&c[i]);
    }
    calls_idle(10);
    finish();
    for (int i = 0; i < 4; i++) {
        assert_int_equal(c[i].ends, 0);
        buf_release(&c[i].answer);
    }
}

/* ---- back-pressure ---- */

/* More than the kernel's buffers hold. */
enum { BIG = 32 << 20 };
static atomic_size_t big_sent;

static void serve_big(struct peer_link *l)
{
    static char block[64 * 1024];
    char head[128];
    if (!peer_request(l))
        return;
    memset(block, 'd', sizeof(block));
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BIG);
    peer_send(l, head);
    for (size_t sent = 0; sent < BIG; sent += sizeof(block)) {
        peer_send_n(l, block, sizeof(block));
        atomic_fetch_add(&big_sent, sizeof(block));
    }
}

static void a_slow_taker_slows_the_sender(void **state)
{
    (void)state;
    atomic_store(&big_sent, 0);
    begin(serve_big);
    struct call c = {.url = here(), .level = GUARD_ADMIN, .take = 16 * 1000};
    call_start(&c);
    calls_idle(100);
    size_t taken = buf_len(&c.answer);
    /* What is not taken lies in the kernel's buffers and in one read of ours. */
    assert_true(atomic_load(&big_sent) < BIG);
    assert_true(taken < BIG / 2);
    calls_run(); /* the peer is gone long before the last byte is taken */
    assert_int_equal(buf_len(&c.answer), BIG);
    expect_answer(&c, 200, NULL);
    finish();
}

static void serve_upload(struct peer_link *l)
{
    static char rest[1 << 16];
    size_t total = 0;
    ssize_t n;
    usleep(100 * 1000); /* until the sender has to wait */
    while ((n = peer_recv(l, rest, sizeof(rest))) > 0) {
        total += (size_t)n;
        if (n >= 5 && memcmp(rest + (n - 5), "0\r\n\r\n", 5) == 0)
            break;
    }
    snprintf(rest, sizeof(rest), "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%c",
             total > BIG && total < BIG + BIG / 10 ? 'y' : 'n');
    peer_send(l, rest);
}

static void a_slow_peer_slows_the_writer(void **state)
{
    (void)state;
    begin(serve_upload);
    struct call c = {.url = here(),
                     .level = GUARD_ADMIN,
                     .method = "POST",
                     .pieces = true,
                     .left_to_write = BIG};
    call_start(&c);
    assert_true(c.left_to_write > BIG / 2);
    calls_run();
    buf_add_char(&c.answer, '\0');
    assert_true(c.drains > 0);
    expect_answer(&c, 200, "y");
    finish();
}

static void cancelled_while_it_writes_nothing_more_comes(void **state)
{
    (void)state;
    begin(serve_upload);
    struct call c = {.url = here(),
                     .level = GUARD_ADMIN,
                     .method = "POST",
                     .pieces = true,
                     .left_to_write = BIG,
                     .cancel_at = AT_DRAIN};
    call_run(&c);
    calls_idle(50);
    assert_int_equal(c.drains, 1);
    assert_int_equal(c.heads + c.ends + c.fails, 0);
    buf_release(&c.answer);
    finish();
}

static void serve_refusal(struct peer_link *l)
{
    char some[1000];
    peer_recv(l, some, sizeof(some));
    peer_send(l, "HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig");
    usleep(100 * 1000);
    /* Closed before the answer was read, it would be lost with the rest of the request. */
    peer_wait_until_gone(l);
}

static void an_answer_before_the_end_of_the_request_is_taken(void **state)
{
    (void)state;
    begin(serve_refusal);
    struct call c = {.url = here(),
                     .level = GUARD_ADMIN,
                     .method = "POST",
                     .pieces = true,
                     .left_to_write = BIG};
    call_run(&c);
    expect_answer(&c, 413, "big");
    finish();
}

/* ---- a body that lies with its owner ---- */

static char *lend(size_t n, uint64_t *ret_sum)
{
    char *bytes = mem_calloc(1, n);
    *ret_sum = 0;
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (char)(i * 31 + i / 4093);
        *ret_sum = *ret_sum * 31 + (unsigned char)bytes[i];
    }
    return bytes;
}

static void serve_sums(struct peer_link *l)
{
    char answer[128];
    uint64_t sum;
    while (peer_sum(l, &sum)) {
        snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n%016llx",
                 (unsigned long long)sum);
        peer_send(l, answer);
    }
}

/* On a new connection and on a kept one; short, of a record, and more than the kernel takes. */
static void a_lent_body_goes_up_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 16 << 10, 8 << 20};
    begin(serve_sums);
    for (size_t i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
        char expected[20];
        uint64_t sum;
        size_t n = sizes[i / 2];
        struct call c = {.url = here(), .level = GUARD_ADMIN, .method = "POST"};
        c.lent = lend(n, &sum);
        c.lent_n = n;
        call_run(&c);
        snprintf(expected, sizeof(expected), "%016llx", (unsigned long long)sum);
        expect_answer(&c, 200, expected);
    }
    finish();
}

static atomic_ullong early_sum;

static void serve_early(struct peer_link *l)
{
    uint64_t sum;
    peer_send(l, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    if (!peer_sum(l, &sum))
        return;
    atomic_store(&early_sum, sum);
    peer_send(l, "llo");
}

static void a_lent_body_may_go_when_the_answer_has_begun(void **state)
{
    (void)state;
    uint64_t sum;
    begin(serve_early);
    struct call c = {.url = here(), .level = GUARD_ADMIN, .method = "POST"};
    c.lent = lend(c.lent_n = 8 << 20, &sum);
    call_run(&c);
    expect_answer(&c, 200, "hello");
    assert_true(atomic_load(&early_sum) == sum);
    finish();
}

/* ---- deadlines ---- */

static void serve_silence(struct peer_link *l)
{
    peer_request(l);
    peer_wait_until_gone(l);
}

static void serve_half(struct peer_link *l)
{
    peer_request(l);
    peer_send(l, OK_HEAD "he");
    peer_wait_until_gone(l);
}

static void serve_drops_for_ever(struct peer_link *l)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nX-Slow: ";
    peer_request(l);
    peer_send(l, head);
    for (int i = 0; i < 400 && !atomic_load(&l->peer->stop); i++) {
        peer_send(l, "a");
        usleep(5000);
    }
}

static void serve_interim_then_silence(struct peer_link *l)
{
    static char rest[1 << 16];
    peer_recv(l, rest, sizeof(rest));
    peer_send(l, "HTTP/1.1 102 Processing\r\n\r\n");
    usleep(50 * 1000);
    peer_wait_until_gone(l);
}

static void an_interim_answer_stops_no_clock(void **state)
{
    (void)state;
    begin(serve_interim_then_silence);
    struct call c = {.url = here(),
                     .level = GUARD_ADMIN,
                     .method = "POST",
                     .pieces = true,
                     .left_to_write = BIG,
                     .first_byte_ms = 150};
    int64_t started = clock_mono_ms();
    call_run(&c);
    expect_fault(&c, UPSTREAM_FIRST_BYTE_TIME);
    assert_true(clock_mono_ms() - started < 20000);
    finish();
}

static void deadlines_hold_whatever_the_peer_does(void **state)
{
    (void)state;
    static const struct {
        void (*serve)(struct peer_link *l);
        enum upstream_fault fault;
    } cases[] = {
        {serve_silence, UPSTREAM_FIRST_BYTE_TIME},
        {serve_drops_for_ever, UPSTREAM_FIRST_BYTE_TIME},
        {serve_half, UPSTREAM_IDLE_TIME},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        begin(cases[i].serve);
        struct call c = {.url = here(), .level = GUARD_ADMIN, .first_byte_ms = 150, .idle_ms = 100};
        int64_t started = clock_mono_ms();
        call_run(&c);
        expect_fault(&c, cases[i].fault);
        int64_t took = clock_mono_ms() - started;
        assert_true(took >= 90 && took < 1500);
        finish();
    }
}

static void a_field_that_would_split_the_request_is_refused(void **state)
{
    (void)state;
    calls_start(NULL);
    struct url url;
    struct err err = {0};
    struct upstream_handler h = {0};
    const struct http_header bad = {STR("X-A"), STR("b\r\nX-C: d")};
    assert_int_equal(url_parse(STR("http://127.0.0.1:1/"), arena, &url, NULL), OK);
    struct upstream_request r = {.url = &url,
                                 .method = STR("GET"),
                                 .headers = &bad,
                                 .header_count = 1,
                                 .proxy_url = str_of(calls_proxy)};
    assert_null(upstream_start(client, &r, &h, NULL, &err));
    assert_string_equal(err.code, "bad_request");
    calls_stop();
}

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

/* The cases that hold wherever the peer is, also where a proxy answers for one that is not
 * there. */
#define UPSTREAM_CONTRACT                                                                          \
    TEST("framing and Host are the client's own", says_its_own_framing_and_host),                  \
        TEST("a hundred calls at once all come back", a_hundred_calls_at_once_all_come_back),      \
        TEST("every framing is read, whole and in drops", reads_every_framing_whole_and_in_drops), \
        TEST("[GW-5] no bad answer is trusted", trusts_no_bad_answer),                             \
        TEST("endless heads end", endless_heads_end),                                              \
        TEST("a new connection that dies is not tried again",                                      \
             a_new_connection_that_dies_is_not_tried_again),                                       \
        TEST("cancelled at any moment, nothing more comes",                                        \
             cancelled_at_any_moment_nothing_more_comes),                                          \
        TEST("[GW-7] a slow taker slows the sender", a_slow_taker_slows_the_sender),               \
        TEST("[GW-7] a slow peer slows the writer", a_slow_peer_slows_the_writer),                 \
        TEST("cancelled while it writes, nothing more comes",                                      \
             cancelled_while_it_writes_nothing_more_comes),                                        \
        TEST("an answer before the end of the request is taken",                                   \
             an_answer_before_the_end_of_the_request_is_taken),                                    \
        TEST("a lent body goes up whole", a_lent_body_goes_up_whole),                              \
        TEST("a lent body may go when the answer has begun",                                       \
             a_lent_body_may_go_when_the_answer_has_begun),                                        \
        TEST("[GW-5] deadlines hold whatever the peer does",                                       \
             deadlines_hold_whatever_the_peer_does),                                               \
        TEST("an interim answer stops no clock", an_interim_answer_stops_no_clock),                \
        TEST("a field that would split the request is refused",                                    \
             a_field_that_would_split_the_request_is_refused),                                     \
        TEST("without room in the kernel a call is refused",                                       \
             without_room_in_the_kernel_a_call_is_refused)
