/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* dialect_world — what the tests of dialects share: a target, and the documented answers of
 * other servers from tests/fixtures/upstreams (each with what it has to be read as). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dialect/dialect.h"
#include "platform/file.h"
#include "platform/json_in.h"

struct world {
    struct arena *arena;
    struct dialect_target target;
    struct err err;
};

static inline int world_open(void **state)
{
    struct world *w = mem_zalloc(sizeof(*w));
    w->arena = arena_new(64 << 20);
    assert_int_equal(url_parse(STR("https://up.example/api"), w->arena, &w->target.base, &w->err),
                     OK);
    w->target.credential = STR("sk-upstream");
    *state = w;
    return 0;
}

static inline int world_close(void **state)
{
    struct world *w = *state;
    arena_free(w->arena);
    free(w);
    return 0;
}

static inline void expect_str(struct str got, const char *wanted)
{
    char text[2048];
    snprintf(text, sizeof(text), "%.*s", STR_ARG(got));
    assert_string_equal(text, wanted);
}

/* Calls fn for every answer of a fixture. */
static inline void each_answer(struct world *w, const char *name,
                               void (*fn)(struct world *w, struct json answer))
{
    struct json_doc *doc;
    struct str text;
    char path[256];
    snprintf(path, sizeof(path), "tests/fixtures/upstreams/%s.json", name);
    assert_int_equal(file_read(path, 1 << 20, w->arena, &text, &w->err), OK);
    assert_int_equal(json_parse(text, &doc, &w->err), OK);
    struct json answers = json_get(json_root(doc), "answers");
    assert_true(json_size(answers) > 0);
    for (size_t i = 0; i < json_size(answers); i++)
        fn(w, json_at(answers, i));
    json_doc_free(doc);
}

/* As it would come off the wire. */
static inline struct dialect_answer wire_answer(struct world *w, struct json answer)
{
    struct str dumped;
    assert_true(json_dump(json_get(answer, "body"), &dumped));
    struct str body = arena_str(w->arena, dumped);
    free((char *)dumped.p);
    return (struct dialect_answer){(int)json_int_or(json_get(answer, "status"), 0),
                                   STR("application/json"), body};
}
