/* SPDX-License-Identifier: Apache-2.0 */
#include "net/fetch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dns.h"
#include "peer.h"

static struct peer *peer, *other;
static struct dns *dns;
static struct fetcher *fetcher;
static struct arena *arena;
static struct fetch_answer answer;
static struct err err;

/* What the peers saw last, and what they were asked in all ("GET /a|POST /b|"). */
static char seen[1 << 16], seen_other[4096], trail[4096];

static const struct dns_name names[] = {
    {"own.test", "127.0.0.1", 60},
    {"metadata.test", "169.254.169.254", 60},
    {"mixed.test", "10.255.255.1 127.0.0.1", 60},
    {"silent.test", NULL, 0},
    {NULL, NULL, 0},
};

static void send_answer(struct peer_link *l, const char *head, const char *body)
{
    char text[2048];
    snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body),
             body);
    peer_send(l, text);
}

static void redirect(struct peer_link *l, const char *status, const char *to)
{
    char head[1024];
    snprintf(head, sizeof(head), "%s Moved\r\nLocation: %s", status, to);
    send_answer(l, head, "moved, do not show");
}

static void redirect_across(struct peer_link *l, const char *status, const struct peer *to,
                            const char *path)
{
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", to->port, path);
    redirect(l, status, url);
}

static bool is(const struct peer_link *l, const char *path)
{
    const char *at = strchr(l->in, ' ');
    return at && strncmp(at + 1, path, strlen(path)) == 0 && at[1 + strlen(path)] == ' ';
}

static bool serve_redirects(struct peer_link *l)
{
    if (is(l, "/302"))
        redirect(l, "302", "/end");
    else if (is(l, "/303"))
        redirect(l, "303", "end");
    else if (is(l, "/307"))
        redirect(l, "307", "/end");
    else if (is(l, "/308"))
        redirect(l, "308", "//127.0.0.1:1/");
    else if (is(l, "/3"))
        redirect(l, "302", "/2");
    else if (is(l, "/2"))
        redirect(l, "302", "/1");
    else if (is(l, "/1"))
        redirect(l, "301", "/end");
    else if (is(l, "/4"))
        redirect(l, "302", "/3");
    else if (is(l, "/loop"))
        redirect(l, "302", "/loop");
    else if (is(l, "/away"))
        redirect_across(l, "302", other, "/away");
    else if (is(l, "/away307"))
        redirect_across(l, "307", other, "/away");
    else if (is(l, "/round"))
        redirect_across(l, "302", other, "/back");
    else if (is(l, "/metadata"))
        redirect(l, "302", "http://169.254.169.254/latest");
    else if (is(l, "/file"))
        redirect(l, "302", "file:///etc/passwd");
    else
        return false;
    return true;
}

/* A case may have several connections at once, each with a thread of the peer. */
static void note_request(const struct peer_link *l)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    size_t line = (size_t)(strstr(l->in, " HTTP/") - l->in);

    pthread_mutex_lock(&lock);
    snprintf(seen, sizeof(seen), "%.*s", (int)l->request_n, l->in);
    size_t n = strlen(trail);
    snprintf(trail + n, sizeof(trail) - n, "%.*s|", (int)line, l->in);
    pthread_mutex_unlock(&lock);
}

static void serve(struct peer_link *l)
{
    while (peer_request(l)) {
        note_request(l);
        if (serve_redirects(l))
            continue;
        if (is(l, "/busy")) {
            send_answer(l, "429 Slow\r\nRetry-After: 7\r\nX-Request-Id: r-1\r\nContent-Type: a/b",
                        "busy");
        } else if (is(l, "/date")) {
            char date[CLOCK_HTTP_SIZE], head[128];
            struct str at = clock_http_date(clock_wall_ms() + 30 * 1000, date);
            snprintf(head, sizeof(head), "503 X\r\nRetry-After: %.*s", STR_ARG(at));
            send_answer(l, head, "");
        } else if (is(l, "/hang")) {
            peer_wait_until_gone(l);
            return;
        } else if (is(l, "/half")) {
            peer_send(l, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
            return;
        } else if (is(l, "/stall")) {
            peer_send(l, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
            peer_wait_until_gone(l);
            return;
        } else if (is(l, "/bad")) {
            peer_send(l, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1, 2\r\n\r\nx");
            return;
        } else if (is(l, "/bare")) {
            peer_send(l, "HTTP/1.1 403 No\nContent-Length: 4\n\nbare");
            return;
        } else if (is(l, "/noise")) {
            peer_send(l, "220 mail.example ESMTP\r\n");
            return;
        } else if (is(l, "/interim")) {
            peer_send(l, "HTTP/1.1 103 Early\r\nX-A: b\r\n\r\n");
            send_answer(l, "200 OK", "late");
        } else if (is(l, "/last")) {
            send_answer(l, "200 OK", "last");
            if (peer_request(l)) /* a second request on it gets no answer */
                return;
        } else {
            send_answer(l, "200 OK\r\nX-B: c", "hello");
        }
    }
}

static void serve_other(struct peer_link *l)
{
    while (peer_request(l)) {
        snprintf(seen_other, sizeof(seen_other), "%.*s", (int)l->request_n, l->in);
        if (is(l, "/back"))
            redirect_across(l, "302", peer, "/end");
        else
            send_answer(l, "200 OK", "elsewhere");
    }
}

static int begin(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    setenv("http_proxy", "http://127.0.0.1:1", 1); /* is not to be looked at */
    peer = peer_new(serve, NULL);
    other = peer_new(serve_other, NULL);
    dns = dns_new(names);
    fetcher = fetcher_new(STR_NONE);
    arena = arena_new(1 << 20);
    seen[0] = seen_other[0] = trail[0] = '\0';
    return 0;
}

static int end(void **state)
{
    (void)state;
    fetcher_free(fetcher);
    arena_free(arena);
    peer_free(peer);
    peer_free(other);
    dns_free(dns);
    return 0;
}

static struct str at(const char *path)
{
    return arena_printf(arena, "http://127.0.0.1:%u%s", peer->port, path);
}

static struct fetch_request request(const char *path)
{
    return (struct fetch_request){
        .url = at(path),
        .guard = {.level = GUARD_ADMIN},
        .follow_redirects = true,
        .connect_timeout_ms = 60000, /* for valgrind on a busy machine */
        .total_timeout_ms = 60000,
    };
}

static void expect_ok(const struct fetch_request *r, int status, const char *body)
{
    err = (struct err){0};
    if (fetch_run(fetcher, r, arena, &answer, &err) != OK)
        fail_msg("%s: %s", err.code, err.detail);
    assert_int_equal(answer.status, status);
    assert_true(str_eq(answer.body, str_of(body)));
    assert_true(answer.request_sent);
}

static void expect_code(const struct fetch_request *r, const char *code, bool sent)
{
    err = (struct err){0};
    enum status status = fetch_run(fetcher, r, arena, &answer, &err);
    if (status == OK || strcmp(err.code, code) != 0)
        fail_msg("%s is not %s: %s (%d)", err.code, code, err.detail, answer.status);
    assert_int_equal(answer.request_sent, sent);
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static void an_answer_is_read_with_its_fields(void **state)
{
    (void)state;
    struct fetch_request r = request("/busy");
    expect_ok(&r, 429, "busy");
    assert_int_equal(answer.retry_after_ms, 7000);
    assert_int_equal(answer.length, 4);
    assert_true(str_eq(answer.type, STR("a/b")));
    assert_true(str_eq(answer.request_id, STR("r-1")));
    assert_int_equal(answer.header_count, 4);
    assert_true(str_eq(answer.final_url, at("/busy")));
    r = request("/date");
    expect_ok(&r, 503, "");
    assert_true(answer.retry_after_ms > 25000 && answer.retry_after_ms <= 30000);
    r = request("/interim");
    expect_ok(&r, 200, "late");
}

static void a_request_goes_out_as_it_was_given(void **state)
{
    (void)state;
    const struct http_header headers[] = {{STR("Authorization"), STR("Bearer s")},
                                          {STR("X-Empty"), STR("")},
                                          {STR("Host"), STR("evil")},
                                          {STR("Content-Length"), STR("99")},
                                          {STR("Content-Type"), STR("application/json")}};
    struct fetch_request r = request("/x/y?q=1");
    r.method = STR("POST");
    r.headers = headers;
    r.header_count = ARRAY_SIZE(headers);
    r.body = STR("{\"a\":1}");
    expect_ok(&r, 200, "hello");
    assert_true(has(seen, "POST /x/y?q=1 HTTP/1.1\r\n") && has(seen, "\r\n\r\n{\"a\":1}"));
    assert_true(has(seen, "\r\nAuthorization: Bearer s\r\n") && has(seen, "\r\nX-Empty:"));
    assert_true(has(seen, "\r\nContent-Type: application/json\r\n"));
    assert_true(has(seen, "\r\nContent-Length: 7\r\n"));
    assert_false(has(seen, "evil") || has(seen, "Length: 99") || has(seen, "Expect"));
    r = request("/delete");
    r.method = STR("DELETE");
    expect_ok(&r, 200, "hello");
    assert_true(has(seen, "DELETE /delete HTTP/1.1\r\n"));
    r.method = STR("HEAD");
    expect_ok(&r, 200, "");
    assert_int_equal(answer.length, 5);
    const struct http_header split = {STR("X-A"), STR("b\r\nX-C: d")};
    r.headers = &split;
    r.header_count = 1;
    expect_code(&r, "bad_request", false);
}

static int64_t read_letters(char *to, size_t n, void *ctx)
{
    size_t *left = ctx;
    size_t take = MIN(MIN(n, *left), 1000u);
    memset(to, 'r', take);
    *left -= take;
    return (int64_t)take;
}

static int64_t read_failure(char *to, size_t n, void *ctx)
{
    (void)to;
    (void)n;
    (void)ctx;
    return -1;
}

static void a_body_is_read_from_its_source(void **state)
{
    (void)state;
    size_t left = 30000;
    struct fetch_request r = request("/put");
    r.method = STR("PUT");
    r.read_body = read_letters;
    r.body_length = 30000;
    r.ctx = &left;
    expect_ok(&r, 200, "hello");
    assert_true(has(seen, "\r\nContent-Length: 30000\r\n"));
    assert_int_equal(strlen(strstr(seen, "\r\n\r\n") + 4), 30000);
    left = 5;
    r.body_length = -1;
    expect_ok(&r, 200, "hello");
    assert_true(has(seen, "\r\nTransfer-Encoding: chunked\r\n") &&
                has(seen, "5\r\nrrrrr\r\n0\r\n"));
    r.read_body = read_failure;
    expect_code(&r, "cancelled", true);
}

static void redirects_are_followed_three_times(void **state)
{
    (void)state;
    struct fetch_request r = request("/3");
    expect_ok(&r, 200, "hello");
    assert_string_equal(trail, "GET /3|GET /2|GET /1|GET /end|");
    assert_true(str_eq(answer.final_url, at("/end")));
    r = request("/4");
    expect_code(&r, "bad_answer", true);
    r = request("/loop");
    expect_code(&r, "bad_answer", true);
    r = request("/302");
    r.follow_redirects = false;
    expect_ok(&r, 302, "moved, do not show");
    assert_true(str_eq(answer.location, STR("/end")));
}

static void a_redirect_changes_the_method_as_rfc_9110_says(void **state)
{
    (void)state;
    static const struct {
        const char *path, *method, *trail;
    } cases[] = {
        {"/302", "POST", "POST /302|GET /end|"},  {"/303", "POST", "POST /303|GET /end|"},
        {"/307", "POST", "POST /307|POST /end|"}, {"/303", "PUT", "PUT /303|GET /end|"},
        {"/302", "HEAD", "HEAD /302|HEAD /end|"}, {"/307", "DELETE", "DELETE /307|DELETE /end|"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct fetch_request r = request(cases[i].path);
        r.method = str_of(cases[i].method);
        if (str_eq(r.method, STR("POST")))
            r.body = STR("again");
        trail[0] = '\0';
        expect_ok(&r, 200, str_eq(r.method, STR("HEAD")) ? "" : "hello");
        assert_string_equal(trail, cases[i].trail);
        assert_int_equal(has(seen, "\r\n\r\nagain"), i == 2);
    }
    size_t left = 5;
    struct fetch_request r = request("/307");
    r.method = STR("POST");
    r.read_body = read_letters;
    r.body_length = 5;
    r.ctx = &left;
    expect_ok(&r, 307, "moved, do not show"); /* what was read cannot be read again */
}

static void credentials_do_not_follow_to_another_origin(void **state)
{
    (void)state;
    const struct http_header headers[] = {{STR("Authorization"), STR("Bearer secret")},
                                          {STR("Cookie"), STR("a=secret")},
                                          {STR("X-Api-Key"), STR("secret")},
                                          {STR("X-Goog-Api-Key"), STR("secret")},
                                          {STR("X-Amz-Security-Token"), STR("secret")},
                                          {STR("Range"), STR("bytes=0-")}};
    static const char *const paths[] = {"/away", "/away307"};
    for (size_t i = 0; i < 2; i++) {
        struct fetch_request r = request(paths[i]);
        r.headers = headers;
        r.header_count = ARRAY_SIZE(headers);
        expect_ok(&r, 200, "elsewhere");
        assert_true(has(seen, "secret"));
        assert_false(has(seen_other, "secret"));
        assert_true(has(seen_other, "Range: bytes=0-"));
    }
    struct fetch_request r = request("/302");
    r.headers = headers;
    r.header_count = ARRAY_SIZE(headers);
    expect_ok(&r, 200, "hello");
    assert_true(has(seen, "GET /end") && has(seen, "Bearer secret"));

    /* Who was elsewhere in between may have chosen where on this origin one ends. */
    r.url = at("/round");
    expect_ok(&r, 200, "hello");
    assert_true(has(seen_other, "GET /back") && has(seen, "GET /end"));
    assert_false(has(seen, "secret"));
}

static void every_hop_passes_the_guard(void **state)
{
    (void)state;
    struct url trusted;
    struct fetch_request r = request("/metadata");
    expect_code(&r, "address_forbidden", true);
    r = request("/file");
    expect_code(&r, "bad_answer", true);
    r = request("/hello");
    r.guard.level = GUARD_PUBLIC;
    expect_code(&r, "address_forbidden", false);
    /* The account's own origin may be private; where it sends one to may not. */
    assert_int_equal(url_parse(at("/"), arena, &trusted, NULL), OK);
    r.trusted_origin = &trusted;
    expect_ok(&r, 200, "hello");
    r.url = at("/away");
    expect_code(&r, "address_forbidden", true);
    assert_string_equal(seen_other, "");
    static const char *const urls[] = {"http://169.254.169.254/", "http://[fd00:ec2::254]/",
                                       "http://[::ffff:a9fe:a9fe]/", "http://0.0.0.0/",
                                       "http://100.100.100.200/"};
    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        r = request("/");
        r.url = str_of(urls[i]);
        expect_code(&r, "address_forbidden", false);
    }
}

static void a_kept_connection_passes_the_guard_again(void **state)
{
    (void)state;
    struct fetch_request r = request("/hello");
    expect_ok(&r, 200, "hello");
    r.guard.level = GUARD_PUBLIC;
    expect_code(&r, "address_forbidden", false);
    assert_string_equal(trail, "GET /hello|");
}

static void names_come_from_the_given_resolver(void **state)
{
    (void)state;
    fetcher_free(fetcher);
    fetcher = fetcher_new(str_of(dns->text));
    struct fetch_request r = request("/");
    r.url = arena_printf(arena, "http://own.test:%u/x", peer->port);
    expect_ok(&r, 200, "hello");
    assert_true(has(seen, "Host: own.test:"));
    r.guard.level = GUARD_PUBLIC;
    expect_code(&r, "address_forbidden", false);
    r = request("/");
    r.url = STR("http://metadata.test/");
    expect_code(&r, "address_forbidden", false);
    r.url = STR("http://unknown.test/");
    expect_code(&r, "name_not_found", false);
    r.url = STR("http://silent.test/");
    r.connect_timeout_ms = 300;
    expect_code(&r, "connect_timeout", false);
}

static void what_fails_says_how_and_whether_it_was_sent(void **state)
{
    (void)state;
    struct fetch_request r = request("/half");
    expect_code(&r, "connection_broken", true);
    assert_int_equal(answer.status, 200);
    r = request("/noise");
    expect_code(&r, "bad_answer", true);
    r = request("/bad");
    expect_code(&r, "bad_answer", true);
    r = request("/");
    r.url = STR("http://127.0.0.1:1/");
    expect_code(&r, "connection_refused", false);
    r.url = STR("http://nowhere.invalid/");
    expect_code(&r, "name_not_found", false);
    r.url = STR("ftp://127.0.0.1/");
    expect_code(&r, "url_scheme", false);
    r = request("/hang");
    r.total_timeout_ms = 200;
    expect_code(&r, "timeout", true);
    r = request("/stall");
    r.stall_timeout_ms = 200;
    expect_code(&r, "timeout", true);
    atomic_bool cancelled = true;
    r = request("/hang");
    r.cancelled = &cancelled;
    expect_code(&r, "cancelled", false);
}

static void *cancel_soon(void *flag)
{
    usleep(150 * 1000);
    atomic_store((atomic_bool *)flag, true);
    return NULL;
}

static void cancelling_ends_a_wait(void **state)
{
    (void)state;
    atomic_bool cancelled = false;
    pthread_t thread;
    struct fetch_request r = request("/hang");
    r.cancelled = &cancelled;
    pthread_create(&thread, NULL, cancel_soon, &cancelled);
    int64_t started = clock_mono_ms();
    expect_code(&r, "cancelled", true);
    assert_true(clock_mono_ms() - started < 20000);
    pthread_join(thread, NULL);
}

static void end_the_wait(void *flag)
{
    atomic_store((atomic_bool *)flag, true);
}

static void whoever_waits_is_told_so(void **state)
{
    (void)state;
    atomic_bool waited = false;
    struct fetch_request r = request("/hang");
    r.cancelled = &waited;
    r.on_wait = end_the_wait;
    r.ctx = &waited;
    r.total_timeout_ms = 60000;
    assert_int_equal(fetch_run(fetcher, &r, arena, &answer, &err), E_UNAVAILABLE);
    assert_string_equal(err.code, "cancelled");
}

static bool take_some(struct str piece, void *ctx)
{
    struct buf *out = ctx;
    return buf_add(out, piece);
}

static bool refuse_head(const struct http_head *head, void *ctx)
{
    (void)ctx;
    return head->status != 429;
}

static void a_body_is_bounded_and_may_go_to_a_sink(void **state)
{
    (void)state;
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(100);
    struct fetch_request r = request("/hello");
    r.max_body = 5;
    expect_ok(&r, 200, "hello");
    r.max_body = 4;
    expect_code(&r, "too_large", true);
    r = request("/302");
    r.on_body = take_some;
    r.ctx = &out;
    err = (struct err){0};
    assert_int_equal(fetch_run(fetcher, &r, arena, &answer, &err), OK);
    assert_true(str_eq(buf_str(&out), STR("hello"))); /* nothing of the redirect's */
    out.cap = 6;
    expect_code(&r, "cancelled", true);
    r = request("/busy");
    r.on_head = refuse_head;
    expect_code(&r, "cancelled", true);
    assert_int_equal(answer.status, 429);
    /* No byte of a body whose head nobody has judged. */
    buf_reset(&out);
    r = request("/bare");
    r.on_body = take_some;
    r.ctx = &out;
    expect_code(&r, "bad_answer", true);
    assert_int_equal(buf_len(&out), 0);
}

static void a_post_does_not_ride_on_a_kept_connection(void **state)
{
    (void)state;
    struct fetch_request get = request("/last"), post = request("/x");
    post.method = STR("POST");
    post.body = STR("once");
    expect_ok(&get, 200, "last");
    expect_ok(&post, 200, "hello");
    assert_string_equal(trail, "GET /last|POST /x|");
    assert_int_equal(atomic_load(&peer->connections), 2);
}

/* A proxy as a peer: it sees the whole address. */
static void a_proxy_is_used_and_its_target_is_judged(void **state)
{
    (void)state;
    struct fetch_request r = request("/");
    r.proxy_url = arena_printf(arena, "http://127.0.0.1:%u", other->port);
    r.guard.level = GUARD_PUBLIC;
    r.url = STR("http://works.example/x");
    expect_ok(&r, 200, "elsewhere");
    assert_true(has(seen_other, "GET http://works.example/x HTTP/1.1\r\n"));
    static const char *const inward[] = {"http://169.254.169.254/", "http://10.0.0.1/",
                                         "http://localhost/",       "http://db/",
                                         "http://x.internal/",      "http://printer.local/"};
    for (size_t i = 0; i < ARRAY_SIZE(inward); i++) {
        r.url = str_of(inward[i]);
        expect_code(&r, "address_forbidden", false);
    }
    r.url = STR("http://works.example/");
    r.proxy_url = STR("http://169.254.169.254:3128");
    expect_code(&r, "address_forbidden", false);
    r.proxy_url = STR("http://127.0.0.1:1");
    expect_code(&r, "connection_refused", false);
}

static void serve_no_tls(struct peer_link *l)
{
    send_answer(l, "400 Bad Request", "no TLS here");
}

static void a_peer_without_tls_is_a_tls_failure(void **state)
{
    (void)state;
    struct peer *plain = peer_new(serve_no_tls, NULL);
    struct fetch_request r = request("/");

    r.url = arena_printf(arena, "https://127.0.0.1:%u/", plain->port);
    expect_code(&r, "tls_failed", false);
    peer_free(plain);
}

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
    for (int cut = 0; cut < 2; cut++) {
        struct peer_cert cert = peer_cert_new("IP:127.0.0.1", NULL, -60, 3600);
        struct peer *secure = peer_new(cut ? serve_cut : serve_to_the_end, peer_tls(&cert));
        struct fetch_request r = request("/");
        r.url = arena_printf(arena, "https://127.0.0.1:%u/", secure->port);
        r.ca_pem = str_of(cert.pem);
        if (cut)
            expect_code(&r, "connection_broken", true);
        else
            expect_ok(&r, 200, "half of it");
        peer_free(secure);
        peer_cert_release(&cert);
    }
}

static void tls_is_always_verified(void **state)
{
    (void)state;
    struct peer_cert authority = peer_cert_new(NULL, NULL, -3600, 3600);
    struct peer_cert cert = peer_cert_new("IP:127.0.0.1", &authority, -3600, 3600);
    struct peer *secure = peer_new(serve_other, peer_tls(&cert));
    struct fetch_request r = request("/");

    r.url = arena_printf(arena, "https://127.0.0.1:%u/x", secure->port);
    expect_code(&r, "tls_failed", false);
    r.ca_pem = str_of(authority.pem);
    expect_ok(&r, 200, "elsewhere");
    r.ca_pem = STR("no certificate");
    expect_code(&r, "tls_failed", false);
    r.ca_pem = str_of(authority.pem);
    r.url = arena_printf(arena, "https://localhost:%u/x", secure->port);
    expect_code(&r, "tls_failed", false);
    fetcher_free(fetcher);
    fetcher = NULL;
    peer_free(secure);
    peer_cert_release(&cert);
    peer_cert_release(&authority);
}

int main(void)
{
#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, begin, end, NULL                                                          \
    }
    const struct CMUnitTest tests[] = {
        TEST("an answer is read with its fields", an_answer_is_read_with_its_fields),
        TEST("a request goes out as it was given", a_request_goes_out_as_it_was_given),
        TEST("a body is read from its source", a_body_is_read_from_its_source),
        TEST("redirects are followed three times", redirects_are_followed_three_times),
        TEST("a redirect changes the method as RFC 9110 says",
             a_redirect_changes_the_method_as_rfc_9110_says),
        TEST("[AC-7] credentials do not follow to another origin",
             credentials_do_not_follow_to_another_origin),
        TEST("[AC-7] every hop passes the guard", every_hop_passes_the_guard),
        TEST("[AC-7] a kept connection passes the guard again",
             a_kept_connection_passes_the_guard_again),
        TEST("[AC-7] names come from the given resolver", names_come_from_the_given_resolver),
        TEST("[AC-5] what fails says how, and whether it was sent",
             what_fails_says_how_and_whether_it_was_sent),
        TEST("cancelling ends a wait", cancelling_ends_a_wait),
        TEST("[SG-6] whoever waits for an answer is told so", whoever_waits_is_told_so),
        TEST("a body is bounded and may go to a sink", a_body_is_bounded_and_may_go_to_a_sink),
        TEST("[ST-3] a POST does not ride on a kept connection",
             a_post_does_not_ride_on_a_kept_connection),
        TEST("[AC-7] a proxy is used, and its target is judged",
             a_proxy_is_used_and_its_target_is_judged),
        TEST("[AC-5] a peer without TLS is a TLS failure", a_peer_without_tls_is_a_tls_failure),
        TEST("a cut answer does not look whole", a_cut_answer_does_not_look_whole),
        TEST("TLS is always verified", tls_is_always_verified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
