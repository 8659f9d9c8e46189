/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's rows: which moves there are, what a lease's number protects, how long they stay. */
#include "model/job.h"
#include "service/jobs.h"
#include "site.h"
#include "store/jobs.h"

static void begin(struct site *s, struct engine *e)
{
    site_open(s, e);
    site_add_user(s, "ann@example.com", ROLE_USER);
}

static struct job add_job(struct site *s, enum job_kind kind)
{
    char id[40];
    crypto_random_text(18, id);
    struct job j = {.public_id = arena_printf(s->a, "job_%s", id),
                    .kind = kind,
                    .user_id = site_count(s, "SELECT id FROM users"),
                    .group_id = 1,
                    .model = STR("sora2"),
                    .request = STR("{}"),
                    .idempotency_key = STR("kinora-1"),
                    .pending_until = 9000,
                    .deadline_at = 9000};
    ok(db_begin(s->db, err));
    ok(job_insert(s->db, &j, err));
    ok(db_commit(s->db, err));
    return j;
}

/* Its call was let in, then its key was deleted: there is nobody to do it for. */
ON_EVERY_ENGINE(none_for_a_deleted_key)
{
    struct site s;
    struct err why;
    begin(&s, e);
    struct job j = add_job(&s, JOB_CHAT);
    j.public_id = STR("job_2");
    j.api_key_id = 99;
    ok(db_begin(s.db, err));
    assert_refused(job_insert(s.db, &j, err), E_AUTH, "invalid_api_key");
    db_rollback(s.db);
    site_close(&s);
}

static enum status save(struct site *s, const struct job *j, enum job_state from, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = s->db;
    TRY(db_begin(tx, err));
    TRY(job_save(tx, j, from, true, err));
    return db_commit(tx, err);
}

static struct job load(struct site *s, int64_t id)
{
    struct job j;
    ok(job_load(s->db, id, s->a, &j, err));
    return j;
}

/* The newest job, as whoever has looked at it now. */
static size_t claim(struct site *s, int64_t now_ms, struct job_claim *ret)
{
    *ret = (struct job_claim){.id = site_count(s, "SELECT MAX(id) FROM jobs")};
    ret->state = load(s, ret->id).state;
    ok(job_claim(s->db, STR("node"), now_ms, now_ms + 100, ret, 1, err));
    return ret->fence > 0;
}

static void moves(void **state)
{
    (void)state;
    /* clang-format off */
    static const bool allowed[JOB_ENDED + 1][JOB_ENDED + 1] = {
        /* to:              queued submitting streaming polling storing ended */
        [JOB_QUEUED]     = {true,  true,      true,     false,  false,  true},
        [JOB_SUBMITTING] = {true,  true,      false,    true,   true,   true},
        [JOB_STREAMING]  = {true,  false,     true,     false,  true,   true},
        [JOB_POLLING]    = {false, false,     false,    true,   true,   true},
        [JOB_STORING]    = {false, false,     false,    false,  true,   true},
        [JOB_ENDED]      = {false, false,     false,    false,  false,  false},
    };
    /* clang-format on */
    for (int from = 0; from <= JOB_ENDED; from++) {
        for (int to = 0; to <= JOB_ENDED; to++) {
            if (job_may_move((enum job_state)from, (enum job_state)to) != allowed[from][to])
                fail_msg("from %s to %s", job_state_name((enum job_state)from),
                         job_state_name((enum job_state)to));
        }
    }
}

ON_EVERY_ENGINE(turns)
{
    enum { MANY = 5, EACH = 3 };
    struct site s;
    struct job_due due[MANY];
    size_t n;
    begin(&s, e);
    struct job first = add_job(&s, JOB_VIDEO);
    for (int i = 1; i < MANY; i++)
        add_job(&s, JOB_VIDEO);
    struct job other = add_job(&s, JOB_VIDEO);
    site_add_user(&s, "ben@example.com", ROLE_USER);
    site_exec(&s, "UPDATE jobs SET user_id = (SELECT MAX(id) FROM users) "
                  "WHERE id = (SELECT MAX(id) FROM jobs)");
    ok(job_list_waiting(s.db, 1000, EACH, s.a, due, MANY, &n, err));
    assert_int_equal(n, EACH);
    assert_int_equal(due[0].id, first.id);
    assert_int_equal(due[0].turn, 1);
    assert_int_equal(due[1].id, other.id);
    assert_int_equal(due[1].turn, 1);
    assert_int_not_equal(due[1].user_id, due[0].user_id);
    assert_int_equal(due[2].turn, 2);
    site_close(&s);
}

ON_EVERY_ENGINE(stale_numbers)
{
    struct site s;
    struct job_claim old, new;
    struct err why;
    begin(&s, e);
    int64_t id = add_job(&s, JOB_STUDIO).id;
    assert_int_equal(claim(&s, 1000, &old), 1);
    assert_int_equal(claim(&s, 1050, &new), 0);
    assert_int_equal(claim(&s, 1200, &new), 1);
    assert_true(new.fence > old.fence);

    struct job j = load(&s, id);
    j.state = JOB_SUBMITTING;
    j.progress = 5;
    j.fence = old.fence;
    assert_refused(save(&s, &j, JOB_QUEUED, err), E_CONFLICT, "lease_lost");
    assert_int_equal(load(&s, id).state, JOB_QUEUED);
    j.fence = new.fence;
    ok(save(&s, &j, JOB_QUEUED, err));

    /* Nor does it prolong, give back or advance what is another's now. */
    bool changed;
    ok(job_keep_leases(s.db, &old, 1, 9000, err));
    ok(job_release(s.db, id, old.fence, 0, err));
    ok(db_begin(s.db, err));
    ok(job_set_progress(s.db, id, old.fence, 50, &changed, err));
    ok(db_commit(s.db, err));
    assert_false(changed);
    assert_int_equal(load(&s, id).progress, 5);
    assert_int_equal(site_count(&s, "SELECT lease_until FROM jobs"), 1300);
    site_close(&s);
}

ON_EVERY_ENGINE(no_other_moves)
{
    struct site s;
    struct job_claim mine;
    struct err why;
    begin(&s, e);
    int64_t id = add_job(&s, JOB_STUDIO).id;
    assert_int_equal(claim(&s, 1000, &mine), 1);
    struct job j = load(&s, id);
    j.state = JOB_STORING;
    assert_refused(save(&s, &j, JOB_QUEUED, err), E_INTERNAL, "internal_error");
    /* The row is not where its holder believes it to be. */
    assert_refused(save(&s, &j, JOB_POLLING, err), E_CONFLICT, "lease_lost");
    assert_int_equal(load(&s, id).state, JOB_QUEUED);
    site_close(&s);
}

ON_EVERY_ENGINE(ended_by_its_owner)
{
    struct site s;
    struct job_claim mine;
    struct err why;
    begin(&s, e);
    int64_t id = add_job(&s, JOB_STUDIO).id;
    assert_int_equal(claim(&s, 1000, &mine), 1);
    struct job j = load(&s, id);
    ok(db_begin(s.db, err));
    ok(job_end_by_owner(s.db, id, 2000, err));
    ok(db_commit(s.db, err));
    j.state = JOB_SUBMITTING;
    assert_refused(save(&s, &j, JOB_QUEUED, err), E_CONFLICT, "lease_lost");
    assert_true(load(&s, id).fence > j.fence);
    assert_int_equal(claim(&s, 9000, &mine), 0);

    ok(db_begin(s.db, err));
    assert_refused(job_end_by_owner(s.db, id, 2000, err), E_CONFLICT, "already_finished");
    db_rollback(s.db);
    site_close(&s);
}

ON_EVERY_ENGINE(ended_rows_stay)
{
    static const struct {
        enum job_kind kind;
        int64_t hours;
    } kinds[] = {{JOB_STUDIO, 1}, {JOB_CHAT, 1}, {JOB_VIDEO, 24}, {JOB_IMAGE, 24}};
    struct site s;
    begin(&s, e);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct job ended = add_job(&s, kinds[i].kind), cancelled = add_job(&s, kinds[i].kind);
        int64_t end = 1000 + kinds[i].hours * CLOCK_HOUR_MS;
        ended.state = JOB_ENDED;
        ended.ended_at = 1000;
        ok(save(&s, &ended, JOB_QUEUED, err));
        ok(db_begin(s.db, err));
        ok(job_end_by_owner(s.db, cancelled.id, 1000, err));
        ok(db_commit(s.db, err));
        ok(job_remove_old(s.db, end - 1, err));
        assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM jobs"), 2);
        ok(job_remove_old(s.db, end, err));
        assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM jobs"), 0);
    }
    site_close(&s);
}

static int64_t add_input(struct site *s, int64_t job_id, const char *key, const char *counter)
{
    static const char sql[] = "INSERT INTO objects (user_id, counter, storage, key, type, state, "
                              "size, created_at) VALUES ((SELECT id FROM users), $1, 's3', $2, "
                              "'image/png', 'stored', 5, 1000) RETURNING id";
    int64_t id;
    bool found;
    ok(db_begin(s->db, err));
    ok(db_query_int(s->db, sql, DB_ARGS(P_Z(counter), P_Z(key)), &id, &found, err));
    ok(db_exec(s->db, "UPDATE jobs SET input_object_id = $1 WHERE id = $2",
               DB_ARGS(P_INT(id), P_INT(job_id)), NULL, err));
    ok(db_commit(s->db, err));
    return id;
}

ON_EVERY_ENGINE(inputs_go_too)
{
    struct site s;
    begin(&s, e);
    struct job dropped = add_job(&s, JOB_STUDIO), old = add_job(&s, JOB_STUDIO);
    struct job kept = add_job(&s, JOB_STUDIO);
    add_input(&s, dropped.id, "media/eu/inputs/1/a.png", "free");
    add_input(&s, old.id, "inputs/1/b.png", "free");
    add_input(&s, kept.id, "inputs/sora/1/c.png", "sora");
    ok(db_begin(s.db, err));
    ok(job_drop_input(s.db, dropped.id, 2000, err));
    ok(job_drop_input(s.db, kept.id, 2000, err));
    ok(db_commit(s.db, err));
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM deletions WHERE key LIKE '%/a.png'"), 1);
    old.state = JOB_ENDED;
    old.ended_at = 1000;
    ok(save(&s, &old, JOB_QUEUED, err));
    ok(job_remove_old(s.db, 1000 + CLOCK_HOUR_MS, err));
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM deletions"), 2);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM objects WHERE counter = 'sora'"), 1);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM objects"), 1);
    site_close(&s);
}

ON_EVERY_ENGINE(several_inputs_go_together)
{
    struct site s;
    begin(&s, e);
    struct job job = add_job(&s, JOB_IMAGE), other = add_job(&s, JOB_IMAGE);
    int64_t second = add_input(&s, job.id, "inputs/1/b.png", "free");
    int64_t third = add_input(&s, other.id, "inputs/1/c.png", "free");
    add_input(&s, job.id, "inputs/1/a.png", "free");
    ok(db_begin(s.db, err));
    ok(job_add_input(s.db, job.id, second, err));
    ok(job_drop_input(s.db, job.id, 2000, err));
    ok(db_commit(s.db, err));
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM deletions"), 2);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM objects"), 1);
    assert_int_equal(site_count(&s, "SELECT id FROM objects"), third);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM job_inputs"), 0);
    site_close(&s);
}

/* PostgreSQL gives JSON back in other words. */
ON_EVERY_ENGINE(media_are_the_same_out_of_a_row)
{
    struct site s;
    begin(&s, e);
    const struct job_media media[] = {{.url = STR("https://c.example/a.mp4")}, {.object_id = 7}};
    struct job job = add_job(&s, JOB_VIDEO);
    struct str written = jobs_write_media(media, 2, s.a);
    job.state = JOB_ENDED;
    job.ended_at = 1000;
    job.result = written;
    ok(save(&s, &job, JOB_QUEUED, err));
    struct str read = load(&s, job.id).result;
    assert_true(jobs_same_media(written, read, s.a));
    assert_true(jobs_same_media(STR("{ \"media\": [{\"type\": \"video\", \"url\": \"x\"}]}"),
                                STR("{\"media\":[{\"url\":\"x\",\"needs_credential\":false}]}"),
                                s.a));
    assert_false(jobs_same_media(jobs_write_media(media, 1, s.a), read, s.a));
    site_close(&s);
}

int main(void)
{
    crypto_init(NULL);
    const struct CMUnitTest tests[] = {
        {"[ST-2] a job moves as its table says, and not otherwise", moves, NULL, NULL, NULL},
        EVERYWHERE("[GW-4] in line for the same, each user's oldest job stands before a second",
                   turns),
        EVERYWHERE("[ID-3] [GW-10] no job is made for a key that has just been deleted",
                   none_for_a_deleted_key),
        EVERYWHERE("[ST-3] a stale lease's number changes nothing", stale_numbers),
        EVERYWHERE("[ST-2] a row is not saved by a move that is not allowed", no_other_moves),
        EVERYWHERE("[ST-5] a job that its owner ended takes no late result, and ends once",
                   ended_by_its_owner),
        EVERYWHERE("[GW-10] ended rows of direct calls stay a day, others an hour",
                   ended_rows_stay),
        EVERYWHERE("[GW-10] [SG-7] an input goes with its job, under whatever prefix it lies",
                   inputs_go_too),
        EVERYWHERE("[GW-10] several inputs of a job go together", several_inputs_go_together),
        EVERYWHERE("[ST-3] media are the same when they have been in a row",
                   media_are_the_same_out_of_a_row),
    };
    return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
