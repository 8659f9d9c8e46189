/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's rows. */
#include "pool_world.h"

#include "store/jobs.h"

#define TEST(title, body)                                                                          \
    {                                                                                              \
        (title), body##_everywhere, NULL, NULL, NULL                                               \
    }

static void begin_rows(struct world *w, struct engine *e)
{
    begin(w, e);
    sql(w,
        "INSERT INTO users (uuid, email, password_hash, role, status, group_id, created_at, updated_at) "
        "VALUES ('u', 'a@b', '', 'user', 'active', 1, 1, 1)");
}

static struct job add_job(struct world *w, enum job_kind kind)
{
    char id[40];
    crypto_random_text(18, id);
    struct job job = {
        .public_id = arena_printf(w->arena, "video_%s", id),
        .kind = kind,
        .user_id = 1,
        .group_id = 1,
        .model = STR("sora2"),
        .request = STR("{}"),
        .idempotency_key = STR("k"),
        .next_at = 1,
        .pending_until = 100000,
        .deadline_at = 100000,
        .created_at = 1,
    };
    ok(db_begin(w->db, err));
    ok(job_insert(w->db, &job, err));
    ok(db_commit(w->db, err));
    return job;
}

static int64_t count(struct world *w, const char *query)
{
    int64_t n;
    bool found;
    ok(db_query_int(w->db, query, DB_NO_ARGS, &n, &found, err));
    return n;
}

ON_EVERY_ENGINE(ended_rows_stay)
{
    static const struct {
        enum job_kind kind;
        int64_t hours;
    } kinds[] = {{JOB_STUDIO, 1}, {JOB_CHAT, 1}, {JOB_VIDEO, 24}, {JOB_IMAGE, 24}};
    struct world w;
    begin_rows(&w, e);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct job job = add_job(&w, kinds[i].kind), cancelled = add_job(&w, kinds[i].kind);
        int64_t end = 1000 + kinds[i].hours * CLOCK_HOUR_MS;
        ok(db_begin(w.db, err));
        job.state = JOB_ENDED;
        job.ended_at = 1000;
        ok(job_save(w.db, &job, JOB_QUEUED, false, err));
        ok(job_end_by_owner(w.db, cancelled.id, 1000, err));
        ok(db_commit(w.db, err));
        ok(job_remove_old(w.db, end - 1, err));
        assert_int_equal(count(&w, "SELECT COUNT(*) FROM jobs"), 2);
        ok(job_remove_old(w.db, end, err));
        assert_int_equal(count(&w, "SELECT COUNT(*) FROM jobs"), 0);
    }
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("[GW-10] ended rows of direct calls stay a day, others an hour", ended_rows_stay),
    };
    return cmocka_run_group_tests_name("jobs", tests, pool_set_up, pool_tear_down);
}
