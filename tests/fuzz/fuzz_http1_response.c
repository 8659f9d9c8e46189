/* SPDX-License-Identifier: Apache-2.0 */
/* An answer's head and the body behind it, read to the end: never past the input, and
 * never more payload than was stated. */
#include <assert.h>

#include "net/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_body(const struct http_head *head, struct str in)
{
    struct http_fault fault = {0};
    struct http_body body;
    struct str piece;
    size_t used;
    enum http_parse r;

    http1_body_of_response(&body, head, HTTP_GET);
    do {
        r = http1_body_next(&body, in, &piece, &used, &fault);
        if (r == HTTP_PARSE_BAD) {
            assert(fault.reason);
            return;
        }
        assert(used <= in.n && piece.n <= used);
        in = str_from(in, used);
    } while (r == HTTP_PARSE_MORE && used);
    if (head->content_length >= 0)
        assert(body.total <= (uint64_t)head->content_length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head;
    const struct str in = {(const char *)data, size};
    struct http_fault fault = {0};
    size_t used;

    if (http1_parse_response(in, &http_default_limits, &head, &used, &fault) != HTTP_PARSE_DONE)
        return 0;
    assert(used <= size);
    assert(head.status >= 100 && head.status <= 599);
    assert(!(head.chunked && head.content_length >= 0));
    read_body(&head, str_from(in, used));
    return 0;
}
