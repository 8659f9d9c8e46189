/* SPDX-License-Identifier: Apache-2.0 */
/* Times in buckets, and the quantiles read from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/duration.h"

static void buckets_follow_each_other(void **state)
{
    (void)state;
    for (int i = 0; i < DURATION_BUCKETS; i++) {
        assert_true(duration_bucket_begin(i) < duration_bucket_begin(i + 1));
        assert_int_equal(duration_bucket(duration_bucket_begin(i)), i);
        assert_int_equal(duration_bucket(duration_bucket_begin(i + 1) - 1), i);
    }
    assert_int_equal(duration_bucket(-1), 0);
    assert_int_equal(duration_bucket(INT64_MAX), DURATION_BUCKETS - 1);
}

static void quantiles_are_at_most_a_fifth_off(void **state)
{
    (void)state;
    enum { JOBS = 1000, EACH_MS = 600 };
    struct durations d = {0};
    assert_int_equal(duration_quantile(&d, 500), 0);
    for (int i = 1; i <= JOBS; i++)
        d.counts[duration_bucket(i * EACH_MS)]++;
    for (int per_mille = 50; per_mille <= 1000; per_mille += 50) {
        int64_t read = duration_quantile(&d, per_mille), real = (int64_t)per_mille * EACH_MS;
        assert_in_range(read, real * 8 / 10, real * 12 / 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"a time's bucket is the one it lies in", buckets_follow_each_other, NULL, NULL, NULL},
        {"[AD-2] a quantile read from buckets is at most a fifth off",
         quantiles_are_at_most_a_fifth_off, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests_name("duration", tests, NULL, NULL);
}
