/* SPDX-License-Identifier: Apache-2.0 */
/* TLS as the upstream client uses it, against OpenSSL servers with certificates of every
 * kind. */
#include "calls.h"

#include <signal.h>
#include <time.h>

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"

enum { DAY_S = 24 * 3600 };

static struct peer_cert authority, stranger;
static struct peer *peer;

static int make_authorities(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* of the servers' own writes */
    authority = peer_cert_new(NULL, NULL, -DAY_S, DAY_S);
    stranger = peer_cert_new(NULL, NULL, -DAY_S, DAY_S);
    return 0;
}

static int drop_authorities(void **state)
{
    (void)state;
    peer_cert_release(&authority);
    peer_cert_release(&stranger);
    return 0;
}

static void begin(void (*serve)(struct peer_link *l), struct peer_cert cert)
{
    peer = peer_new(serve, peer_tls(&cert));
    peer_cert_release(&cert);
    calls_start(NULL);
}

static struct peer_cert good(void)
{
    return peer_cert_new("DNS:localhost,IP:127.0.0.1", &authority, -DAY_S, DAY_S);
}

static void finish(void)
{
    calls_stop();
    peer_free(peer);
}

static void serve_hello(struct peer_link *l)
{
    while (peer_request(l))
        peer_send(l, OK_HEAD "hello");
}

static void speaks_tls_to_names_and_addresses(void **state)
{
    (void)state;
    static const char *const hosts[] = {"localhost", "127.0.0.1"};
    begin(serve_hello, good());
    for (int i = 0; i < 10; i++) {
        struct call c = {.url = peer_url(peer, "https", hosts[i % 2]),
                         .level = GUARD_ADMIN,
                         .ca = authority.pem,
                         .method = "POST",
                         .body = "x"};
        call_run(&c);
        expect_answer(&c, 200, "hello");
    }
    assert_int_equal(atomic_load(&peer->connections), 2);
    finish();
}

enum ca { SYSTEM, RIGHT, OTHER };
static const struct {
    const char *names, *host;
    enum ca ca;
    bool self_signed;
    long from_s, to_s;
    const char *why; /* NULL: it is well */
} certificates[] = {
    {"DNS:localhost", "localhost", RIGHT, false, -DAY_S, DAY_S, NULL},
    {"DNS:localhost", "localhost", SYSTEM, false, -DAY_S, DAY_S, "issuer"},
    {"DNS:localhost", "localhost", OTHER, false, -DAY_S, DAY_S, "signature"},
    {"DNS:other.example", "localhost", RIGHT, false, -DAY_S, DAY_S, "mismatch"},
    {"DNS:*.localhost", "localhost", RIGHT, false, -DAY_S, DAY_S, "mismatch"},
    {"DNS:*", "localhost", RIGHT, false, -DAY_S, DAY_S, "mismatch"},
    {"IP:127.0.0.1", "127.0.0.1", RIGHT, false, -DAY_S, DAY_S, NULL},
    {"DNS:127.0.0.1", "127.0.0.1", RIGHT, false, -DAY_S, DAY_S, "mismatch"},
    {"DNS:localhost", "127.0.0.1", RIGHT, false, -DAY_S, DAY_S, "mismatch"},
    {"IP:127.0.0.2", "127.0.0.1", RIGHT, false, -DAY_S, DAY_S, "mismatch"},
    {"IP:127.0.0.1", "localhost", RIGHT, false, -DAY_S, DAY_S, "mismatch"},
    {"DNS:localhost", "localhost", RIGHT, false, -2 * DAY_S, -DAY_S, "expired"},
    {"DNS:localhost", "localhost", RIGHT, false, DAY_S, 2 * DAY_S, "not yet valid"},
    {"DNS:localhost", "localhost", SYSTEM, true, -DAY_S, DAY_S, "self-signed"},
    {"DNS:localhost", "localhost", OTHER, true, -DAY_S, DAY_S, "self-signed"},
    {"DNS:localhost", "localhost", RIGHT, true, -DAY_S, DAY_S, NULL},
    {"DNS:localhost", "localhost", RIGHT, true, -2 * DAY_S, -DAY_S, "expired"},
};

static void believes_only_a_certificate_for_the_very_host(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(certificates); i++) {
        struct peer_cert cert = peer_cert_new(certificates[i].names,
                                              certificates[i].self_signed ? NULL : &authority,
                                              certificates[i].from_s, certificates[i].to_s);
        char own[sizeof(cert.pem)];
        memcpy(own, cert.pem, sizeof(own));
        const char *cas[] = {
            [SYSTEM] = NULL,
            [RIGHT] = certificates[i].self_signed ? own : authority.pem,
            [OTHER] = stranger.pem,
        };
        begin(serve_hello, cert);
        struct call c = {.url = peer_url(peer, "https", certificates[i].host),
                         .level = GUARD_ADMIN,
                         .ca = cas[certificates[i].ca]};
        call_run(&c);
        if (certificates[i].why) {
            expect_fault(&c, UPSTREAM_TLS);
            assert_true(c.failure.unsent);
            if (!strstr(c.failure.detail, certificates[i].why))
                fail_msg("%zu: %s", i, c.failure.detail);
            assert_int_equal(atomic_load(&peer->requests), 0);
        } else {
            expect_answer(&c, 200, "hello");
        }
        finish();
    }
}

static void another_authority_shares_no_connection(void **state)
{
    (void)state;
    begin(serve_hello, good());
    const char *url = peer_url(peer, "https", "localhost");
    struct call a = {.url = url, .level = GUARD_ADMIN, .ca = authority.pem};
    struct call b = {.url = url, .level = GUARD_ADMIN, .ca = stranger.pem};
    struct call c = {.url = url, .level = GUARD_ADMIN};
    call_run(&a);
    expect_answer(&a, 200, "hello");
    call_run(&b);
    expect_fault(&b, UPSTREAM_TLS);
    call_run(&c);
    expect_fault(&c, UPSTREAM_TLS);
    finish();
}

static void an_unreadable_authority_is_refused_at_once(void **state)
{
    (void)state;
    static const char *const bad[] = {"x", "-----BEGIN CERTIFICATE-----\nAAAA\n", "\n"};
    calls_start(NULL);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct call c = {.url = "https://127.0.0.1:1/", .level = GUARD_ADMIN, .ca = bad[i]};
        struct err err = {0};
        assert_false(call_try(&c, &err));
        assert_string_equal(err.code, "bad_ca");
    }
    calls_stop();
}

static void serve_once(struct peer_link *l)
{
    if (peer_request(l))
        peer_send(l, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
}

static void a_session_is_resumed(void **state)
{
    (void)state;
    begin(serve_once, good());
    for (int i = 0; i < 4; i++) {
        struct call c = {
            .url = peer_url(peer, "https", "localhost"), .level = GUARD_ADMIN, .ca = authority.pem};
        call_run(&c);
        expect_answer(&c, 200, "hello");
    }
    assert_int_equal(atomic_load(&peer->connections), 4);
    assert_int_equal(atomic_load(&peer->resumed), 3);
    finish();
}

static bool says_goodbye;

static void serve_to_the_end(struct peer_link *l)
{
    peer_request(l);
    peer_send(l, "HTTP/1.1 200 OK\r\n\r\nall of it");
    if (!says_goodbye)
        SSL_set_quiet_shutdown(l->ssl, 1);
}

static void a_cut_is_not_taken_for_the_end(void **state)
{
    (void)state;
    for (int goodbye = 0; goodbye < 2; goodbye++) {
        says_goodbye = goodbye;
        begin(serve_to_the_end, good());
        struct call c = {
            .url = peer_url(peer, "https", "localhost"), .level = GUARD_ADMIN, .ca = authority.pem};
        call_run(&c);
        if (goodbye)
            expect_answer(&c, 200, "all of it");
        else
            expect_fault(&c, UPSTREAM_BROKEN);
        finish();
    }
}

enum { BIG = 8 << 20 };

static void serve_big(struct peer_link *l)
{
    static char block[64 * 1024];
    char head[128];
    while (peer_request(l)) {
        snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BIG);
        peer_send(l, head);
        for (size_t sent = 0; sent < BIG; sent += sizeof(block))
            peer_send_n(l, block, sizeof(block));
    }
}

static void large_answers_come_whole_also_to_slow_takers(void **state)
{
    (void)state;
    begin(serve_big, good());
    const char *url = peer_url(peer, "https", "localhost");
    struct call fast = {.url = url, .level = GUARD_ADMIN, .ca = authority.pem};
    struct call slow = {.url = url, .level = GUARD_ADMIN, .ca = authority.pem, .take = 9000};
    call_run(&fast);
    assert_int_equal(buf_len(&fast.answer), BIG);
    expect_answer(&fast, 200, NULL);
    call_run(&slow);
    assert_int_equal(buf_len(&slow.answer), BIG);
    expect_answer(&slow, 200, NULL);
    assert_int_equal(atomic_load(&peer->connections), 1);
    finish();
}

static void serve_upload(struct peer_link *l)
{
    static char rest[1 << 16];
    size_t total = 0;
    ssize_t n;
    while ((n = peer_recv(l, rest, sizeof(rest))) > 0) {
        total += (size_t)n;
        if (n >= 5 && memcmp(rest + (n - 5), "0\r\n\r\n", 5) == 0)
            break;
    }
    peer_send(l, total > BIG ? OK_HEAD "whole" : OK_HEAD "short");
}

static void a_large_request_goes_whole(void **state)
{
    (void)state;
    begin(serve_upload, good());
    struct call c = {.url = peer_url(peer, "https", "localhost"),
                     .level = GUARD_ADMIN,
                     .ca = authority.pem,
                     .method = "POST",
                     .pieces = true,
                     .left_to_write = BIG};
    call_run(&c);
    expect_answer(&c, 200, "whole");
    finish();
}

/* The answer's one record in two halves, with a pause between. */
#define HALF_MS 1000

static void serve_half_a_record(struct peer_link *l)
{
    char *record;
    peer_request(l);
    BIO *aside = BIO_new(BIO_s_mem());
    SSL_set0_wbio(l->ssl, aside);
    peer_send(l, OK_HEAD "hello");
    size_t n = (size_t)BIO_get_mem_data(aside, &record);
    ssize_t sent = send(l->fd, record, n / 2, MSG_NOSIGNAL);
    usleep(HALF_MS * 1000);
    if (sent > 0)
        send(l->fd, record + sent, n - (size_t)sent, MSG_NOSIGNAL);
    SSL_set0_wbio(l->ssl, BIO_new_socket(l->fd, BIO_NOCLOSE));
}

/* What nobody asked for comes in a record of its own, in the same segment. */
static void serve_extra_at_once(struct peer_link *l)
{
    char *records;
    while (peer_request(l)) {
        BIO *aside = BIO_new(BIO_s_mem());
        SSL_set0_wbio(l->ssl, aside);
        peer_send(l, l->number ? OK_HEAD "right" : OK_HEAD "hello");
        if (!l->number)
            peer_send(l, OK_HEAD "stray");
        size_t n = (size_t)BIO_get_mem_data(aside, &records);
        bool sent = send(l->fd, records, n, MSG_NOSIGNAL) == (ssize_t)n;
        SSL_set0_wbio(l->ssl, BIO_new_socket(l->fd, BIO_NOCLOSE));
        if (!sent)
            return;
    }
}

static struct call next_call;

static void start_next(struct call *c)
{
    next_call = (struct call){.url = c->url, .level = c->level, .ca = c->ca};
    call_start(&next_call);
}

static void next_inside_the_end(void (*serve)(struct peer_link *l), const char *body, int links)
{
    begin(serve, good());
    struct call first = {.url = peer_url(peer, "https", "localhost"),
                         .level = GUARD_ADMIN,
                         .ca = authority.pem,
                         .then = start_next};
    call_run(&first);
    expect_answer(&first, 200, "hello");
    buf_add_char(&next_call.answer, '\0');
    expect_answer(&next_call, 200, body);
    assert_int_equal(atomic_load(&peer->connections), links);
    finish();
}

static void what_lies_behind_an_answer_never_answers_the_next_call(void **state)
{
    (void)state;
    next_inside_the_end(serve_extra_at_once, "right", 2);
}

/* Sends its tickets with the first answer. */
static void a_new_session_keeps_no_connection_from_its_next_call(void **state)
{
    (void)state;
    next_inside_the_end(serve_hello, "hello", 1);
}

static int64_t own_cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void half_a_record_is_waited_for_without_spinning(void **state)
{
    (void)state;
    begin(serve_half_a_record, good());
    struct call c = {
        .url = peer_url(peer, "https", "localhost"), .level = GUARD_ADMIN, .ca = authority.pem};
    int64_t before = own_cpu_ms();
    call_run(&c);
    assert_in_range(own_cpu_ms() - before, 0, HALF_MS / 3);
    expect_answer(&c, 200, "hello");
    finish();
}

static void serve_no_tls(struct peer_link *l)
{
    char some[1000];
    peer_recv(l, some, sizeof(some));
    peer_send(l, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
}

static void serve_nothing(struct peer_link *l)
{
    peer_wait_until_gone(l);
}

static void a_peer_without_tls_is_a_tls_failure(void **state)
{
    (void)state;
    peer = peer_new(serve_no_tls, NULL);
    calls_start(NULL);
    struct call c = {.url = peer_url(peer, "https", "localhost"), .level = GUARD_ADMIN};
    call_run(&c);
    expect_fault(&c, UPSTREAM_TLS);
    assert_true(c.failure.unsent);
    finish();
}

static void a_handshake_has_the_time_of_the_connection(void **state)
{
    (void)state;
    peer = peer_new(serve_nothing, NULL);
    calls_start(NULL);
    struct call c = {
        .url = peer_url(peer, "https", "localhost"), .level = GUARD_ADMIN, .connect_ms = 150};
    call_run(&c);
    expect_fault(&c, UPSTREAM_CONNECT_TIME);
    assert_true(c.failure.unsent);
    finish();
}

int main(void)
{
#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }
    const struct CMUnitTest tests[] = {
        TEST("TLS is spoken to names and addresses", speaks_tls_to_names_and_addresses),
        TEST("[AC-1] only a certificate for the very host is believed",
             believes_only_a_certificate_for_the_very_host),
        TEST("another authority shares no connection", another_authority_shares_no_connection),
        TEST("[AC-1] an unreadable authority is refused at once",
             an_unreadable_authority_is_refused_at_once),
        TEST("a session is resumed", a_session_is_resumed),
        TEST("a cut is not taken for the end", a_cut_is_not_taken_for_the_end),
        TEST("large answers come whole, also to slow takers",
             large_answers_come_whole_also_to_slow_takers),
        TEST("a large request goes whole", a_large_request_goes_whole),
        TEST("what lies behind an answer never answers the next call",
             what_lies_behind_an_answer_never_answers_the_next_call),
        TEST("a new session keeps no connection from its next call",
             a_new_session_keeps_no_connection_from_its_next_call),
        TEST("half a record is waited for without spinning",
             half_a_record_is_waited_for_without_spinning),
        TEST("[AC-5] a peer without TLS is a TLS failure", a_peer_without_tls_is_a_tls_failure),
        TEST("a handshake has the time of the connection",
             a_handshake_has_the_time_of_the_connection),
    };
    return cmocka_run_group_tests(tests, make_authorities, drop_authorities);
}
