/* SPDX-License-Identifier: Apache-2.0 */
/* A chunked body means the same however it is cut: the first byte says into pieces of which
 * size. */
#include <assert.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Also ends when the body has ended, at *ret_end of the input. */
static enum http_parse decode(struct str in, size_t cut, struct buf *out, size_t *ret_end)
{
    struct http_body body = {.framing = HTTP_BODY_CHUNKED};
    struct http_fault fault = {0};
    size_t at = 0, end = MIN(cut, in.n), used;
    struct str piece;

    for (;;) {
        enum http_parse r = http1_body_next(&body, (struct str){in.p + at, end - at}, &piece, &used,
                                            &fault);
        if (r == HTTP_PARSE_BAD)
            return r;
        assert(used <= end - at && piece.n <= used);
        buf_add(out, piece);
        at += used;
        *ret_end = at;
        if (r == HTTP_PARSE_DONE || (used == 0 && end == in.n))
            return r;
        if (used == 0)
            end = MIN(end + cut, in.n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    _cleanup_(buf_cleanup) struct buf whole = BUF_INIT(1 << 20), cut = BUF_INIT(1 << 20);
    const struct str in = {(const char *)data + 1, size - 1};
    size_t end = 0, end_cut = 0;

    enum http_parse r = decode(in, in.n, &whole, &end);
    assert(decode(in, 1 + data[0] % 32u, &cut, &end_cut) == r);
    if (r != HTTP_PARSE_BAD) {
        assert(end == end_cut);
        assert(str_eq(buf_str(&whole), buf_str(&cut)));
    }
    return 0;
}
