/* SPDX-License-Identifier: Apache-2.0 */
/* A real server, real workers, clients on loopback. */
#include "net/receive.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "loopback.h"

enum { BODY_SIZE = 3 * 1000 * 1000 + 7, FLOOD_SIZE = 64 << 20, WORDS = 64, WORKERS = 2, QUEUE = 8 };

/* What the handler saw; read by the test when `done` has been posted. */
static struct {
    char turns
        [WORDS]; /* b: begin, +: bytes (in a row: once), e: end, c: cut, n: cut with no worker */
    size_t turn_count, bytes;
    bool same;     /* as body_byte() says */
    bool answered; /* there was somebody to answer */
    atomic_int inside;
    bool overlapped;
    size_t refuse_at; /* bytes; SIZE_MAX: never */
    bool waits;       /* the first bytes wait for `go` */
    bool waits_first; /* the turn before them does */
    size_t first;     /* bytes of the first turn that has any */
    sem_t entered, go, done;
} seen;

static struct {
    struct loop *loop;
    struct server *server;
    struct workers *workers;
    pthread_t thread;
    uint16_t port;
    bool started;
} f;

static char body_byte(size_t i)
{
    return (char)(i * 31 ^ i >> 9);
}

static void note(char word)
{
    if (word == '+' && seen.turn_count && seen.turns[seen.turn_count - 1] == '+')
        return;
    if (seen.turn_count < WORDS - 1)
        seen.turns[seen.turn_count++] = word;
}

static void look_at(struct str bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        seen.same &= bytes.p[i] == body_byte(seen.bytes + i);
    seen.bytes += bytes.n;
}

static bool turn(void *ctx, enum receive_turn which, struct str bytes, void *thread_state)
{
    (void)ctx;
    seen.overlapped |= atomic_fetch_add(&seen.inside, 1) != 0;
    note(which == RECEIVE_CUT && !thread_state ? 'n' : "b+ec"[which]);
    assert_true((bytes.n > 0) == (which == RECEIVE_BYTES));
    assert_true(bytes.n <= RECEIVE_PIECE);
    look_at(bytes);
    if (which == RECEIVE_BYTES && !seen.first)
        seen.first = bytes.n;
    if ((which == RECEIVE_BYTES && seen.waits) || (which == RECEIVE_BEGIN && seen.waits_first)) {
        seen.waits = false;
        sem_post(&seen.entered);
        sem_wait(&seen.go);
    }
    atomic_fetch_sub(&seen.inside, 1);
    return seen.bytes < seen.refuse_at;
}

static void done(void *ctx, struct exchange *x)
{
    (void)ctx;
    seen.answered = x != NULL;
    if (x)
        exchange_reply(x, 200, NULL, 0, STR("taken"));
    sem_post(&seen.done);
}

static const struct receive_handler handler = {turn, done};

static void on_request(struct exchange *x, void *ctx)
{
    (void)ctx;
    exchange_max_body(x, FLOOD_SIZE);
    f.started = receive_start(x, f.workers, f.workers, &handler, NULL);
    if (!f.started)
        exchange_reply(x, 503, NULL, 0, STR("full"));
}

/* ---- the stage */

static void *run(void *arg)
{
    (void)arg;
    loop_run(f.loop);
    return NULL;
}

static void *thread_start(void *ctx)
{
    return ctx;
}

static int setup(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    seen.same = true;
    seen.refuse_at = SIZE_MAX;
    sem_init(&seen.entered, 0, 0);
    sem_init(&seen.go, 0, 0);
    sem_init(&seen.done, 0, 0);
    f.loop = loop_new();
    f.workers = workers_new(&(struct workers_config){.name = "taker",
                                                     .threads = WORKERS,
                                                     .queue_length = QUEUE,
                                                     .reserve = 1,
                                                     .thread_start = thread_start,
                                                     .ctx = &f});
    f.server = server_new(&(struct server_config){.loop = f.loop, .on_request = on_request});
    f.port = loopback_listen(f.server);
    pthread_create(&f.thread, NULL, run, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    workers_stop(f.workers);
    loop_stop(f.loop);
    pthread_join(f.thread, NULL);
    server_free(f.server);
    loop_free(f.loop);
    workers_free(f.workers);
    sem_destroy(&seen.entered);
    sem_destroy(&seen.go);
    sem_destroy(&seen.done);
    return 0;
}

static int dial(void)
{
    return loopback_dial(f.port);
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void say_head(int fd, size_t length)
{
    char head[128];
    snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
             length);
    say(fd, head);
}

/* Bytes [from, to) of the body; how many of them the kernel took. */
static size_t say_body(int fd, size_t from, size_t to, int flags)
{
    char piece[16 << 10];
    size_t at = from;
    while (at < to) {
        size_t n = MIN(sizeof(piece), to - at);
        for (size_t i = 0; i < n; i++)
            piece[i] = body_byte(at + i);
        ssize_t sent = send(fd, piece, n, MSG_NOSIGNAL | flags);
        if (sent < 0)
            break;
        at += (size_t)sent;
    }
    return at - from;
}

/* The answer's status. */
static int hear(int fd)
{
    char answer[2048] = "";
    size_t n = 0;
    while (n < sizeof(answer) - 1 && !strstr(answer, "\r\n\r\n")) {
        ssize_t got = recv(fd, answer + n, sizeof(answer) - 1 - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
        answer[n] = '\0';
    }
    return n > 12 ? atoi(answer + 9) : 0;
}

/* ---- the tests */

static void a_body_of_any_length_comes_in_order_and_is_answered_after_its_end(void **state)
{
    static const size_t sizes[] = {0, 1, RECEIVE_PIECE, RECEIVE_PIECE + 1, BODY_SIZE};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        _cleanup_close_ int fd = dial();
        memset(seen.turns, 0, sizeof(seen.turns));
        seen.turn_count = seen.bytes = 0;
        say_head(fd, sizes[i]);
        assert_int_equal(say_body(fd, 0, sizes[i], 0), sizes[i]);
        assert_int_equal(hear(fd), 200);
        sem_wait(&seen.done);
        assert_string_equal(seen.turns, sizes[i] ? "b+e" : "be");
        assert_int_equal(seen.bytes, sizes[i]);
        assert_true(seen.same && seen.answered && !seen.overlapped);
    }
}

static void a_worker_that_is_slow_stops_the_client_and_not_the_server(void **state)
{
    _cleanup_close_ int fd = dial(), other = dial();
    (void)state;
    seen.waits = true;
    say_head(fd, FLOOD_SIZE);
    /* The first piece starts the turn that waits. */
    assert_int_equal(say_body(fd, 0, 1, 0), 1);
    sem_wait(&seen.entered);
    /* What the two sockets and the two pieces hold, and no more. */
    size_t sent = 1;
    for (int quiet = 0; quiet < 20;) {
        size_t more = say_body(fd, sent, FLOOD_SIZE, MSG_DONTWAIT);
        sent += more;
        quiet = more ? 0 : quiet + 1;
        usleep(5000);
    }
    assert_true(sent < FLOOD_SIZE);
    /* The loop is nobody's: another client is answered meanwhile (its queue is free). */
    say(other, "BREW / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(hear(other), 501);
    sem_post(&seen.go);
    assert_int_equal(say_body(fd, sent, FLOOD_SIZE, 0), FLOOD_SIZE - sent);
    assert_int_equal(hear(fd), 200);
    sem_wait(&seen.done);
    assert_int_equal(seen.bytes, FLOOD_SIZE);
    assert_true(seen.same && !seen.overlapped);
}

static void before_the_first_turn_has_ended_nothing_is_taken(void **state)
{
    enum { ONE_READ = 64 << 10 };
    _cleanup_close_ int fd = dial();
    (void)state;
    seen.waits_first = true;
    say_head(fd, RECEIVE_PIECE);
    sem_wait(&seen.entered);
    size_t sent = say_body(fd, 0, RECEIVE_PIECE, MSG_DONTWAIT);
    usleep(100 * 1000); /* time to take what should not be taken */
    sem_post(&seen.go);
    assert_int_equal(say_body(fd, sent, RECEIVE_PIECE, 0), RECEIVE_PIECE - sent);
    assert_int_equal(hear(fd), 200);
    sem_wait(&seen.done);
    assert_int_equal(seen.bytes, RECEIVE_PIECE);
    assert_true(seen.first <= ONE_READ);
}

static void of_a_client_that_leaves_all_that_came_is_given_and_then_the_cut(void **state)
{
    int fd = dial();
    (void)state;
    seen.waits = true;
    say_head(fd, BODY_SIZE);
    assert_int_equal(say_body(fd, 0, 1000, 0), 1000);
    sem_wait(&seen.entered);
    assert_int_equal(say_body(fd, 1000, 100 * 1000, 0), 99 * 1000);
    close(fd);
    sem_post(&seen.go);
    sem_wait(&seen.done);
    assert_string_equal(seen.turns, "b+c");
    assert_true(seen.bytes >= 1000 && seen.bytes <= 100 * 1000);
    assert_true(seen.same && !seen.answered);
}

static void a_refusal_is_answered_while_the_client_still_sends(void **state)
{
    _cleanup_close_ int fd = dial();
    (void)state;
    seen.refuse_at = 100 * 1000;
    say_head(fd, BODY_SIZE);
    assert_int_equal(say_body(fd, 0, 200 * 1000, 0), 200 * 1000);
    sem_wait(&seen.done);
    assert_int_equal(hear(fd), 200);
    assert_string_equal(seen.turns, "b+");
    assert_true(seen.answered);
}

static void a_refusal_before_the_first_byte_takes_none(void **state)
{
    _cleanup_close_ int fd = dial();
    (void)state;
    seen.refuse_at = 0;
    say_head(fd, BODY_SIZE);
    assert_int_equal(hear(fd), 200);
    sem_wait(&seen.done);
    assert_string_equal(seen.turns, "b");
}

static void a_broken_chunk_is_the_servers_answer_and_a_cut(void **state)
{
    _cleanup_close_ int fd = dial();
    (void)state;
    say(fd, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    assert_int_equal(hear(fd), 400);
    sem_wait(&seen.done);
    assert_string_equal(seen.turns, "bc");
    assert_false(seen.answered);
}

static void workers_that_take_nothing_refuse_the_next_one(void **state)
{
    _cleanup_close_ int fd = dial();
    (void)state;
    workers_stop(f.workers);
    say_head(fd, 10);
    assert_int_equal(hear(fd), 503);
    assert_false(f.started);
}

static void workers_that_stop_meanwhile_leave_the_cut_to_the_loop(void **state)
{
    int fd = dial();
    (void)state;
    seen.waits = true;
    say_head(fd, BODY_SIZE);
    assert_int_equal(say_body(fd, 0, 1000, 0), 1000);
    sem_wait(&seen.entered);
    sem_post(&seen.go);
    workers_stop(f.workers);
    close(fd);
    sem_wait(&seen.done);
    assert_string_equal(seen.turns, "b+n");
    assert_false(seen.answered);
}

struct crowd {
    struct work work[WORKERS + QUEUE];
    atomic_int standing;
    sem_t go;
};
static struct crowd crowd;

static void stand_in_the_way(struct work *work, void *thread_state)
{
    (void)work, (void)thread_state;
    atomic_fetch_add(&crowd.standing, 1);
    sem_wait(&crowd.go);
}

/* Until all threads stand and the queue is full. */
static void crowd_the_workers(void)
{
    size_t sent = 0;
    sem_init(&crowd.go, 0, 0);
    atomic_store(&crowd.standing, 0);
    while (sent < WORKERS + QUEUE || atomic_load(&crowd.standing) < WORKERS) {
        if (sent < WORKERS + QUEUE) {
            crowd.work[sent].run = stand_in_the_way;
            sent += workers_submit(f.workers, &crowd.work[sent]);
        }
        sched_yield();
    }
}

static void a_crowd_of_others_does_not_keep_the_cut_from_a_worker(void **state)
{
    int fd = dial();
    (void)state;
    seen.waits = true;
    say_head(fd, BODY_SIZE);
    assert_int_equal(say_body(fd, 0, 1000, 0), 1000);
    sem_wait(&seen.entered);
    sem_post(&seen.go);
    crowd_the_workers();
    close(fd);
    while (workers_waiting(f.workers) <= QUEUE)
        sched_yield();
    for (int i = 0; i < WORKERS + QUEUE; i++)
        sem_post(&crowd.go);
    sem_wait(&seen.done);
    assert_string_equal(seen.turns, "b+c");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_body_of_any_length_comes_in_order_and_is_answered_after_its_end),
        TEST(a_worker_that_is_slow_stops_the_client_and_not_the_server),
        TEST(before_the_first_turn_has_ended_nothing_is_taken),
        TEST(of_a_client_that_leaves_all_that_came_is_given_and_then_the_cut),
        TEST(a_refusal_is_answered_while_the_client_still_sends),
        TEST(a_refusal_before_the_first_byte_takes_none),
        TEST(a_broken_chunk_is_the_servers_answer_and_a_cut),
        TEST(a_crowd_of_others_does_not_keep_the_cut_from_a_worker),
        TEST(workers_that_take_nothing_refuse_the_next_one),
        TEST(workers_that_stop_meanwhile_leave_the_cut_to_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
