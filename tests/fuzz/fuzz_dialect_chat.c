/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever an upstream streams, the outcome is the same however it is cut, and within its
 * bounds. */
#include <assert.h>

#include "dialect/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum status read_all(struct arena *a, const struct dialect_target *t, struct str in,
                            bool sse, size_t cut, struct dialect_outcome *ret)
{
    const struct dialect *chat = dialect_find(STR("chat"));
    struct dialect_stream *s = chat->stream_new(a, t, sse);
    enum status status = OK;
    struct err err;
    for (; in.n && status == OK; in = str_from(in, cut))
        status = chat->stream_feed(s, str_to(in, cut), &err);
    if (status == OK)
        status = chat->stream_finish(s, &err);
    *ret = *chat->stream_outcome(s);
    chat->stream_free(s);
    return status;
}

static void check_bounds(const struct dialect_outcome *o)
{
    assert(o->progress >= -1 && o->progress <= 100);
    assert(o->media_count <= DIALECT_MAX_MEDIA);
    assert(o->failure.words.n <= 300);
    for (size_t i = 0; i < o->media_count; i++)
        assert(str_starts(o->media[i].url, STR("http")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    _cleanup_(arena_freep) struct arena *a = arena_new(64 << 20);
    const struct str in = {(const char *)data + 1, size - 1};
    struct dialect_target target = {.credential = STR("k")};
    struct dialect_outcome whole, cut;
    struct err err;
    if (url_parse(STR("https://up.example/x"), a, &target.base, &err) != OK)
        return 0;
    bool sse = data[0] & 1;
    enum status status = read_all(a, &target, in, sse, in.n, &whole);
    assert(read_all(a, &target, in, sse, 1 + data[0] % 32u, &cut) == status);
    check_bounds(&whole);
    if (status != OK)
        return 0;
    assert(whole.state == cut.state && whole.progress == cut.progress);
    assert(whole.media_count == cut.media_count);
    for (size_t i = 0; i < whole.media_count; i++)
        assert(str_eq(whole.media[i].url, cut.media[i].url));
    return 0;
}
