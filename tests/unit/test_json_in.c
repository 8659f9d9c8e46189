/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "platform/json_in.h"

static struct err err;

static struct json_doc *parse(struct str text)
{
    struct json_doc *doc = NULL;
    if (json_parse(text, &doc, &err) != OK)
        fail_msg("%.*s: %s (%s)", STR_ARG(text), err.text, err.detail);
    return doc;
}

static void assert_refused(struct str text)
{
    struct json_doc *doc = NULL;
    if (json_parse(text, &doc, &err) == OK)
        fail_msg("accepted: %.*s", STR_ARG(text));
    assert_null(doc);
    assert_int_equal(err.status, E_INVALID);
    assert_string_equal(err.code, "invalid_json");
}

static void every_kind_of_value_is_read(void **state)
{
    (void)state;
    struct json_doc *doc = parse(STR("{\"s\":\"h\\u00e9\",\"i\":-7,\"r\":2.5,\"t\":true,"
                                     "\"n\":null,\"a\":[1,[2],{}],\"o\":{\"z\":1,\"a\":2}}"));
    struct json root = json_root(doc);
    assert_true(json_is_object(root) && json_size(root) == 7);
    assert_true(str_eq(json_str_or(json_get(root, "s"), STR_NONE), STR("h\xc3\xa9")));
    assert_int_equal(json_int_or(json_get(root, "i"), 0), -7);
    assert_true(json_real_or(json_get(root, "r"), 0) == 2.5);
    assert_true(json_real_or(json_get(root, "i"), 0) == -7.0);
    assert_true(json_bool_or(json_get(root, "t"), false));
    assert_true(json_is_null(json_get(root, "n")) && !json_is_absent(json_get(root, "n")));
    assert_true(json_is_absent(json_get(root, "x")) && !json_is_null(json_get(root, "x")));
    struct json list = json_get(root, "a");
    assert_true(json_is_array(list) && json_size(list) == 3);
    assert_int_equal(json_int_or(json_at(json_at(list, 1), 0), 0), 2);
    assert_true(json_is_absent(json_at(list, 3)));
    json_doc_free(doc);
}

static void what_is_absent_gives_the_fallback(void **state)
{
    struct json none = {NULL};
    (void)state;
    assert_true(str_eq(json_str_or(none, STR("d")), STR("d")));
    assert_int_equal(json_int_or(none, 5), 5);
    assert_true(json_bool_or(none, true));
    assert_true(json_real_or(none, 1.5) == 1.5);
    assert_int_equal(json_size(none), 0);
    assert_true(json_is_absent(json_get(none, "a")) && json_is_absent(json_at(none, 0)));
    struct json_doc *doc = parse(STR("[\"1\", 1.5, 1e3, 9007199254740993.0, 1e300]"));
    struct json list = json_root(doc);
    assert_int_equal(json_int_or(json_at(list, 0), -1), -1);
    assert_int_equal(json_int_or(json_at(list, 1), -1), -1);
    assert_int_equal(json_int_or(json_at(list, 2), -1), 1000);
    assert_int_equal(json_int_or(json_at(list, 4), -1), -1);
    json_doc_free(doc);
}

static void members_keep_their_order(void **state)
{
    static const char *const keys[] = {"z", "a", "m"};
    (void)state;
    struct json_doc *doc = parse(STR("{\"z\":0,\"a\":1,\"m\":2}"));
    for (size_t i = 0; i < 3; i++) {
        struct str key;
        struct json value = json_member(json_root(doc), i, &key);
        assert_true(str_eq(key, str_of(keys[i])));
        assert_int_equal(json_int_or(value, -1), i);
    }
    struct str untouched = STR("u");
    assert_true(json_is_absent(json_member(json_root(doc), 3, &untouched)));
    assert_string_equal(untouched.p, "u");
    json_doc_free(doc);
}

static void anything_but_strict_json_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "{",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "{'a':1}",
                                      "[01]",
                                      "[1.]",
                                      "[.5]",
                                      "[+1]",
                                      "nul",
                                      "[NaN]",
                                      "[1] x",
                                      "[1][2]",
                                      "// c\n1",
                                      "[\"\t\"]",
                                      "{\"a\":1,\"a\":2}",
                                      "{a:1}",
                                      "[\"\\x\"]",
                                      "\"\\ud800\"",
                                      "\"\xff\"",
                                      "\"\xc0\xaf\"",
                                      "\"\xed\xa0\x80\"",
                                      "[9223372036854775808]",
                                      "[-9223372036854775809]",
                                      "[1e999]",
                                      "\"\\u0000\"",
                                      "\xef\xbb\xbf{}"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused(str_of(bad[i]));
    assert_refused(STR("{}\0"));
    assert_refused(STR_NONE);
}

static void a_nul_byte_is_refused_wherever_it_stands(void **state)
{
    static const struct str bad[] = {STR("{\"a\":false\0}"), STR("[1\0]"), STR("[1,\0 2]"),
                                     STR("\"a\0\""), STR("1\0")};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_refused(bad[i]);
}

static void the_place_of_the_fault_is_named(void **state)
{
    (void)state;
    assert_refused(STR("{\n  \"a\": oops\n}"));
    assert_non_null(strstr(err.text, "line 2"));
}

static void whole_numbers_of_64_bits_are_exact(void **state)
{
    (void)state;
    struct json_doc *doc = parse(STR("[9223372036854775807,-9223372036854775808]"));
    assert_true(json_int_or(json_at(json_root(doc), 0), 0) == INT64_MAX);
    assert_true(json_int_or(json_at(json_root(doc), 1), 0) == INT64_MIN);
    json_doc_free(doc);
}

static struct str nested(size_t depth, char *out)
{
    memset(out, '[', depth);
    memset(out + depth, ']', depth);
    return (struct str){out, 2 * depth};
}

static void depth_is_limited(void **state)
{
    static char text[400000];
    (void)state;
    json_doc_free(parse(nested(32, text)));
    assert_refused(nested(33, text));
    assert_non_null(strstr(err.text, "32"));
    assert_refused(nested(200000, text));
    json_doc_free(parse(STR("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\",{}]")));
}

static const char *const words[] = {"video", "image", "sound", NULL};

static void fields_are_checked_and_named(void **state)
{
    struct str s = STR("before");
    int64_t n = 5;
    bool b = false;
    int word = -1;
    (void)state;
    struct json_doc *doc = parse(STR("{\"s\":\"\xe4\xbd\xa0\xe5\xa5\xbd\",\"n\":3,\"b\":true,"
                                     "\"w\":\"image\",\"null\":null}"));
    struct json o = json_root(doc);
    assert_int_equal(json_field_str(o, "s", JSON_REQUIRED, 1, 2, &s, &err), OK);
    assert_int_equal(s.n, 6); /* two characters */
    assert_int_equal(json_field_str(o, "s", JSON_REQUIRED, 3, 9, &s, &err), E_INVALID);
    assert_string_equal(err.field, "s");
    assert_string_equal(err.code, "invalid_field");
    assert_string_equal(err.text, "s must be a string of 3 to 9 characters");
    assert_int_equal(json_field_str(o, "n", JSON_REQUIRED, 0, 9, &s, &err), E_INVALID);
    assert_int_equal(json_field_int(o, "n", JSON_REQUIRED, 1, 3, &n, &err), OK);
    assert_int_equal(n, 3);
    assert_int_equal(json_field_int(o, "n", JSON_REQUIRED, 4, 9, &n, &err), E_INVALID);
    assert_string_equal(err.text, "n must be a whole number from 4 to 9");
    assert_int_equal(json_field_int(o, "s", JSON_REQUIRED, 4, 9, &n, &err), E_INVALID);
    assert_int_equal(json_field_bool(o, "b", JSON_REQUIRED, &b, &err), OK);
    assert_true(b);
    assert_int_equal(json_field_bool(o, "n", JSON_REQUIRED, &b, &err), E_INVALID);
    assert_int_equal(json_field_word(o, "w", JSON_REQUIRED, words, &word, &err), OK);
    assert_int_equal(word, 1);
    assert_int_equal(json_field_word(o, "s", JSON_REQUIRED, words, &word, &err), E_INVALID);
    assert_string_equal(err.text, "s must be one of: video, image or sound");
    json_doc_free(doc);
}

static void an_optional_field_may_be_missing(void **state)
{
    struct str s = STR("before");
    int64_t n = 5;
    int word = 2;
    bool b = true;
    (void)state;
    struct json_doc *doc = parse(STR("{\"s\":null}"));
    struct json o = json_root(doc);
    assert_int_equal(json_field_str(o, "s", JSON_OPTIONAL, 1, 2, &s, &err), OK);
    assert_int_equal(json_field_int(o, "n", JSON_OPTIONAL, 1, 2, &n, &err), OK);
    assert_int_equal(json_field_bool(o, "b", JSON_OPTIONAL, &b, &err), OK);
    assert_int_equal(json_field_word(o, "w", JSON_OPTIONAL, words, &word, &err), OK);
    assert_true(str_eq(s, STR("before")) && n == 5 && b && word == 2);
    assert_true(json_is_null(json_get(o, "s")));
    assert_false(json_is_null(json_get(o, "n")));
    assert_int_equal(json_field_str(o, "s", JSON_REQUIRED, 1, 2, &s, &err), E_INVALID);
    assert_string_equal(err.code, "missing_field");
    assert_string_equal(err.text, "s is required");
    json_doc_free(doc);
}

static void a_body_must_be_an_object(void **state)
{
    (void)state;
    struct json_doc *list = parse(STR("[]")), *object = parse(STR(" {} "));
    assert_int_equal(json_need_object(json_root(list), &err), E_INVALID);
    assert_int_equal(json_need_object(json_root(object), &err), OK);
    json_doc_free(list);
    json_doc_free(object);
}

/* "[1,1,…]": each value of two bytes would be one of forty in memory. */
static void the_number_of_values_is_limited(void **state)
{
    enum { MOST = 1000000 };
    _cleanup_free_ char *text = mem_calloc(1, 2 * MOST + 3);
    struct json_doc *doc = NULL;
    (void)state;
    for (size_t i = 0; i < MOST + 1; i++)
        memcpy(text + 2 * i, i ? ",1" : "[1", 2);
    text[2 * MOST] = ']';
    assert_int_equal(json_parse((struct str){text, 2 * MOST + 1}, &doc, &err), OK);
    assert_int_equal(json_size(json_root(doc)), MOST);
    json_doc_free(doc);
    memcpy(text + 2 * MOST, ",1]", 3);
    assert_int_equal(json_parse((struct str){text, 2 * MOST + 3}, &doc, &err), E_INVALID);
    assert_string_equal(err.code, "invalid_json");
}

static void a_value_can_be_written_again(void **state)
{
    struct str text;
    (void)state;
    struct json_doc *doc = parse(STR("{ \"a\" : [ 1 , \"x\\n\" , null ] }"));
    assert_true(json_dump(json_root(doc), &text));
    assert_string_equal(text.p, "{\"a\":[1,\"x\\n\",null]}");
    free((char *)(uintptr_t)text.p);
    assert_false(json_dump((struct json){NULL}, &text));
    json_doc_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(what_is_absent_gives_the_fallback),
        cmocka_unit_test(members_keep_their_order),
        cmocka_unit_test(anything_but_strict_json_is_refused),
        cmocka_unit_test(a_nul_byte_is_refused_wherever_it_stands),
        cmocka_unit_test(the_place_of_the_fault_is_named),
        cmocka_unit_test(whole_numbers_of_64_bits_are_exact),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(the_number_of_values_is_limited),
        cmocka_unit_test(fields_are_checked_and_named),
        cmocka_unit_test(an_optional_field_may_be_missing),
        cmocka_unit_test(a_body_must_be_an_object),
        cmocka_unit_test(a_value_can_be_written_again),
    };
    return cmocka_run_group_tests_name("json_in", tests, NULL, NULL);
}
