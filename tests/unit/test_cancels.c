/* SPDX-License-Identifier: Apache-2.0 */
/* What upstreams have still to be told: one row a task, until told, given up, or the account goes. */
#include "service/jobs.h"
#include "site.h"
#include "store/cancels.h"
#include "store/jobs.h"

static void change(struct site *s, const char *sql)
{
    ok(db_begin(s->db, err));
    ok(db_exec(s->db, sql, DB_NO_ARGS, NULL, err));
    ok(db_commit(s->db, err));
}

static int64_t begin(struct site *s, struct engine *e)
{
    site_open(s, e);
    change(
        s,
        "INSERT INTO accounts (name, platform, type, dialect, base_url, credentials, status, priority, "
        "concurrency, models, model_mapping, created_at, updated_at) VALUES ('a', 'sora', 'apikey', "
        "'videos', 'http://u.example', '', 'active', 1, 1, '[]', '{}', 0, 0)");
    return site_count(s, "SELECT id FROM accounts");
}

static void note(struct site *s, int64_t account, const char *task)
{
    struct upstream_cancel row = {.account_id = account,
                                  .upstream_id = str_of(task),
                                  .upstream_ref = STR("kept"),
                                  .next_at = 1000};
    ok(db_begin(s->db, err));
    ok(cancel_note(s->db, &row, err));
    ok(db_commit(s->db, err));
}

ON_EVERY_ENGINE(one_row_a_task)
{
    struct site s;
    struct upstream_cancel due[4];
    size_t n;
    int64_t account = begin(&s, e);
    note(&s, account, "one");
    note(&s, account, "one");
    note(&s, account, "two");
    ok(cancel_list_due(s.db, 999, s.a, due, 4, &n, err));
    assert_int_equal(n, 0);
    ok(cancel_list_due(s.db, 1000, s.a, due, 4, &n, err));
    assert_int_equal(n, 2);
    ok(cancel_told(s.db, account, STR("one"), err));
    ok(cancel_list_due(s.db, 1000, s.a, due, 4, &n, err));
    assert_int_equal(n, 1);
    assert_true(str_eq(due[0].upstream_id, STR("two")));
    assert_true(str_eq(due[0].upstream_ref, STR("kept")));
    change(&s, "DELETE FROM accounts");
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM upstream_cancels"), 0);
    site_close(&s);
}

ON_EVERY_ENGINE(taken_once)
{
    struct site s;
    struct upstream_cancel due[1];
    size_t n;
    bool first, second;
    int64_t account = begin(&s, e);
    note(&s, account, "one");
    ok(cancel_list_due(s.db, 1000, s.a, due, 1, &n, err));
    ok(cancel_take(s.db, &due[0], 2000, &first, err));
    ok(cancel_take(s.db, &due[0], 2000, &second, err));
    assert_true(first && !second);
    site_close(&s);
}

ON_EVERY_ENGINE(given_up)
{
    struct site s;
    int64_t account = begin(&s, e);
    note(&s, account, "one");
    for (int i = 1; i < CANCEL_TRIES; i++) {
        ok(cancel_put_off(s.db, account, STR("one"), 1000 + i, err));
        assert_int_equal(site_count(&s, "SELECT tries FROM upstream_cancels"), i);
        assert_int_equal(site_count(&s, "SELECT next_at FROM upstream_cancels"), 1000 + i);
    }
    ok(cancel_put_off(s.db, account, STR("one"), 9000, err));
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM upstream_cancels"), 0);
    site_close(&s);
}

int main(void)
{
    crypto_init(NULL);
    const struct CMUnitTest tests[] = {
        EVERYWHERE("[ST-5] an upstream is told once of a task, and nothing outlives its account",
                   one_row_a_task),
        EVERYWHERE("[ST-5] of those who would tell it, one does", taken_once),
        EVERYWHERE("[ST-5] after the last try nobody tries again", given_up),
    };
    return cmocka_run_group_tests_name("cancels", tests, NULL, NULL);
}
