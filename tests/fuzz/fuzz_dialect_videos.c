/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever an upstream answers, what is read of it stays within its bounds, and the requests
 * that its words lead to are addresses of the same origin. */
#include <assert.h>

#include "dialect/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct dialect_target *t, const struct dialect_outcome *o, struct arena *a)
{
    struct url url;
    struct err err;
    assert(o->media_count <= 1 && o->failure.words.n <= 300);
    assert(o->state != DIALECT_DONE || o->media_count == 1);
    if (o->media_count == 0)
        return;
    assert(url_parse(o->media[0].url, a, &url, &err) == OK);
    assert(!o->media[0].needs_credential || url_same_origin(&url, &t->base));
}

static void poll_and_cancel(const struct dialect *d, const struct dialect_target *t,
                            const struct dialect_outcome *o, struct arena *a)
{
    const struct dialect_task task = {o->task_id, o->ref};
    struct dialect_http http;
    struct err err;
    if (d->build_poll(t, &task, a, &http, &err) == OK)
        assert(url_same_origin(&http.url, &t->base));
    if (d->build_cancel(t, &task, a, &http, &err) == OK)
        assert(url_same_origin(&http.url, &t->base));
}

/* The answer to an image's submission. */
static void read_images(const struct dialect *d, const struct dialect_target *t, struct str answer,
                        struct arena *a)
{
    struct dialect_stream *s = d->stream_new(a, t, false);
    struct err err;
    struct url url;
    if (d->stream_feed(s, answer, &err) == OK && d->stream_finish(s, &err) == OK) {
        const struct dialect_outcome *o = d->stream_outcome(s);
        assert(o->media_count <= DIALECT_MAX_MEDIA && o->failure.words.n <= 300);
        assert((o->state == DIALECT_DONE) == (o->media_count > 0));
        for (size_t i = 0; i < o->media_count; i++)
            assert(o->media[i].bytes_base64.n || url_parse(o->media[i].url, a, &url, &err) == OK);
    }
    d->stream_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(64 << 20);
    const struct dialect *videos = dialect_find(STR("videos"));
    const struct dialect_answer in = {200, STR("application/json"), {(const char *)data, size}};
    const struct dialect_task task = {.id = STR("task")};
    struct dialect_target target = {.credential = STR("k")};
    struct dialect_outcome o;
    struct str code, names[16];
    struct err err;
    size_t n;
    if (url_parse(STR("https://up.example/x/v1"), a, &target.base, &err) != OK)
        return 0;
    if (videos->read_submit(&target, &in, a, &o, &err) == OK) {
        assert(o.task_id.n > 0);
        check(&target, &o, a);
        poll_and_cancel(videos, &target, &o, a);
    }
    if (videos->read_poll(&target, &task, &in, a, &o, &err) == OK)
        check(&target, &o, a);
    read_images(videos, &target, in.body, a);
    assert(dialect_error_message(&in, STR("sk"), a, &code).n <= 300 && code.n <= 300);
    if (videos->read_models(&in, a, names, 16, &n, &err) == OK)
        assert(n <= 16);
    return 0;
}
