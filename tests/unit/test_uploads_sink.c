/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "service/uploads_impl.h"

static void a_key_that_finds_no_memory_is_refused(void **state)
{
    struct str user = STR("8c2f7a60-0000-4000-8000-000000000001"), key = STR_NONE;
    struct err err = {0};
    (void)state;
    for (size_t cap = 16; cap <= 4096; cap *= 4) {
        struct upload u = {.wish.sub_type = UPLOAD_OC_GALLERY, .user_uuid = user};
        u.arena = arena_new(cap);
        enum status status = upload_key(&u, "image/png", u.arena, &key, &err);
        if (cap <= 64) {
            assert_int_equal(status, E_NO_MEMORY);
            assert_string_equal(err.code, "overloaded");
        } else if (cap == 4096) {
            assert_int_equal(status, OK);
            assert_true(str_starts(key, STR("uploads/8c2f7a60-")));
        }
        arena_free(u.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[UP-7] an upload whose key finds no memory is refused",
         a_key_that_finds_no_memory_is_refused, NULL, NULL, NULL},
    };
    struct err err = {0};
    assert_int_equal(crypto_init(&err), OK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
