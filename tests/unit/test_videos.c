/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dialect/dialect.h"

static struct arena *arena;
static struct err err;

/* What a submission's answer with an id of so many bytes comes to. */
static enum status submit_with_id(size_t length, struct dialect_outcome *ret)
{
    char *id = arena_alloc(arena, length + 1);
    memset(id, 'v', length);
    id[length] = '\0';
    const struct dialect_answer answer = {
        200, STR("application/json"),
        arena_printf(arena, "{\"id\":\"%s\",\"status\":\"queued\"}", id)};
    struct dialect_target target = {0};
    assert_int_equal(url_parse(STR("http://upstream.test"), arena, &target.base, &err), OK);
    return dialect_find(STR("videos"))->read_submit(&target, &answer, arena, ret, &err);
}

static void an_id_that_no_address_can_carry_is_refused_at_once(void **state)
{
    const struct dialect *videos = dialect_find(STR("videos"));
    struct dialect_target target = {0};
    struct dialect_outcome outcome;
    struct dialect_http http;
    (void)state;
    assert_int_equal(submit_with_id(0, &outcome), E_UPSTREAM);
    assert_int_equal(submit_with_id(9000, &outcome), E_UPSTREAM);
    assert_string_equal(err.code, "bad_answer");
    /* What is taken can be polled. */
    assert_int_equal(submit_with_id(512, &outcome), OK);
    assert_int_equal(url_parse(STR("http://upstream.test"), arena, &target.base, &err), OK);
    const struct dialect_task task = {outcome.task_id, outcome.ref};
    assert_int_equal(videos->build_poll(&target, &task, arena, &http, &err), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[ST-3] an id that no address can carry is refused at once, not polled for ever",
         an_id_that_no_address_can_carry_is_refused_at_once, NULL, NULL, NULL},
    };
    arena = arena_new(1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
