/* SPDX-License-Identifier: Apache-2.0 */
/* A request that is accepted keeps its promises, and its head, written anew from what was
 * read, reads the same again: nothing in it can be understood in two ways. */
#include <assert.h>

#include "base/mem.h"
#include "net/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct str view, struct str in)
{
    assert(view.n == 0 || (view.p >= in.p && view.p + view.n <= in.p + in.n));
}

static void check_head(const struct http_head *h, struct str in)
{
    assert(h->path.n && (h->path.p[0] == '/' || str_eq(h->target, STR("*"))));
    assert(!(h->chunked && h->content_length >= 0));
    assert(h->minor == 0 || h->host.n);
    assert(h->content_length >= -1);
    assert(h->header_count <= HTTP_MAX_HEADERS);
    check_inside(h->target, in);
    check_inside(h->query, in);
    for (size_t i = 0; i < h->header_count; i++) {
        check_inside(h->headers[i].name, in);
        check_inside(h->headers[i].value, in);
    }
}

static void check_same(const struct http_head *a, const struct http_head *b)
{
    assert(a->method == b->method && str_eq(a->target, b->target) && str_eq(a->path, b->path));
    assert(str_eq(a->query, b->query) && str_eq(a->host, b->host));
    assert(a->chunked == b->chunked && a->content_length == b->content_length);
    assert(a->header_count == b->header_count);
    for (size_t i = 0; i < a->header_count; i++) {
        assert(str_eq(a->headers[i].name, b->headers[i].name));
        assert(str_eq(a->headers[i].value, b->headers[i].value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head, again;
    const struct str in = {(const char *)data, size};
    const struct http_limits wide = {1 << 20, 1 << 20, HTTP_MAX_HEADERS};
    struct http_fault fault = {0};
    size_t used, used_again;

    enum http_parse r = http1_parse_request(in, &http_default_limits, &head, &used, &fault);
    assert(r != HTTP_PARSE_BAD || (fault.status >= 400 && fault.reason));
    if (r != HTTP_PARSE_DONE)
        return 0;
    assert(used <= size);
    check_head(&head, in);
    assert(http1_parse_request(str_to(in, used - 1), &wide, &again, &used_again, &fault) ==
           HTTP_PARSE_MORE);
    if (head.minor == 0)
        return 0;
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(1 << 20);
    assert(http1_write_request_line(&out, head.method_text, head.target));
    for (size_t i = 0; i < head.header_count; i++)
        assert(http1_write_header(&out, head.headers[i].name, head.headers[i].value));
    buf_add(&out, STR("\r\n"));
    assert(http1_parse_request(buf_str(&out), &wide, &again, &used_again, &fault) ==
           HTTP_PARSE_DONE);
    assert(used_again == buf_len(&out));
    check_same(&head, &again);
    return 0;
}
