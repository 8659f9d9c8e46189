/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of requests and responses.
 *
 * A head is read line by line as the lines arrive, from the first byte each time; the
 * caller avoids quadratic work by asking only when a line feed has come.  What stands in
 * a complete line is judged at once, so that a bad head is refused without its end. */
#include <string.h>

#include "base/mem.h"
#include "net/http1.h"
#include "net/http1_impl.h"

struct parser {
    struct str in;
    size_t at; /* the next unread byte */
    const struct http_limits *limits;
    struct http_head *head;
    struct http_fault *fault;
    bool request;
    /* What was seen; each of these fields may stand once. */
    bool host, authorization, request_key, length, encoding;
    bool close, keep_alive, upgrade_asked, upgrade_named;
};

static enum http_parse bad(struct parser *p, int status, const char *reason)
{
    *p->fault = (struct http_fault){status, reason};
    return HTTP_PARSE_BAD;
}

/* The next line without its CRLF. */
static enum http_parse next_line(struct parser *p, struct str *ret)
{
    const char *start = p->in.p + p->at;
    size_t left = p->in.n - p->at;
    const char *lf = left ? memchr(start, '\n', left) : NULL;
    if (!lf)
        return HTTP_PARSE_MORE;
    size_t n = (size_t)(lf - start);
    if (n == 0 || start[n - 1] != '\r')
        return bad(p, 400, "a line ends in a bare line feed");
    *ret = (struct str){start, n - 1};
    p->at += n + 1;
    return HTTP_PARSE_DONE;
}

/* ---- the request line ---- */

static enum http_method method_of(struct str text)
{
    for (int m = HTTP_GET; m < HTTP_OTHER; m++) {
        if (str_eq(text, http1_method_names[m]))
            return (enum http_method)m;
    }
    return HTTP_OTHER;
}

static enum http_parse parse_version(struct parser *p, struct str text)
{
    if (text.n != 8 || memcmp(text.p, "HTTP/", 5) != 0 || text.p[6] != '.' || text.p[5] < '0' ||
        text.p[5] > '9' || text.p[7] < '0' || text.p[7] > '9')
        return bad(p, 400, "the protocol version is malformed");
    if (text.p[5] != '1')
        return bad(p, 505, "the protocol version is not HTTP/1");
    /* A higher minor version reads as the highest that we speak (RFC 9110 2.5). */
    p->head->minor = text.p[7] == '0' ? 0 : 1;
    return HTTP_PARSE_DONE;
}

static void split_target(struct http_head *h, struct str path_and_query)
{
    h->path = path_and_query;
    h->query = STR_NONE;
    ptrdiff_t mark = str_find_char(path_and_query, '?');
    if (mark < 0)
        return;
    h->path = str_to(path_and_query, (size_t)mark);
    h->query = str_from(path_and_query, (size_t)mark + 1);
}

/* http://authority/path?query; the authority is compared with Host at the end. */
static enum http_parse parse_absolute(struct parser *p, struct str target, struct str *authority)
{
    struct str rest = STR_NONE;
    if (target.n > 7 && str_eq_ci(str_to(target, 7), STR("http://")))
        rest = str_from(target, 7);
    else if (target.n > 8 && str_eq_ci(str_to(target, 8), STR("https://")))
        rest = str_from(target, 8);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    if (n == 0)
        return bad(p, 400, "the request target is neither a path nor an http address");
    *authority = str_to(rest, n);
    split_target(p->head, str_from(rest, n));
    if (p->head->path.n == 0)
        p->head->path = STR("/");
    return HTTP_PARSE_DONE;
}

static enum http_parse parse_target(struct parser *p, struct str target, struct str *authority)
{
    struct http_head *h = p->head;
    for (size_t i = 0; i < target.n; i++) {
        if (!http1_char_is(target.p[i], CHAR_TARGET))
            return bad(p, 400, "the request target has a forbidden byte");
    }
    h->target = target;
    if (target.n && target.p[0] == '/') {
        split_target(h, target);
        return HTTP_PARSE_DONE;
    }
    if (h->method == HTTP_OPTIONS && str_eq(target, STR("*"))) {
        h->path = target;
        h->query = STR_NONE;
        return HTTP_PARSE_DONE;
    }
    return parse_absolute(p, target, authority);
}

static enum http_parse parse_request_line(struct parser *p, struct str line, struct str *authority)
{
    struct http_head *h = p->head;
    ptrdiff_t first = str_find_char(line, ' ');
    if (first <= 0)
        return bad(p, 400, "the request line is malformed");
    h->method_text = str_to(line, (size_t)first);
    if (!http1_is_token(h->method_text))
        return bad(p, 400, "the method is not a token");
    struct str rest = str_from(line, (size_t)first + 1);
    ptrdiff_t second = str_find_char(rest, ' ');
    if (second <= 0)
        return bad(p, 400, "the request line is malformed");
    enum http_parse r = parse_version(p, str_from(rest, (size_t)second + 1));
    if (r != HTTP_PARSE_DONE)
        return r;
    h->method = method_of(h->method_text);
    if (h->method == HTTP_OTHER && str_eq(h->method_text, STR("CONNECT")))
        return bad(p, 501, "CONNECT is not offered");
    return parse_target(p, str_to(rest, (size_t)second), authority);
}

/* ---- fields ---- */

static bool host_is_valid(struct str host)
{
    size_t i = 0;
    if (host.n && host.p[0] == '[') {
        ptrdiff_t close = str_find_char(host, ']');
        if (close < 3)
            return false;
        for (i = 1; i < (size_t)close; i++) {
            if (!http1_char_is(host.p[i], CHAR_HOST) && host.p[i] != ':')
                return false;
        }
        i++;
    } else {
        while (i < host.n && http1_char_is(host.p[i], CHAR_HOST))
            i++;
    }
    if (i == 0 || i == host.n)
        return i != 0;
    uint64_t port;
    return host.p[i] == ':' &&
           (i + 1 == host.n || (str_to_u64(str_from(host, i + 1), &port) && port <= 65535));
}

static enum http_parse see_host(struct parser *p, struct str value)
{
    if (!p->request)
        return HTTP_PARSE_DONE;
    if (p->host)
        return bad(p, 400, "Host stands twice");
    if (!host_is_valid(value))
        return bad(p, 400, "Host is malformed");
    p->host = true;
    p->head->host = value;
    return HTTP_PARSE_DONE;
}

/* A proxy before us may have judged by the other one. */
static enum http_parse see_authorization(struct parser *p, struct str value)
{
    (void)value;
    if (p->request && p->authorization)
        return bad(p, 400, "Authorization stands twice");
    p->authorization = true;
    return HTTP_PARSE_DONE;
}

/* Two would be two requests. */
static enum http_parse see_request_key(struct parser *p, struct str value)
{
    (void)value;
    if (p->request && p->request_key)
        return bad(p, 400, "Idempotency-Key stands twice");
    p->request_key = true;
    return HTTP_PARSE_DONE;
}

static enum http_parse see_length(struct parser *p, struct str value)
{
    uint64_t length;
    if (p->length)
        return bad(p, 400, "Content-Length stands twice");
    if (value.n > 19 || !str_to_u64(value, &length) || length > INT64_MAX)
        return bad(p, 400, "Content-Length is malformed");
    p->length = true;
    p->head->content_length = (int64_t)length;
    return HTTP_PARSE_DONE;
}

static enum http_parse see_encoding(struct parser *p, struct str value)
{
    if (p->encoding)
        return bad(p, 400, "Transfer-Encoding stands twice");
    if (!str_eq_ci(value, STR("chunked")))
        return bad(p, 501, "the transfer coding is not exactly chunked");
    p->encoding = true;
    p->head->chunked = true;
    return HTTP_PARSE_DONE;
}

static enum http_parse see_connection(struct parser *p, struct str value)
{
    p->close |= http_list_has(value, STR("close"));
    p->keep_alive |= http_list_has(value, STR("keep-alive"));
    p->upgrade_named |= http_list_has(value, STR("upgrade"));
    return HTTP_PARSE_DONE;
}

static enum http_parse see_expect(struct parser *p, struct str value)
{
    if (!p->request || p->head->minor == 0)
        return HTTP_PARSE_DONE;
    if (!str_eq_ci(value, STR("100-continue")))
        return bad(p, 417, "Expect asks for something unknown");
    p->head->expect_continue = true;
    return HTTP_PARSE_DONE;
}

static enum http_parse see_upgrade(struct parser *p, struct str value)
{
    p->upgrade_asked |= value.n > 0;
    return HTTP_PARSE_DONE;
}

/* The fields that frame a message, steer its connection or say who sends it or whether it was sent
 * before, by the length of their names. */
static enum http_parse see_field(struct parser *p, struct str name, struct str value)
{
    static const struct known {
        struct str name;
        enum http_parse (*see)(struct parser *p, struct str value);
    } by_length[] = {
        [4] = {STR("host"), see_host},
        [6] = {STR("expect"), see_expect},
        [7] = {STR("upgrade"), see_upgrade},
        [10] = {STR("connection"), see_connection},
        [13] = {STR("authorization"), see_authorization},
        [14] = {STR("content-length"), see_length},
        [15] = {STR("idempotency-key"), see_request_key},
        [17] = {STR("transfer-encoding"), see_encoding},
    };
    if (name.n >= ARRAY_SIZE(by_length) || !by_length[name.n].see ||
        !str_eq_ci(name, by_length[name.n].name))
        return HTTP_PARSE_DONE;
    return by_length[name.n].see(p, value);
}

static enum http_parse parse_field(struct parser *p, struct str line)
{
    struct http_head *h = p->head;
    size_t n = 0;
    while (n < line.n && http1_char_is(line.p[n], CHAR_TOKEN))
        n++;
    if (n == 0)
        return bad(p, 400, "a field line is folded or has no name");
    if (n == line.n || line.p[n] != ':')
        return bad(p, 400, "a field name is not a token followed by a colon");
    if (h->header_count >= MIN(p->limits->header_count, (size_t)HTTP_MAX_HEADERS))
        return bad(p, 431, "there are too many fields");
    struct str name = str_to(line, n), value = str_trim(str_from(line, n + 1));
    if (!http1_is_text(value))
        return bad(p, 400, "a field value has a control byte");
    h->headers[h->header_count++] = (struct http_header){name, value};
    return see_field(p, name, value);
}

/* DONE: the empty line was read. */
static enum http_parse parse_fields(struct parser *p)
{
    struct str line;
    for (;;) {
        enum http_parse r = next_line(p, &line);
        if (r != HTTP_PARSE_DONE)
            return r;
        if (line.n == 0)
            return HTTP_PARSE_DONE;
        r = parse_field(p, line);
        if (r != HTTP_PARSE_DONE)
            return r;
    }
}

/* ---- heads ---- */

/* Everything but the header array, which is only read up to its count. */
static void head_clear(struct http_head *h)
{
    memset(h, 0, offsetof(struct http_head, headers));
    h->method = HTTP_OTHER;
    h->content_length = -1;
}

static enum http_parse check_framing(struct parser *p)
{
    struct http_head *h = p->head;
    if (p->length && p->encoding)
        return bad(p, 400, "both Content-Length and Transfer-Encoding are there");
    if (p->encoding && h->minor == 0)
        return bad(p, 400, "HTTP/1.0 knows no Transfer-Encoding");
    h->keep_alive = !p->close && (h->minor == 1 || p->keep_alive);
    h->upgrade = p->upgrade_asked && p->upgrade_named;
    return HTTP_PARSE_DONE;
}

static enum http_parse check_request(struct parser *p, struct str authority)
{
    struct http_head *h = p->head;
    if (!p->host && h->minor == 1)
        return bad(p, 400, "Host is missing");
    if (authority.n && p->host && !str_eq_ci(authority, h->host))
        return bad(p, 400, "Host differs from the request target");
    if (authority.n && !p->host) {
        if (!host_is_valid(authority))
            return bad(p, 400, "the request target's host is malformed");
        h->host = authority;
    }
    return check_framing(p);
}

/* MORE or DONE at p->at, judged against the limits. */
static enum http_parse check_size(struct parser *p, enum http_parse r, bool in_start_line)
{
    if (r == HTTP_PARSE_BAD)
        return r;
    size_t seen = r == HTTP_PARSE_DONE ? p->at : p->in.n;
    if (in_start_line && seen > p->limits->line_bytes)
        return bad(p, 414, "the start line is too long");
    if (seen > p->limits->head_bytes)
        return bad(p, 431, "the head is too long");
    return r;
}

enum http_parse http1_parse_request(struct str in, const struct http_limits *limits,
                                    struct http_head *ret, size_t *ret_used,
                                    struct http_fault *fault)
{
    struct parser p = {.in = in, .limits = limits, .head = ret, .fault = fault, .request = true};
    struct str line = STR_NONE, authority = STR_NONE;

    while (in.n - p.at >= 2 && in.p[p.at] == '\r' && in.p[p.at + 1] == '\n')
        p.at += 2;
    enum http_parse r = check_size(&p, next_line(&p, &line), true);
    if (r != HTTP_PARSE_DONE)
        return r;
    head_clear(ret);
    r = parse_request_line(&p, line, &authority);
    if (r != HTTP_PARSE_DONE)
        return r;
    r = check_size(&p, parse_fields(&p), false);
    if (r != HTTP_PARSE_DONE)
        return r;
    *ret_used = p.at;
    return check_request(&p, authority);
}

static enum http_parse check_response(struct parser *p)
{
    const struct http_head *h = p->head;
    /* It ends with its head (RFC 9112 6.3), but not for every reader. */
    if (h->status < 200 && (h->chunked || h->content_length > 0))
        return bad(p, 502, "an interim answer announces a body");
    return check_framing(p);
}

static enum http_parse parse_status_line(struct parser *p, struct str line)
{
    struct http_head *h = p->head;
    if (line.n < 12 || line.p[8] != ' ' || (line.n > 12 && line.p[12] != ' '))
        return bad(p, 502, "the status line is malformed");
    enum http_parse r = parse_version(p, str_to(line, 8));
    if (r != HTTP_PARSE_DONE)
        return r;
    uint64_t status;
    if (!str_to_u64(str_to(str_from(line, 9), 3), &status) || status < 100 || status > 599)
        return bad(p, 502, "the status is no number from 100 to 599");
    h->status = (int)status;
    h->reason = str_from(line, 13);
    if (!http1_is_text(h->reason))
        return bad(p, 502, "the reason has a control byte");
    return HTTP_PARSE_DONE;
}

enum http_parse http1_parse_response(struct str in, const struct http_limits *limits,
                                     struct http_head *ret, size_t *ret_used,
                                     struct http_fault *fault)
{
    struct parser p = {.in = in, .limits = limits, .head = ret, .fault = fault};
    struct str line = STR_NONE;

    enum http_parse r = check_size(&p, next_line(&p, &line), true);
    /* Judged before its line has ended: such a one may stay open for long. */
    if (r == HTTP_PARSE_MORE && !str_starts(STR("HTTP/1."), str_to(in, 7)))
        return bad(&p, 502, "the answer is not HTTP/1");
    if (r != HTTP_PARSE_DONE)
        return r;
    head_clear(ret);
    r = parse_status_line(&p, line);
    if (r != HTTP_PARSE_DONE)
        return r;
    r = check_size(&p, parse_fields(&p), false);
    if (r != HTTP_PARSE_DONE)
        return r;
    *ret_used = p.at;
    return check_response(&p);
}
