/* SPDX-License-Identifier: Apache-2.0 */
/* The records' moves: the table in memory and the statement on the rows say the same. */
#include "site.h"
#include "store/generations.h"

static const bool allowed[GENERATION_CANCELLED + 1][GENERATION_CANCELLED + 1] = {
    [GENERATION_PENDING] =
        {[GENERATION_GENERATING] = true, [GENERATION_FAILED] = true, [GENERATION_CANCELLED] = true},
    [GENERATION_GENERATING] =
        {[GENERATION_COMPLETED] = true, [GENERATION_FAILED] = true, [GENERATION_CANCELLED] = true},
};

static void table(void **state)
{
    (void)state;
    for (int from = 0; from <= GENERATION_CANCELLED; from++) {
        for (int to = 0; to <= GENERATION_CANCELLED; to++)
            assert_int_equal(
                generation_may_move((enum generation_status)from, (enum generation_status)to),
                allowed[from][to]);
        assert_int_equal(generation_is_final((enum generation_status)from),
                         from >= GENERATION_COMPLETED);
    }
}

static int64_t add_generation(struct site *s)
{
    struct generation g = {.user_id = site_add_user(s, "ann@example.com", ROLE_USER).id,
                           .model = STR("sora2"),
                           .prompt = STR("a boat"),
                           .params = STR("{}")};
    ok(db_begin(s->db, err));
    ok(generation_insert(s->db, &g, err));
    ok(db_commit(s->db, err));
    return g.id;
}

static void put(struct site *s, enum generation_status status)
{
    ok(db_begin(s->db, err));
    ok(db_exec(s->db, "UPDATE sora_generations SET status = $1",
               DB_ARGS(P_Z(generation_status_name(status))), NULL, err));
    ok(db_commit(s->db, err));
}

static void try_move(struct site *s, int64_t id, enum generation_status from,
                     enum generation_status to)
{
    struct generation now;
    struct err why = {0};
    put(s, from);
    ok(db_begin(s->db, err));
    enum status status = generation_move(s->db, id, to, 1000, &why);
    ok(db_commit(s->db, err));
    ok(generation_load(s->db, id, s->a, &now, err));
    if (status != (allowed[from][to] ? OK : E_CONFLICT) ||
        now.status != (allowed[from][to] ? to : from))
        fail_msg("from %s to %s: %s", generation_status_name(from), generation_status_name(to),
                 status_name(status));
    if (status != OK)
        assert_string_equal(why.code, "already_finished");
}

ON_EVERY_ENGINE(rows)
{
    struct site s;
    site_open(&s, e);
    int64_t id = add_generation(&s);
    for (int from = 0; from <= GENERATION_CANCELLED; from++) {
        for (int to = GENERATION_GENERATING; to <= GENERATION_CANCELLED; to++)
            try_move(&s, id, (enum generation_status)from, (enum generation_status)to);
    }
    site_close(&s);
}

ON_EVERY_ENGINE(progress)
{
    static const struct {
        enum generation_status status;
        int64_t progress, after;
    } cases[] = {
        {GENERATION_GENERATING, 40, 40}, {GENERATION_GENERATING, 30, 40},
        {GENERATION_CANCELLED, 90, 40},  {GENERATION_COMPLETED, 90, 40},
        {GENERATION_GENERATING, 41, 41},
    };
    struct site s;
    site_open(&s, e);
    int64_t id = add_generation(&s);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        bool changed;
        put(&s, cases[i].status);
        ok(db_begin(s.db, err));
        ok(generation_set_progress(s.db, id, cases[i].progress, &changed, err));
        ok(db_commit(s.db, err));
        assert_int_equal(site_count(&s, "SELECT progress FROM sora_generations"), cases[i].after);
    }
    site_close(&s);
}

/* One work of each status, storage and kind. */
static void add_every_kind(struct site *s, int64_t *ret_user)
{
    static const char sql[] =
        "INSERT INTO sora_generations (user_id, model, prompt, params, media_urls, "
        "s3_object_keys, created_at, status, storage_type, media_type) "
        "VALUES ($1, 'sora2', 'A Boat', '{}', '[]', '[]', 1, $2, $3, $4)";
    *ret_user = site_add_user(s, "ann@example.com", ROLE_USER).id;
    ok(db_begin(s->db, err));
    for (int n = 0; n < 5 * 4 * 2; n++)
        ok(db_exec(s->db, sql,
                   DB_ARGS(P_INT(*ret_user), P_Z(generation_status_name(n % 5)),
                           P_Z(storage_type_name(n / 5 % 4)), P_Z(media_type_name(n / 20))),
                   NULL, err));
    ok(db_commit(s->db, err));
}

static void ask_for(struct site *s, const struct generation_filter *f)
{
    struct generation *list;
    size_t n;
    int64_t total, wanted = __builtin_popcount(f->statuses ? f->statuses : 31) *
                            __builtin_popcount(f->storages ? f->storages : 15) *
                            __builtin_popcount(f->media ? f->media : 3);
    ok(generation_list(s->db, f, 100, 0, s->a, &list, &n, &total, err));
    assert_int_equal(total, wanted);
    assert_int_equal(n, wanted);
    for (size_t i = 0; i < n; i++) {
        assert_true(!f->statuses || f->statuses & 1u << list[i].status);
        assert_true(!f->storages || f->storages & 1u << list[i].storage_type);
        assert_true(!f->media || f->media & 1u << list[i].media_type);
        assert_true(i == 0 || list[i].id < list[i - 1].id);
    }
    arena_reset(s->a);
}

ON_EVERY_ENGINE(filters)
{
    struct site s;
    struct generation_filter f = {0};
    site_open(&s, e);
    add_every_kind(&s, &f.user_id);
    for (f.statuses = 0; f.statuses < 32; f.statuses++) {
        for (f.storages = 0; f.storages < 16; f.storages += 3) {
            for (f.media = 0; f.media < 4; f.media++)
                ask_for(&s, &f);
        }
    }
    f = (struct generation_filter){.user_id = f.user_id, .search = STR("a bo")};
    ask_for(&s, &f);
    site_close(&s);
}

int main(void)
{
    crypto_init(NULL);
    const struct CMUnitTest tests[] = {
        {"[ST-2] a record has five states and six moves", table, NULL, NULL, NULL},
        EVERYWHERE(
            "[ST-2] [ST-5] a row takes those moves and no others: an ended one stays as it is",
            rows),
        EVERYWHERE("[ST-4] a list holds every set of statuses, storages and kinds, newest first",
                   filters),
        EVERYWHERE("[ST-2] progress only rises, and only while the job runs", progress),
    };
    return cmocka_run_group_tests_name("generations", tests, NULL, NULL);
}
