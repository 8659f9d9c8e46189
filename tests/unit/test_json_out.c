/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "base/json_out.h"
#include "platform/json_in.h"

static struct buf out = BUF_INIT(100000);
static struct json_out j;

static void begin(size_t cap)
{
    buf_release(&out);
    buf_init(&out, cap);
    json_out_init(&j, &out);
}

static void assert_written(const char *expected)
{
    assert_false(buf_failed(&out));
    assert_true(buf_add_char(&out, '\0'));
    assert_string_equal(buf_str(&out).p, expected);
}

static void commas_and_quotes_are_its_business(void **state)
{
    (void)state;
    begin(10000);
    json_object(&j);
    json_kv_int(&j, "i", INT64_MIN);
    json_key(&j, "list");
    json_array(&j);
    json_int(&j, 1);
    json_object(&j);
    json_object_end(&j);
    json_array(&j);
    json_array_end(&j);
    json_real(&j, 2.5);
    json_bool(&j, false);
    json_null(&j);
    json_raw(&j, STR("{\"raw\":1}"));
    json_array_end(&j);
    json_kv_z(&j, "z", NULL);
    json_kv_str_or_null(&j, "n", STR_NONE);
    json_kv_str(&j, "s", STR_NONE);
    json_kv_bool(&j, "t", true);
    json_kv_null(&j, "null");
    json_kv_time(&j, "at", 1795335330123);
    json_kv_time(&j, "never", 0);
    json_object_end(&j);
    assert_written("{\"i\":-9223372036854775808,\"list\":[1,{},[],2.5,false,null,{\"raw\":1}],"
                   "\"z\":null,\"n\":null,\"s\":\"\",\"t\":true,\"null\":null,"
                   "\"at\":\"2026-11-22T08:15:30.123Z\",\"never\":null}");
}

static void text_is_escaped(void **state)
{
    (void)state;
    begin(10000);
    json_str(&j, STR("\"\\/\b\f\n\r\t\x01\x7f\0"
                     "\xc3\xa9\xf0\x9f\x98\x80"));
    assert_written("\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u007f\\u0000\xc3\xa9\xf0\x9f\x98\x80\"");
}

static void broken_text_still_parses(void **state)
{
    struct json_doc *doc = NULL;
    struct err err;
    (void)state;
    begin(10000);
    json_array(&j);
    json_str(&j, STR("a\xff\xc3(\xed\xa0\x80\xf0\x9f"));
    json_array_end(&j);
    assert_int_equal(json_parse(buf_str(&out), &doc, &err), OK);
    struct str text = json_str_or(json_at(json_root(doc), 0), STR_NONE);
    assert_true(str_starts(text, STR("a\xef\xbf\xbd\xef\xbf\xbd(")));
    json_doc_free(doc);
}

static void numbers_that_are_none_become_null(void **state)
{
    (void)state;
    begin(10000);
    json_array(&j);
    json_real(&j, NAN);
    json_real(&j, INFINITY);
    json_real(&j, 0.1);
    json_real(&j, 1e300);
    json_array_end(&j);
    assert_written("[null,null,0.1,1e+300]");
}

static void past_the_cap_it_says_so(void **state)
{
    (void)state;
    begin(20);
    json_object(&j);
    json_kv_z(&j, "key", "a value that is too long for it");
    json_object_end(&j);
    assert_true(buf_failed(&out));
}

static void past_its_depth_it_fails(void **state)
{
    (void)state;
    begin(10000);
    for (int i = 0; i < JSON_OUT_DEPTH - 1; i++)
        json_array(&j);
    assert_false(buf_failed(&out));
    json_array(&j);
    assert_true(buf_failed(&out));
    for (int i = 0; i < JSON_OUT_DEPTH + 5; i++)
        json_array_end(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_quotes_are_its_business),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(broken_text_still_parses),
        cmocka_unit_test(numbers_that_are_none_become_null),
        cmocka_unit_test(past_the_cap_it_says_so),
        cmocka_unit_test(past_its_depth_it_fails),
    };
    int failed = cmocka_run_group_tests_name("json_out", tests, NULL, NULL);
    buf_release(&out);
    return failed;
}
