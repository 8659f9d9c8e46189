/* SPDX-License-Identifier: Apache-2.0 */
/* Events are the same however the bytes are cut, and an event written anew is read again
 * as it was. */
#include <assert.h>

#include "base/mem.h"
#include "net/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 4096 };

static void add_event(const struct sse_event *e, void *ctx)
{
    struct buf *out = ctx;
    buf_add(out, e->event);
    buf_add_char(out, '\0');
    buf_add(out, e->id);
    buf_add_char(out, '\0');
    buf_add(out, e->data);
    buf_add_char(out, '\0');
}

static void write_again(const struct sse_event *e, void *ctx)
{
    sse_write(ctx, e->event, e->id, e->data);
}

static bool read_events(struct str in, size_t cut,
                        void (*on_event)(const struct sse_event *e, void *ctx), struct buf *out)
{
    struct sse_reader r;
    bool ok = true;
    sse_reader_init(&r, MAX_BYTES, on_event, out);
    for (; in.n; in = str_from(in, cut))
        ok = sse_reader_feed(&r, str_to(in, cut));
    sse_reader_release(&r);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    _cleanup_(buf_cleanup) struct buf whole = BUF_INIT(1 << 24), cut = BUF_INIT(1 << 24);
    _cleanup_(buf_cleanup) struct buf text = BUF_INIT(1 << 24), again = BUF_INIT(1 << 24);
    const struct str in = {(const char *)data + 1, size - 1};

    bool ok = read_events(in, in.n, add_event, &whole);
    assert(read_events(in, 1 + data[0] % 16u, add_event, &cut) == ok);
    assert(str_eq(buf_str(&whole), buf_str(&cut)));
    read_events(in, in.n, write_again, &text);
    if (size < MAX_BYTES / 8) {
        read_events(buf_str(&text), 7, add_event, &again);
        assert(str_eq(buf_str(&whole), buf_str(&again)));
    }
    return 0;
}
