/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: what is reserved, settled and given back, and that the counter stays the sum. */
#include "service/quota.h"
#include "site.h"
#include "store/objects.h"

struct shelf {
    struct site site;
    int64_t user_id;
};

/* A user with room for 1000 bytes. */
static void shelf_open(struct shelf *s, struct engine *e)
{
    site_open(&s->site, e);
    s->user_id = site_add_user(&s->site, "ann@example.com", ROLE_USER).id;
    site_exec(&s->site, "UPDATE users SET sora_storage_quota_bytes = 1000");
}

static void shelf_close(struct shelf *s)
{
    assert_int_equal(site_count(&s->site,
                                "SELECT COUNT(*) FROM users u WHERE sora_storage_used_bytes <> "
                                "(SELECT COALESCE(SUM(size), 0) FROM objects o WHERE "
                                "o.user_id = u.id AND counter = 'sora' AND state = 'stored')"),
                     0);
    site_close(&s->site);
}

static struct quota look(struct shelf *s)
{
    struct quota q;
    ok(quota_read(&s->site.app, s->site.db, s->user_id, &q, err));
    return q;
}

static struct object object_of(struct shelf *s, const char *key, enum object_counter counter)
{
    return (struct object){.user_id = s->user_id,
                           .counter = counter,
                           .storage = STORAGE_LOCAL,
                           .key = str_of(key),
                           .type = STR("video/mp4"),
                           .checksum = STR("00")};
}

static void lock(struct shelf *s)
{
    ok(db_begin(s->site.db, err));
    ok(quota_lock_user(s->site.db, s->user_id, err));
}

static enum status end(struct shelf *s, enum status status, struct err *err)
{
    if (status != OK) {
        db_rollback(s->site.db);
        return status;
    }
    return db_commit(s->site.db, err);
}

static enum status reserve(struct shelf *s, struct object *o, int64_t bytes, struct err *err)
{
    lock(s);
    return end(s, quota_reserve(&s->site.app, s->site.db, o, bytes, err), err);
}

static enum status extend(struct shelf *s, struct object *o, int64_t bytes, struct err *err)
{
    lock(s);
    return end(s, quota_extend(&s->site.app, s->site.db, o, bytes, err), err);
}

static enum status settle(struct shelf *s, struct object *o, int64_t size, struct err *err)
{
    o->size = size;
    lock(s);
    return end(s, quota_settle(s->site.db, o, err), err);
}

static void give_back(struct shelf *s, int64_t object_id)
{
    struct object o;
    lock(s);
    ok(object_load(s->site.db, object_id, s->site.a, &o, err));
    ok(end(s, quota_release(s->site.db, &o, clock_wall_ms(), err), err));
}

ON_EVERY_ENGINE(reserved_room_is_nobody_elses)
{
    struct shelf s;
    struct err why;
    shelf_open(&s, e);
    struct object one = object_of(&s, "one", COUNTER_SORA);
    struct object two = object_of(&s, "two", COUNTER_SORA);
    ok(reserve(&s, &one, 600, err));
    struct quota q = look(&s);
    assert_int_equal(q.used, 0);
    assert_int_equal(q.reserved, 600);
    assert_int_equal(q.available, 400);
    assert_refused(reserve(&s, &two, 401, err), E_LIMIT, "quota_exceeded");
    ok(reserve(&s, &two, 300, err));
    assert_int_equal(look(&s).available, 100);

    /* Part by part, each checked like the first. */
    assert_refused(extend(&s, &one, 101, err), E_LIMIT, "quota_exceeded");
    ok(extend(&s, &one, 100, err));
    assert_int_equal(look(&s).available, 0);
    shelf_close(&s);
}

ON_EVERY_ENGINE(settled_once)
{
    struct shelf s;
    struct err why;
    shelf_open(&s, e);
    struct object o = object_of(&s, "one", COUNTER_SORA);
    ok(reserve(&s, &o, 600, err));
    ok(settle(&s, &o, 550, err));
    assert_refused(settle(&s, &o, 550, err), E_CONFLICT, "object_lost");
    struct quota q = look(&s);
    assert_int_equal(q.used, 550);
    assert_int_equal(q.reserved, 0);
    assert_int_equal(q.available, 450);
    shelf_close(&s);
}

ON_EVERY_ENGINE(given_back)
{
    struct shelf s;
    shelf_open(&s, e);
    struct object stored = object_of(&s, "stored", COUNTER_SORA);
    struct object half = object_of(&s, "half", COUNTER_SORA);
    ok(reserve(&s, &stored, 600, err));
    ok(settle(&s, &stored, 600, err));
    ok(reserve(&s, &half, 200, err));
    ok(extend(&s, &half, 100, err));
    give_back(&s, half.id);
    assert_int_equal(look(&s).used, 600);
    assert_int_equal(look(&s).available, 400);
    give_back(&s, stored.id);
    assert_int_equal(look(&s).used, 0);
    assert_int_equal(look(&s).available, 1000);
    assert_int_equal(site_count(&s.site, "SELECT COUNT(*) FROM deletions WHERE attempts = 0"), 2);
    assert_int_equal(site_count(&s.site, "SELECT COUNT(*) FROM objects"), 0);
    shelf_close(&s);
}

ON_EVERY_ENGINE(lease_ends)
{
    struct shelf s;
    struct object found[2];
    struct err why;
    size_t n;
    shelf_open(&s, e);
    struct object o = object_of(&s, "one", COUNTER_SORA);
    ok(reserve(&s, &o, 600, err));
    int64_t now = clock_wall_ms();
    ok(object_list_expired(s.site.db, now, s.site.a, found, 2, &n, err));
    assert_int_equal(n, 0);

    site_exec(&s.site, "UPDATE objects SET lease_until = 1");
    assert_int_equal(look(&s).reserved, 0);
    assert_int_equal(look(&s).available, 1000);
    ok(object_list_expired(s.site.db, now, s.site.a, found, 2, &n, err));
    assert_int_equal(n, 1);
    give_back(&s, found[0].id);
    assert_refused(settle(&s, &o, 600, err), E_CONFLICT, "object_lost");
    assert_int_equal(look(&s).used, 0);
    shelf_close(&s);
}

ON_EVERY_ENGINE(of_unknown_size)
{
    struct shelf s;
    struct err why;
    int64_t bytes;
    shelf_open(&s, e);
    struct object o = object_of(&s, "one", COUNTER_SORA), full = object_of(&s, "two", COUNTER_SORA);
    ok(quota_choose(&s.site.app, s.site.db, &o, 10, 300, &bytes, err));
    assert_int_equal(bytes, 300);
    ok(quota_choose(&s.site.app, s.site.db, &o, 10, 8000, &bytes, err));
    assert_int_equal(bytes, 1000);
    ok(reserve(&s, &o, bytes, err));
    ok(quota_choose(&s.site.app, s.site.db, &full, 10, 8000, &bytes, err));
    assert_int_equal(bytes, 10);
    assert_refused(reserve(&s, &full, bytes, err), E_LIMIT, "quota_exceeded");
    ok(settle(&s, &o, 400, err));
    shelf_close(&s);
}

/* Its room may be somebody else's by now. */
ON_EVERY_ENGINE(ended_stays_ended)
{
    struct shelf s;
    struct err why;
    shelf_open(&s, e);
    struct object late = object_of(&s, "late", COUNTER_SORA);
    struct object other = object_of(&s, "other", COUNTER_SORA);
    site_exec(&s.site,
              "INSERT INTO sora_generations (id, user_id, model, prompt, media_type, params, "
              "status, media_urls, s3_object_keys, created_at) "
              "SELECT 7, id, 'm', 'p', 'video', '{}', 'generating', '[]', '[]', 1 FROM users");
    late.generation_id = 7;
    ok(reserve(&s, &late, 600, err));
    lock(&s);
    ok(end(&s, quota_keep(s.site.db, 7, err), err));
    site_exec(&s.site, "UPDATE objects SET lease_until = 1");
    ok(reserve(&s, &other, 900, err));

    lock(&s);
    assert_refused(end(&s, quota_keep(s.site.db, 7, err), err), E_CONFLICT, "object_lost");
    assert_refused(extend(&s, &late, 10, err), E_CONFLICT, "object_lost");
    assert_refused(settle(&s, &late, 600, err), E_CONFLICT, "object_lost");
    lock(&s);
    late.lease_until = 1;
    assert_refused(end(&s, quota_resume(&s.site.app, s.site.db, &late, err), err), E_LIMIT,
                   "quota_exceeded");
    assert_int_equal(look(&s).reserved, 900);
    shelf_close(&s);
}

/* Two nodes that have both listed an unfinished object make one look of the two. */
ON_EVERY_ENGINE(looked_at_by_two)
{
    struct shelf s;
    struct deletion d;
    size_t n;
    shelf_open(&s, e);
    struct object half = object_of(&s, "half", COUNTER_SORA);
    half.storage = STORAGE_S3;
    ok(reserve(&s, &half, 600, err));
    give_back(&s, half.id);
    int64_t now = clock_wall_ms() + CLOCK_MINUTE_MS;
    ok(deletion_list_due(s.site.db, STORAGE_S3, 0, now, s.site.a, &d, 1, &n, err));
    assert_int_equal(n, 1);
    ok(db_begin(s.site.db, err));
    for (int node = 0; node < 2; node++) {
        ok(deletion_looked(s.site.db, &d, now, err));
        ok(deletion_later(s.site.db, &d, now, STR("refused"), err));
    }
    ok(db_commit(s.site.db, err));
    assert_int_equal(site_count(&s.site, "SELECT looks FROM deletions"), 1);
    assert_int_equal(site_count(&s.site, "SELECT attempts FROM deletions"), 1);
    shelf_close(&s);
}

ON_EVERY_ENGINE(free_of_charge)
{
    struct shelf s;
    shelf_open(&s, e);
    struct object poster = object_of(&s, "poster", COUNTER_FREE);
    ok(reserve(&s, &poster, 5000, err));
    ok(settle(&s, &poster, 5000, err));
    assert_int_equal(look(&s).available, 1000);
    give_back(&s, poster.id);
    assert_int_equal(look(&s).used, 0);
    shelf_close(&s);
}

/* 300,000 rows of 64 KiB reach the bound, and the sum is asked for by every direct job. */
ON_EVERY_ENGINE(what_is_kept_is_summed_from_an_index_alone)
{
    static const char plan_sql[] = "EXPLAIN QUERY PLAN SELECT SUM(size) FROM objects "
                                   "WHERE state = 'stored' AND lease_until IS NOT NULL";
    struct db_rows *rows;
    struct shelf s;
    int64_t kept = -1;
    bool row;
    shelf_open(&s, e);
    site_exec(&s.site,
              "INSERT INTO objects (user_id, counter, storage, key, state, size, type, "
              "lease_until, created_at) SELECT id, 'free', 'local', 'small', 'stored', 1, "
              "'image/png', 5, 1 FROM users UNION ALL SELECT id, 'free', 'local', 'large', "
              "'stored', 100000, 'image/png', 5, 1 FROM users UNION ALL SELECT id, 'free', "
              "'local', 'for good', 'stored', 7, 'image/png', CAST(NULL AS BIGINT), 1 "
              "FROM users");
    ok(object_sum_kept(s.site.db, &kept, err));
    assert_int_equal(kept, 65536 + 100000);
    if (e->kind == DB_SQLITE) {
        ok(db_query(s.site.db, plan_sql, DB_NO_ARGS, &rows, err));
        ok(db_next(rows, &row, err));
        assert_true(row &&
                    str_find(db_text(rows, 3), STR("COVERING INDEX objects_kept_sizes")) >= 0);
        db_rows_free(rows);
    }
    site_exec(&s.site, "DELETE FROM objects");
    shelf_close(&s);
}

int main(void)
{
    crypto_init(NULL);
    const struct CMUnitTest tests[] = {
        EVERYWHERE("[SG-6] room that is reserved is nobody else's, whole or part by part",
                   reserved_room_is_nobody_elses),
        EVERYWHERE("[SG-6] what is stored is charged once, by its own size", settled_once),
        EVERYWHERE("[SG-6] [SG-7] what goes gives back what it was charged, and queues its file",
                   given_back),
        EVERYWHERE("[SG-6] a reservation is given back when its lease ends", lease_ends),
        EVERYWHERE("[SG-6] what has no known size is refused only where it does not fit",
                   of_unknown_size),
        EVERYWHERE("[SG-6] what has lost its room is neither prolonged nor settled",
                   ended_stays_ended),
        EVERYWHERE("[SG-7] two nodes' look at one unfinished object counts once", looked_at_by_two),
        EVERYWHERE("[GW-3] what is kept for a while is summed from an index alone",
                   what_is_kept_is_summed_from_an_index_alone),
        EVERYWHERE("[SG-6] posters and inputs are stored, and never charged", free_of_charge),
    };
    return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
