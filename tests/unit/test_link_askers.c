/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/link_askers.h"

static void two_ask_at_a_time_and_one_for_a_job(void **state)
{
    struct link_askers l = LINK_ASKERS_INIT;
    (void)state;
    assert_int_equal(link_askers_enter(&l, 7), LINK_MINE);
    assert_int_equal(link_askers_enter(&l, 7), LINK_UNKNOWN);
    assert_int_equal(link_askers_enter(&l, 8), LINK_MINE);
    assert_int_equal(link_askers_enter(&l, 9), LINK_UNKNOWN);
    assert_int_equal(link_askers_enter(&l, 8), LINK_UNKNOWN);
    link_askers_leave(&l, 7);
    assert_int_equal(link_askers_enter(&l, 8), LINK_UNKNOWN); /* not by the free place either */
    assert_int_equal(link_askers_enter(&l, 9), LINK_MINE);
    assert_int_equal(link_askers_enter(&l, 7), LINK_UNKNOWN);
}

static void who_comes_meanwhile_learns_that_the_links_are_dead(void **state)
{
    struct link_askers l = LINK_ASKERS_INIT;
    (void)state;
    assert_int_equal(link_askers_enter(&l, 7), LINK_MINE);
    assert_int_equal(link_askers_enter(&l, 8), LINK_MINE);
    link_askers_found_dead(&l, 7);
    assert_int_equal(link_askers_enter(&l, 7), LINK_DEAD);
    assert_int_equal(link_askers_enter(&l, 8), LINK_UNKNOWN);
    assert_int_equal(link_askers_enter(&l, 9), LINK_UNKNOWN);
    link_askers_leave(&l, 7);
    assert_int_equal(link_askers_enter(&l, 7), LINK_MINE);
    assert_int_equal(link_askers_enter(&l, 7), LINK_UNKNOWN); /* found out anew */
}

#define TEST(title, fn)                                                                            \
    {                                                                                              \
        title, fn, NULL, NULL, NULL                                                                \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("[GW-9] two ask for fresh links at a time, and one for a job",
             two_ask_at_a_time_and_one_for_a_job),
        TEST("[GW-9] who comes meanwhile learns that the links are dead",
             who_comes_meanwhile_learns_that_the_links_are_dead),
    };
    return cmocka_run_group_tests_name("link_askers", tests, NULL, NULL);
}
