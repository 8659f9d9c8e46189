/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl as the client's transport: the contract of upstream_contract.h through real
 * proxies, and what only proxies can do. */
#include <dirent.h>
#include <signal.h>

#include "proxy.h"
#include "upstream_contract.h"

static int through_socks(void **state)
{
    (void)state;
    proxy_serve = serve_socks5;
    proxy_format = "socks5h://";
    return 0;
}

static int through_http(void **state)
{
    (void)state;
    proxy_serve = serve_http_proxy;
    proxy_format = "http://";
    proxy_wants_password = false;
    return 0;
}

/* ---- a peer with a certificate ---- */

static struct peer_cert authority;

static void begin_tls(void (*serve)(struct peer_link *l))
{
    authority = peer_cert_new(NULL, NULL, 0, 3600);
    struct peer_cert own = peer_cert_new("DNS:upstream.test,IP:127.0.0.1", &authority, 0, 3600);
    begin_as(serve, peer_tls(&own));
    peer_cert_release(&own);
}

static void finish_tls(void)
{
    finish();
    peer_cert_release(&authority);
}

static struct call secure(const char *host)
{
    return (struct call){.url = peer_url(peer, "https", host),
                         .ca = authority.pem,
                         .method = "POST",
                         .body = "{}",
                         .level = GUARD_ADMIN};
}

/* ---- what a proxy hears ---- */

static void a_tunnel_hears_no_credential_of_the_upstream(void **state)
{
    (void)state;
    char target[64];
    begin_tls(serve_and_note);
    struct call c = secure("upstream.test");
    call_run(&c);
    expect_answer(&c, 200, "hello");
    snprintf(target, sizeof(target), "upstream.test:%u", peer->port);
    assert_string_equal(proxy_target, target); /* the name, not an address of ours */
    assert_non_null(strstr(proxy_seen, "CONNECT upstream.test:"));
    assert_null(strstr(proxy_seen, "Bearer"));
    assert_non_null(strstr(request_seen, "Authorization: Bearer x\r\n"));
    assert_null(strstr(request_seen, "roxy"));
    finish_tls();
}

static void a_certificate_is_verified_behind_a_proxy(void **state)
{
    (void)state;
    begin_tls(serve_hello);
    struct call other = secure("other.test"), unknown = secure("upstream.test");
    unknown.ca = NULL;
    call_run(&other);
    expect_fault(&other, UPSTREAM_TLS);
    assert_true(other.failure.unsent);
    call_run(&unknown);
    expect_fault(&unknown, UPSTREAM_TLS);
    assert_true(unknown.failure.unsent);
    assert_int_equal(atomic_load(&peer->requests), 0);
    finish_tls();
}

/* TLS ends with a word of its own; without it the rest may have been cut off. */
static void serve_to_the_end(struct peer_link *l)
{
    if (peer_request(l))
        peer_send(l, "HTTP/1.1 200 OK\r\n\r\nhalf of it");
}

static void serve_cut(struct peer_link *l)
{
    serve_to_the_end(l);
    shutdown(l->fd, SHUT_RDWR);
}

static void a_cut_answer_does_not_look_whole(void **state)
{
    (void)state;
    begin_tls(serve_cut);
    struct call c = secure("upstream.test");
    call_run(&c);
    expect_fault(&c, UPSTREAM_BROKEN);
    assert_true(c.failure.answered);
    finish_tls();
    begin_tls(serve_to_the_end);
    struct call whole = secure("upstream.test");
    call_run(&whole);
    expect_answer(&whole, 200, "half of it");
    finish_tls();
}

static void a_bad_ca_is_told_at_once(void **state)
{
    (void)state;
    struct err err = {0};
    begin(serve_hello);
    struct call c = {.url = here(), .level = GUARD_ADMIN, .ca = "no certificate"};
    assert_false(call_try(&c, &err));
    assert_string_equal(err.code, "bad_ca");
    finish();
}

static void use_proxy(const char *scheme_and_user)
{
    static char text[256];
    snprintf(text, sizeof(text), "%s127.0.0.1:%u", scheme_and_user, proxy->port);
    calls_proxy = text;
}

static void a_proxy_gets_its_own_password(void **state)
{
    (void)state;
    static const struct {
        void (*serve)(struct peer_link *l);
        const char *with, *without, *said;
    } cases[] = {
        {serve_http_proxy, "http://me:p%40ss@", "http://", "bWU6cEBzcw=="},
        {serve_http_proxy, "http://me:p@ss@", "http://", "bWU6cEBzcw=="},
        {serve_socks5, "socks5h://me:p%40ss@", "socks5h://", "me:p@ss"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        proxy_serve = cases[i].serve;
        proxy_wants_password = true;
        for (int tls = 0; tls < 2; tls++) {
            if (tls)
                begin_tls(serve_and_note);
            else
                begin(serve_and_note);
            struct call with = secure("127.0.0.1"), without = secure("127.0.0.1");
            if (!tls)
                with.url = without.url = here();
            use_proxy(cases[i].with);
            call_run(&with);
            expect_answer(&with, 200, "hello");
            assert_string_equal(proxy_auth, cases[i].said);
            assert_null(strstr(request_seen, "roxy-Auth"));
            use_proxy(cases[i].without);
            call_run(&without);
            expect_fault(&without, UPSTREAM_REFUSED);
            assert_true(without.failure.unsent);
            assert_int_equal(atomic_load(&peer->requests), 1);
            finish();
            if (tls)
                peer_cert_release(&authority);
        }
        proxy_wants_password = false;
    }
}

/* ---- bad proxies ---- */

static void serve_nothing(struct peer_link *l)
{
    char some[1000];
    peer_recv(l, some, sizeof(some));
}

static void serve_garbage(struct peer_link *l)
{
    char some[1000];
    peer_recv(l, some, sizeof(some));
    for (int i = 0; i < 100; i++)
        peer_send(l, "garbage without an end ");
}

static void serve_403(struct peer_link *l)
{
    char some[1000];
    peer_recv(l, some, sizeof(some));
    peer_send(l, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
}

static void serve_endless_connect(struct peer_link *l)
{
    char some[1000];
    peer_recv(l, some, sizeof(some));
    peer_send(l, "HTTP/1.1 200 OK\r\n");
    while (!atomic_load(&l->peer->stop)) {
        if (send(l->fd, "X-A: b\r\n", 8, MSG_NOSIGNAL) < 0)
            return;
        usleep(1000);
    }
}

static void what_a_bad_proxy_does_is_told_and_nothing_has_left(void **state)
{
    (void)state;
    static const struct {
        void (*serve)(struct peer_link *l);
        enum upstream_fault http, socks;
    } cases[] = {
        {serve_nothing, UPSTREAM_REFUSED, UPSTREAM_REFUSED},
        {serve_garbage, UPSTREAM_REFUSED, UPSTREAM_REFUSED},
        {serve_403, UPSTREAM_REFUSED, UPSTREAM_REFUSED},
        {serve_silence, UPSTREAM_CONNECT_TIME, UPSTREAM_CONNECT_TIME},
        {serve_endless_connect, UPSTREAM_CONNECT_TIME, UPSTREAM_REFUSED},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (int socks = 0; socks < 2; socks++) {
            proxy_serve = cases[i].serve;
            begin_tls(serve_hello);
            struct call c = secure("upstream.test");
            c.connect_ms = 300;
            use_proxy(socks ? "socks5h://" : "http://");
            call_run(&c);
            expect_fault(&c, socks ? cases[i].socks : cases[i].http);
            assert_true(c.failure.unsent);
            assert_false(c.failure.answered);
            assert_int_equal(atomic_load(&peer->connections), 0);
            finish_tls();
        }
    }
}

/* ---- whom a call may lead to ---- */

static void proxies_and_targets_are_judged(void **state)
{
    (void)state;
    static const struct {
        const char *proxy, *url;
        enum guard_level level;
        enum upstream_fault fault;
    } cases[] = {
        {"http://169.254.169.254:3128", "http://127.0.0.1/", GUARD_ADMIN, UPSTREAM_FORBIDDEN},
        {"socks5h://[fd00:ec2::254]:1080", "http://a.test/", GUARD_ADMIN, UPSTREAM_FORBIDDEN},
        {"http://127.0.0.1:1", "http://127.0.0.1/", GUARD_ADMIN, UPSTREAM_REFUSED},
        {"http://localhost:1", "http://127.0.0.1/", GUARD_ADMIN, UPSTREAM_REFUSED},
        {"https://localhost:1", "https://a.test/", GUARD_ADMIN, UPSTREAM_REFUSED},
        {"socks4a://localhost:1", "https://a.test/", GUARD_ADMIN, UPSTREAM_REFUSED},
        {"http://nowhere.invalid:1", "http://127.0.0.1/", GUARD_ADMIN, UPSTREAM_NAME},
        {"socks5://127.0.0.1:1", "http://nowhere.invalid/", GUARD_ADMIN, UPSTREAM_NAME},
        {"socks5://127.0.0.1:1", "http://localhost/", GUARD_PUBLIC, UPSTREAM_FORBIDDEN},
        {"socks5h://127.0.0.1:1", "http://169.254.169.254/", GUARD_ADMIN, UPSTREAM_FORBIDDEN},
        {"http://127.0.0.1:1", "http://[::ffff:169.254.1.1]/", GUARD_ADMIN, UPSTREAM_FORBIDDEN},
        {"http://127.0.0.1:1", "http://10.0.0.1/", GUARD_PUBLIC, UPSTREAM_FORBIDDEN},
        {"http://127.0.0.1:1", "http://intranet/", GUARD_PUBLIC, UPSTREAM_FORBIDDEN},
        {"http://127.0.0.1:1", "http://a.test/", GUARD_PUBLIC, UPSTREAM_REFUSED},
        {"gopher://127.0.0.1:1", "http://127.0.0.1/", GUARD_ADMIN, UPSTREAM_REFUSED},
        {"http://a b", "http://127.0.0.1/", GUARD_ADMIN, UPSTREAM_NAME},
    };
    calls_start(NULL);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        calls_proxy = cases[i].proxy;
        struct call c = {
            .url = cases[i].url, .level = cases[i].level, .method = "POST", .body = "x"};
        call_run(&c);
        if (c.failure.fault != cases[i].fault)
            print_error("%s %s\n", cases[i].proxy, cases[i].url);
        expect_fault(&c, cases[i].fault);
        assert_true(c.failure.unsent);
        assert_true(c.failure.detail[0] != '\0');
    }
    calls_stop();
}

static void a_name_is_looked_up_here_for_socks5_only(void **state)
{
    (void)state;
    char here_ip[64], there[64];
    proxy_serve = serve_socks5;
    begin(serve_hello);
    struct call c = {.url = peer_url(peer, "http", "localhost"), .level = GUARD_ADMIN};
    struct call d = c;
    snprintf(here_ip, sizeof(here_ip), "127.0.0.1:%u", peer->port);
    snprintf(there, sizeof(there), "localhost:%u", peer->port);
    use_proxy("socks5h://");
    call_run(&c);
    expect_answer(&c, 200, "hello");
    assert_string_equal(proxy_target, there);
    use_proxy("socks5://");
    call_run(&d);
    if (!d.fails) { /* else localhost is ::1 first, where the peer does not listen */
        expect_answer(&d, 200, "hello");
        assert_string_equal(proxy_target, here_ip);
    }
    buf_release(&d.answer);
    finish();
}

static void the_environment_is_not_asked_for_a_proxy(void **state)
{
    (void)state;
    proxy_serve = NULL;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    begin(serve_and_note);
    calls_http2 = true; /* by libcurl, though there is no proxy */
    struct call c = {.url = here(), .level = GUARD_ADMIN};
    call_run(&c);
    expect_answer(&c, 200, "hello");
    struct call link = {.url = c.url, .level = GUARD_PUBLIC};
    call_run(&link);
    expect_fault(&link, UPSTREAM_FORBIDDEN);
    calls_http2 = false;
    finish();
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

/* ---- kept connections ---- */

static void a_post_has_a_connection_of_its_own(void **state)
{
    (void)state;
    begin(serve_hello);
    for (int i = 0; i < 8; i++) {
        struct call c = {.url = here(), .level = GUARD_ADMIN, .method = i < 4 ? "GET" : "POST"};
        call_run(&c);
        expect_answer(&c, 200, "hello");
    }
    assert_int_equal(atomic_load(&peer->connections), 1 + 4);
    finish();
}

/* The first connection takes a second request and dies without a word. */
static void serve_once(struct peer_link *l)
{
    if (peer_request(l))
        peer_send(l, OK_HEAD "hello");
    if (l->number == 0)
        peer_request(l);
    else if (peer_request(l))
        peer_send(l, OK_HEAD "hello");
}

static void a_get_that_a_kept_connection_lost_is_sent_again(void **state)
{
    (void)state;
    begin(serve_once);
    for (int i = 0; i < 2; i++) {
        struct call c = {.url = here(), .level = GUARD_ADMIN};
        call_run(&c);
        expect_answer(&c, 200, "hello");
    }
    assert_int_equal(atomic_load(&peer->requests), 3);
    finish();
}

static void a_kept_connection_is_judged_by_the_new_guard(void **state)
{
    (void)state;
    begin(serve_hello);
    struct call typed = {.url = here(), .level = GUARD_ADMIN}, link = {.url = here()};
    call_run(&typed);
    expect_answer(&typed, 200, "hello");
    call_run(&link);
    expect_fault(&link, UPSTREAM_FORBIDDEN);
    assert_int_equal(atomic_load(&peer->requests), 1);
    finish();
}

/* ---- bounds ---- */

static size_t open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* Listens and never accepts; full: nor does the kernel in its place. */
static int deaf_server(int backlog, char *ret_proxy, size_t size)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, backlog), 0);
    getsockname(fd, (struct sockaddr *)&at, &n);
    snprintf(ret_proxy, size, "socks5h://127.0.0.1:%u", ntohs(at.sin_port));
    return fd;
}

static void cancel_ten(int after_ms)
{
    struct call c[10];
    for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
        c[i] = (struct call){.url = "https://a.test/", .level = GUARD_ADMIN, .method = "POST"};
        call_start(&c[i]);
    }
    calls_idle(after_ms);
    for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
        assert_int_equal(c[i].fails, 0);
        upstream_cancel(c[i].call);
    }
    calls_open = 0;
    calls_idle(0);
    calls_idle(0);
}

static void nothing_stays_of_a_thousand_cancelled_calls(void **state)
{
    (void)state;
    char mute[64], full[64];
    size_t before = 0;
    proxy_serve = serve_socks5;
    begin(serve_hello);
    int servers[] = {deaf_server(4096, mute, sizeof(mute)), deaf_server(0, full, sizeof(full))};
    for (int round = 0; round < 100; round++) {
        /* Before it connects, while it does, and while it waits for the proxy's greeting. */
        calls_proxy = round % 2 ? mute : full;
        cancel_ten(round % 3);
        if (round < 10)
            before = open_descriptors();
    }
    assert_int_equal(open_descriptors(), before);
    use_proxy("socks5h://");
    struct call c = {.url = here(), .level = GUARD_ADMIN};
    call_run(&c);
    expect_answer(&c, 200, "hello");
    finish();
    close(servers[0]);
    close(servers[1]);
}

static void without_room_in_the_kernel_a_call_is_refused(void **state)
{
    (void)state;
    begin(serve_hello);
    struct call c = {.url = here(), .level = GUARD_ADMIN};
    no_watches = 1;
    call_run(&c);
    expect_fault(&c, UPSTREAM_REFUSED);
    assert_true(c.failure.unsent);
    no_watches = 0;
    c = (struct call){.url = c.url, .level = GUARD_ADMIN};
    call_run(&c);
    expect_answer(&c, 200, "hello");
    finish();
}

int main(void)
{
    const struct CMUnitTest contract[] = {
        TEST("cancelled inside a callback, nothing more comes",
             cancelled_inside_a_callback_nothing_more_comes),
        TEST("a client freed under live calls forgets them",
             a_client_freed_under_live_calls_forgets_them),
        /* From here on also where the proxy itself answers for a target that is not there. */
        UPSTREAM_CONTRACT,
        TEST("[ST-3] a POST has a connection of its own", a_post_has_a_connection_of_its_own),
        TEST("a GET that a kept connection lost is sent again",
             a_get_that_a_kept_connection_lost_is_sent_again),
        TEST("[AC-7] a kept connection is judged by the new call's guard",
             a_kept_connection_is_judged_by_the_new_guard),
        TEST("a bad CA is told at once", a_bad_ca_is_told_at_once),
        TEST("a certificate is verified behind a proxy", a_certificate_is_verified_behind_a_proxy),
        TEST("[GW-5] a cut answer does not look whole", a_cut_answer_does_not_look_whole),
    };
    const struct CMUnitTest proxies[] = {
        TEST("a tunnel hears no credential of the upstream",
             a_tunnel_hears_no_credential_of_the_upstream),
        TEST("a proxy gets its own password, and only it", a_proxy_gets_its_own_password),
        TEST("[GW-5] what a bad proxy does is told, and nothing has left",
             what_a_bad_proxy_does_is_told_and_nothing_has_left),
        TEST("[AC-7] proxies and targets are judged", proxies_and_targets_are_judged),
        TEST("a name is looked up here for socks5 only", a_name_is_looked_up_here_for_socks5_only),
        TEST("the environment is not asked for a proxy", the_environment_is_not_asked_for_a_proxy),
        TEST("nothing stays of a thousand cancelled calls",
             nothing_stays_of_a_thousand_cancelled_calls),
    };
    signal(SIGPIPE, SIG_IGN); /* as the server does: OpenSSL writes without MSG_NOSIGNAL */
    int failed = cmocka_run_group_tests_name("through SOCKS5", contract, through_socks, NULL);
    failed += _cmocka_run_group_tests("through HTTP", contract + 2, ARRAY_SIZE(contract) - 2,
                                      through_http, NULL);
    failed += cmocka_run_group_tests_name("proxies", proxies, through_http, NULL);
    return failed;
}
