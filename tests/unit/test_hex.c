/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"

static void hex_goes_both_ways(void **state)
{
    char text[9], bytes[4];
    (void)state;
    hex_encode("\x00\x7f\x80\xff", 4, text);
    assert_string_equal(text, "007f80ff");
    assert_true(hex_decode(STR("007F80fF"), bytes));
    assert_memory_equal(bytes, "\x00\x7f\x80\xff", 4);
    assert_true(hex_decode(STR(""), bytes));
    assert_false(hex_decode(STR("abc"), bytes));
    assert_false(hex_decode(STR("0g"), bytes));
    assert_false(hex_decode(STR("0\x01"), bytes));
}

static void assert_base64(struct str bytes, const char *standard, const char *url)
{
    struct buf out = BUF_INIT(1000), back = BUF_INIT(1000);
    assert_true(base64_encode(&out, bytes, false));
    assert_true(str_eq(buf_str(&out), str_of(standard)));
    buf_reset(&out);
    assert_true(base64_encode(&out, bytes, true));
    assert_true(str_eq(buf_str(&out), str_of(url)));
    assert_true(base64_decode(&back, str_of(standard)));
    assert_true(str_eq(buf_str(&back), bytes));
    buf_reset(&back);
    assert_true(base64_decode(&back, str_of(url)));
    assert_true(str_eq(buf_str(&back), bytes));
    buf_release(&out);
    buf_release(&back);
}

/* RFC 4648 section 10, and the letters in which the alphabets differ. */
static void base64_goes_both_ways(void **state)
{
    (void)state;
    assert_base64(STR(""), "", "");
    assert_base64(STR("f"), "Zg==", "Zg");
    assert_base64(STR("fo"), "Zm8=", "Zm8");
    assert_base64(STR("foo"), "Zm9v", "Zm9v");
    assert_base64(STR("foob"), "Zm9vYg==", "Zm9vYg");
    assert_base64(STR("foobar"), "Zm9vYmFy", "Zm9vYmFy");
    assert_base64(STR("\xfb\xff\xfe"), "+//+", "-__-");
}

static void broken_base64_is_refused(void **state)
{
    static const char *const bad[] = {
        "A",     "=",     "====",   "Zg=",  "Zg===",    "Z===",
        "Zm9v=", "Zm 8=", "Zm8=\n", "Z*==", "Zg==Zg==", "\xff\xff\xff\xff"};
    struct buf out = BUF_INIT(1000);
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (base64_decode(&out, str_of(bad[i])))
            fail_msg("accepted: %s", bad[i]);
    }
    assert_int_equal(buf_len(&out), 0);
    buf_release(&out);
}

static void the_cap_of_the_buffer_holds(void **state)
{
    struct buf out = BUF_INIT(3);
    (void)state;
    assert_false(base64_encode(&out, STR("foo"), false));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(base64_goes_both_ways),
        cmocka_unit_test(broken_base64_is_refused),
        cmocka_unit_test(the_cap_of_the_buffer_holds),
    };
    return cmocka_run_group_tests_name("hex", tests, NULL, NULL);
}
