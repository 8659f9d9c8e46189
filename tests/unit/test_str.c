/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

static void equality_is_by_bytes(void **state)
{
    (void)state;
    assert_true(str_eq(STR("a\0b"), STR("a\0b")));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_true(str_eq(STR_NONE, STR("")));
    assert_true(str_eq_ci(STR("Content-LENGTH"), STR("content-length")));
    assert_false(str_eq_ci(STR("[a"), STR("{a"))); /* apart by 0x20, yet no letters */
    assert_false(str_eq_ci(STR("\xc3\x84"), STR("\xc3\xa4")));
    assert_true(str_of(NULL).p == NULL && str_of(NULL).n == 0);
}

static void order_is_lexicographic(void **state)
{
    (void)state;
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("ab"), STR("a")) > 0);
    assert_true(str_cmp(STR(""), STR_NONE) == 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
}

static void beginnings_and_ends_are_found(void **state)
{
    (void)state;
    assert_true(str_starts(STR("abc"), STR("ab")) && str_starts(STR("a"), STR("")));
    assert_false(str_starts(STR("a"), STR("ab")));
    assert_true(str_ends(STR("abc"), STR("bc")) && !str_ends(STR("c"), STR("bc")));
    assert_int_equal(str_find(STR("hello"), STR("l")), 2);
    assert_int_equal(str_find(STR("hello"), STR("lo")), 3);
    assert_int_equal(str_find(STR("hello"), STR("low")), -1);
    assert_int_equal(str_find(STR_NONE, STR("x")), -1);
    assert_int_equal(str_find(STR("x"), STR("")), 0);
    assert_int_equal(str_find_char(STR("a,b"), ','), 1);
    assert_int_equal(str_find_ci(STR("Task Not Found"), STR("not found")), 5);
    assert_int_equal(str_find_ci(STR("hello"), STR("LOW")), -1);
    assert_int_equal(str_find_ci(STR("lo"), STR("low")), -1);
    assert_int_equal(str_find_ci(STR("x"), STR("")), 0);
    assert_false(str_has_char(STR_NONE, 'x'));
}

static void slices_are_clamped(void **state)
{
    (void)state;
    assert_true(str_eq(str_from(STR("abc"), 1), STR("bc")));
    assert_int_equal(str_from(STR("abc"), 9).n, 0);
    assert_true(str_eq(str_to(STR("abc"), 2), STR("ab")));
    assert_int_equal(str_to(STR("abc"), 9).n, 3);
    assert_int_equal(str_from(STR_NONE, 3).n, 0);
    assert_true(str_eq(str_trim(STR(" \t a b\t ")), STR("a b")));
    assert_int_equal(str_trim(STR(" \t ")).n, 0);
    assert_true(str_eq(str_trim(STR("\r\na")), STR("\r\na")));
}

static void cutting_walks_a_list(void **state)
{
    struct str list = STR("a,,b");
    (void)state;
    assert_true(str_eq(str_cut(&list, ','), STR("a")));
    assert_int_equal(str_cut(&list, ',').n, 0);
    assert_non_null(list.p);
    assert_true(str_eq(str_cut(&list, ','), STR("b")));
    assert_null(list.p);
    assert_null(str_cut(&list, ',').p);
}

static void numbers_are_decimal_and_in_range(void **state)
{
    uint64_t u = 7;
    int64_t i = 7;
    (void)state;
    assert_true(str_to_u64(STR("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(str_to_u64(STR("18446744073709551616"), &u));
    assert_false(str_to_u64(STR("99999999999999999999"), &u));
    assert_true(u == UINT64_MAX); /* untouched */
    assert_true(str_to_u64(STR("007"), &u) && u == 7);
    assert_true(str_to_i64(STR("9223372036854775807"), &i) && i == INT64_MAX);
    assert_false(str_to_i64(STR("9223372036854775808"), &i));
    assert_true(str_to_i64(STR("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_false(str_to_i64(STR("-9223372036854775809"), &i));
    assert_true(str_to_i64(STR("-0"), &i) && i == 0);
    static const char *const bad[] = {"", "-", "+1", " 1", "1 ", "0x1", "1.0", "--1", "1e3"};
    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        assert_false(str_to_i64(str_of(bad[k]), &i));
        assert_false(str_to_u64(str_of(bad[k]), &u));
    }
}

static void hashes_differ(void **state)
{
    (void)state;
    assert_true(str_hash(STR("a")) != str_hash(STR("b")));
    assert_true(str_hash(STR("ab")) != str_hash(STR("ba")));
    assert_true(str_hash(STR("")) == str_hash(STR_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_is_by_bytes),
        cmocka_unit_test(order_is_lexicographic),
        cmocka_unit_test(beginnings_and_ends_are_found),
        cmocka_unit_test(slices_are_clamped),
        cmocka_unit_test(cutting_walks_a_list),
        cmocka_unit_test(numbers_are_decimal_and_in_range),
        cmocka_unit_test(hashes_differ),
    };
    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
