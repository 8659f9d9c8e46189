/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever fal answers: what is read of it stays within its bounds, its files need no key, and
 * the addresses it names are asked for at the account's own origin. The first byte chooses the
 * status. */
#include <assert.h>

#include "dialect/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct dialect *d, const struct dialect_target *t, struct str id,
                struct str ref, struct arena *a)
{
    const struct dialect_task task = {id, ref};
    struct dialect_http http;
    struct err err;
    if (d->build_poll(t, &task, a, &http, &err) == OK)
        assert(url_same_origin(&http.url, &t->base));
    if (d->build_cancel(t, &task, a, &http, &err) == OK)
        assert(url_same_origin(&http.url, &t->base));
}

static void check(const struct dialect *d, const struct dialect_target *t,
                  const struct dialect_outcome *o, struct arena *a)
{
    struct url url;
    struct err err;
    assert(o->media_count <= DIALECT_MAX_MEDIA && o->failure.words.n <= 300);
    assert((o->state == DIALECT_DONE) == (o->media_count > 0));
    for (size_t i = 0; i < o->media_count; i++)
        assert(url_parse(o->media[i].url, a, &url, &err) == OK && !o->media[i].needs_credential);
    if (o->ref.p)
        ask(d, t, STR("r1"), o->ref, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 202, 400, 404, 422, 500, 504};
    _cleanup_(arena_freep) struct arena *a = arena_new(64 << 20);
    const struct dialect *fal = dialect_find(STR("fal"));
    const struct dialect_task tasks[] = {{STR("r1"), STR("/a/status\n/a\n/a/cancel")},
                                         {STR("r1"), STR("\n/a\n/a/cancel")}};
    struct dialect_target target = {.credential = STR("k")};
    struct dialect_outcome o;
    struct str names[4];
    struct err err;
    size_t n;
    if (size == 0 || url_parse(STR("https://up.example/x"), a, &target.base, &err) != OK)
        return 0;
    const struct str body = {(const char *)data + 1, size - 1};
    const struct dialect_answer in = {statuses[data[0] % ARRAY_SIZE(statuses)], STR(""), body};
    if (fal->read_submit(&target, &in, a, &o, &err) == OK) {
        assert(o.task_id.n > 0 && o.ref.n > 0);
        check(fal, &target, &o, a);
    }
    for (size_t i = 0; i < ARRAY_SIZE(tasks); i++) {
        if (fal->read_poll(&target, &tasks[i], &in, a, &o, &err) == OK)
            check(fal, &target, &o, a);
    }
    ask(fal, &target, STR("r1"), body, a); /* a row that somebody has spoilt */
    if (fal->read_models(&in, a, names, 4, &n, &err) == OK)
        assert(n == 0);
    return 0;
}
