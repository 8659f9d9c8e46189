/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/retry_after.h"

static int64_t read_one(int status, const char *name, const char *value)
{
    struct http_head head = {.status = status, .header_count = 1};
    head.headers[0] = (struct http_header){str_of(name), str_of(value)};
    return retry_after_ms(&head);
}

static void spans(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        int64_t ms;
    } cases[] = {
        {"Retry-After", "7", 7000},
        {"retry-after", "1.5", 1500},
        {"Retry-After", "0", 1000},
        {"Retry-After", "-5", 0},
        {"Retry-After", "soon", 0},
        {"Retry-After", "", 0},
        {"Retry-After", "99999999999999999999", RETRY_AFTER_MAX_MS},
        {"Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT", 1000},
        {"Retry-After-Ms", "2500", 2500},
        {"RateLimit-Reset", "30", 30000},
        {"X-RateLimit-Reset", "90", 90000},
        {"X-RateLimit-Reset", "1", 1000},
        {"X-RateLimit-Reset", "tomorrow", 0},
        {"x-ratelimit-reset-requests", "6m0s", 360000},
        {"x-ratelimit-reset-tokens", "1s", 1000},
        {"x-ratelimit-reset-tokens", "1h2m3.5s", 3723500},
        {"x-ratelimit-reset-tokens", "1w", 0},
        {"x-ratelimit-reset-tokens", "9999999999999999999d9999999999999999999d",
         RETRY_AFTER_MAX_MS},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(read_one(429, cases[i].name, cases[i].value), cases[i].ms);
}

static void moments(void **state)
{
    (void)state;
    char text[32], date[CLOCK_HTTP_SIZE];
    int64_t now = clock_wall_ms(), in_an_hour = now + CLOCK_HOUR_MS, ms;
    ms = read_one(429, "Retry-After", clock_http_date(in_an_hour, date).p);
    assert_in_range(ms, CLOCK_HOUR_MS - 20000, CLOCK_HOUR_MS);
    snprintf(text, sizeof(text), "%lld", (long long)(in_an_hour / 1000));
    assert_in_range(read_one(429, "X-RateLimit-Reset", text), CLOCK_HOUR_MS - 20000, CLOCK_HOUR_MS);
    snprintf(text, sizeof(text), "%lld", (long long)in_an_hour);
    assert_in_range(read_one(429, "X-RateLimit-Reset", text), CLOCK_HOUR_MS - 20000, CLOCK_HOUR_MS);
    snprintf(text, sizeof(text), "%lld", (long long)(now / 1000 - 60));
    assert_int_equal(read_one(429, "X-RateLimit-Reset", text), 1000);
    assert_int_equal(read_one(429, "X-RateLimit-Reset", "18446744073709551615"),
                     RETRY_AFTER_MAX_MS);
}

static void what_counts(void **state)
{
    (void)state;
    struct http_head head = {.status = 429, .header_count = 3};
    head.headers[0] = (struct http_header){STR("x-ratelimit-reset-requests"), STR("2s")};
    head.headers[1] = (struct http_header){STR("x-ratelimit-reset-tokens"), STR("9s")};
    head.headers[2] = (struct http_header){STR("x-other"), STR("1")};
    assert_int_equal(retry_after_ms(&head), 9000);
    head.headers[2] = (struct http_header){STR("retry-after"), STR("3")};
    assert_int_equal(retry_after_ms(&head), 3000);
    /* When a window ends says nothing of a fault. */
    assert_int_equal(read_one(503, "X-RateLimit-Reset", "90"), 0);
    assert_int_equal(read_one(503, "Retry-After", "90"), 90000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[GW-5] Retry-After and reset headers are read as spans, bounded, never below a second",
         spans, NULL, NULL, NULL},
        {"[GW-5] dates and moments since 1970 are read from now on", moments, NULL, NULL, NULL},
        {"[GW-5] Retry-After comes first, and windows count for a 429 alone", what_counts, NULL,
         NULL, NULL},
    };
    return cmocka_run_group_tests_name("retry after", tests, NULL, NULL);
}
