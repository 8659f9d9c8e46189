/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever Ark answers: what is read of it stays within its bounds, its files need no key, and
 * its ids lead to no other origin. The first byte chooses the status. */
#include <assert.h>

#include "dialect/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct dialect_outcome *o, struct arena *a)
{
    struct url url;
    struct err err;
    assert(o->media_count <= 1 && o->failure.words.n <= 300);
    assert((o->state == DIALECT_DONE) == (o->media_count > 0));
    if (o->media_count)
        assert(url_parse(o->media[0].url, a, &url, &err) == OK && !o->media[0].needs_credential);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 400, 404, 429, 500};
    _cleanup_(arena_freep) struct arena *a = arena_new(64 << 20);
    const struct dialect *ark = dialect_find(STR("ark"));
    struct dialect_target target = {.credential = STR("k")};
    struct dialect_http http;
    struct dialect_outcome o;
    struct str names[4];
    struct err err;
    size_t n;
    if (size == 0 || url_parse(STR("https://up.example/api/v3"), a, &target.base, &err) != OK)
        return 0;
    const struct dialect_answer in = {
        statuses[data[0] % ARRAY_SIZE(statuses)], STR(""), {(const char *)data + 1, size - 1}};
    struct dialect_task task = {.id = STR("cgt-1")};
    if (ark->read_submit(&target, &in, a, &o, &err) == OK) {
        task.id = o.task_id;
        assert(task.id.n > 0);
        if (ark->build_poll(&target, &task, a, &http, &err) == OK)
            assert(url_same_origin(&http.url, &target.base));
        if (ark->build_cancel(&target, &task, a, &http, &err) == OK)
            assert(url_same_origin(&http.url, &target.base));
    }
    if (ark->read_poll(&target, &task, &in, a, &o, &err) == OK)
        check(&o, a);
    if (ark->read_models(&in, a, names, 4, &n, &err) == OK)
        assert(n == 0);
    return 0;
}
