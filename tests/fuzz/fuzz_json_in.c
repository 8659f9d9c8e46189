/* SPDX-License-Identifier: Apache-2.0 */
/* What the JSON reader takes it can write, and reads the same again; it is UTF-8 and no
 * deeper than promised, and every way to ask it answers. */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "platform/json_in.h"

enum { DEPTH_MAX = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_scalar(struct json j)
{
    struct str text = json_str_or(j, STR_NONE);
    int kinds = json_is_object(j) + json_is_array(j) + json_is_string(j) + json_is_number(j) +
                json_is_bool(j) + json_is_null(j);

    assert(kinds == 1 && !json_is_absent(j));
    assert(!json_is_int(j) || json_is_number(j));
    assert(json_is_string(j) == (text.p != NULL));
    assert(utf8_valid(text));
    json_int_or(j, 7);
    json_real_or(j, 0.5);
    json_bool_or(j, true);
}

static void walk(struct json j, int depth)
{
    assert(depth <= DEPTH_MAX);
    check_scalar(j);
    for (size_t i = 0; i < json_size(j); i++) {
        struct str key = STR_NONE;
        if (json_is_array(j)) {
            walk(json_at(j, i), depth + 1);
            continue;
        }
        walk(json_member(j, i, &key), depth + 1);
        assert(key.p && utf8_valid(key));
    }
    assert(json_is_absent(json_at(j, json_size(j))));
}

/* Whatever a caller needs of a body, it has it or a reason. */
static void ask(struct json root)
{
    static const char *const words[] = {"a", "b", NULL};
    struct str text;
    struct err err;
    int64_t number = 5;
    bool flag = false;
    int word = 0;

    if (json_need_object(root, &err) != OK)
        return;
    if (json_field_str(root, "a", JSON_REQUIRED, 1, 10, &text, &err) == OK)
        assert(text.n >= 1 && text.n <= 40);
    else
        assert(err.code[0] && err.status == E_INVALID);
    if (json_field_int(root, "a", JSON_OPTIONAL, 3, 9, &number, &err) == OK)
        assert(number >= 3 && number <= 9);
    json_field_bool(root, "a", JSON_OPTIONAL, &flag, &err);
    if (json_field_word(root, "a", JSON_OPTIONAL, words, &word, &err) == OK)
        assert(word >= 0 && word <= 1);
}

static struct json_doc *read_again(struct str text)
{
    struct json_doc *doc = NULL;
    struct err err;
    assert(json_parse(text, &doc, &err) == OK);
    return doc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str in = {(const char *)data, size};
    struct json_doc *doc = NULL;
    struct str once, twice;
    struct err err;

    if (json_parse(in, &doc, &err) != OK) {
        assert(!doc && err.status == E_INVALID);
        return 0;
    }
    assert(utf8_valid(in));
    walk(json_root(doc), 0);
    ask(json_root(doc));
    assert(json_dump(json_root(doc), &once));
    struct json_doc *again = read_again(once);
    assert(json_dump(json_root(again), &twice));
    assert(str_eq(once, twice));
    free((void *)(uintptr_t)once.p);
    free((void *)(uintptr_t)twice.p);
    json_doc_free(doc);
    json_doc_free(again);
    return 0;
}
