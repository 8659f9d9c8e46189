/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

#define _cleanup_buf_ _cleanup_(buf_cleanup)

static struct http_head head;
static struct http_fault fault;
static size_t used;

static enum http_parse request(struct str in)
{
    return http1_parse_request(in, &http_default_limits, &head, &used, &fault);
}

static enum http_parse response(struct str in)
{
    return http1_parse_response(in, &http_default_limits, &head, &used, &fault);
}

static void expect_str(struct str got, const char *wanted)
{
    if (!str_eq(got, str_of(wanted)))
        print_error("got \"%.*s\", wanted \"%s\"\n", STR_ARG(got), wanted);
    assert_true(str_eq(got, str_of(wanted)));
}

/* ---- requests ---- */

static void reads_a_request_whenever_it_is_complete(void **state)
{
    const struct str text = STR(
        "\r\n\r\nPOST /v1/videos?a=1&b=%20 HTTP/1.1\r\nHost: Example.com:8080\r\n"
        "X-Empty:\r\nX-Obs: \t caf\xe9 \t\r\ncontent-length: 12\r\n\r\nbody");
    (void)state;
    for (size_t n = 0; n < text.n - 4; n++)
        assert_int_equal(request(str_to(text, n)), HTTP_PARSE_MORE);
    assert_int_equal(request(text), HTTP_PARSE_DONE);
    assert_int_equal(used, text.n - 4);
    assert_int_equal(head.method, HTTP_POST);
    expect_str(head.target, "/v1/videos?a=1&b=%20");
    expect_str(head.path, "/v1/videos");
    expect_str(head.query, "a=1&b=%20");
    expect_str(head.host, "Example.com:8080");
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.content_length, 12);
    assert_int_equal(head.header_count, 4);
    assert_true(head.keep_alive);
    assert_false(head.chunked);
    expect_str(http_head_get(&head, STR("x-obs")), "caf\xe9");
    assert_non_null(http_head_get(&head, STR("X-EMPTY")).p);
    assert_null(http_head_get(&head, STR("x-none")).p);
}

static void reads_versions_and_connection_wishes(void **state)
{
    (void)state;
    assert_int_equal(request(STR("GET / HTTP/1.0\r\n\r\n")), HTTP_PARSE_DONE);
    assert_false(head.keep_alive);
    assert_int_equal(head.content_length, -1);
    assert_null(head.query.p);
    request(STR("GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n"));
    assert_true(head.keep_alive);
    request(STR("GET / HTTP/1.1\r\nHost: h\r\nConnection: a\r\nConnection: b , close\r\n\r\n"));
    assert_false(head.keep_alive);
    request(STR("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"));
    assert_true(head.upgrade);
    request(STR("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n"
                "Transfer-Encoding: Chunked\r\n\r\n"));
    assert_true(head.expect_continue);
    assert_true(head.chunked);
}

static void reads_a_higher_minor_version_as_the_highest_it_speaks(void **state)
{
    (void)state;
    for (char minor = '2'; minor <= '9'; minor++) {
        char text[] = "PUT / HTTP/1.?\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        *strchr(text, '?') = minor;
        assert_int_equal(request(str_of(text)), HTTP_PARSE_DONE);
        assert_int_equal(head.minor, 1);
        assert_true(head.keep_alive);
        assert_true(head.chunked);
    }
    assert_int_equal(request(STR("GET / HTTP/1.2\r\n\r\n")), HTTP_PARSE_BAD);
}

static void reads_absolute_and_asterisk_targets(void **state)
{
    (void)state;
    assert_int_equal(request(STR("GET http://H:1/p?q HTTP/1.1\r\nHost: h:1\r\n\r\n")),
                     HTTP_PARSE_DONE);
    expect_str(head.path, "/p");
    expect_str(head.query, "q");
    assert_int_equal(request(STR("GET https://h?q HTTP/1.1\r\nHost: h\r\n\r\n")), HTTP_PARSE_DONE);
    expect_str(head.path, "/");
    expect_str(head.query, "q");
    assert_int_equal(request(STR("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")), HTTP_PARSE_DONE);
    assert_int_equal(request(STR("BREW /x HTTP/1.1\r\nHost: [::1]:80\r\n\r\n")), HTTP_PARSE_DONE);
    assert_int_equal(head.method, HTTP_OTHER);
    expect_str(head.method_text, "BREW");
}

struct refusal {
    struct str text;
    int status;
};

static void expect_refusals(const struct refusal *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        enum http_parse r = request(list[i].text);
        if (r != HTTP_PARSE_BAD || fault.status != list[i].status)
            print_error("not refused with %d: %.*s\n", list[i].status, STR_ARG(list[i].text));
        assert_int_equal(r, HTTP_PARSE_BAD);
        assert_int_equal(fault.status, list[i].status);
        assert_non_null(fault.reason);
    }
}

static void refuses_bad_request_lines(void **state)
{
    static const struct refusal list[] = {
        {STR("\nGET / HTTP/1.1\r\n"), 400},
        {STR("GET / HTTP/1.1\n"), 400},
        {STR("GET  / HTTP/1.1\r\n"), 400},
        {STR("GET /  HTTP/1.1\r\n"), 400},
        {STR(" GET / HTTP/1.1\r\n"), 400},
        {STR("GET / HTTP/1.1 \r\n"), 400},
        {STR("GET /\r\n"), 400},
        {STR("GET\r\n"), 400},
        {STR("G(T / HTTP/1.1\r\n"), 400},
        {STR("GET /\x01 HTTP/1.1\r\n"), 400},
        {STR("GET /caf\xc3\xa9 HTTP/1.1\r\n"), 400},
        {STR("GET /#f HTTP/1.1\r\n"), 400},
        {STR("GET x HTTP/1.1\r\n"), 400},
        {STR("GET * HTTP/1.1\r\n"), 400},
        {STR("GET h:80 HTTP/1.1\r\n"), 400},
        {STR("GET http:///x HTTP/1.1\r\n"), 400},
        {STR("GET ftp://h/x HTTP/1.1\r\n"), 400},
        {STR("GET / http/1.1\r\n"), 400},
        {STR("GET / HTTP/1.15\r\n"), 400},
        {STR("GET / HTTP/1.10\r\n"), 400},
        {STR("GET / HTTP/1.a\r\n"), 400},
        {STR("GET / HTTP/0.9\r\n"), 505},
        {STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505},
        {STR("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"), 501},
    };
    (void)state;
    expect_refusals(list, ARRAY_SIZE(list));
}

#define GET   "GET / HTTP/1.1\r\n"
#define GET_H GET "Host: h\r\n"

static void refuses_fields_that_could_be_read_two_ways(void **state)
{
    static const struct refusal list[] = {
        {STR(GET "\r\n"), 400},
        {STR(GET "Host: a\r\nHost: a\r\n\r\n"), 400},
        {STR(GET "Host:\r\n\r\n"), 400},
        {STR(GET "Host: a b\r\n\r\n"), 400},
        {STR(GET "Host: u@h\r\n\r\n"), 400},
        {STR(GET "Host: h:99999\r\n\r\n"), 400},
        {STR(GET "Host: h/x\r\n\r\n"), 400},
        {STR("GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n"), 400},
        {STR(GET "Host : h\r\n\r\n"), 400},
        {STR(GET_H " folded\r\n\r\n"), 400},
        {STR(GET_H "X: a\r\n\tfolded\r\n\r\n"), 400},
        {STR(GET_H ": no name\r\n\r\n"), 400},
        {STR(GET_H "no colon\r\n\r\n"), 400},
        {STR(GET_H "X: a\n\r\n"), 400},
        {STR(GET_H "X: a\rb\r\n\r\n"), 400},
        {STR(GET_H "X: a\0b\r\n\r\n"), 400},
        {STR(GET_H "X: 0123456789\x7f\r\n\r\n"), 400},
        {STR(GET_H "X\x80: a\r\n\r\n"), 400},
        {STR(GET_H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"), 400},
        {STR(GET_H "Content-Length: 1, 1\r\n\r\n"), 400},
        {STR(GET_H "Content-Length: +1\r\n\r\n"), 400},
        {STR(GET_H "Content-Length: -1\r\n\r\n"), 400},
        {STR(GET_H "Content-Length: 0x1\r\n\r\n"), 400},
        {STR(GET_H "Content-Length:\r\n\r\n"), 400},
        {STR(GET_H "Content-Length: 9223372036854775808\r\n\r\n"), 400},
        {STR(GET_H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
        {STR(GET_H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
        {STR(GET_H "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501},
        {STR(GET_H "Transfer-Encoding: \x0b"
                   "chunked\r\n\r\n"),
         400},
        {STR(GET_H "Transfer-Encoding: chunked, identity\r\n\r\n"), 501},
        {STR(GET_H "Transfer-Encoding: xchunked\r\n\r\n"), 501},
        {STR("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
        {STR(GET_H "Expect: magic\r\n\r\n"), 417},
    };
    (void)state;
    expect_refusals(list, ARRAY_SIZE(list));
}

static void refuses_heads_over_their_limits_before_they_end(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
    (void)state;
    for (int i = 0; i < 9000; i++)
        buf_add_char(&b, 'a');
    assert_int_equal(request(buf_str(&b)), HTTP_PARSE_BAD);
    assert_int_equal(fault.status, 414);
    buf_reset(&b);
    buf_add(&b, STR(GET_H "X: "));
    for (int i = 0; i < 40000; i++)
        buf_add_char(&b, 'a');
    assert_int_equal(request(buf_str(&b)), HTTP_PARSE_BAD);
    assert_int_equal(fault.status, 431);
    buf_reset(&b);
    buf_add(&b, STR(GET_H));
    for (int i = 0; i < 100; i++)
        buf_add(&b, STR("X: a\r\n"));
    assert_int_equal(request(buf_str(&b)), HTTP_PARSE_BAD);
    assert_int_equal(fault.status, 431);
}

/* ---- responses ---- */

static void reads_responses(void **state)
{
    (void)state;
    assert_int_equal(response(STR("HTTP/1.1 200 \r\n\r\n")), HTTP_PARSE_DONE);
    assert_int_equal(response(STR("HTTP/1.1 404\r\n\r\n")), HTTP_PARSE_DONE);
    assert_int_equal(response(STR("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")),
                     HTTP_PARSE_DONE);
    assert_int_equal(used, 25);
    assert_int_equal(response(STR("HTTP/1.1 429 Too Many\r\nRetry-After: 3\r\n"
                                  "Connection: close\r\n\r\n")),
                     HTTP_PARSE_DONE);
    assert_int_equal(head.status, 429);
    expect_str(head.reason, "Too Many");
    assert_false(head.keep_alive);
}

static void refuses_bad_responses(void **state)
{
    static const struct str list[] = {
        STR("HTTP/1.1 20 OK\r\n\r\n"),
        STR("HTTP/1.1 2000 OK\r\n\r\n"),
        STR("HTTP/1.1 600 OK\r\n\r\n"),
        STR("HTTP/1.1 100 Continue\r\nContent-Length: 1\r\n\r\n"),
        STR("HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n"),
        STR("HTTP/2.0 200 OK\r\n\r\n"),
        STR("HTTP/1.1  200 OK\r\n\r\n"),
        STR("\r\nHTTP/1.1 200 OK\r\n\r\n"),
        STR("SSH-2.0"),
        STR("{"),
        STR("HTTP/2"),
        STR("HTTP/1.1 200 O\x01K\r\n\r\n"),
        STR("HTTP/1.1 200 OK\n\n"),
        STR("ICY 200 OK\r\n\r\n"),
        STR("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
        STR("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
        STR("HTTP/1.1 200 OK\r\nA : b\r\n\r\n"),
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(list); i++)
        assert_int_equal(response(list[i]), HTTP_PARSE_BAD);
}

static void knows_which_responses_have_bodies(void **state)
{
    struct http_body b;
    (void)state;
    response(STR("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
    http1_body_of_response(&b, &head, HTTP_GET);
    assert_int_equal(b.framing, HTTP_BODY_LENGTH);
    http1_body_of_response(&b, &head, HTTP_HEAD);
    assert_int_equal(b.framing, HTTP_BODY_NONE);
    response(STR("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"));
    http1_body_of_response(&b, &head, HTTP_GET);
    assert_int_equal(b.framing, HTTP_BODY_NONE);
    response(STR("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    http1_body_of_response(&b, &head, HTTP_GET);
    assert_int_equal(b.framing, HTTP_BODY_NONE);
    response(STR("HTTP/1.1 200 OK\r\n\r\n"));
    http1_body_of_response(&b, &head, HTTP_GET);
    assert_int_equal(b.framing, HTTP_BODY_TO_EOF);
    response(STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    http1_body_of_response(&b, &head, HTTP_GET);
    assert_int_equal(b.framing, HTTP_BODY_CHUNKED);
}

/* ---- bodies ---- */

/* Decodes text fed by pieces of n bytes; what it said at last. */
static enum http_parse decode(struct str text, size_t n, struct buf *out, size_t *ret_used)
{
    struct http_body b = {.framing = HTTP_BODY_CHUNKED};
    size_t at = 0, end = MIN(n, text.n);
    *ret_used = 0;
    for (;;) {
        struct str piece;
        size_t took;
        enum http_parse r = http1_body_next(&b, (struct str){text.p + at, end - at}, &piece, &took,
                                            &fault);
        if (r == HTTP_PARSE_BAD)
            return r;
        buf_add(out, piece);
        at += took;
        *ret_used = at;
        if (r == HTTP_PARSE_DONE)
            return r;
        if (took == 0 && end == text.n)
            return r;
        if (took == 0)
            end = MIN(end + n, text.n);
    }
}

static void decodes_chunks_in_any_split(void **state)
{
    const struct str text = STR("5;ext=\"v\"\r\nhello\r\n00001\r\n \r\nB\r\nwonderful w\r\n0\r\n"
                                "X-Trailer: 1\r\nY:\r\n\r\nnext");
    (void)state;
    for (size_t n = 1; n <= text.n; n++) {
        _cleanup_buf_ struct buf out = BUF_INIT(1024);
        size_t took;
        assert_int_equal(decode(text, n, &out, &took), HTTP_PARSE_DONE);
        assert_int_equal(took, text.n - 4);
        expect_str(buf_str(&out), "hello wonderful w");
    }
}

static void refuses_bad_chunks(void **state)
{
    static const struct str list[] = {
        STR("\r\n"),
        STR("g\r\n"),
        STR("0x5\r\nhello"),
        STR(" 5\r\nhello"),
        STR("5 \r\nhello"),
        STR("-5\r\nhello"),
        STR("5\nhello"),
        STR("5\r\nhelloX"),
        STR("5\r\nhello\n0\r\n"),
        STR("5\r\nhello\r5"),
        STR("10000000000000000\r\n"),
        STR("8000000000000000\r\n"),
        STR("00000000000000001\r\n"),
        STR("5;a=\x01\r\nhello"),
        STR("5;a\nb\r\nhello"),
        STR("5;\r\nhello"),
        STR("5;;a\r\nhello"),
        STR("5; a\r\nhello"),
        STR("5;a=\r\nhello"),
        STR("5;a=b=c\r\nhello"),
        STR("5;a=\"b\"c\r\nhello"),
        STR("5;a=\"b\r\nhello"),
        STR("5;a=\"\\\r\nhello"),
        STR("0\r\nbad trailer\r\n\r\n"),
        STR("0\r\n folded\r\n\r\n"),
        STR("0\r\nX: a\nb\r\n\r\n"),
        STR("0\r\n\n"),
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
        for (size_t n = 1; n <= list[i].n; n++) {
            _cleanup_buf_ struct buf out = BUF_INIT(1024);
            size_t took;
            assert_int_equal(decode(list[i], n, &out, &took), HTTP_PARSE_BAD);
        }
    }
}

static void bounds_extensions_and_trailers(void **state)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20), out = BUF_INIT(1024);
    size_t took;
    (void)state;
    buf_add(&text, STR("1;"));
    for (int i = 0; i < 2000; i++)
        buf_add_char(&text, 'x');
    assert_int_equal(decode(buf_str(&text), 4096, &out, &took), HTTP_PARSE_BAD);
    buf_reset(&text);
    buf_add(&text, STR("0\r\n"));
    for (int i = 0; i < 2000; i++)
        buf_add(&text, STR("X: y\r\n"));
    assert_int_equal(decode(buf_str(&text), 4096, &out, &took), HTTP_PARSE_BAD);
}

/* ---- fields and parts ---- */

static void knows_hop_by_hop_fields(void **state)
{
    (void)state;
    assert_true(http_is_hop(STR("KEEP-ALIVE")));
    assert_true(http_is_hop(STR("Transfer-Encoding")));
    assert_true(http_is_hop(STR("content-length")));
    assert_false(http_is_hop(STR("X-Other")));
    assert_false(http_is_hop(STR("T\x05")));
    assert_true(http_list_has(STR("a ,\tB,,c"), STR("b")));
    assert_false(http_list_has(STR("ab"), STR("b")));
}

static void decodes_queries(void **state)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1024);
    (void)state;
    assert_true(http_query_get(STR("a=1&b%20c=x+y%2B&d&e="), STR("b c"), &out));
    expect_str(buf_str(&out), "x y+");
    buf_reset(&out);
    assert_true(http_query_get(STR("a=1&d&e="), STR("d"), &out));
    assert_true(http_query_get(STR("a=1&d&e="), STR("e"), &out));
    assert_int_equal(buf_len(&out), 0);
    assert_false(http_query_get(STR("a=1&ab=2"), STR("b"), &out));
    assert_false(http_query_get(STR("a=%zz"), STR("a"), &out));
    assert_false(http_query_get(STR("a=%00"), STR("a"), &out));
    assert_false(http_query_get(STR("a=%4"), STR("a"), &out));
    assert_false(http_query_get(STR_NONE, STR("a"), &out));
    assert_false(buf_failed(&out));
    assert_true(http_percent_decode(STR("a+b%41"), false, &out));
    expect_str(buf_str(&out), "a+bA");
}

static void reads_cookies(void **state)
{
    (void)state;
    expect_str(http_cookie_get(STR("a=1; session=x=y; b=2"), STR("session")), "x=y");
    expect_str(http_cookie_get(STR("a="), STR("a")), "");
    assert_null(http_cookie_get(STR("xa=1; A=2; a"), STR("a")).p);
    assert_null(http_cookie_get(STR_NONE, STR("a")).p);
}

static void expect_range(const char *value, uint64_t size, uint64_t first, uint64_t last)
{
    uint64_t a = 77, b = 77;
    assert_int_equal(http_range_parse(str_of(value), size, &a, &b), HTTP_RANGE_OK);
    assert_int_equal(a, first);
    assert_int_equal(b, last);
}

static void reads_ranges(void **state)
{
    static const char *const none[] = {"",          "bytes",     "bytes=",        "bytes=-",
                                       "bytes=5-4", "bytes=a-b", "bytes=0-1,3-4", "lines=0-1",
                                       "bytes=--1", "bytes=+1-2"};
    static const char *const beyond[] = {"bytes=10-", "bytes=10-20", "bytes=-0",
                                         "bytes=99999999999999999999-"};
    uint64_t a, b;
    (void)state;
    expect_range("bytes=0-0", 10, 0, 0);
    expect_range("Bytes=2-", 10, 2, 9);
    expect_range("bytes=2-99999999999999999999", 10, 2, 9);
    expect_range("bytes=-3", 10, 7, 9);
    expect_range("bytes=-30", 10, 0, 9);
    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        assert_int_equal(http_range_parse(str_of(none[i]), 10, &a, &b), HTTP_RANGE_NONE);
    for (size_t i = 0; i < ARRAY_SIZE(beyond); i++)
        assert_int_equal(http_range_parse(str_of(beyond[i]), 10, &a, &b), HTTP_RANGE_UNSATISFIABLE);
    assert_int_equal(http_range_parse(STR("bytes=-1"), 0, &a, &b), HTTP_RANGE_UNSATISFIABLE);
}

static void compares_etags_weakly(void **state)
{
    (void)state;
    assert_true(http_etag_matches(STR("\"a\", W/\"b,c\" ,\"d\""), STR("\"b,c\"")));
    assert_true(http_etag_matches(STR("\"d\""), STR("W/\"d\"")));
    assert_true(http_etag_matches(STR(" * "), STR("\"d\"")));
    assert_false(http_etag_matches(STR("\"dd\", d"), STR("\"d\"")));
    assert_false(http_etag_matches(STR("\"d"), STR("\"d\"")));
    assert_false(http_etag_matches(STR(""), STR("\"d\"")));
}

/* ---- writing ---- */

static void writes_heads_that_cannot_be_split(void **state)
{
    _cleanup_buf_ struct buf out = BUF_INIT(1024);
    (void)state;
    assert_true(http1_write_request_line(&out, STR("GET"), STR("/a?b")));
    assert_true(http1_write_header(&out, STR("X-A"), STR("b\tc")));
    assert_false(http1_write_header(&out, STR("X-A"), STR("b\r\nX: y")));
    assert_false(http1_write_header(&out, STR("X-A"), STR("12345678b\n")));
    assert_false(http1_write_header(&out, STR("X-A"), STR("\0")));
    assert_false(http1_write_header(&out, STR("X A"), STR("b")));
    assert_false(http1_write_header(&out, STR(""), STR("b")));
    assert_false(http1_write_request_line(&out, STR("GET"), STR("/a b")));
    assert_false(http1_write_request_line(&out, STR("GE T"), STR("/a")));
    assert_true(http1_write_status_line(&out, 404));
    assert_true(http1_write_status_line(&out, 599));
    expect_str(buf_str(&out), "GET /a?b HTTP/1.1\r\nX-A: b\tc\r\nHTTP/1.1 404 Not Found\r\n"
                              "HTTP/1.1 599 Unknown\r\n");
    assert_string_equal(http_reason(200), "OK");
    assert_string_equal(http_method_name(HTTP_DELETE), "DELETE");
}

static void writes_chunk_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 15, 16, 255, 256, 65535, 1048576, SIZE_MAX};
    char out[HTTP_CHUNK_PREFIX], wanted[32];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        int n = snprintf(wanted, sizeof(wanted), "%zx\r\n", sizes[i]);
        assert_int_equal(http1_chunk_prefix(sizes[i], out), n);
        assert_memory_equal(out, wanted, (size_t)n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_request_whenever_it_is_complete),
        cmocka_unit_test(reads_versions_and_connection_wishes),
        cmocka_unit_test(reads_a_higher_minor_version_as_the_highest_it_speaks),
        cmocka_unit_test(reads_absolute_and_asterisk_targets),
        cmocka_unit_test(refuses_bad_request_lines),
        cmocka_unit_test(refuses_fields_that_could_be_read_two_ways),
        cmocka_unit_test(refuses_heads_over_their_limits_before_they_end),
        cmocka_unit_test(reads_responses),
        cmocka_unit_test(refuses_bad_responses),
        cmocka_unit_test(knows_which_responses_have_bodies),
        cmocka_unit_test(decodes_chunks_in_any_split),
        cmocka_unit_test(refuses_bad_chunks),
        cmocka_unit_test(bounds_extensions_and_trailers),
        cmocka_unit_test(knows_hop_by_hop_fields),
        cmocka_unit_test(decodes_queries),
        cmocka_unit_test(reads_cookies),
        cmocka_unit_test(reads_ranges),
        cmocka_unit_test(compares_etags_weakly),
        cmocka_unit_test(writes_heads_that_cannot_be_split),
        cmocka_unit_test(writes_chunk_sizes),
    };
    return cmocka_run_group_tests_name("http1", tests, NULL, NULL);
}
