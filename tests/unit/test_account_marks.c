/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pool/marks.h"

enum { NOW = 1000000000 };

/* random 512 is the middle of the spread: the bare back-off. */
static bool apply(struct marks *m, enum pool_outcome outcome, int64_t retry_ms, int64_t began,
                  int64_t at, int64_t now)
{
    return marks_apply(m, &(struct mark_event){.outcome = outcome,
                                               .retry_after_ms = retry_ms,
                                               .now_ms = now,
                                               .began_at = began,
                                               .at = at,
                                               .random = 512});
}

static void statuses(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum pool_outcome outcome;
        bool may_switch;
    } cases[] = {
        {200, POOL_SUCCESS, false},     {204, POOL_SUCCESS, false},
        {301, POOL_NEUTRAL, false},     {400, POOL_NEUTRAL, false},
        {401, POOL_AUTH_FAILED, true},  {402, POOL_REFUSED, true},
        {403, POOL_REFUSED, true},      {404, POOL_NEUTRAL, false},
        {408, POOL_NEUTRAL, true},      {422, POOL_NEUTRAL, false},
        {429, POOL_RATE_LIMITED, true}, {500, POOL_UNAVAILABLE, true},
        {502, POOL_UNAVAILABLE, true},  {503, POOL_UNAVAILABLE, true},
        {529, POOL_UNAVAILABLE, true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(pool_outcome_of_status(cases[i].status), cases[i].outcome);
        assert_int_equal(pool_may_switch(cases[i].status, false), cases[i].may_switch);
    }
    assert_true(pool_may_switch(404, true));
    assert_false(pool_may_switch(400, true));
}

static void rate_limits(void **state)
{
    (void)state;
    struct marks m = {0};
    bool limited;
    assert_true(apply(&m, POOL_RATE_LIMITED, 0, 1, 2, NOW));
    assert_int_equal(marks_cooling_until(&m, &limited), NOW + 60000);
    assert_true(limited);
    /* A later, longer word counts; a shorter one does not shorten. */
    apply(&m, POOL_RATE_LIMITED, 90000, 1, 3, NOW);
    apply(&m, POOL_RATE_LIMITED, 5000, 1, 4, NOW);
    assert_int_equal(m.rate_limited_until, NOW + 90000);
    m = (struct marks){0};
    apply(&m, POOL_RATE_LIMITED, INT64_C(1) << 50, 1, 5, NOW);
    assert_int_equal(m.rate_limited_until, NOW + MARKS_RETRY_AFTER_MAX_MS);
    assert_int_equal(m.status, ACCOUNT_ACTIVE);
}

static void neutral(void **state)
{
    (void)state;
    struct marks m = {.failures_in_row = 2, .auth_failures_in_row = 1, .overloaded_until = NOW};
    struct marks before = m;
    assert_false(apply(&m, POOL_NEUTRAL, 1000, 1, 2, NOW));
    assert_memory_equal(&m, &before, sizeof(m));
}

static void backs_off(void **state)
{
    (void)state;
    static const int64_t seconds[] = {2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
    struct marks m = {0};
    int64_t now = NOW, tick = 1;
    for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
        apply(&m, i % 2 ? POOL_REFUSED : POOL_UNAVAILABLE, 0, tick, tick + 1, now);
        assert_int_equal(m.overloaded_until, now + seconds[i] * 1000);
        now = m.overloaded_until;
        tick += 2;
    }
    assert_int_equal(m.status, ACCOUNT_ACTIVE);
    for (uint32_t random = 0; random < 5000; random += 7) {
        int64_t ms = marks_backoff(3, MARKS_BACKOFF_MIN_MS, MARKS_BACKOFF_MAX_MS, random);
        assert_in_range(ms, 6000, 10000);
        assert_true(marks_backoff(50, MARKS_BACKOFF_MIN_MS, MARKS_BACKOFF_MAX_MS, random) <=
                    MARKS_BACKOFF_MAX_MS);
    }
    m = (struct marks){0};
    apply(&m, POOL_UNAVAILABLE, 45000, tick, tick + 1, NOW);
    assert_int_equal(m.overloaded_until, NOW + 45000);
}

static void one_incident(void **state)
{
    (void)state;
    struct marks m = {0};
    for (int64_t i = 0; i < 10; i++)
        apply(&m, POOL_UNAVAILABLE, 0, 1 + i, 100 + i, NOW);
    assert_int_equal(m.failures_in_row, 1);
    assert_int_equal(m.overloaded_until, NOW + 2000);
    /* A call that began before the fault proves nothing about what comes after it. */
    assert_false(apply(&m, POOL_SUCCESS, 0, 50, 200, NOW));
    assert_int_equal(m.overloaded_until, NOW + 2000);
    assert_true(apply(&m, POOL_SUCCESS, 0, 150, 201, NOW + 2000));
    assert_int_equal(m.overloaded_until, 0);
    assert_int_equal(m.failures_in_row, 0);
}

/* A hundred calls under way when a key is refused are one failure, not half an hour's wait. */
static void one_refusal(void **state)
{
    (void)state;
    struct marks m = {0};
    for (int64_t i = 0; i < 100; i++)
        apply(&m, POOL_AUTH_FAILED, 0, 1 + i, 200 + i, NOW);
    assert_int_equal(m.status, ACCOUNT_ACTIVE);
    assert_int_equal(m.auth_failures_in_row, 1);
    assert_int_equal(m.overloaded_until, NOW + 2000);
    apply(&m, POOL_AUTH_FAILED, 0, 400, 401, NOW); /* the second, then the third and its like */
    for (int64_t i = 0; i < 100; i++)
        apply(&m, POOL_AUTH_FAILED, 0, 410 + i, 600 + i, NOW);
    assert_int_equal(m.status, ACCOUNT_ERROR);
    assert_int_equal(m.overloaded_until, NOW + MARKS_PROBE_MIN_MS);
}

static void becomes_error(void **state)
{
    (void)state;
    static const int64_t minutes[] = {1, 2, 4, 8, 16, 30, 30};
    struct marks m = {0};
    int64_t now = NOW, tick = 1;
    apply(&m, POOL_AUTH_FAILED, 0, tick, tick + 1, now);
    assert_int_equal(m.overloaded_until, now + 2000);
    apply(&m, POOL_AUTH_FAILED, 0, tick + 2, tick + 3, now);
    assert_int_equal(m.status, ACCOUNT_ACTIVE);
    for (size_t i = 0; i < ARRAY_SIZE(minutes); i++) {
        tick += 4;
        now += 3600 * 1000;
        apply(&m, POOL_AUTH_FAILED, 0, tick, tick + 1, now);
        assert_int_equal(m.status, ACCOUNT_ERROR);
        assert_string_equal(m.reason, MARKS_REASON_AUTH);
        assert_int_equal(m.overloaded_until, now + minutes[i] * 60000);
    }
    assert_true(apply(&m, POOL_SUCCESS, 0, tick + 5, tick + 6, now));
    assert_int_equal(m.status, ACCOUNT_ACTIVE);
    assert_string_equal(m.reason, "");
    assert_int_equal(m.auth_failures_in_row, 0);
}

static void success_between(void **state)
{
    (void)state;
    struct marks m = {0};
    apply(&m, POOL_AUTH_FAILED, 0, 1, 2, NOW);
    apply(&m, POOL_AUTH_FAILED, 0, 3, 4, NOW);
    apply(&m, POOL_SUCCESS, 0, 5, 6, NOW);
    apply(&m, POOL_AUTH_FAILED, 0, 7, 8, NOW);
    apply(&m, POOL_AUTH_FAILED, 0, 9, 10, NOW);
    assert_int_equal(m.status, ACCOUNT_ACTIVE);
}

static void running_limit(void **state)
{
    (void)state;
    struct marks m = {0};
    apply(&m, POOL_RATE_LIMITED, 30000, 1, 2, NOW);
    apply(&m, POOL_SUCCESS, 0, 3, 4, NOW + 1000);
    assert_int_equal(m.rate_limited_until, NOW + 30000);
    apply(&m, POOL_SUCCESS, 0, 5, 6, NOW + 30000);
    assert_int_equal(m.rate_limited_until, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[GW-5] a status says what it means for the account, and whether another is tried",
         statuses, NULL, NULL, NULL},
        {"[GW-5] a 429 cools for what the upstream said, else a minute, never beyond a day",
         rate_limits, NULL, NULL, NULL},
        {"[GW-5] a 404 of the model, a 408 and a caller's own fault leave no mark", neutral, NULL,
         NULL, NULL},
        {"[GW-5] faults back off, doubled to five minutes and spread", backs_off, NULL, NULL, NULL},
        {"[GW-5] calls that fail together are one incident, and older successes clear nothing",
         one_incident, NULL, NULL, NULL},
        {"[GW-5] calls that are refused together count once towards an error", one_refusal, NULL,
         NULL, NULL},
        {"[GW-5] three 401 in a row make an error that is tried again after growing times",
         becomes_error, NULL, NULL, NULL},
        {"[GW-5] a success between keeps 401s from adding up", success_between, NULL, NULL, NULL},
        {"[GW-5] a rate limit that still runs outlives a success", running_limit, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests_name("account marks", tests, NULL, NULL);
}
