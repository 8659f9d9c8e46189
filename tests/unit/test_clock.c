/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

static void assert_time(const char *text, int64_t expected)
{
    int64_t ms = -1;
    if (!clock_parse_rfc3339(str_of(text), &ms))
        fail_msg("refused: %s", text);
    assert_true(ms == expected);
}

static void rfc3339_is_written(void **state)
{
    char out[CLOCK_RFC3339_SIZE];
    (void)state;
    assert_string_equal(clock_rfc3339(0, out).p, "1970-01-01T00:00:00.000Z");
    assert_string_equal(clock_rfc3339(1795335330123, out).p, "2026-11-22T08:15:30.123Z");
    assert_string_equal(clock_rfc3339(-1, out).p, "1969-12-31T23:59:59.999Z");
    assert_string_equal(clock_rfc3339(951782400000, out).p, "2000-02-29T00:00:00.000Z");
    assert_true(clock_rfc3339(INT64_MAX, out).n < CLOCK_RFC3339_SIZE);
    assert_true(clock_rfc3339(INT64_MIN, out).n < CLOCK_RFC3339_SIZE);
}

static void rfc3339_is_read_with_any_offset(void **state)
{
    (void)state;
    assert_time("2026-11-22T08:15:30Z", 1795335330000);
    assert_time("2026-11-22t08:15:30.123456z", 1795335330123);
    assert_time("2026-11-22T08:15:30.1Z", 1795335330100);
    assert_time("2026-11-22T16:15:30+08:00", 1795335330000);
    assert_time("2026-11-22T03:45:30-04:30", 1795335330000);
    assert_time("2016-12-31T23:59:60Z", 1483228800000); /* a leap second */
    assert_time("2000-02-29T00:00:00Z", 951782400000);
    assert_time("1969-12-31T23:59:59.999Z", -1);
}

static void anything_else_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "2026-11-22",
                                      "2026-11-22T08:15:30",
                                      "2026-11-22T08:15Z",
                                      "2026-11-22 08:15:30Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-02-29T00:00:00Z",
                                      "2026-04-31T00:00:00Z",
                                      "2026-01-00T00:00:00Z",
                                      "2026-01-01T24:00:00Z",
                                      "2026-01-01T00:60:00Z",
                                      "2026-01-01T00:00:61Z",
                                      "2026-01-01T00:00:00.Z",
                                      "2026-01-01T00:00:00+0800",
                                      "2026-01-01T00:00:00+24:00",
                                      "2026-01-01T00:00:00+08:60",
                                      "2026-01-01T00:00:00Zx",
                                      "2026\r01-01T00:00:00Z",
                                      "+026-01-01T00:00:00Z",
                                      "26-01-01T00:00:00Z"};
    int64_t ms = 7;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (clock_parse_rfc3339(str_of(bad[i]), &ms))
            fail_msg("accepted: %s", bad[i]);
    }
    assert_true(ms == 7);
}

/* RFC 9110 5.6.7's own example. */
static void http_dates_go_both_ways(void **state)
{
    char out[CLOCK_HTTP_SIZE];
    int64_t ms = 0;
    (void)state;
    assert_string_equal(clock_http_date(784111777000, out).p, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_true(clock_parse_http_date(STR("Sun, 06 Nov 1994 08:49:37 GMT"), &ms));
    assert_true(ms == 784111777000);
    static const char *const bad[] = {"",
                                      "Sun, 06 Nov 1994 08:49:37",
                                      "Sun, 06 Nov 1994 08:49:37 UTC",
                                      "Sun, 6 Nov 1994 08:49:37 GMT",
                                      "Sun, 31 Feb 1994 08:49:37 GMT",
                                      "Sun, 06 Nox 1994 08:49:37 GMT",
                                      "Sunday, 06-Nov-94 08:49:37 GMT"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(clock_parse_http_date(str_of(bad[i]), &ms));
}

static void clocks_run(void **state)
{
    (void)state;
    assert_true(clock_wall_ms() > 1700000000000);
    int64_t before = clock_mono_ns();
    assert_true(clock_mono_ns() >= before);
    assert_true(clock_mono_ms() >= before / 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339_is_written),
        cmocka_unit_test(rfc3339_is_read_with_any_offset),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(http_dates_go_both_ways),
        cmocka_unit_test(clocks_run),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
