/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
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
        n += throttle_enter(t, kind, name, now, 0, NULL) == OK;
    return n;
}

static int failed(struct throttle *t, enum throttle_kind kind, struct str name, int64_t now,
                  int tries)
{
    int n = allowed(t, kind, name, now, tries);
    for (int i = 0; i < n; i++)
        throttle_leave(t, kind, name, THROTTLE_FAILED, now);
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
        n += throttle_enter(t, THROTTLE_ADDRESS, str_of(name), 1000, 0, NULL) == OK;
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
    failed(t, THROTTLE_EMAIL, ann, now, 5);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(throttle_enter(t, THROTTLE_EMAIL, ann, now, 0, &err), E_LIMIT);
        assert_string_equal(err.code, "too_many_attempts");
        waits[i] = err.retry_after_ms;
        now += waits[i];
        assert_int_equal(failed(t, THROTTLE_EMAIL, ann, now, 9), 1);
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
    failed(t, THROTTLE_EMAIL, ann, 1000, 4);
    allowed(t, THROTTLE_EMAIL, ann, 1000, 1);
    throttle_leave(t, THROTTLE_EMAIL, ann, THROTTLE_FORGIVEN, 1000);
    assert_int_equal(failed(t, THROTTLE_EMAIL, ann, 1000, 100), 5);
    assert_int_equal(failed(t, THROTTLE_EMAIL, ann, 1000 + 2 * CLOCK_HOUR_MS, 100), 5);
    failed(t, THROTTLE_ADDRESS, bob, 1000, 19);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(allowed(t, THROTTLE_ADDRESS, bob, 1000, 100), 1);
        throttle_leave(t, THROTTLE_ADDRESS, bob, i % 2 ? THROTTLE_SUCCEEDED : THROTTLE_UNJUDGED,
                       1000);
    }
    throttle_free(t);
}

/* Between looking at the clock and entering a thread may lose the processor. */
static void a_clock_that_was_read_earlier_is_no_guess(void **state)
{
    struct throttle *t = throttle_new();
    (void)state;
    assert_int_equal(throttle_enter(t, THROTTLE_ADDRESS, ann, 1005, 0, NULL), OK);
    assert_int_equal(throttle_enter(t, THROTTLE_ADDRESS, ann, 1000, 0, NULL), OK);
    throttle_leave(t, THROTTLE_ADDRESS, ann, THROTTLE_FAILED, 1010);
    assert_int_equal(throttle_enter(t, THROTTLE_ADDRESS, ann, 1000, 0, NULL), OK);
    throttle_free(t);
}

/* ---- waiting for those beside ---- */

enum { CROWD = 32 };

struct crowd {
    struct throttle *t;
    enum throttle_end end;
    atomic_int began;
};

static void *sign_in(void *ctx)
{
    struct crowd *c = ctx;
    if (throttle_enter(c->t, THROTTLE_EMAIL, ann, clock_mono_ms(), THROTTLE_WAIT_MS, NULL) != OK)
        return NULL;
    atomic_fetch_add(&c->began, 1);
    sched_yield();
    throttle_leave(c->t, THROTTLE_EMAIL, ann, c->end, clock_mono_ms());
    return NULL;
}

static int crowd_of(enum throttle_end end)
{
    struct crowd c = {.t = throttle_new(), .end = end};
    pthread_t threads[CROWD];
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_in, &c), 0);
    for (int i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    throttle_free(c.t);
    return atomic_load(&c.began);
}

static void a_crowd_waits_for_its_own_and_no_guess_slips_in(void **state)
{
    (void)state;
    assert_int_equal(crowd_of(THROTTLE_FORGIVEN), CROWD);
    assert_int_equal(crowd_of(THROTTLE_UNJUDGED), CROWD);
    /* A machine that takes 2 s over it lets one more guess. */
    int began = crowd_of(THROTTLE_FAILED);
    assert_true(began >= 5 && began < 10);
}

static void the_table_is_bounded(void **state)
{
    struct throttle *t = throttle_new();
    (void)state;
    for (int i = 0; i < 3 * THROTTLE_SLOTS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "u%d@example.com", i);
        assert_int_equal(throttle_enter(t, THROTTLE_EMAIL, str_of(name), i, 0, NULL), OK);
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
        {"[ID-4] a clock that was read earlier is no guess",
         a_clock_that_was_read_earlier_is_no_guess, NULL, NULL, NULL},
        {"[ID-4] a crowd that signs in waits for its own, and no guess slips in",
         a_crowd_waits_for_its_own_and_no_guess_slips_in, NULL, NULL, NULL},
        {"more names than slots are no fault", the_table_is_bounded, NULL, NULL, NULL},
    };
    crypto_init(NULL);
    return cmocka_run_group_tests_name("throttle", tests, NULL, NULL);
}
