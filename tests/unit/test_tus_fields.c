/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tus_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"

static void metadata_is_read_by_name(void **state)
{
    static const char field[] = "filename d29ybGQucG5n,is_public, sub_type b2MtZ2FsbGVyeQ==";
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(64);
    (void)state;
    assert_true(tus_metadata_is_valid(str_of(field)));
    assert_true(tus_metadata_get(str_of(field), STR("filename"), &out));
    assert_true(str_eq(buf_str(&out), STR("world.png")));
    buf_reset(&out);
    assert_true(tus_metadata_get(str_of(field), STR("sub_type"), &out));
    assert_true(str_eq(buf_str(&out), STR("oc-gallery")));
    buf_reset(&out);
    assert_true(tus_metadata_get(str_of(field), STR("is_public"), &out));
    assert_int_equal(buf_len(&out), 0);
    assert_false(tus_metadata_get(str_of(field), STR("type"), &out));
    assert_false(tus_metadata_get(STR_NONE, STR("type"), &out));
}

static void metadata_that_two_could_read_differently_is_refused(void **state)
{
    static const char *const bad[] = {
        "a YQ==,a Yg==", "a YQ==,,b YQ==", " ,a",           "a YQ==,", "a !",
        "a  YQ== YQ==",  "\x01 YQ==",      "\xc3\xa4 YQ==", ",",
    };
    (void)state;
    assert_true(tus_metadata_is_valid(STR_NONE));
    assert_true(tus_metadata_is_valid(STR("")));
    assert_true(tus_metadata_is_valid(STR("a")));
    assert_true(tus_metadata_is_valid(STR("a YQ==,b YQ")));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(tus_metadata_is_valid(str_of(bad[i])));
}

static void metadata_longer_than_there_is_room_for_is_not_read(void **state)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(4);
    (void)state;
    assert_false(tus_metadata_get(STR("filename d29ybGQucG5n"), STR("filename"), &out));
}

static void a_checksum_has_a_name_and_bytes(void **state)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(64);
    struct str name;
    (void)state;
    assert_true(tus_checksum_read(STR("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="), &name, &out));
    assert_true(str_eq(name, STR("sha1")));
    assert_int_equal(buf_len(&out), 20);
    assert_false(tus_checksum_read(STR("sha1"), &name, &out));
    assert_false(tus_checksum_read(STR("sha1 "), &name, &out));
    assert_false(tus_checksum_read(STR(" Kq5s"), &name, &out));
    assert_false(tus_checksum_read(STR("sha1 %%"), &name, &out));
}

static void numbers_are_digits(void **state)
{
    static const char *const bad[] = {"",   "-1", "+1",  "1e3",
                                      " 1", "1 ", "0x1", "9223372036854775808"};
    int64_t n;
    (void)state;
    assert_true(tus_number_read(STR("0"), &n) && n == 0);
    assert_true(tus_number_read(STR("9223372036854775807"), &n) && n == INT64_MAX);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(tus_number_read(str_of(bad[i]), &n));
    assert_false(tus_number_read(STR_NONE, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_is_read_by_name),
        cmocka_unit_test(metadata_that_two_could_read_differently_is_refused),
        cmocka_unit_test(metadata_longer_than_there_is_room_for_is_not_read),
        cmocka_unit_test(a_checksum_has_a_name_and_bytes),
        cmocka_unit_test(numbers_are_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
