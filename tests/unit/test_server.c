/* SPDX-License-Identifier: Apache-2.0 */
/* A real server on loopback in a thread of its own; the tests are plain sockets. */
#include "net/server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "loopback.h"
#include "watches.h"

enum { BIG = 8 * 1024 * 1024, ANSWER_MAX = 16 * 1024 * 1024, MAX_CONNECTIONS = 40 };

/* ---- the server ---- */

struct counts {
    int requests, gone, done, complete, body_ends;
    uint64_t body_bytes;
};

static struct {
    struct loop *loop;
    struct server *server;
    pthread_t thread;
    uint16_t port;
    struct counts counts; /* atomic */
    sem_t ended;          /* posted by every on_done */
    struct exchange *held;
    struct task task;
    sem_t task_ran;
} f;

static void count(int *what)
{
    __atomic_fetch_add(what, 1, __ATOMIC_SEQ_CST);
}

static int counted(const int *what)
{
    return __atomic_load_n(what, __ATOMIC_SEQ_CST);
}

struct echo {
    struct buf body;
    size_t left; /* of the big answer */
};

static size_t echo_body(struct exchange *x, struct str piece)
{
    struct echo *e = exchange_ctx(x);
    __atomic_fetch_add(&f.counts.body_bytes, piece.n, __ATOMIC_SEQ_CST);
    buf_add(&e->body, piece);
    return piece.n;
}

static void echo_end(struct exchange *x)
{
    struct echo *e = exchange_ctx(x);
    count(&f.counts.body_ends);
    exchange_reply(x, 200, NULL, 0, buf_str(&e->body));
}

static void on_gone(struct exchange *x)
{
    (void)x;
    count(&f.counts.gone);
}

static void on_done(struct exchange *x, bool complete)
{
    struct echo *e = exchange_ctx(x);
    if (e)
        buf_release(&e->body);
    free(e);
    count(&f.counts.done);
    if (complete)
        count(&f.counts.complete);
    if (f.held == x)
        f.held = NULL;
    sem_post(&f.ended);
}

static const struct exchange_handler echo_handler = {
    .on_body = echo_body, .on_body_end = echo_end, .on_gone = on_gone, .on_done = on_done};
static const struct exchange_handler hold_handler = {.on_gone = on_gone, .on_done = on_done};

static void big_more(struct exchange *x)
{
    static char block[100 * 1000];
    struct echo *e = exchange_ctx(x);
    while (e->left) {
        size_t n = MIN(e->left, sizeof(block));
        e->left -= n;
        if (!exchange_write(x, (struct str){block, n}))
            break;
    }
    if (!e->left)
        exchange_end(x);
}

static const struct exchange_handler big_handler = {
    .on_drain = big_more, .on_gone = on_gone, .on_done = on_done};

/* Takes a third of what it is offered (at least a byte) and asks for more a little later. */
static void resume_task(struct task *t)
{
    (void)t;
    if (f.held)
        exchange_resume_body(f.held);
}
static struct task resume = {.fn = resume_task};

static size_t slow_body(struct exchange *x, struct str piece)
{
    size_t n = piece.n / 3 + 1;
    n = MIN(n, piece.n);
    echo_body(x, str_to(piece, n));
    f.held = x;
    loop_post(f.loop, &resume);
    return n;
}

static const struct exchange_handler slow_handler = {
    .on_body = slow_body, .on_body_end = echo_end, .on_gone = on_gone, .on_done = on_done};

static struct echo *echo_new(void)
{
    struct echo *e = mem_zalloc(sizeof(*e));
    buf_init(&e->body, BIG);
    return e;
}

static void start_big(struct exchange *x, int64_t length)
{
    struct echo *e = echo_new();
    e->left = BIG;
    exchange_handle(x, &big_handler, e);
    exchange_start(x, 200, NULL, 0, length);
    big_more(x);
}

static void start_stream(struct exchange *x)
{
    exchange_handle(x, &hold_handler, NULL);
    exchange_start(x, 200, &(struct http_header){STR("Content-Type"), STR("text/event-stream")}, 1,
                   EXCHANGE_CHUNKED);
    exchange_keep_open(x);
    exchange_write(x, STR("data: 1\n\n"));
    exchange_write(x, STR("data: 2\n\n"));
    f.held = x;
}

/* Answers a little later, as if a worker had to. */
static void answer_late(struct timer *t)
{
    (void)t;
    if (!f.held)
        return;
    if (exchange_ctx(f.held))
        echo_end(f.held);
    else
        start_stream(f.held);
}
static struct timer late = {.fn = answer_late};

static void answer_is_due(struct exchange *x)
{
    f.held = x;
    timer_set_in(f.loop, &late, 100);
}

static const struct exchange_handler worker_handler = {.on_body = echo_body,
                                                       .on_body_end = answer_is_due,
                                                       .on_gone = on_gone,
                                                       .on_done = on_done,
                                                       .serves_half_closed = true};
/* Becomes a stream. */
static const struct exchange_handler handover_handler = {.on_body_end = answer_is_due,
                                                         .on_gone = on_gone,
                                                         .on_done = on_done,
                                                         .serves_half_closed = true};

static void reply_headers(struct exchange *x)
{
    const struct http_header headers[] = {
        {STR("Content-Type"), STR("text/plain")},   {STR("Connection"), STR("x-evil")},
        {STR("Content-Length"), STR("99")},         {STR("X-Split"), STR("a\r\nX-Evil: 1")},
        {STR("Transfer-Encoding"), STR("chunked")}, {STR("X-Kept"), STR("yes")},
    };
    exchange_reply(x, 200, headers, ARRAY_SIZE(headers), STR("fields"));
}

static void reply_short(struct exchange *x)
{
    exchange_handle(x, &hold_handler, NULL);
    exchange_start(x, 200, NULL, 0, 10);
    exchange_write(x, STR("four"));
    exchange_end(x);
}

/* The paths whose handler takes the body; max_body 0: the usual limit. */
static const struct taker {
    const char *path;
    const struct exchange_handler *handler;
    uint64_t max_body;
} takers[] = {
    {"/echo", &echo_handler, BIG}, {"/small", &echo_handler, 10},   {"/usual", &echo_handler, 0},
    {"/slow", &slow_handler, BIG}, {"/worker", &worker_handler, 0},
};

static bool is_taken(struct exchange *x, struct str path)
{
    for (size_t i = 0; i < ARRAY_SIZE(takers); i++) {
        if (!str_eq(path, str_of(takers[i].path)))
            continue;
        if (takers[i].max_body)
            exchange_max_body(x, takers[i].max_body);
        exchange_handle(x, takers[i].handler, echo_new());
        return true;
    }
    return false;
}

static void on_request(struct exchange *x, void *ctx)
{
    struct str path = exchange_head(x)->path;
    (void)ctx;
    count(&f.counts.requests);
    if (is_taken(x, path))
        return;
    if (str_eq(path, STR("/hello"))) {
        exchange_reply(x, 200, NULL, 0, STR("hello"));
    } else if (str_eq(path, STR("/handover"))) {
        exchange_handle(x, &handover_handler, NULL);
    } else if (str_eq(path, STR("/late"))) {
        f.held = x;
    } else if (str_eq(path, STR("/early"))) {
        exchange_reply(x, 403, NULL, 0, STR("no"));
    } else if (str_eq(path, STR("/hold"))) {
        exchange_handle(x, &hold_handler, NULL);
    } else if (str_eq(path, STR("/big"))) {
        start_big(x, BIG);
    } else if (str_eq(path, STR("/bigchunks"))) {
        start_big(x, EXCHANGE_CHUNKED);
    } else if (str_eq(path, STR("/stream"))) {
        start_stream(x);
    } else if (str_eq(path, STR("/headers"))) {
        reply_headers(x);
    } else if (str_eq(path, STR("/short"))) {
        reply_short(x);
    } else if (str_eq(path, STR("/empty"))) {
        exchange_reply(x, 204, NULL, 0, STR_NONE);
    } else {
        exchange_reply(x, 404, NULL, 0, STR("none"));
    }
}

static void *run(void *arg)
{
    (void)arg;
    loop_run(f.loop);
    return NULL;
}

static int start(int timeout_ms)
{
    memset(&f, 0, sizeof(f));
    sem_init(&f.ended, 0, 0);
    sem_init(&f.task_ran, 0, 0);
    f.loop = loop_new();
    f.server = server_new(&(struct server_config){
        .loop = f.loop,
        .limits = http_default_limits,
        .head_timeout_ms = timeout_ms,
        .body_timeout_ms = timeout_ms,
        .idle_timeout_ms = timeout_ms,
        .write_timeout_ms = timeout_ms,
        .max_connections = MAX_CONNECTIONS,
        .out_high = 256 * 1024,
        .out_low = 64 * 1024,
        .on_request = on_request,
    });
    f.port = loopback_listen(f.server);
    pthread_create(&f.thread, NULL, run, NULL);
    return 0;
}

/* Deadlines that no test meets, however loaded the machine is. */
static int setup(void **state)
{
    (void)state;
    return start(5000);
}

static int setup_hasty(void **state)
{
    (void)state;
    return start(400);
}

static int teardown(void **state)
{
    (void)state;
    loop_stop(f.loop);
    pthread_join(f.thread, NULL);
    server_free(f.server);
    loop_free(f.loop);
    sem_destroy(&f.ended);
    sem_destroy(&f.task_ran);
    return 0;
}

/* Runs fn on the loop and waits for it. */
static void (*task_body)(void);
static void task_fn(struct task *t)
{
    (void)t;
    task_body();
    sem_post(&f.task_ran);
}

static void on_loop(void (*fn)(void))
{
    task_body = fn;
    f.task.fn = task_fn;
    loop_post(f.loop, &f.task);
    sem_wait(&f.task_ran);
}

/* ---- the client ---- */

static int dial(void)
{
    struct timeval limit = {.tv_sec = 10};
    int fd = loopback_dial(f.port);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    return fd;
}

/* False when the other side is gone. */
static bool put(int fd, struct str s)
{
    while (s.n) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n < 0)
            return false;
        s = str_from(s, (size_t)n);
    }
    return true;
}

/* Reads until the end of the stream; what came stays in b.  False on a reset. */
static bool read_all(int fd, struct buf *b)
{
    for (;;) {
        char *to = buf_reserve(b, 65536);
        assert_non_null(to);
        ssize_t n = read(fd, to, 65536);
        if (n < 0)
            assert_int_not_equal(errno, EAGAIN);
        if (n <= 0)
            return n == 0;
        buf_commit(b, (size_t)n);
    }
}

/* Reads one answer with Content-Length. */
static void read_answer(int fd, struct buf *b)
{
    struct http_head *h = mem_zalloc(sizeof(*h));
    struct http_fault fault;
    size_t used = 0;
    enum http_parse r = HTTP_PARSE_MORE;
    while (r == HTTP_PARSE_MORE || buf_len(b) < used + (size_t)MAX(h->content_length, 0)) {
        char *to = buf_reserve(b, 65536);
        ssize_t n = read(fd, to, 65536);
        assert_true(n > 0);
        buf_commit(b, (size_t)n);
        if (r == HTTP_PARSE_MORE)
            r = http1_parse_response(buf_str(b), &http_default_limits, h, &used, &fault);
        assert_int_not_equal(r, HTTP_PARSE_BAD);
    }
    free(h);
}

static bool has(const struct buf *b, struct str text)
{
    return str_find(buf_str(b), text) >= 0;
}

static int count_of(const struct buf *b, struct str text)
{
    struct str rest = buf_str(b);
    int n = 0;
    for (ptrdiff_t at; (at = str_find(rest, text)) >= 0; n++)
        rest = str_from(rest, (size_t)at + text.n);
    return n;
}

/* One request on a connection of its own that the server closes; the answer. */
static struct buf ask(struct str request)
{
    struct buf b = BUF_INIT(ANSWER_MAX);
    _cleanup_close_ int fd = dial();
    assert_true(put(fd, request));
    assert_true(read_all(fd, &b));
    return b;
}

#define _cleanup_buf_ _cleanup_(buf_cleanup)

static void expect_answer(struct str request, struct str begin, struct str end)
{
    _cleanup_buf_ struct buf b = ask(request);
    if (!str_starts(buf_str(&b), begin) || !str_ends(buf_str(&b), end))
        print_error("got: %.*s\n", STR_ARG(buf_str(&b)));
    assert_true(str_starts(buf_str(&b), begin));
    assert_true(str_ends(buf_str(&b), end));
}

/* ---- tests ---- */

static void answers_on_one_connection(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(ANSWER_MAX);
    _cleanup_close_ int fd = dial();
    (void)state;
    for (int i = 0; i < 3; i++) {
        buf_reset(&b);
        put(fd, STR("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"));
        read_answer(fd, &b);
        assert_true(str_starts(buf_str(&b), STR("HTTP/1.1 200 OK\r\n")));
        assert_true(has(&b, STR("\r\nContent-Length: 5\r\n")));
        assert_true(has(&b, STR("\r\nDate: ")));
        assert_true(has(&b, STR("\r\nx-request-id: req_")));
        assert_false(has(&b, STR("Connection:")));
        assert_true(str_ends(buf_str(&b), STR("\r\n\r\nhello")));
    }
}

static void takes_bodies_in_any_split(void **state)
{
    static const char request[] = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                                  "Connection: close\r\n\r\n"
                                  "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: dropped\r\n\r\n";
    (void)state;
    for (size_t cut = 1; cut < sizeof(request) - 1; cut += 7) {
        _cleanup_buf_ struct buf b = BUF_INIT(ANSWER_MAX);
        _cleanup_close_ int fd = dial();
        put(fd, (struct str){request, cut});
        poll(NULL, 0, 2);
        put(fd, (struct str){request + cut, sizeof(request) - 1 - cut});
        assert_true(read_all(fd, &b));
        assert_true(str_ends(buf_str(&b), STR("\r\n\r\nabcdefg")));
    }
}

static void serves_pipelined_requests_in_order(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b =
        ask(STR("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none"
                "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"
                "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nthree"
                "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    assert_int_equal(count_of(&b, STR("HTTP/1.1 200 OK\r\n")), 4);
    ptrdiff_t one = str_find(buf_str(&b), STR("\r\n\r\none"));
    ptrdiff_t three = str_find(buf_str(&b), STR("\r\n\r\nthree"));
    assert_true(one > 0 && three > one);
    assert_true(str_ends(buf_str(&b), STR("hello")));
}

static void refuses_what_is_no_request(void **state)
{
    (void)state;
    expect_answer(STR("GET / HTTP/1.1\r\n\r\n"), STR("HTTP/1.1 400 Bad Request\r\n"),
                  STR("\"type\":\"invalid_request_error\",\"param\":null,"
                      "\"code\":\"bad_request\"}}"));
    expect_answer(STR("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hello"),
                  STR("HTTP/1.1 400 "), STR("}"));
    expect_answer(STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), STR("HTTP/1.1 505 "), STR("}"));
    expect_answer(STR("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"), STR("HTTP/1.1 501 "), STR("}"));
    expect_answer(STR("BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n"), STR("HTTP/1.1 501 "), STR("}"));
    _cleanup_buf_ struct buf b = ask(STR("GET / HTTP/1.1\r\nHost : h\r\n\r\n"));
    assert_true(has(&b, STR("\r\nConnection: close\r\n")));
    assert_true(has(&b, STR("\r\nx-request-id: req_")));
    assert_int_equal(counted(&f.counts.requests), 0);
}

static void refuses_heads_over_the_limits(void **state)
{
    _cleanup_buf_ struct buf long_line = BUF_INIT(ANSWER_MAX), many = BUF_INIT(ANSWER_MAX);
    (void)state;
    buf_add(&long_line, STR("GET /"));
    for (int i = 0; i < 10000; i++)
        buf_add_char(&long_line, 'a');
    expect_answer(buf_str(&long_line), STR("HTTP/1.1 414 "), STR("}"));
    buf_add(&many, STR("GET / HTTP/1.1\r\nHost: h\r\n"));
    for (int i = 0; i < 120; i++)
        buf_addf(&many, "x-%d: 1\r\n", i);
    expect_answer(buf_str(&many), STR("HTTP/1.1 431 "), STR("}"));
}

static void follows_the_rules_of_bodiless_answers(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf head =
        ask(STR("HEAD /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    assert_true(has(&head, STR("\r\nContent-Length: 5\r\n")));
    assert_true(str_ends(buf_str(&head), STR("\r\n\r\n")));
    _cleanup_buf_ struct buf empty =
        ask(STR("GET /empty HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    assert_true(str_starts(buf_str(&empty), STR("HTTP/1.1 204 No Content\r\n")));
    assert_false(has(&empty, STR("Content-Length")));
    _cleanup_buf_ struct buf star =
        ask(STR("OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    assert_true(str_starts(buf_str(&star), STR("HTTP/1.1 204 ")));
}

static void speaks_http_1_0(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b = ask(STR("GET /bigchunks HTTP/1.0\r\n\r\n"));
    assert_false(has(&b, STR("Transfer-Encoding")));
    assert_true(has(&b, STR("Connection: close")));
    assert_true(buf_len(&b) > BIG);
    _cleanup_buf_ struct buf kept = BUF_INIT(ANSWER_MAX);
    _cleanup_close_ int fd = dial();
    put(fd, STR("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    read_answer(fd, &kept);
    assert_true(has(&kept, STR("\r\nConnection: keep-alive\r\n")));
}

static void drops_framing_fields_and_split_values_of_handlers(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b = ask(STR("GET /headers HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                                         "X-Request-Id: mine-1\r\n\r\n"));
    assert_false(has(&b, STR("evil")));
    assert_false(has(&b, STR("Evil")));
    assert_false(has(&b, STR("99")));
    assert_false(has(&b, STR("Transfer-Encoding")));
    assert_true(has(&b, STR("\r\nX-Kept: yes\r\n")));
    assert_true(has(&b, STR("\r\nx-request-id: mine-1\r\n")));
    assert_true(str_ends(buf_str(&b), STR("\r\n\r\nfields")));
}

static void stalls_and_resumes_bodies(void **state)
{
    _cleanup_buf_ struct buf request = BUF_INIT(ANSWER_MAX), b = BUF_INIT(ANSWER_MAX);
    _cleanup_close_ int fd = dial();
    (void)state;
    buf_addf(&request,
             "POST /slow HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
             "Content-Length: %d\r\n\r\n",
             1000 * 1000);
    size_t head = buf_len(&request);
    for (int i = 0; i < 1000 * 1000; i++)
        buf_add_char(&request, (char)('a' + i % 26));
    assert_true(put(fd, buf_str(&request)));
    assert_true(read_all(fd, &b));
    assert_true(str_ends(buf_str(&b), str_from(buf_str(&request), head)));
}

static void sends_big_answers_under_back_pressure(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b =
        ask(STR("GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    ptrdiff_t end = str_find(buf_str(&b), STR("\r\n\r\n"));
    assert_int_equal(buf_len(&b) - (size_t)end - 4, BIG);
    sem_wait(&f.ended);
    assert_int_equal(counted(&f.counts.complete), 1);
}

static void handle_held(void)
{
    exchange_handle(f.held, &echo_handler, echo_new());
}

static void a_body_waits_for_its_handler(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(ANSWER_MAX);
    _cleanup_close_ int fd = dial();
    (void)state;
    put(fd, STR("POST /late HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                "Content-Length: 8\r\n\r\nwait"));
    while (!counted(&f.counts.requests))
        poll(NULL, 0, 10);
    put(fd, STR("ing!"));
    poll(NULL, 0, 50);
    on_loop(handle_held);
    assert_true(read_all(fd, &b));
    assert_true(str_ends(buf_str(&b), STR("\r\n\r\nwaiting!")));
}

static void refuses_bodies_over_the_limit(void **state)
{
    (void)state;
    expect_answer(STR("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n"),
                  STR("HTTP/1.1 413 "), STR("\"code\":\"body_too_large\"}}"));
    expect_answer(STR("POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "b\r\n01234567890\r\n0\r\n\r\n"),
                  STR("HTTP/1.1 413 "), STR("}"));
    sem_wait(&f.ended);
    sem_wait(&f.ended);
    assert_int_equal(counted(&f.counts.body_ends), 0);
    assert_int_equal(counted(&f.counts.complete), 0);
}

static void refuses_bad_chunks(void **state)
{
    (void)state;
    expect_answer(STR("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "3\nabc\r\n0\r\n\r\n"),
                  STR("HTTP/1.1 400 "), STR("}"));
    sem_wait(&f.ended);
}

static void keeps_the_connection_after_a_small_unread_body(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf b =
        ask(STR("POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nunread"
                "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    assert_true(str_starts(buf_str(&b), STR("HTTP/1.1 403 ")));
    assert_true(str_ends(buf_str(&b), STR("hello")));
}

/* Of 300 bytes, in 300 KiB of chunk extensions. */
static void closes_behind_an_unread_body_that_is_long_by_its_framing(void **state)
{
    _cleanup_buf_ struct buf request = BUF_INIT(1 << 20);
    (void)state;
    buf_add(&request, STR("POST /early HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
    for (int i = 0; i < 300; i++)
        buf_addf(&request, "1;x=%01000d\r\nz\r\n", i);
    buf_add(&request, STR("0\r\n\r\nGET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    _cleanup_buf_ struct buf b = ask(buf_str(&request));
    assert_true(str_starts(buf_str(&b), STR("HTTP/1.1 403 ")));
    assert_true(str_ends(buf_str(&b), STR("no")));
    assert_int_equal(counted(&f.counts.requests), 1);
}

static void refuses_by_the_usual_limit_before_any_byte(void **state)
{
    (void)state;
    expect_answer(STR("POST /usual HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                      "Content-Length: 1048577\r\nConnection: close\r\n\r\n"),
                  STR("HTTP/1.1 413 "), STR("\"code\":\"body_too_large\"}}"));
    assert_int_equal(counted(&f.counts.done), 1);
    assert_int_equal(counted(&f.counts.complete), 0);
}

static void lets_the_client_see_an_early_answer_to_a_huge_body(void **state)
{
    static char block[64 * 1024];
    _cleanup_buf_ struct buf b = BUF_INIT(ANSWER_MAX);
    _cleanup_close_ int fd = dial();
    (void)state;
    put(fd, STR("POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 33554432\r\n\r\n"));
    for (int i = 0; i < 512; i++)
        assert_true(put(fd, (struct str){block, sizeof(block)}));
    assert_true(read_all(fd, &b));
    assert_true(str_starts(buf_str(&b), STR("HTTP/1.1 403 ")));
    assert_true(has(&b, STR("\r\nConnection: close\r\n")));
}

static void a_refused_body_has_no_more_time_than_one_that_is_taken(void **state)
{
    char byte;
    _cleanup_close_ int fd = dial();
    (void)state;
    put(fd, STR("POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 33554432\r\n\r\n"));
    int64_t began = clock_mono_ms();
    while (read(fd, &byte, 1) == 1) /* the answer */
        ;
    while (put(fd, STR("z")) && clock_mono_ms() - began < 20000)
        poll(NULL, 0, 50);
    assert_true(clock_mono_ms() - began < 20000);
}

static void sends_100_only_when_the_body_is_wanted(void **state)
{
    static const char expect[] = "Host: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"
                                 "Connection: close\r\n\r\n";
    _cleanup_buf_ struct buf request = BUF_INIT(ANSWER_MAX), b = BUF_INIT(ANSWER_MAX);
    _cleanup_close_ int fd = dial();
    char first[64] = {0};
    (void)state;
    buf_addf(&request, "POST /echo HTTP/1.1\r\n%s", expect);
    put(fd, buf_str(&request));
    assert_int_equal(read(fd, first, sizeof(first)), 25);
    assert_string_equal(first, "HTTP/1.1 100 Continue\r\n\r\n");
    put(fd, STR("abc"));
    assert_true(read_all(fd, &b));
    assert_true(str_ends(buf_str(&b), STR("\r\n\r\nabc")));

    buf_reset(&request);
    buf_addf(&request, "POST /early HTTP/1.1\r\n%s", expect);
    expect_answer(buf_str(&request), STR("HTTP/1.1 403 "), STR("no"));
}

static void notices_a_client_that_leaves_a_quiet_exchange(void **state)
{
    static const struct str requests[] = {STR("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n"),
                                          STR("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        char byte;
        int fd = dial();
        put(fd, requests[i]);
        if (i == 1)
            assert_int_equal(read(fd, &byte, 1), 1);
        else
            poll(NULL, 0, 50);
        int64_t before = clock_mono_ms();
        close(fd);
        sem_wait(&f.ended);
        assert_true(clock_mono_ms() - before < 15000);
    }
    assert_int_equal(counted(&f.counts.gone), 2);
    assert_int_equal(counted(&f.counts.complete), 0);
}

static void serves_a_half_closed_client_to_the_end(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(ANSWER_MAX);
    _cleanup_close_ int fd = dial();
    (void)state;
    put(fd, STR("GET /big HTTP/1.1\r\nHost: h\r\n\r\n"));
    poll(NULL, 0, 50);
    shutdown(fd, SHUT_WR);
    assert_true(read_all(fd, &b));
    assert_true(buf_len(&b) > BIG);
}

static void a_whole_request_is_answered_though_the_client_shut_its_side(void **state)
{
    static const struct str requests[] = {
        STR("GET /worker HTTP/1.1\r\nHost: h\r\n\r\n"),
        STR("POST /worker HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"),
        /* The second waits in the connection while the first is made. */
        STR("POST /worker HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz"
            "POST /worker HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"),
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        _cleanup_buf_ struct buf b = BUF_INIT(ANSWER_MAX);
        _cleanup_close_ int fd = dial();
        put(fd, requests[i]);
        shutdown(fd, SHUT_WR);
        assert_true(read_all(fd, &b));
        assert_true(str_starts(buf_str(&b), STR("HTTP/1.1 200 ")));
        assert_true(str_ends(buf_str(&b), i ? STR("\r\n\r\nabc") : STR("\r\n\r\n")));
        assert_true(i < 2 || has(&b, STR("xyzHTTP/1.1 200 ")));
    }
    assert_int_equal(counted(&f.counts.gone), 0);
    assert_int_equal(counted(&f.counts.complete), 4);
}

static void half_a_request_is_not_answered(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(ANSWER_MAX);
    _cleanup_close_ int fd = dial();
    (void)state;
    put(fd, STR("POST /worker HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab"));
    shutdown(fd, SHUT_WR);
    assert_true(read_all(fd, &b));
    assert_int_equal(buf_len(&b), 0);
    sem_wait(&f.ended);
    assert_int_equal(counted(&f.counts.gone), 1);
}

static void what_becomes_a_stream_has_no_half_closed_client(void **state)
{
    _cleanup_close_ int fd = dial();
    (void)state;
    put(fd, STR("GET /handover HTTP/1.1\r\nHost: h\r\n\r\n"));
    shutdown(fd, SHUT_WR);
    sem_wait(&f.ended);
    assert_int_equal(counted(&f.counts.gone), 1);
    assert_int_equal(counted(&f.counts.complete), 0);
}

static void stream_write(void)
{
    if (f.held)
        exchange_write(f.held, STR("data: 3\n\n"));
}

static void stream_end(void)
{
    if (f.held)
        exchange_end(f.held);
}

static void stream_abort(void)
{
    if (f.held)
        exchange_abort(f.held);
}

static void streams_outlive_the_idle_time_and_end_with_the_last_chunk(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(ANSWER_MAX);
    _cleanup_close_ int fd = dial();
    (void)state;
    put(fd, STR("GET /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    poll(NULL, 0, 700); /* longer than every deadline of setup_hasty */
    on_loop(stream_write);
    on_loop(stream_end);
    assert_true(read_all(fd, &b));
    assert_true(has(&b, STR("9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n9\r\ndata: 3\n\n\r\n")));
    assert_true(str_ends(buf_str(&b), STR("\r\n0\r\n\r\n")));
}

static void an_aborted_answer_does_not_look_finished(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(ANSWER_MAX), old = BUF_INIT(ANSWER_MAX);
    _cleanup_close_ int fd = dial(), fd10 = dial();
    (void)state;
    put(fd, STR("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n"));
    while (counted(&f.counts.requests) < 1)
        poll(NULL, 0, 10);
    on_loop(stream_abort);
    read_all(fd, &b);
    assert_false(has(&b, STR("\r\n0\r\n")));
    /* Closing alone would look like the end of an HTTP/1.0 answer. */
    put(fd10, STR("GET /stream HTTP/1.0\r\n\r\n"));
    while (counted(&f.counts.requests) < 2)
        poll(NULL, 0, 10);
    on_loop(stream_abort);
    assert_false(read_all(fd10, &old));
    _cleanup_buf_ struct buf short_one = ask(STR("GET /short HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_true(str_ends(buf_str(&short_one), STR("\r\n\r\nfour")));
    sem_wait(&f.ended);
    sem_wait(&f.ended);
    sem_wait(&f.ended);
    assert_int_equal(counted(&f.counts.complete), 0);
}

static void a_byte_now_and_then_keeps_no_head_open(void **state)
{
    static const char head[] = "GET /hello HTTP/1.1\r\nHost: h\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaa";
    _cleanup_buf_ struct buf b = BUF_INIT(ANSWER_MAX);
    _cleanup_close_ int fd = dial();
    int64_t before = clock_mono_ms();
    (void)state;
    for (size_t i = 0; i < sizeof(head) - 1 && clock_mono_ms() - before < 800; i++) {
        if (!put(fd, (struct str){head + i, 1}))
            break;
        poll(NULL, 0, 50);
    }
    read_all(fd, &b);
    assert_true(clock_mono_ms() - before < 15000);
    assert_true(str_starts(buf_str(&b), STR("HTTP/1.1 408 ")));
    assert_int_equal(counted(&f.counts.requests), 0);
}

static void a_byte_now_and_then_keeps_no_body_open(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(ANSWER_MAX);
    _cleanup_close_ int fd = dial();
    int64_t before = clock_mono_ms();
    (void)state;
    put(fd, STR("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n"));
    for (int i = 0; i < 16; i++) {
        if (!put(fd, STR("x")))
            break;
        poll(NULL, 0, 50);
    }
    read_all(fd, &b);
    assert_true(clock_mono_ms() - before < 15000);
    assert_true(str_starts(buf_str(&b), STR("HTTP/1.1 408 ")));
    sem_wait(&f.ended);
}

static void idle_connections_are_closed(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(ANSWER_MAX);
    _cleanup_close_ int never = dial(), once = dial();
    (void)state;
    put(once, STR("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_true(read_all(once, &b));
    assert_true(str_ends(buf_str(&b), STR("hello")));
    buf_reset(&b);
    assert_true(read_all(never, &b));
    assert_int_equal(buf_len(&b), 0);
}

static void slow_readers_are_cut(void **state)
{
    _cleanup_close_ int fd = dial();
    (void)state;
    put(fd, STR("GET /big HTTP/1.1\r\nHost: h\r\n\r\n"));
    sem_wait(&f.ended); /* nothing is read */
    assert_int_equal(counted(&f.counts.gone), 1);
    assert_int_equal(counted(&f.counts.complete), 0);
}

static void over_the_connection_limit_answers_503(void **state)
{
    int fds[MAX_CONNECTIONS];
    (void)state;
    for (int i = 0; i < MAX_CONNECTIONS; i++) {
        fds[i] = dial();
        put(fds[i], STR("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n"));
    }
    while (counted(&f.counts.requests) < MAX_CONNECTIONS)
        poll(NULL, 0, 10);
    expect_answer(STR("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"), STR("HTTP/1.1 503 "),
                  STR("\"code\":\"overloaded\"}}"));
    for (int i = 0; i < MAX_CONNECTIONS; i++)
        close(fds[i]);
    for (int i = 0; i < MAX_CONNECTIONS; i++)
        sem_wait(&f.ended);
    _cleanup_buf_ struct buf b =
        ask(STR("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    assert_true(str_ends(buf_str(&b), STR("hello")));
}

static void on_empty(struct server *s, void *ctx)
{
    (void)s;
    sem_post(ctx);
}

static void drain(void)
{
    server_drain(f.server, 0, on_empty, &f.ended);
}

static void without_room_in_the_kernel_one_connection_is_refused(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(ANSWER_MAX);
    (void)state;
    no_watches = 1;
    {
        _cleanup_close_ int refused = dial();
        char byte;
        assert_true(recv(refused, &byte, 1, 0) <= 0);
    }
    no_watches = 0;
    _cleanup_close_ int fd = dial();
    put(fd, STR("GET /headers HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    assert_true(read_all(fd, &b));
    assert_true(buf_len(&b) > 0);
}

static void draining_closes_idle_connections_and_lets_open_answers_end(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(ANSWER_MAX), none = BUF_INIT(ANSWER_MAX);
    _cleanup_close_ int idle = dial(), busy = dial();
    (void)state;
    put(idle, STR("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"));
    read_answer(idle, &none);
    put(busy, STR("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n"));
    while (counted(&f.counts.requests) < 2)
        poll(NULL, 0, 10);
    on_loop(drain);
    buf_reset(&none);
    assert_true(read_all(idle, &none));
    assert_int_equal(buf_len(&none), 0);
    on_loop(stream_end);
    assert_true(read_all(busy, &b));
    assert_true(str_ends(buf_str(&b), STR("\r\n0\r\n\r\n")));
    sem_wait(&f.ended); /* on_done */
    sem_wait(&f.ended); /* on_empty */
}

static void abort_all(void)
{
    server_abort(f.server);
}

static void aborting_ends_every_exchange_once(void **state)
{
    int fds[10];
    (void)state;
    for (int i = 0; i < 10; i++) {
        fds[i] = dial();
        put(fds[i], STR("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n"));
    }
    while (counted(&f.counts.requests) < 10)
        poll(NULL, 0, 10);
    on_loop(abort_all);
    assert_int_equal(counted(&f.counts.done), 10);
    for (int i = 0; i < 10; i++)
        close(fds[i]);
}

static void says_in_one_sentence_why_it_cannot_listen(void **state)
{
    struct err err = {0};
    char place[32];
    (void)state;
    snprintf(place, sizeof(place), "127.0.0.1:%u", (unsigned)f.port);
    assert_int_equal(server_bind(str_of(place), false, &err), -1);
    assert_non_null(strstr(err.text, "address in use"));
    assert_int_equal(server_bind(STR("nonsense"), false, &err), -1);
    assert_int_equal(err.status, E_INVALID);
    assert_int_equal(server_bind(STR("1.2.3.4:99999"), false, &err), -1);
    _cleanup_close_ int any = server_bind(STR(":0"), false, &err);
    assert_true(any >= 0);
}

#define TEST(fn)  cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define HASTY(fn) cmocka_unit_test_setup_teardown(fn, setup_hasty, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_on_one_connection),
        TEST(takes_bodies_in_any_split),
        TEST(serves_pipelined_requests_in_order),
        TEST(refuses_what_is_no_request),
        TEST(refuses_heads_over_the_limits),
        TEST(follows_the_rules_of_bodiless_answers),
        TEST(speaks_http_1_0),
        TEST(drops_framing_fields_and_split_values_of_handlers),
        TEST(stalls_and_resumes_bodies),
        TEST(sends_big_answers_under_back_pressure),
        TEST(a_body_waits_for_its_handler),
        TEST(refuses_bodies_over_the_limit),
        TEST(refuses_bad_chunks),
        TEST(keeps_the_connection_after_a_small_unread_body),
        TEST(closes_behind_an_unread_body_that_is_long_by_its_framing),
        TEST(refuses_by_the_usual_limit_before_any_byte),
        TEST(lets_the_client_see_an_early_answer_to_a_huge_body),
        HASTY(a_refused_body_has_no_more_time_than_one_that_is_taken),
        TEST(sends_100_only_when_the_body_is_wanted),
        TEST(notices_a_client_that_leaves_a_quiet_exchange),
        TEST(serves_a_half_closed_client_to_the_end),
        TEST(a_whole_request_is_answered_though_the_client_shut_its_side),
        TEST(half_a_request_is_not_answered),
        TEST(what_becomes_a_stream_has_no_half_closed_client),
        HASTY(streams_outlive_the_idle_time_and_end_with_the_last_chunk),
        TEST(an_aborted_answer_does_not_look_finished),
        HASTY(a_byte_now_and_then_keeps_no_head_open),
        HASTY(a_byte_now_and_then_keeps_no_body_open),
        HASTY(idle_connections_are_closed),
        HASTY(slow_readers_are_cut),
        TEST(over_the_connection_limit_answers_503),
        TEST(without_room_in_the_kernel_one_connection_is_refused),
        TEST(draining_closes_idle_connections_and_lets_open_answers_end),
        TEST(aborting_ends_every_exchange_once),
        TEST(says_in_one_sentence_why_it_cannot_listen),
    };
    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
