/* SPDX-License-Identifier: Apache-2.0 */
/* The administrators' overview: steps of time, what is stored, who uses it. */
#include "service/stats.h"
#include "site.h"

static void steps_end_with_now(void **state)
{
    (void)state;
    int64_t now;
    assert_true(clock_parse_rfc3339(STR("2026-11-22T15:40:00Z"), &now));
    char text[CLOCK_RFC3339_SIZE];
    struct stats_span day = stats_span_of(STATS_DAY, now, 0);
    assert_int_equal(day.steps, 24);
    assert_memory_equal(clock_rfc3339(day.from, text).p, "2026-11-21T16:00:00", 19);

    struct stats_span month = stats_span_of(STATS_MONTH, now, 8 * CLOCK_HOUR_MS);
    assert_memory_equal(clock_rfc3339(month.from, text).p, "2026-10-23T16:00:00", 19);
    assert_int_equal(month.from + 29 * month.step + 24 * CLOCK_HOUR_MS > now, 1);

    struct stats_span week = stats_span_of(STATS_WEEK, now, -5 * CLOCK_HOUR_MS);
    assert_int_equal(week.steps, 28);
    assert_memory_equal(clock_rfc3339(week.from + 27 * week.step, text).p, "2026-11-22T11:00:00",
                        19);
}

ON_EVERY_ENGINE(hours_become_steps)
{
    struct site s;
    struct stats_jobs jobs;
    site_open(&s, e);
    site_exec(&s, "INSERT INTO job_hours (hour, outcome, bucket, jobs) VALUES "
                  "(3600000, 'completed', 30, 4), (3600000, 'completed', 40, 1), "
                  "(7200000, 'failed', 0, 2), (10800000, 'cancelled', 0, 3), "
                  "(0, 'completed', 9, 7)");
    const struct stats_span span = {.from = CLOCK_HOUR_MS, .step = 2 * CLOCK_HOUR_MS, .steps = 2};
    ok(stats_gather_jobs(s.db, &span, s.a, &jobs, err));
    assert_int_equal(jobs.all.completed, 5);
    assert_int_equal(jobs.steps[0].completed, 5);
    assert_int_equal(jobs.steps[0].failed, 2);
    assert_int_equal(jobs.steps[1].cancelled, 3);
    assert_in_range(duration_quantile(&jobs.all.times, 500), duration_bucket_begin(30),
                    duration_bucket_begin(31));
    assert_in_range(duration_quantile(&jobs.all.times, 950), duration_bucket_begin(40),
                    duration_bucket_begin(41));
    site_close(&s);
}

struct sums {
    int64_t bytes, objects, measured_at;
};

static void take_stored(void *ctx, const struct stats_stored *s)
{
    struct sums *sums = ctx;
    sums->bytes += s->bytes;
    sums->objects += s->objects;
    sums->measured_at = s->measured_at;
}

ON_EVERY_ENGINE(what_is_stored_is_summed)
{
    struct site s;
    struct sums sums = {0};
    int64_t last, now = clock_wall_ms();
    site_open(&s, e);
    site_add_user(&s, "ann@example.com", ROLE_USER);
    ok(stats_measure_stored(s.db, now - CLOCK_HOUR_MS, s.a, err));
    ok(stats_measured_at(s.db, &last, err));
    assert_int_equal(last, now - CLOCK_HOUR_MS);
    site_exec(&s,
              "INSERT INTO objects (user_id, counter, storage, key, type, state, size, "
              "created_at) SELECT id, 'sora', 's3', 'a', 'video/mp4', 'stored', 5, 0 FROM users "
              "UNION ALL SELECT id, 'sora', 's3', 'b', 'video/mp4', 'stored', 6, 0 FROM users "
              "UNION ALL SELECT id, 'sora', 's3', 'c', 'video/mp4', 'writing', 9, 0 FROM users "
              "UNION ALL SELECT id, 'upload', 'local', 'd', 'image/png', 'stored', 7, 0 "
              "FROM users");
    ok(stats_refresh_stored(s.db, CLOCK_MINUTE_MS, err));
    ok(stats_each_stored(s.db, now - now % CLOCK_DAY_MS, take_stored, &sums, err));
    assert_int_equal(sums.bytes, 18);
    assert_int_equal(sums.objects, 3);
    assert_true(sums.measured_at >= now);

    /* No second look so soon. */
    site_exec(&s, "DELETE FROM objects");
    ok(stats_refresh_stored(s.db, CLOCK_HOUR_MS, err));
    sums = (struct sums){0};
    ok(stats_each_stored(s.db, now - now % CLOCK_DAY_MS, take_stored, &sums, err));
    assert_int_equal(sums.bytes, 18);
    site_close(&s);
}

ON_EVERY_ENGINE(people_are_ranked)
{
    struct site s;
    struct stats_user users[2];
    struct stats_cause causes[2];
    size_t n;
    site_open(&s, e);
    site_add_user(&s, "ann@example.com", ROLE_USER);
    site_add_user(&s, "ben@example.com", ROLE_USER);
    site_exec(&s, "UPDATE users SET sora_storage_used_bytes = 5 WHERE email = 'ben@example.com'");
    site_exec(&s, "INSERT INTO job_history (id, public_id, kind, user_id, model, outcome, "
                  "error_class, created_at, ended_at) "
                  "SELECT 1, 'a', 'video', id, 'm', 'failed', 'timeout', 10, 11 FROM users WHERE "
                  "email = 'ann@example.com' UNION ALL "
                  "SELECT 2, 'b', 'video', id, 'm', 'completed', '', 10, 11 FROM users WHERE "
                  "email = 'ann@example.com' UNION ALL "
                  "SELECT 3, 'c', 'video', id, 'm', 'completed', '', 10, 11 FROM users WHERE "
                  "email = 'ben@example.com'");
    ok(stats_top_by_bytes(s.db, s.a, users, 2, &n, err));
    assert_int_equal(n, 1);
    assert_true(str_eq(users[0].email, STR("ben@example.com")));
    ok(stats_top_by_jobs(s.db, 10, 20, s.a, users, 2, &n, err));
    assert_int_equal(n, 2);
    assert_true(str_eq(users[0].email, STR("ann@example.com")));
    assert_int_equal(users[0].value, 2);
    assert_int_equal(users[0].failed, 1);
    ok(stats_causes(s.db, 10, s.a, causes, 2, &n, err));
    assert_int_equal(n, 1);
    assert_true(str_eq(causes[0].code, STR("timeout")));
    ok(stats_top_by_jobs(s.db, 11, 20, s.a, users, 2, &n, err));
    assert_int_equal(n, 0);

    /* Of longer times by days, which are counted where jobs end. */
    site_exec(&s, "INSERT INTO user_days (day, user_id, jobs, failed) SELECT 86400000, id, 3, 2 "
                  "FROM users WHERE email = 'ben@example.com'");
    ok(stats_top_by_jobs(s.db, CLOCK_DAY_MS + 5, 4 * CLOCK_DAY_MS, s.a, users, 2, &n, err));
    assert_int_equal(n, 1);
    assert_int_equal(users[0].value, 3);
    assert_int_equal(users[0].failed, 2);
    site_close(&s);
}

int main(void)
{
    crypto_init(NULL);
    const struct CMUnitTest tests[] = {
        {"[AD-2] steps of time end with the one that now is in, and days begin at midnight",
         steps_end_with_now, NULL, NULL, NULL},
        EVERYWHERE("[AD-2] hours are counted up to steps", hours_become_steps),
        EVERYWHERE("[AD-2] what is stored is summed by store and counter, at most once in a while",
                   what_is_stored_is_summed),
        EVERYWHERE("[AD-2] who stores most, who makes most, and why jobs fail", people_are_ranked),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
