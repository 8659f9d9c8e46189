/* SPDX-License-Identifier: Apache-2.0 */
/* Every way to write an address that a link must not lead to, asked for directly, by a redirect
 * and by a name: a canary that listens on all addresses of this machine sees none of them. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

#include "dns.h"
#include "net/fetch.h"
#include "peer.h"
#include "proxy.h"

enum { URL_SIZE = 512 };

static int canary;
static unsigned canary_port;
static struct peer *front;
static struct dns *dns;
static struct fetcher *fetcher;
static char redirect_to[URL_SIZE];

/* What nobody's link may reach: loopback, private, link-local, metadata, reserved. */
static const char *const targets[] = {
    "127.0.0.1",       "127.8.9.10",    "0.0.0.0",         "10.0.0.1",
    "172.16.5.4",      "192.168.0.1",   "100.64.0.1",      "198.18.0.1",
    "169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192",
    "192.0.2.1",       "224.0.0.1",     "240.0.0.1",       "255.255.255.255",
};

static struct dns_name names[ARRAY_SIZE(targets) + 3];
static char labels[ARRAY_SIZE(targets)][32];

/* ---- who listens ---- */

static int listen_at(const char *address, unsigned port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    inet_pton(AF_INET, address, &at.sin_addr);
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 64))
        abort();
    return fd;
}

/* Both families where there are both. */
static int listen_everywhere(unsigned *ret_port)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6};
    socklen_t size = sizeof(at);
    int off = 0, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0 && !setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) &&
        !bind(fd, (struct sockaddr *)&at, sizeof(at)) && !listen(fd, 64)) {
        getsockname(fd, (struct sockaddr *)&at, &size);
        *ret_port = ntohs(at.sin6_port);
        return fd;
    }
    struct sockaddr_in v4;
    size = sizeof(v4);
    fd = listen_at("0.0.0.0", 0);
    getsockname(fd, (struct sockaddr *)&v4, &size);
    *ret_port = ntohs(v4.sin_port);
    return fd;
}

static void expect_silence(int fd, const char *after)
{
    if (accept(fd, NULL, NULL) >= 0)
        fail_msg("the canary was reached by %s", after);
}

static void serve_front(struct peer_link *l)
{
    while (peer_request(l)) {
        char text[URL_SIZE + 128];
        if (strncmp(l->in, "GET /go ", 8) == 0)
            snprintf(text, sizeof(text),
                     "HTTP/1.1 302 X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", redirect_to);
        else
            snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfront");
        peer_send(l, text);
    }
}

static int begin(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    canary = listen_everywhere(&canary_port);
    front = peer_new(serve_front, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        snprintf(labels[i], sizeof(labels[i]), "n%zu.test", i);
        names[i] = (struct dns_name){labels[i], targets[i], 0};
    }
    names[ARRAY_SIZE(targets)] = (struct dns_name){"turning.test", "127.0.0.1", 0};
    names[ARRAY_SIZE(targets) + 1] = (struct dns_name){"all.test", "10.0.0.1 169.254.1.1 127.0.0.1",
                                                       0};
    dns = dns_new(names);
    fetcher = fetcher_new(str_of(dns->text));
    return 0;
}

static int end(void **state)
{
    (void)state;
    fetcher_free(fetcher);
    dns_free(dns);
    peer_free(front);
    close(canary);
    return 0;
}

/* ---- how an address can be written ---- */

typedef unsigned char quad[4];

/* $d, $p, $x, $o: the next byte in decimal, padded to three digits, in hex, in octal. */
static void expand(char *out, const quad q, const char *form)
{
    size_t n = 0;

    for (; *form; form++) {
        if (*form != '$') {
            out[n++] = *form;
            continue;
        }
        unsigned byte = *q++;
        char kind = *++form;
        if (kind == 'd')
            n += (size_t)snprintf(out + n, URL_SIZE - n, "%u", byte);
        else if (kind == 'p')
            n += (size_t)snprintf(out + n, URL_SIZE - n, "%03u", byte);
        else if (kind == 'x')
            n += (size_t)snprintf(out + n, URL_SIZE - n, "%02x", byte);
        else
            n += (size_t)snprintf(out + n, URL_SIZE - n, "%03o", byte);
    }
    out[n] = '\0';
}

static uint32_t whole(const quad q)
{
    return (uint32_t)q[0] << 24 | (uint32_t)q[1] << 16 | (uint32_t)q[2] << 8 | q[3];
}

static const char *const forms[] = {
    "$d.$d.$d.$d",
    "0x$x.0x$x.0x$x.0x$x",
    "0$o.0$o.0$o.0$o",
    "0X$x.$d.$d.$d",
    "$p.$p.$p.$p",
    "$d.$d.$d.0x$x",
    "0000000$d.$d.$d.$d",
    "$d.$d.$d.$d.",
    "$d.$d.$d.$d..",
    "$d%2e$d%2e$d%2e$d",
    "$d\xe3\x80\x82$d\xe3\x80\x82$d\xe3\x80\x82$d", /* ideographic full stops */
    "$d\xef\xbc\x8e$d\xef\xbc\x8e$d\xef\xbc\x8e$d", /* full-width ones */
    "[::ffff:$d.$d.$d.$d]",
    "[0:0:0:0:0:ffff:$d.$d.$d.$d]",
    "[::ffff:$x$x:$x$x]",
    "[::$d.$d.$d.$d]",
    "[::ffff:0:$d.$d.$d.$d]",
    "[64:ff9b::$d.$d.$d.$d]",
    "[64:ff9b::$x$x:$x$x]",
    "[64:ff9b:1::$d.$d.$d.$d]",
    "[2002:$x$x:$x$x::]",
    "[2002:$x$x:$x$x::1]",
    "[2001:0:$x$x:$x$x::]",     /* Teredo: its server */
    "[fe80::5efe:$d.$d.$d.$d]", /* ISATAP */
    "[::ffff:$d.$d.$d.$d%25lo]",
    "8.8.8.8@$d.$d.$d.$d",
    "user:word@$d.$d.$d.$d",
    "$d.$d.$d.$d\\@8.8.8.8",
    "8.8.8.8\\@$d.$d.$d.$d",
    "\t$d.$d.$d.$d",
};

/* The host in its n-th form; false when there are no more. */
static bool write_form(size_t n, const quad q, char *out)
{
    if (n < ARRAY_SIZE(forms)) {
        expand(out, q, forms[n]);
        return true;
    }
    switch (n - ARRAY_SIZE(forms)) {
    case 0:
        snprintf(out, URL_SIZE, "%u", whole(q));
        return true;
    case 1:
        snprintf(out, URL_SIZE, "0x%x", whole(q));
        return true;
    case 2:
        snprintf(out, URL_SIZE, "0%o", whole(q));
        return true;
    case 3:
        snprintf(out, URL_SIZE, "%u.%u", q[0], whole(q) & 0xffffff);
        return true;
    case 4:
        snprintf(out, URL_SIZE, "%u.%u.%u", q[0], q[1], whole(q) & 0xffff);
        return true;
    case 5: /* Teredo: its client, all bits turned */
        snprintf(out, URL_SIZE, "[2001:0:808:808:0:0:%x:%x]", ~whole(q) >> 16, ~whole(q) & 0xffff);
        return true;
    case 6:
        snprintf(out, URL_SIZE, "%llu", 0x100000000ull + whole(q));
        return true;
    default:
        return false;
    }
}

/* Others, of no one address. */
static const char *const more[] = {
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::1%25lo]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[::ffff:7f00:1]",
    "127.1",
    "127.0.1",
    "0",
    "0x0",
    "00",
    "[::127.0.0.1]",
    "1",
    "127.0.0.1#@8.8.8.8",
    "127.0.0.1%00.example",
    "\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.\xe2\x93\xaa.\xe2\x93\xaa.\xe2\x91\xa0",
    "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1",
    "all.test",
    "ip6-localhost",
};

/* ---- asking ---- */

static void ask(const char *url, const char *by, bool redirected)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    struct url own;
    struct err err = {0};
    struct fetch_answer answer;
    char start[64];

    snprintf(start, sizeof(start), "http://127.0.0.1:%u/go", front->port);
    assert_int_equal(url_parse(str_of(start), a, &own, &err), OK);
    struct fetch_request r = {.url = str_of(redirected ? start : url),
                              .guard = {.level = GUARD_PUBLIC},
                              .trusted_origin = &own,
                              .follow_redirects = true,
                              .total_timeout_ms = 60000};
    if (redirected)
        snprintf(redirect_to, sizeof(redirect_to), "%s", url);
    enum status status = fetch_run(fetcher, &r, a, &answer, &err);
    /* A Location that is no address at all is an answer like any other. */
    if (status == OK && !(redirected && answer.status == 302))
        fail_msg("%s was fetched %s", url, by);
    expect_silence(canary, url);
}

static size_t ask_both(const char *host)
{
    char url[URL_SIZE + 32];
    snprintf(url, sizeof(url), "http://%s:%u/secret", host, canary_port);
    ask(url, "directly", false);
    ask(url, "by a redirect", true);
    return 1;
}

static void no_form_of_an_inner_address_is_reached(void **state)
{
    (void)state;
    char host[URL_SIZE];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        quad q;
        assert_int_equal(inet_pton(AF_INET, targets[i], q), 1);
        for (size_t form = 0; write_form(form, q, host); form++)
            n += ask_both(host);
        n += ask_both(labels[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(more); i++)
        n += ask_both(more[i]);
    print_message("%zu addresses, each directly and by a redirect\n", n);
    assert_true(n >= 300);
}

static enum status get(struct fetch_request *r, struct fetch_answer *answer, struct err *err)
{
    static struct arena *a;
    arena_free(a);
    a = r->url.p ? arena_new(1 << 20) : NULL;
    return a ? fetch_run(fetcher, r, a, answer, err) : OK;
}

/* The address that was checked is the one that is connected to, whatever the name says next. */
static void a_name_that_turns_is_judged_each_time(void **state)
{
    (void)state;
    struct dns_name *turning = &names[ARRAY_SIZE(targets)];
    struct cidr allowed;
    char url[64];
    struct fetch_answer answer;
    struct err err;
    int inner = listen_at("127.0.0.2", front->port);

    assert_true(cidr_parse(STR("127.0.0.1/32"), &allowed));
    snprintf(url, sizeof(url), "http://turning.test:%u/", front->port);
    struct fetch_request r = {.url = str_of(url),
                              .guard = {GUARD_PUBLIC, &allowed, 1},
                              .follow_redirects = true,
                              .total_timeout_ms = 60000};
    assert_int_equal(get(&r, &answer, &err), OK);
    assert_int_equal(answer.status, 200);
    turning->addresses = "127.0.0.2";
    /* A connection that is still there leads to the address that was checked. */
    assert_int_equal(get(&r, &answer, &err), OK);
    fetcher_free(fetcher);
    fetcher = fetcher_new(str_of(dns->text));
    assert_int_equal(get(&r, &answer, &err), E_FORBIDDEN);
    assert_string_equal(err.code, "address_forbidden");
    /* And in the middle of a chain: the front's own redirect leads to the name again. */
    snprintf(redirect_to, sizeof(redirect_to), "%s", url);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/go", front->port);
    r.url = str_of(url);
    assert_int_equal(get(&r, &answer, &err), E_FORBIDDEN);
    expect_silence(inner, "a name that turned");
    close(inner);
    turning->addresses = "127.0.0.1";
    get(&(struct fetch_request){.url = STR_NONE}, &answer, &err);
}

/* socks5 leaves names to us: the proxy is told a checked address, or nothing. */
static void a_socks5_proxy_is_told_no_inner_address(void **state)
{
    (void)state;
    struct peer *proxy = peer_new(serve_socks5, NULL);
    char proxy_url[64], url[600];
    struct fetch_answer answer;
    struct cidr allowed;
    struct err err;

    snprintf(proxy_url, sizeof(proxy_url), "socks5://127.0.0.1:%u", proxy->port);
    struct fetch_request r = {.guard = {.level = GUARD_PUBLIC},
                              .proxy_url = str_of(proxy_url),
                              .total_timeout_ms = 60000};
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        snprintf(url, sizeof(url), "http://%s:%u/", labels[i], canary_port);
        r.url = str_of(url);
        assert_int_equal(get(&r, &answer, &err), E_FORBIDDEN);
        snprintf(url, sizeof(url), "http://%s:%u/", targets[i], canary_port);
        r.url = str_of(url);
        assert_int_equal(get(&r, &answer, &err), E_FORBIDDEN);
    }
    assert_int_equal(atomic_load(&proxy->connections), 0);
    expect_silence(canary, "a proxy");
    assert_true(cidr_parse(STR("127.0.0.1/32"), &allowed));
    r.guard = (struct guard){GUARD_PUBLIC, &allowed, 1};
    snprintf(url, sizeof(url), "http://turning.test:%u/", front->port);
    r.url = str_of(url);
    assert_int_equal(get(&r, &answer, &err), OK);
    snprintf(url, sizeof(url), "127.0.0.1:%u", front->port);
    assert_string_equal(proxy_target, url);
    get(&(struct fetch_request){.url = STR_NONE}, &answer, &err);
    fetcher_free(fetcher); /* and the connection that it keeps */
    fetcher = NULL;
    peer_free(proxy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[AC-7] no form of an inner address is reached, directly or by a redirect",
         no_form_of_an_inner_address_is_reached, begin, end, NULL},
        {"[AC-7] a name that turns between look-ups is judged each time",
         a_name_that_turns_is_judged_each_time, begin, end, NULL},
        {"[AC-7] a socks5 proxy is told no inner address", a_socks5_proxy_is_told_no_inner_address,
         begin, end, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
