/* SPDX-License-Identifier: Apache-2.0 */
/* The small readers of fields and addresses, all on the same bytes. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "net/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_range(struct str value, uint64_t size)
{
    uint64_t first, last;
    if (http_range_parse(value, size, &first, &last) == HTTP_RANGE_OK)
        assert(first <= last && last < size);
}

static void check_cookie(struct str in)
{
    struct str value = http_cookie_get(in, STR("a"));
    assert(value.n == 0 || (value.p > in.p && value.p + value.n <= in.p + in.n));
    assert(!str_has_char(value, ';'));
}

static void check_decoding(struct str in)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(1 << 20);
    size_t before;
    buf_add(&out, STR("kept"));
    before = buf_len(&out);
    if (!http_percent_decode(in, true, &out))
        assert(buf_len(&out) == before);
    else
        assert(!str_has_char(buf_str(&out), '\0'));
    http_query_get(in, STR("a"), &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str in = {(const char *)data, size};
    uint64_t length = 0;

    memcpy(&length, data, MIN(size, sizeof(length)));
    check_range(in, 1000);
    check_range(in, 0);
    check_range(str_from(in, sizeof(length)), length);
    check_cookie(in);
    check_decoding(in);
    http_etag_matches(in, STR("\"a\""));
    http_list_has(in, STR("close"));
    return 0;
}
