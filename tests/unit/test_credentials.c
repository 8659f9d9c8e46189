/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "service/credentials.h"

static bool email_is_fine(struct arena *a, const char *text, const char *canonical)
{
    struct str ret;
    struct err err = {0};
    if (credentials_email(str_of(text), a, &ret, &err) != OK) {
        assert_string_equal(err.code, "invalid_email");
        assert_string_equal(err.field, "email");
        return false;
    }
    assert_true(str_eq(ret, str_of(canonical)));
    return true;
}

static void addresses_are_read(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 16);
    (void)state;
    assert_true(email_is_fine(a, " Ann.B+x@Example.COM ", "ann.b+x@example.com"));
    assert_true(email_is_fine(a, "admin@localhost", "admin@localhost"));
    static const char *const bad[] = {
        "",       "ann",     "@example.com",    "ann@",         "ann@@example.com",
        "a b@c",  "a@b..c",  "a..b@c.d",        ".a@b.c",       "a.@b.c",
        "a@-b.c", "a@b_c.d", "a@b.c\nBcc: d@e", "\"a b\"@c.de", "ann@exämple.com"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(email_is_fine(a, bad[i], ""));
}

static void long_ones_are_refused(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 16);
    char text[300];
    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text + 64, "@", 1);
    for (int i = 65 + 40; i < 254; i += 40)
        text[i] = '.';
    text[254] = '\0';
    assert_true(email_is_fine(a, text, text));
    text[254] = 'a';
    text[255] = '\0';
    assert_false(email_is_fine(a, text, ""));
}

static void passwords_have_bounds(void **state)
{
    char text[257];
    (void)state;
    memset(text, 'p', sizeof(text));
    assert_int_equal(credentials_password((struct str){text, 7}, "password", NULL), E_INVALID);
    assert_int_equal(credentials_password((struct str){text, 8}, "password", NULL), OK);
    assert_int_equal(credentials_password((struct str){text, 256}, "password", NULL), OK);
    assert_int_equal(credentials_password((struct str){text, 257}, "password", NULL), E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[ID-1] an e-mail address is checked and lower-cased", addresses_are_read, NULL, NULL,
         NULL},
        {"[ID-1] an e-mail address has at most 254 bytes", long_ones_are_refused, NULL, NULL, NULL},
        {"[ID-1] a password has 8 to 256 bytes", passwords_have_bounds, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
