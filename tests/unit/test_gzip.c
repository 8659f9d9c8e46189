/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "platform/gzip.h"

enum { LENGTH = 300000 };

/* Text that repeats itself, or none that does. */
static void fill(char *bytes, size_t n, bool repeats)
{
    uint32_t x = 1;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = repeats ? "a list of records "[i % 18] : (char)(x >> 24);
    }
}

static void assert_unpacks(struct str packed, struct str bytes)
{
    static char back[LENGTH + 1];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)packed.p,
                  .avail_in = (uInt)packed.n,
                  .next_out = (Bytef *)back,
                  .avail_out = sizeof(back)};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    assert_int_equal(z.total_out, bytes.n);
    assert_memory_equal(back, bytes.p, bytes.n);
    inflateEnd(&z);
}

static void what_is_packed_unpacks(void **state)
{
    static char bytes[LENGTH];
    (void)state;
    for (int repeats = 0; repeats <= 1; repeats++) {
        fill(bytes, sizeof(bytes), repeats);
        static const size_t lengths[] = {0, 1, 1024, LENGTH};
        for (size_t i = 0; i < 4; i++) {
            struct buf out = BUF_INIT(2 * LENGTH);
            buf_add(&out, STR("before"));
            assert_true(gzip_add(&out, (struct str){bytes, lengths[i]}));
            assert_true(str_starts(buf_str(&out), STR("before")));
            buf_take(&out, 6);
            assert_unpacks(buf_str(&out), (struct str){bytes, lengths[i]});
            buf_release(&out);
        }
    }
}

static void no_gain_is_refused(void **state)
{
    static char bytes[LENGTH];
    struct buf out = BUF_INIT(LENGTH - 1);
    (void)state;
    fill(bytes, sizeof(bytes), false);
    assert_false(gzip_add(&out, (struct str){bytes, LENGTH}));
    assert_int_equal(buf_len(&out), 0);
    fill(bytes, sizeof(bytes), true);
    assert_true(gzip_add(&out, (struct str){bytes, LENGTH}));
    assert_true(buf_len(&out) < LENGTH / 50);
    buf_release(&out);

    struct buf none = BUF_INIT(0);
    assert_false(gzip_add(&none, STR("x")));
    buf_release(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_unpacks),
        cmocka_unit_test(no_gain_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
