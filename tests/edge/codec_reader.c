/* SPDX-License-Identifier: Apache-2.0 */
/* What the codec makes of messages, for a comparison with another reader of HTTP.
 *
 * Standard input: records of one kind byte ('q' requests, 'r' answers to a GET, 'h' to a
 * HEAD), the length (4 bytes, the highest first), and so many bytes, all that a connection
 * brings before its end.  Standard output, for each: a line for every message,
 *
 *     m <method or status> <target> <body> <name> <value> …     all but the status in hex
 *
 * and one for how it ended: "end", "closed" (the last message closes the connection),
 * "more", or "bad <reason>".  As the server and the client do, methods that are not known
 * and 101 are refused. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/mem.h"
#include "net/http1.h"

enum { MESSAGE_MAX = 1 << 24 };
static const struct http_limits limits = {1 << 20, 1 << 20, HTTP_MAX_HEADERS};

static void print_hex(struct str s)
{
    char *text = mem_zalloc(2 * s.n + 1);
    hex_encode(s.p, s.n, text);
    printf(" %s", s.n ? text : "-");
    free(text);
}

static void print_message(bool request, const struct http_head *h, struct str body)
{
    if (request)
        printf("m %.*s", STR_ARG(h->method_text));
    else
        printf("m %d", h->status);
    print_hex(request ? h->target : h->reason);
    print_hex(body);
    for (size_t i = 0; i < h->header_count; i++) {
        print_hex(h->headers[i].name);
        print_hex(h->headers[i].value);
    }
    printf("\n");
}

/* DONE also at the end of the bytes where that is the body's end. */
static enum http_parse read_body(struct http_body *b, struct str *in, struct buf *out,
                                 struct http_fault *fault)
{
    for (;;) {
        struct str piece;
        size_t used;
        enum http_parse r = http1_body_next(b, *in, &piece, &used, fault);
        if (r != HTTP_PARSE_BAD)
            buf_add(out, piece);
        *in = str_from(*in, used);
        if (r != HTTP_PARSE_MORE)
            return r;
        if (in->n == 0 || used == 0)
            return b->framing == HTTP_BODY_TO_EOF ? HTTP_PARSE_DONE : r;
    }
}

static enum http_parse read_head(char kind, struct str in, struct http_head *head, size_t *used,
                                 struct http_fault *fault)
{
    enum http_parse r = kind == 'q' ? http1_parse_request(in, &limits, head, used, fault)
                                    : http1_parse_response(in, &limits, head, used, fault);
    if (r != HTTP_PARSE_DONE)
        return r;
    if (kind == 'q' && head->method == HTTP_OTHER)
        fault->reason = "the method is not known";
    else if (kind != 'q' && head->status == 101)
        fault->reason = "an interim answer nobody asked for";
    else
        return r;
    return HTTP_PARSE_BAD;
}

/* One message; what became of it, and whether another may follow. */
static enum http_parse read_message(char kind, struct str *in, bool *ret_next,
                                    struct http_fault *fault)
{
    static struct http_head head;
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(MESSAGE_MAX);
    struct http_body body;
    size_t used;

    enum http_parse r = read_head(kind, *in, &head, &used, fault);
    if (r != HTTP_PARSE_DONE)
        return r;
    *in = str_from(*in, used);
    if (kind == 'q')
        http1_body_of_request(&body, &head);
    else
        http1_body_of_response(&body, &head, kind == 'h' ? HTTP_HEAD : HTTP_GET);
    r = body.framing == HTTP_BODY_NONE ? HTTP_PARSE_DONE : read_body(&body, in, &out, fault);
    if (r == HTTP_PARSE_DONE)
        print_message(kind == 'q', &head, buf_str(&out));
    *ret_next = head.keep_alive && body.framing != HTTP_BODY_TO_EOF;
    return r;
}

static void read_all(char kind, struct str in)
{
    struct http_fault fault = {0, ""};
    enum http_parse r = HTTP_PARSE_DONE;
    bool next = true;

    while (in.n && next && r == HTTP_PARSE_DONE) {
        r = read_message(kind, &in, &next, &fault);
        /* Between requests empty lines mean nothing. */
        while (kind == 'q' && r == HTTP_PARSE_DONE && str_starts(in, STR("\r\n")))
            in = str_from(in, 2);
    }
    if (r == HTTP_PARSE_BAD)
        printf("bad %s\n", fault.reason);
    else if (r == HTTP_PARSE_MORE)
        printf("more\n");
    else
        printf(in.n ? "closed\n" : "end\n");
}

int main(void)
{
    unsigned char start[5];

    while (fread(start, 1, sizeof(start), stdin) == sizeof(start)) {
        size_t n = (size_t)start[1] << 24 | (size_t)start[2] << 16 | (size_t)start[3] << 8 |
                   start[4];
        if (n > MESSAGE_MAX)
            return 2;
        /* Exactly as long as the message, so that a read past its end is seen. */
        char *bytes = mem_zalloc(n ? n : 1);
        if (fread(bytes, 1, n, stdin) != n)
            return 2;
        read_all((char)start[0], (struct str){bytes, n});
        free(bytes);
    }
    return 0;
}
