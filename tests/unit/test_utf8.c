/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static void valid_text_is_told_from_broken(void **state)
{
    static const char *const good[] = {"",
                                       "ascii",
                                       "\xc3\xa9",
                                       "\xe4\xbd\xa0\xe5\xa5\xbd",
                                       "\xf0\x9f\x98\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "\xc2\x80"};
    static const char *const bad[] = {"\x80",
                                      "\xc3",
                                      "\xc3(",
                                      "\xc0\xaf" /* overlong */,
                                      "\xc1\xbf",
                                      "\xe0\x80\xaf",
                                      "\xe0\x9f\xbf",
                                      "\xf0\x80\x80\xaf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xed\xa0\x80" /* surrogate */,
                                      "\xed\xbf\xbf",
                                      "\xf4\x90\x80\x80" /* past U+10FFFF */,
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "\xe4\xbd",
                                      "a\xf0\x9f\x98"};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(utf8_valid(str_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(utf8_valid(str_of(bad[i])));
    assert_true(utf8_valid(STR("a\0b")));
}

static void code_points_are_decoded(void **state)
{
    uint32_t c = 0;
    (void)state;
    assert_int_equal(utf8_decode(STR("\xf0\x9f\x98\x80!"), &c), 4);
    assert_int_equal(c, 0x1f600);
    assert_int_equal(utf8_decode(STR("\xe2\x82\xac"), &c), 3);
    assert_int_equal(c, 0x20ac);
    assert_int_equal(utf8_decode(STR("A"), &c), 1);
    assert_int_equal(c, 'A');
    assert_int_equal(utf8_decode(STR(""), &c), 0);
}

static void length_counts_code_points(void **state)
{
    (void)state;
    assert_int_equal(utf8_length(STR("")), 0);
    assert_int_equal(utf8_length(STR("a\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80")), 4);
}

static void a_prefix_never_splits(void **state)
{
    struct str s = STR("a\xe4\xbd\xa0\xe5\xa5\xbd");
    (void)state;
    static const size_t expected[] = {0, 1, 1, 1, 4, 4, 4, 7, 7};
    for (size_t max = 0; max < 9; max++) {
        struct str prefix = utf8_prefix(s, max);
        assert_int_equal(prefix.n, expected[max]);
        assert_true(utf8_valid(prefix));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_text_is_told_from_broken),
        cmocka_unit_test(code_points_are_decoded),
        cmocka_unit_test(length_counts_code_points),
        cmocka_unit_test(a_prefix_never_splits),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
