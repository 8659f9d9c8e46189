/* SPDX-License-Identifier: Apache-2.0 */
/* The client on a real loop against real servers that behave badly on purpose. */
#include <linux/tcp.h> /* tcpi_segs_in, which netinet does not know */

#include "net/upstream_impl.h"
#include "upstream_contract.h"

/* ---- the ordinary way ---- */

static void keeps_a_connection_for_the_next_call(void **state)
{
    (void)state;
    begin(serve_hello);
    for (int i = 0; i < 20; i++) {
        struct call c = {.url = here(),
                         .level = GUARD_ADMIN,
                         .method = i % 2 ? "POST" : "GET",
                         .body = i % 2 ? "x" : NULL};
        call_run(&c);
        expect_answer(&c, 200, "hello");
    }
    assert_int_equal(atomic_load(&peer->connections), 1);
    assert_int_equal(atomic_load(&peer->requests), 20);
    finish();
}

static void keeps_no_more_idle_connections_than_told(void **state)
{
    (void)state;
    struct upstream_config config = {.idle_per_origin = 2};
    peer = peer_new(serve_hello, NULL);
    calls_start(&config);
    for (int round = 0; round < 2; round++) {
        struct call c[5];
        for (int i = 0; i < 5; i++) {
            c[i] = (struct call){.url = here(), .level = GUARD_ADMIN};
            call_start(&c[i]);
        }
        calls_run();
        for (int i = 0; i < 5; i++)
            expect_answer(&c[i], 200, NULL);
        assert_int_equal(atomic_load(&peer->connections), round ? 8 : 5);
    }
    finish();
}

/* ---- connections that must not be used again ---- */

static const char *const last_answers[] = {
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    OK_HEAD "helloEXTRA",
    OK_HEAD "hello" OK_HEAD "other",
};

static void serve_last(struct peer_link *l)
{
    while (peer_request(l))
        peer_send(l, answer_text);
}

static void a_connection_with_a_doubt_is_not_used_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(last_answers); i++) {
        answer_text = last_answers[i];
        begin(serve_last);
        for (int n = 1; n <= 3; n++) {
            struct call c = {.url = here(), .level = GUARD_ADMIN};
            call_run(&c);
            expect_answer(&c, 200, "hello");
            assert_int_equal(atomic_load(&peer->connections), n);
        }
        finish();
    }
}

static void serve_late_extra(struct peer_link *l)
{
    peer_request(l);
    peer_send(l, OK_HEAD "hello");
    usleep(50 * 1000);
    peer_send(l, OK_HEAD "stray");
    peer_wait_until_gone(l);
}

static void data_on_an_idle_connection_ends_it(void **state)
{
    (void)state;
    begin(serve_late_extra);
    for (int n = 1; n <= 2; n++) {
        struct call c = {.url = here(), .level = GUARD_ADMIN};
        call_run(&c);
        expect_answer(&c, 200, "hello");
        calls_idle(150);
        assert_int_equal(atomic_load(&peer->connections), n);
    }
    finish();
}

/* The first connection answers what nobody asked for behind what was asked for. */
static void serve_extra_at_once(struct peer_link *l)
{
    while (peer_request(l))
        peer_send(l, l->number ? OK_HEAD "right" : OK_HEAD "hello" OK_HEAD "stray");
}

static struct call next_call;

static void start_next(struct call *c)
{
    (void)c;
    call_start(&next_call);
}

static void what_lies_behind_an_answer_never_answers_the_next_call(void **state)
{
    (void)state;
    /* One read brings the answer and no byte more: the rest waits in the kernel. */
    struct upstream_config config = {.in_high = sizeof(OK_HEAD "hello") - 1};
    for (int post = 0; post < 2; post++) {
        peer = peer_new(serve_extra_at_once, NULL);
        calls_start(&config);
        struct call first = {.url = here(), .level = GUARD_ADMIN, .then = start_next};
        next_call = (struct call){.url = first.url,
                                  .level = GUARD_ADMIN,
                                  .method = post ? "POST" : "GET",
                                  .body = post ? "x" : NULL};
        call_run(&first);
        expect_answer(&first, 200, "hello");
        buf_add_char(&next_call.answer, '\0');
        expect_answer(&next_call, 200, "right");
        assert_int_equal(atomic_load(&peer->connections), 2);
        finish();
    }
}

static void an_answer_whose_head_comes_in_two_reads_keeps_its_connection(void **state)
{
    (void)state;
    struct upstream_config config = {.in_high = sizeof(OK_HEAD) - 2};
    peer = peer_new(serve_hello, NULL);
    calls_start(&config);
    for (int n = 0; n < 2; n++) {
        struct call c = {.url = here(), .level = GUARD_ADMIN};
        call_run(&c);
        expect_answer(&c, 200, "hello");
    }
    assert_int_equal(atomic_load(&peer->connections), 1);
    finish();
}

static void a_pooled_connection_is_judged_by_the_new_guard(void **state)
{
    (void)state;
    begin(serve_hello);
    struct call typed = {.url = here(), .level = GUARD_ADMIN}, link = {.url = here()};
    call_run(&typed);
    expect_answer(&typed, 200, "hello");
    call_run(&link);
    expect_fault(&link, UPSTREAM_FORBIDDEN);
    assert_true(link.failure.unsent);
    assert_int_equal(atomic_load(&peer->requests), 1);
    finish();
}

/* ---- a kept connection dies ---- */

enum death { AFTER_ANSWER, AFTER_ANSWER_RESET, ON_REQUEST, ON_REQUEST_RESET, IN_HEAD, IN_BODY };
static enum death death;

/* The first connection dies at its second request, or before; later ones live. */
static void serve_then_die(struct peer_link *l)
{
    bool dies = l->number == 0;

    while (peer_request(l)) {
        peer_send(l, OK_HEAD "hello");
        if (!dies)
            continue;
        if (death == AFTER_ANSWER || death == AFTER_ANSWER_RESET)
            break;
        if (!peer_request(l))
            return;
        if (death == IN_HEAD)
            peer_send(l, "HTTP/1.1 200 OK\r\nContent-");
        if (death == IN_BODY)
            peer_send(l, OK_HEAD "he");
        break;
    }
    if (dies && (death == AFTER_ANSWER_RESET || death == ON_REQUEST_RESET))
        peer_reset(l);
}

static const struct {
    enum death death;
    bool get_recovers, post_recovers;
    int idle_ms; /* before the second call */
} deaths[] = {
    {AFTER_ANSWER, true, true, 100}, {AFTER_ANSWER_RESET, true, true, 100},
    {ON_REQUEST, true, false, 0},    {ON_REQUEST_RESET, true, false, 0},
    {IN_HEAD, false, false, 0},      {IN_BODY, false, false, 0},
};

static void die_with(size_t i, const char *method, bool recovers)
{
    death = deaths[i].death;
    begin(serve_then_die);
    struct call first = {.url = here(), .level = GUARD_ADMIN};
    struct call second = {.url = here(),
                          .level = GUARD_ADMIN,
                          .method = method,
                          .body = strcmp(method, "POST") ? NULL : "once"};
    call_run(&first);
    expect_answer(&first, 200, "hello");
    if (deaths[i].idle_ms)
        calls_idle(deaths[i].idle_ms);
    call_run(&second);
    if (recovers) {
        expect_answer(&second, 200, "hello");
        assert_int_equal(atomic_load(&peer->connections), 2);
    } else {
        expect_fault(&second, UPSTREAM_BROKEN);
        assert_false(second.failure.unsent);
        assert_int_equal(second.failure.answered, death == IN_BODY);
        assert_int_equal(second.failure.stale, death == ON_REQUEST || death == ON_REQUEST_RESET);
        /* Not one request more than the two that were asked for. */
        assert_int_equal(atomic_load(&peer->requests), 2);
    }
    finish();
}

static void a_post_is_never_sent_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(deaths); i++)
        die_with(i, "POST", deaths[i].post_recovers);
}

static void a_get_is_sent_again_once_when_no_answer_had_begun(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(deaths); i++)
        die_with(i, "GET", deaths[i].get_recovers);
}

static void a_post_looks_at_a_connection_before_it_goes_out(void **state)
{
    (void)state;
    begin(serve_hello);
    struct call keep = {.url = here(), .level = GUARD_ADMIN};
    call_run(&keep);
    expect_answer(&keep, 200, "hello");
    /* The server's side ends while the loop does not look. */
    shutdown(peer->links[0].fd, SHUT_WR);
    usleep(10 * 1000);
    struct call second =
        (struct call){.url = here(), .level = GUARD_ADMIN, .method = "POST", .body = "x"};
    /* The turn's time is old: let it be renewed without events being handed out first. */
    calls_idle(0);
    call_run(&second);
    expect_answer(&second, 200, "hello");
    assert_int_equal(atomic_load(&peer->connections), 2);
    finish();
}

static void a_lent_body_is_not_copied_to_wait(void **state)
{
    (void)state;
    uint64_t sum;
    begin(serve_sums);
    for (int kept = 0; kept < 2; kept++) { /* until it is dialed; until the kernel takes more */
        struct call c = {.url = here(), .level = GUARD_ADMIN, .method = "POST"};
        c.lent = lend(c.lent_n = 16 << 20, &sum);
        call_start(&c);
        assert_true(request_waiting(c.call) > 1 << 20);
        assert_true(c.call->out.size < 4096);
        calls_run();
        expect_answer(&c, 200, NULL);
    }
    assert_int_equal(atomic_load(&peer->connections), 1);
    finish();
}

enum { PIECES = 600 };
static atomic_int taken, acks;

/* Small pieces, each sent when the one before has been read, and how many segments came back. */
static void serve_pieces(struct peer_link *l)
{
    struct tcp_info info;
    socklen_t size = sizeof(info);
    peer_request(l);
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    peer_send(l, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < PIECES && !atomic_load(&peer->stop); i++) {
        peer_send(l, "5\r\nhello\r\n");
        while (atomic_load(&taken) <= i && !atomic_load(&peer->stop))
            sched_yield();
    }
    getsockopt(l->fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    atomic_store(&acks, (int)info.tcpi_segs_in);
    peer_send(l, "0\r\n\r\n");
}

static void a_fast_stream_is_acknowledged_less_often_than_read(void **state)
{
    (void)state;
    begin(serve_pieces);
    /* On a machine that is busy with other things a stream may not be fast for long. */
    for (int i = 0; i < 10 && (i == 0 || 4 * atomic_load(&acks) > 3 * PIECES); i++) {
        struct call c = {.url = here(), .level = GUARD_ADMIN, .pieces_taken = &taken};
        atomic_store(&taken, 0);
        call_run(&c);
        expect_answer(&c, 200, NULL);
        assert_int_equal(c.bodies, PIECES);
    }
    assert_true(4 * atomic_load(&acks) < 3 * PIECES);
    finish();
}

/* ---- what never leaves ---- */

static void a_connection_that_does_not_come_about_times_out(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int deaf = socket(AF_INET, SOCK_STREAM, 0), fill[8];
    char url[64];

    calls_start(NULL);
    assert_int_equal(bind(deaf, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(deaf, 0), 0);
    getsockname(deaf, (struct sockaddr *)&at, &size);
    for (size_t i = 0; i < ARRAY_SIZE(fill); i++) { /* its queue is full: SYNs are dropped */
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fill[i], (struct sockaddr *)&at, sizeof(at));
    }
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(at.sin_port));
    struct call c = {.url = url, .level = GUARD_ADMIN, .connect_ms = 200};
    call_run(&c);
    expect_fault(&c, UPSTREAM_CONNECT_TIME);
    assert_true(c.failure.unsent);
    calls_stop();
    for (size_t i = 0; i < ARRAY_SIZE(fill); i++)
        close(fill[i]);
    close(deaf);
}

static void what_cannot_be_reached_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        enum guard_level level;
        enum upstream_fault fault;
    } cases[] = {
        {"http://127.0.0.1:1/", GUARD_ADMIN, UPSTREAM_REFUSED},
        {"http://localhost:1/", GUARD_ADMIN, UPSTREAM_REFUSED},
        {"http://nowhere.invalid/", GUARD_ADMIN, UPSTREAM_NAME},
        {"http://127.0.0.1:1/", GUARD_PUBLIC, UPSTREAM_FORBIDDEN},
        {"http://localhost:1/", GUARD_PUBLIC, UPSTREAM_FORBIDDEN},
        {"http://[::ffff:10.0.0.1]/", GUARD_PUBLIC, UPSTREAM_FORBIDDEN},
        {"http://169.254.169.254/", GUARD_ADMIN, UPSTREAM_FORBIDDEN},
        {"http://[fd00:ec2::254]/", GUARD_ADMIN, UPSTREAM_FORBIDDEN},
        {"http://100.100.100.200/", GUARD_ADMIN, UPSTREAM_FORBIDDEN},
    };
    calls_start(NULL);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct call c = {
            .url = cases[i].url, .level = cases[i].level, .method = "POST", .body = "x"};
        call_run(&c);
        expect_fault(&c, cases[i].fault);
        assert_true(c.failure.unsent);
        assert_true(c.failure.detail[0] != '\0');
    }
    calls_stop();
}

static void without_room_in_the_kernel_a_call_is_refused(void **state)
{
    (void)state;
    begin(serve_hello);
    struct call c = {.url = here(), .level = GUARD_ADMIN};
    no_watches = 1;
    call_run(&c);
    expect_fault(&c, UPSTREAM_STARVED);
    assert_true(c.failure.unsent);
    no_watches = 0;
    c = (struct call){.url = c.url, .level = GUARD_ADMIN};
    call_run(&c);
    expect_answer(&c, 200, "hello");
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UPSTREAM_CONTRACT,
        TEST("a connection is kept for the next call", keeps_a_connection_for_the_next_call),
        TEST("an answer whose head comes in two reads keeps its connection",
             an_answer_whose_head_comes_in_two_reads_keeps_its_connection),
        TEST("no more idle connections are kept than told",
             keeps_no_more_idle_connections_than_told),
        TEST("a connection with a doubt is not used again",
             a_connection_with_a_doubt_is_not_used_again),
        TEST("data on an idle connection ends it", data_on_an_idle_connection_ends_it),
        TEST("what lies behind an answer never answers the next call",
             what_lies_behind_an_answer_never_answers_the_next_call),
        TEST("[AC-7] a pooled connection is judged by the new call's guard",
             a_pooled_connection_is_judged_by_the_new_guard),
        TEST("[ST-3] a POST is never sent twice, wherever a kept connection dies",
             a_post_is_never_sent_twice),
        TEST("a GET is sent again, once, when no answer had begun",
             a_get_is_sent_again_once_when_no_answer_had_begun),
        TEST("a POST looks at a connection before it goes out",
             a_post_looks_at_a_connection_before_it_goes_out),
        TEST("cancelled inside a callback, nothing more comes",
             cancelled_inside_a_callback_nothing_more_comes),
        TEST("a lent body is not copied to wait", a_lent_body_is_not_copied_to_wait),
        TEST("a fast stream is acknowledged less often than it is read",
             a_fast_stream_is_acknowledged_less_often_than_read),
        TEST("a client freed under live calls forgets them",
             a_client_freed_under_live_calls_forgets_them),
        TEST("[GW-5] a connection that does not come about times out",
             a_connection_that_does_not_come_about_times_out),
        TEST("[AC-7] what cannot be reached says why", what_cannot_be_reached_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
