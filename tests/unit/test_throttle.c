/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "platform/crypto.h"
#include "service/throttle.h"

static const struct str ann = {"ann@example.com", 15}, bob = {"bob@example.com", 15};

static int allowed(struct throttle *t, enum throttle_kind kind, struct str name, int64_t now,
                   int tries)
{
    int n = 0;
    for (int i = 0; i < tries; i++)
        n += throttle_enter(t, kind, name, now, NULL) == OK;
    return n;
}

static void a_hundred_at_once_are_five(void **state)
{
    struct throttle *t = throttle_new();
    (void)state;
    assert_int_equal(allowed(t, THROTTLE_EMAIL, ann, 1000, 100), 5);
    assert_int_equal(allowed(t, THROTTLE_EMAIL, bob, 1000, 100), 5);
    assert_int_equal(allowed(t, THROTTLE_ADDRESS, ann, 1000, 100), 20);
    throttle_free(t);
}

static int addresses_allowed(struct throttle *t, const char *before, const char *after)
{
    int n = 0;
    for (int i = 1; i <= 100; i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s%d%s", before, i, after);
        n += throttle_enter(t, THROTTLE_ADDRESS, str_of(name), 1000, NULL) == OK;
    }
    return n;
}

static void a_network_of_ipv6_is_one_address(void **state)
{
    struct throttle *t = throttle_new();
    (void)state;
    assert_int_equal(addresses_allowed(t, "2001:db8:1:2::", ""), 20);
    assert_int_equal(addresses_allowed(t, "2001:db8:1:", "::1"), 99);
    assert_int_equal(addresses_allowed(t, "198.51.100.", ""), 100);
    assert_int_equal(addresses_allowed(t, "::ffff:203.0.113.", ""), 100);
    throttle_free(t);
}

static void each_wait_is_twice_the_last(void **state)
{
    struct throttle *t = throttle_new();
    struct err err = {0};
    int64_t now = 1000, waits[12];
    (void)state;
    allowed(t, THROTTLE_EMAIL, ann, now, 5);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(throttle_enter(t, THROTTLE_EMAIL, ann, now, &err), E_LIMIT);
        assert_string_equal(err.code, "too_many_attempts");
        waits[i] = err.retry_after_ms;
        now += waits[i];
        assert_int_equal(throttle_enter(t, THROTTLE_EMAIL, ann, now, NULL), OK);
    }
    assert_int_equal(waits[0], 2000);
    assert_int_equal(waits[1], 4000);
    assert_int_equal(waits[7], 256000);
    assert_int_equal(waits[11], 15 * CLOCK_MINUTE_MS);
    throttle_free(t);
}

static void success_and_time_forgive(void **state)
{
    struct throttle *t = throttle_new();
    (void)state;
    allowed(t, THROTTLE_EMAIL, ann, 1000, 4);
    throttle_forgive(t, THROTTLE_EMAIL, ann, true);
    assert_int_equal(allowed(t, THROTTLE_EMAIL, ann, 1000, 100), 5);
    assert_int_equal(allowed(t, THROTTLE_EMAIL, ann, 1000 + 2 * CLOCK_HOUR_MS, 100), 5);
    allowed(t, THROTTLE_ADDRESS, bob, 1000, 20);
    throttle_forgive(t, THROTTLE_ADDRESS, bob, false);
    assert_int_equal(allowed(t, THROTTLE_ADDRESS, bob, 1000, 100), 1);
    throttle_free(t);
}

static void the_table_is_bounded(void **state)
{
    struct throttle *t = throttle_new();
    (void)state;
    for (int i = 0; i < 3 * THROTTLE_SLOTS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "u%d@example.com", i);
        assert_int_equal(throttle_enter(t, THROTTLE_EMAIL, str_of(name), i, NULL), OK);
    }
    throttle_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[ID-4] a hundred guesses at once are five", a_hundred_at_once_are_five, NULL, NULL, NULL},
        {"[ID-4] a /64 of IPv6 is one address", a_network_of_ipv6_is_one_address, NULL, NULL, NULL},
        {"[ID-4] each wait is twice the last, up to 15 minutes", each_wait_is_twice_the_last, NULL,
         NULL, NULL},
        {"[ID-4] success forgives, and so does a quiet hour", success_and_time_forgive, NULL, NULL,
         NULL},
        {"more names than slots are no fault", the_table_is_bounded, NULL, NULL, NULL},
    };
    crypto_init(NULL);
    return cmocka_run_group_tests_name("throttle", tests, NULL, NULL);
}
