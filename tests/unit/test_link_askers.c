/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/link_askers.h"

enum { NOW = 1000 };

static void two_ask_at_a_time_and_one_for_a_job(void **state)
{
    struct link_askers l = LINK_ASKERS_INIT;
    (void)state;
    assert_int_equal(link_askers_enter(&l, 7, NOW), LINK_MINE);
    assert_int_equal(link_askers_enter(&l, 7, NOW), LINK_UNKNOWN);
    assert_int_equal(link_askers_enter(&l, 8, NOW), LINK_MINE);
    assert_int_equal(link_askers_enter(&l, 9, NOW), LINK_UNKNOWN);
    assert_int_equal(link_askers_enter(&l, 8, NOW), LINK_UNKNOWN);
    link_askers_leave(&l, 7, false, NOW);
    assert_int_equal(link_askers_enter(&l, 8, NOW),
                     LINK_UNKNOWN); /* not by the free place either */
    assert_int_equal(link_askers_enter(&l, 9, NOW), LINK_MINE);
    assert_int_equal(link_askers_enter(&l, 7, NOW), LINK_UNKNOWN);
}

static void who_comes_meanwhile_learns_that_the_links_are_dead(void **state)
{
    struct link_askers l = LINK_ASKERS_INIT;
    (void)state;
    assert_int_equal(link_askers_enter(&l, 7, NOW), LINK_MINE);
    assert_int_equal(link_askers_enter(&l, 8, NOW), LINK_MINE);
    link_askers_found_dead(&l, 7);
    assert_int_equal(link_askers_enter(&l, 7, NOW), LINK_DEAD);
    assert_int_equal(link_askers_enter(&l, 8, NOW), LINK_UNKNOWN);
    assert_int_equal(link_askers_enter(&l, 9, NOW), LINK_UNKNOWN);
    link_askers_leave(&l, 7, false, NOW);
    assert_int_equal(link_askers_enter(&l, 7, NOW), LINK_MINE);
    assert_int_equal(link_askers_enter(&l, 7, NOW), LINK_UNKNOWN); /* found out anew */
}

static enum link_asking ask_in_vain(struct link_askers *l, int64_t job_id, int64_t now)
{
    enum link_asking asking = link_askers_enter(l, job_id, now);
    if (asking == LINK_MINE)
        link_askers_leave(l, job_id, true, now);
    return asking;
}

static void one_that_is_dead_for_good_is_asked_about_ever_more_seldom(void **state)
{
    static struct link_askers l = LINK_ASKERS_INIT;
    int64_t now = NOW;
    int asked = 0;
    (void)state;
    for (; now < NOW + 24 * 3600000; now += 1000)
        asked += ask_in_vain(&l, 7, now) == LINK_MINE;
    /* After 0.5, 1, 2 … 32 minutes, and then hourly. */
    assert_in_range(asked, 8 + 21, 8 + 24);
    assert_int_equal(ask_in_vain(&l, 8, now), LINK_MINE); /* others are */
    /* Once there were others it begins anew. */
    now += LINK_GONE_MOST_MS;
    assert_int_equal(link_askers_enter(&l, 7, now), LINK_MINE);
    link_askers_leave(&l, 7, false, now);
    assert_int_equal(ask_in_vain(&l, 7, now), LINK_MINE);
    assert_int_equal(ask_in_vain(&l, 7, now + LINK_GONE_LEAST_MS - 1), LINK_GONE);
    assert_int_equal(ask_in_vain(&l, 7, now + LINK_GONE_LEAST_MS), LINK_MINE);
}

static void so_many_are_remembered_and_the_oldest_makes_room(void **state)
{
    static struct link_askers l = LINK_ASKERS_INIT;
    (void)state;
    for (int64_t job = 1; job <= LINK_GONE_MAX + 1; job++)
        assert_int_equal(ask_in_vain(&l, job, NOW + job), LINK_MINE);
    assert_int_equal(ask_in_vain(&l, LINK_GONE_MAX + 1, 2 * NOW), LINK_GONE);
    assert_int_equal(ask_in_vain(&l, 2, 2 * NOW), LINK_GONE);
    assert_int_equal(ask_in_vain(&l, 1, 2 * NOW), LINK_MINE);
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
        TEST("[GW-9] an upstream is asked ever more seldom about links that are dead for good",
             one_that_is_dead_for_good_is_asked_about_ever_more_seldom),
        TEST("[GW-9] so many dead links are remembered, and the oldest makes room",
             so_many_are_remembered_and_the_oldest_makes_room),
    };
    return cmocka_run_group_tests_name("link_askers", tests, NULL, NULL);
}
