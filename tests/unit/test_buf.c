/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void bytes_go_in_behind_and_out_in_front(void **state)
{
    struct buf b = BUF_INIT(1 << 20);
    size_t in = 0, out = 0;
    (void)state;
    /* More goes through than the cap would hold at once, in uneven steps. */
    while (out < 3u << 20) {
        char bytes[777];
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)(in++ % 251);
        assert_true(buf_add(&b, (struct str){bytes, sizeof(bytes)}));
        size_t n = buf_len(&b) > 5000 ? 4999 : 0;
        for (size_t i = 0; i < n; i++)
            assert_true(buf_str(&b).p[i] == (char)(out++ % 251));
        buf_take(&b, n);
        assert_int_equal(buf_len(&b), in - out);
    }
    assert_true(b.size < 64 * 1024);
    buf_release(&b);
}

static void the_cap_holds_and_marks(void **state)
{
    struct buf b = BUF_INIT(10);
    (void)state;
    assert_true(buf_add(&b, STR("0123456789")));
    assert_false(buf_failed(&b));
    assert_false(buf_add_char(&b, 'x'));
    assert_true(buf_failed(&b));
    buf_take(&b, 10);
    assert_false(buf_add(&b, STR("a"))); /* one check at the end is enough */
    buf_reset(&b);
    assert_true(buf_add(&b, STR("a")));
    assert_true(str_eq(buf_str(&b), STR("a")));
    assert_null(buf_reserve(&b, SIZE_MAX));
    buf_release(&b);
    assert_int_equal(buf_len(&b), 0);
    assert_true(buf_add(&b, STR("again")));
    buf_release(&b);
}

static void room_freed_in_front_is_used_again(void **state)
{
    struct buf b = BUF_INIT(8);
    (void)state;
    assert_true(buf_add(&b, STR("abcdefgh")));
    buf_take(&b, 6);
    assert_true(buf_add(&b, STR("ijklmn")));
    assert_true(str_eq(buf_str(&b), STR("ghijklmn")));
    buf_take(&b, 100);
    assert_int_equal(buf_len(&b), 0);
    buf_release(&b);
}

static void a_writer_may_use_the_room_itself(void **state)
{
    struct buf b = BUF_INIT(100);
    (void)state;
    char *room = buf_reserve(&b, 50);
    assert_non_null(room);
    memcpy(room, "xyz", 3);
    buf_commit(&b, 3);
    assert_true(str_eq(buf_str(&b), STR("xyz")));
    buf_release(&b);
}

static void text_is_formatted(void **state)
{
    struct buf b = BUF_INIT(1000);
    (void)state;
    assert_true(buf_addf(&b, "%s=%d;", "a", 5));
    assert_true(buf_addf(&b, "%300s", "x"));
    assert_int_equal(buf_len(&b), 304);
    assert_true(str_starts(buf_str(&b), STR("a=5; ")));
    assert_false(buf_addf(&b, "%2000s", "x"));
    assert_true(buf_failed(&b));
    buf_release(&b);
}

static void an_empty_one_gives_an_empty_view(void **state)
{
    struct buf b = BUF_INIT(0);
    (void)state;
    assert_non_null(buf_str(&b).p);
    assert_int_equal(buf_str(&b).n, 0);
    assert_true(buf_add(&b, STR("")));
    assert_false(buf_add(&b, STR("x")));
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_in_behind_and_out_in_front),
        cmocka_unit_test(the_cap_holds_and_marks),
        cmocka_unit_test(room_freed_in_front_is_used_again),
        cmocka_unit_test(a_writer_may_use_the_room_itself),
        cmocka_unit_test(text_is_formatted),
        cmocka_unit_test(an_empty_one_gives_an_empty_view),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
