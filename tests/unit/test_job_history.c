/* SPDX-License-Identifier: Apache-2.0 */
/* Every job, live or ended: what its end leaves, and how it is found again. */
#include "site.h"
#include "store/job_history.h"
#include "store/jobs.h"

enum { NOON = 12 };

static struct job add_job(struct site *s, int64_t user_id, const char *model, int64_t created_at)
{
    char id[40];
    crypto_random_text(18, id);
    struct job j = {.public_id = arena_printf(s->a, "job_%s", id),
                    .kind = JOB_VIDEO,
                    .user_id = user_id,
                    .group_id = 1,
                    .model = str_of(model),
                    .request = STR("{}"),
                    .idempotency_key = STR("k"),
                    .pending_until = INT64_MAX,
                    .deadline_at = INT64_MAX,
                    .created_at = created_at};
    ok(db_begin(s->db, err));
    ok(job_insert(s->db, &j, err));
    ok(db_commit(s->db, err));
    return j;
}

static void end_job(struct site *s, struct job *j, enum failure_class class, int64_t at)
{
    j->state = JOB_ENDED;
    j->failure.class = class;
    j->ended_at = at;
    ok(db_begin(s->db, err));
    ok(job_save(s->db, j, JOB_QUEUED, false, err));
    ok(db_commit(s->db, err));
}

static void cancel_job(struct site *s, const struct job *j, int64_t at)
{
    ok(db_begin(s->db, err));
    ok(job_end_by_owner(s->db, j->id, at, err));
    ok(db_commit(s->db, err));
}

/* The ids in order, as "3,1"; total behind it. */
static const char *list(struct site *s, const struct job_filter *f)
{
    static char text[200];
    struct job_entry *entries;
    size_t n, used = 0;
    int64_t total;
    ok(job_history_list(s->db, f, 3, 0, s->a, &entries, &n, &total, err));
    text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%lld", i ? "," : "",
                                 (long long)entries[i].id);
    snprintf(text + used, sizeof(text) - used, "/%lld", (long long)total);
    return text;
}

ON_EVERY_ENGINE(all_jobs_are_found)
{
    struct site s;
    site_open(&s, e);
    int64_t ann = site_add_user(&s, "ann@example.com", ROLE_USER).id;
    int64_t ben = site_add_user(&s, "ben@example.com", ROLE_USER).id;
    struct job done = add_job(&s, ann, "sora2", 1000), failed = add_job(&s, ben, "sora2", 2000);
    struct job cancelled = add_job(&s, ann, "gpt-image", 3000);
    add_job(&s, ben, "gpt-image", 4000);
    end_job(&s, &done, FAILURE_NONE, 5000);
    end_job(&s, &failed, FAILURE_CONTENT_POLICY, 6000);
    cancel_job(&s, &cancelled, 7000);
    ok(job_remove_old(s.db, 6000 + 25 * CLOCK_HOUR_MS, err));
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM jobs WHERE state = 'ended'"), 0);

    assert_string_equal(list(&s, &(struct job_filter){0}), "4,3,2/4");
    assert_string_equal(list(&s, &(struct job_filter){.user_id = ann}), "3,1/2");
    assert_string_equal(list(&s, &(struct job_filter){.model = STR("sora2")}), "2,1/2");
    assert_string_equal(list(&s, &(struct job_filter){.account_id = 9}), "/0");
    assert_string_equal(list(&s, &(struct job_filter){.status = STR("pending")}), "4/1");
    assert_string_equal(list(&s, &(struct job_filter){.status = STR("failed")}), "2/1");
    assert_string_equal(list(&s, &(struct job_filter){.status = STR("cancelled")}), "3/1");
    assert_string_equal(list(&s, &(struct job_filter){.status = STR("generating")}), "/0");
    assert_string_equal(list(&s, &(struct job_filter){.kind = STR("studio")}), "/0");
    assert_string_equal(list(&s, &(struct job_filter){.since = 2000, .until = 4000}), "3,2/2");
    assert_string_equal(
        list(&s, &(struct job_filter){.user_id = ben, .model = STR("sora2"), .kind = STR("video")}),
        "2/1");
    site_close(&s);
}

struct hours {
    int64_t completed, failed, cancelled;
    int bucket;
};

static void take_hour(void *ctx, const struct job_hour *h)
{
    struct hours *hours = ctx;
    assert_int_equal(h->hour, NOON * CLOCK_HOUR_MS);
    if (h->outcome == GENERATION_COMPLETED) {
        hours->completed += h->jobs;
        hours->bucket = h->bucket;
    }
    hours->failed += h->outcome == GENERATION_FAILED ? h->jobs : 0;
    hours->cancelled += h->outcome == GENERATION_CANCELLED ? h->jobs : 0;
}

ON_EVERY_ENGINE(each_end_counts_once)
{
    enum { TOOK = 90000 };
    int64_t noon = NOON * CLOCK_HOUR_MS;
    struct site s;
    struct hours hours = {0};
    struct err why;
    site_open(&s, e);
    int64_t ann = site_add_user(&s, "ann@example.com", ROLE_USER).id;
    for (int i = 0; i < 2; i++) {
        struct job done = add_job(&s, ann, "sora2", noon + i);
        end_job(&s, &done, FAILURE_NONE, noon + i + TOOK);
    }
    struct job late = add_job(&s, ann, "sora2", noon), failed = add_job(&s, ann, "sora2", noon);
    cancel_job(&s, &late, noon + 1);
    end_job(&s, &failed, FAILURE_TIMEOUT, noon + 2);

    /* A late result of a cancelled job is no second end. */
    late.state = JOB_ENDED;
    late.ended_at = noon + 3;
    ok(db_begin(s.db, err));
    assert_refused(job_save(s.db, &late, JOB_QUEUED, false, err), E_CONFLICT, "lease_lost");
    db_rollback(s.db);

    ok(job_history_each_hour(s.db, 0, take_hour, &hours, err));
    assert_int_equal(hours.completed, 2);
    assert_int_equal(hours.bucket, duration_bucket(TOOK));
    assert_int_equal(hours.failed, 1);
    assert_int_equal(hours.cancelled, 1);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM job_history"), 4);
    assert_int_equal(site_count(&s, "SELECT jobs * 10 + failed FROM user_days"), 41);
    site_close(&s);
}

ON_EVERY_ENGINE(old_history_goes)
{
    struct site s;
    site_open(&s, e);
    int64_t ann = site_add_user(&s, "ann@example.com", ROLE_USER).id;
    struct job old = add_job(&s, ann, "sora2", 0), fresh = add_job(&s, ann, "sora2", CLOCK_DAY_MS);
    end_job(&s, &old, FAILURE_NONE, 1000);
    end_job(&s, &fresh, FAILURE_NONE, CLOCK_DAY_MS);
    ok(job_history_prune(s.db, (HISTORY_DAYS + 1) * CLOCK_DAY_MS, err));
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM job_history"), 1);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM job_hours"), 2);
    ok(job_history_prune(s.db, (HISTORY_HOURS_DAYS + 1) * CLOCK_DAY_MS, err));
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM job_hours"), 1);
    ok(people_delete(s.db, &site_actor, ann, s.a, err));
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM job_history"), 0);
    site_close(&s);
}

int main(void)
{
    crypto_init(NULL);
    const struct CMUnitTest tests[] = {
        EVERYWHERE("[AD-2] jobs are found by who, where, what, how and when, live or ended",
                   all_jobs_are_found),
        EVERYWHERE("[AD-2] each end of a job counts once", each_end_counts_once),
        EVERYWHERE("[AD-2] history is kept for a month, and goes with its user", old_history_goes),
    };
    return cmocka_run_group_tests_name("job_history", tests, NULL, NULL);
}
