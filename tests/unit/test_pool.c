/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing, marks, reloads and keys of the pool. */
#include "pool_world.h"

/* ---- choosing ---- */

ON_EVERY_ENGINE(order)
{
    struct world w;
    begin(&w, e);
    int64_t far = add_simple(&w, 60, 5), a = add_simple(&w, 10, 5), b = add_simple(&w, 10, 5);
    struct account used = plain();
    used.priority = 10;
    int64_t c = add(&w, used);
    ok(db_begin(w.db, err));
    ok(accounts_write_use(w.db, c, clock_wall_ms() - 1000, err));
    ok(db_commit(w.db, err));
    reload(&w);
    assert_int_equal(use(&w, POOL_SUCCESS), a);
    assert_int_equal(use(&w, POOL_SUCCESS), b);
    assert_int_equal(use(&w, POOL_SUCCESS), c);
    assert_int_equal(use(&w, POOL_SUCCESS), a);

    /* The use time is renewed when the call ends. */
    struct pool_slot long_call = take(&w, "sora2");
    assert_int_equal(long_call.account->id, b);
    assert_int_equal(use(&w, POOL_SUCCESS), c);
    assert_int_equal(use(&w, POOL_SUCCESS), a);
    pool_release(w.pool, &long_call, POOL_SUCCESS, 0);
    assert_int_equal(use(&w, POOL_SUCCESS), c);
    assert_int_equal(status_of(&w, far).last_used_at, 0);
    end(&w);
}

ON_EVERY_ENGINE(full)
{
    struct world w;
    struct pool_want want = want_of("sora2");
    int64_t retry;
    begin(&w, e);
    int64_t a = add_simple(&w, 10, 2), b = add_simple(&w, 20, 1);
    reload(&w);
    struct pool_slot s1 = take(&w, "sora2"), s2 = take(&w, "sora2"), s3 = take(&w, "sora2");
    assert_int_equal(s1.account->id, a);
    assert_int_equal(s2.account->id, a);
    assert_int_equal(s3.account->id, b);
    assert_int_equal(try_take(&w, &want, &retry), POOL_FULL);
    assert_int_equal(status_of(&w, a).in_flight, 2);

    /* Full accounts that were tried already are none to wait for. */
    want.tried[want.tried_count++] = a;
    assert_int_equal(try_take(&w, &want, &retry), POOL_FULL);
    want.tried[want.tried_count++] = b;
    assert_int_equal(try_take(&w, &want, &retry), POOL_NONE);

    pool_release(w.pool, &s1, POOL_SUCCESS, 0);
    pool_release(w.pool, &s1, POOL_SUCCESS, 0); /* nothing is held any more */
    assert_int_equal(status_of(&w, a).in_flight, 1);
    pool_slot_end(&s2);
    pool_slot_end(&s3);
    assert_int_equal(status_of(&w, a).in_flight, 0);
    end(&w);
}

ON_EVERY_ENGINE(models)
{
    struct world w;
    struct pool_want want = want_of("sora2");
    int64_t retry;
    begin(&w, e);
    struct account listed = plain(), mapped = plain();
    listed.models = STR("[\"sora2\",\"gpt-image\"]");
    mapped.models = STR("[\"other\"]");
    mapped.model_mapping = STR("{\"ours\":\"theirs\"}");
    int64_t a = add(&w, listed), b = add(&w, mapped);
    reload(&w);
    struct pool_slot slot = take(&w, "sora2");
    assert_int_equal(slot.account->id, a);
    assert_true(str_eq(slot.model, STR("sora2")));
    assert_true(str_eq(slot.account->target.credential, STR("sk-up")));
    assert_true(str_eq(slot.account->chat_url, STR("http://127.0.0.1:9/sora/v1/chat/completions")));
    pool_slot_end(&slot);
    slot = take(&w, "ours");
    assert_int_equal(slot.account->id, b);
    assert_true(str_eq(slot.model, STR("theirs")));
    pool_slot_end(&slot);
    want.model = STR("theirs");
    assert_int_equal(try_take(&w, &want, &retry), POOL_NONE);

    struct account any = plain();
    int64_t c = add(&w, any);
    reload(&w);
    slot = take(&w, "theirs");
    assert_int_equal(slot.account->id, c);
    pool_slot_end(&slot);
    end(&w);
}

static void join_names(struct str model, void *ctx)
{
    buf_addf(ctx, "%.*s ", STR_ARG(model));
}

ON_EVERY_ENGINE(listed_models)
{
    struct world w;
    struct pool_want want = want_of("");
    begin(&w, e);
    struct account one = plain(), two = plain(), off = plain();
    one.models = STR("[\"x\"]");
    two.models = STR("[\"x\"]");
    two.model_mapping = STR("{\"y\":\"z\"}");
    off.models = STR("[\"hidden\"]");
    off.status = ACCOUNT_DISABLED;
    add(&w, one);
    add(&w, two);
    add(&w, off);
    reload(&w);
    struct buf names = BUF_INIT(1000);
    pool_each_model(w.pool, &want, join_names, &names);
    assert_int_equal(buf_len(&names), 4); /* x and y, each once */
    assert_true(str_find(buf_str(&names), STR("x ")) >= 0);
    assert_true(str_find(buf_str(&names), STR("y ")) >= 0);
    buf_release(&names);
    end(&w);
}

ON_EVERY_ENGINE(groups)
{
    struct world w;
    struct pool_want want = want_of("sora2");
    int64_t retry;
    begin(&w, e);
    sql(&w, "INSERT INTO groups (name, platform, created_at, updated_at) "
            "VALUES ('other', 'openai', 0, 0)");
    struct account alone = plain(), both = plain();
    alone.group_count = 0;
    both.group_ids[1] = 2;
    both.group_count = 2;
    int64_t a = add(&w, alone);
    reload(&w);
    assert_int_equal(try_take(&w, &want, &retry), POOL_NONE);
    want.ungrouped = true;
    struct pool_slot slot;
    assert_int_equal(pool_take(w.pool, &want, &slot, &retry), POOL_GOT);
    assert_int_equal(slot.account->id, a);
    pool_slot_end(&slot);

    int64_t b = add(&w, both);
    reload(&w);
    want.ungrouped = false;
    want.group_id = 2;
    assert_int_equal(pool_take(w.pool, &want, &slot, &retry), POOL_GOT);
    assert_int_equal(slot.account->id, b);
    /* The one slot is taken for both groups. */
    want.group_id = 1;
    assert_int_equal(try_take(&w, &want, &retry), POOL_FULL);
    pool_slot_end(&slot);
    end(&w);
}

ON_EVERY_ENGINE(tried)
{
    struct world w;
    struct pool_want want = want_of("sora2");
    int64_t retry;
    begin(&w, e);
    for (int i = 0; i < 9; i++)
        add_simple(&w, 50, 9);
    reload(&w);
    for (int i = 0; i < 8; i++) {
        struct pool_slot slot;
        assert_int_equal(pool_take(w.pool, &want, &slot, &retry), POOL_GOT);
        for (size_t k = 0; k < want.tried_count; k++)
            assert_int_not_equal(slot.account->id, want.tried[k]);
        want.tried[want.tried_count++] = slot.account->id;
        pool_release(w.pool, &slot, POOL_NEUTRAL, 0);
    }
    assert_int_equal(try_take(&w, &want, &retry), POOL_GOT);
    end(&w);
}

/* ---- marks ---- */

ON_EVERY_ENGINE(cooling)
{
    struct world w;
    struct pool_want want = want_of("sora2");
    int64_t retry;
    begin(&w, e);
    int64_t a = add_simple(&w, 10, 1), b = add_simple(&w, 20, 1);
    reload(&w);
    struct pool_slot slot = take(&w, "sora2");
    pool_release(w.pool, &slot, POOL_RATE_LIMITED, 30000);
    assert_int_equal(use(&w, POOL_SUCCESS), b);
    slot = take(&w, "sora2");
    pool_release(w.pool, &slot, POOL_RATE_LIMITED, 9000);
    want.tried[want.tried_count++] = a;
    assert_int_equal(try_take(&w, &want, &retry), POOL_LIMITED);
    assert_in_range(retry, 8000, 9000);
    pool_mark(w.pool, b, POOL_UNAVAILABLE, 60000);
    assert_int_equal(try_take(&w, &want, &retry), POOL_COOLING);
    assert_in_range(retry, 20000, 30000);

    /* A pinned job may go on, whatever the marks; what runs there already, whatever the limit. */
    want.only_account = a;
    assert_int_equal(pool_take(w.pool, &want, &slot, &retry), POOL_GOT);
    assert_int_equal(try_take(&w, &want, &retry), POOL_FULL);
    want.running = true;
    assert_int_equal(try_take(&w, &want, &retry), POOL_GOT);
    pool_release(w.pool, &slot, POOL_NEUTRAL, 0);

    pool_clear(w.pool, b);
    assert_int_equal(use(&w, POOL_SUCCESS), b);

    /* One that has not begun there waits for it, and does not come twice. */
    want.running = false;
    want.to_begin = true;
    assert_int_equal(try_take(&w, &want, &retry), POOL_NONE);
    want.tried_count = 0;
    assert_int_equal(try_take(&w, &want, &retry), POOL_LIMITED);
    assert_in_range(retry, 20000, 30000);
    pool_clear(w.pool, a);
    assert_int_equal(try_take(&w, &want, &retry), POOL_GOT);
    end(&w);
}

ON_EVERY_ENGINE(cool_down_passes)
{
    struct world w;
    struct pool_want want = want_of("sora2");
    int64_t retry;
    begin(&w, e);
    int64_t a = add_simple(&w, 10, 1);
    reload(&w);
    struct pool_slot slot = take(&w, "sora2");
    pool_release(w.pool, &slot, POOL_RATE_LIMITED, 60);
    assert_int_equal(try_take(&w, &want, &retry), POOL_LIMITED);
    usleep(80000);
    assert_int_equal(use(&w, POOL_SUCCESS), a);
    assert_int_equal(status_of(&w, a).rate_limited_until, 0);
    end(&w);
}

ON_EVERY_ENGINE(error_is_probed)
{
    struct world w;
    struct pool_want want = want_of("sora2");
    int64_t retry;
    begin(&w, e);
    int64_t a = add_simple(&w, 10, 5);
    reload(&w);
    assert_true(pool_has_active(w.pool, STR("sora")));
    put_in_error(&w, a);
    assert_string_equal(status_of(&w, a).reason, "account_auth_failed");
    assert_false(pool_has_active(w.pool, STR("sora")));
    assert_int_equal(try_take(&w, &want, &retry), POOL_COOLING);
    ok(pool_flush(w.pool, w.db, err));

    /* Another process has it from the database; the time to try again has come. */
    sql(&w, "UPDATE accounts SET overloaded_until = 1");
    struct pool *other;
    ok(pool_new(ring, &other, err));
    ok(pool_reload(other, w.db, err));
    struct pool_slot probe, second;
    assert_int_equal(pool_take(other, &want, &probe, &retry), POOL_GOT);
    assert_int_equal(pool_take(other, &want, &second, &retry), POOL_FULL);
    pool_release(other, &probe, POOL_SUCCESS, 0);
    struct pool_status status;
    pool_status_of(other, a, &status);
    assert_int_equal(status.status, ACCOUNT_ACTIVE);
    assert_int_equal(pool_take(other, &want, &probe, &retry), POOL_GOT);
    assert_int_equal(pool_take(other, &want, &second, &retry), POOL_GOT);
    pool_slot_end(&probe);
    pool_slot_end(&second);
    pool_free(other);
    end(&w);
}

ON_EVERY_ENGINE(survives_restart)
{
    struct world w;
    struct arena *a = arena_new(1 << 20);
    begin(&w, e);
    int64_t one = add_simple(&w, 10, 1), two = add_simple(&w, 20, 1);
    reload(&w);
    assert_int_equal(use(&w, POOL_SUCCESS), one);
    struct pool_slot slot = take(&w, "sora2");
    pool_release(w.pool, &slot, POOL_RATE_LIMITED, 3600 * 1000);
    use(&w, POOL_UNAVAILABLE);
    ok(pool_flush(w.pool, w.db, err));
    ok(pool_flush(w.pool, w.db, err));

    struct account row;
    ok(accounts_find(w.db, one, a, &row, err));
    assert_true(row.rate_limited_until > clock_wall_ms() + 3500 * 1000);
    assert_true(row.last_used_at > clock_wall_ms() - 10000);
    ok(accounts_find(w.db, two, a, &row, err));
    assert_int_equal(row.failures_in_row, 1);

    pool_free(w.pool);
    ok(pool_new(ring, &w.pool, err));
    reload(&w);
    struct pool_status status = status_of(&w, one);
    assert_int_equal(status.successes_24h, 1);
    /* The hour may have ended meanwhile. */
    assert_int_equal(
        status.hours[POOL_HOURS - 1].successes + status.hours[POOL_HOURS - 2].successes, 1);
    assert_int_equal(status.failures_24h, 1);
    assert_true(status.rate_limited_until > clock_wall_ms());
    assert_int_equal(status_of(&w, two).failures_24h, 1);
    arena_free(a);
    end(&w);
}

ON_EVERY_ENGINE(nothing_is_lost)
{
    struct world w;
    struct err why;
    begin(&w, e);
    int64_t a = add_simple(&w, 10, 1);
    reload(&w);
    use(&w, POOL_SUCCESS);
    sql(&w, "ALTER TABLE account_hours RENAME TO elsewhere");
    assert_int_not_equal(pool_flush(w.pool, w.db, &why), OK);
    sql(&w, "ALTER TABLE elsewhere RENAME TO account_hours");
    use(&w, POOL_SUCCESS);
    ok(pool_flush(w.pool, w.db, err));
    int64_t n;
    bool found;
    ok(db_query_int(w.db, "SELECT successes FROM account_hours WHERE account_id = $1",
                    DB_ARGS(P_INT(a)), &n, &found, err));
    assert_int_equal(n, 2);
    end(&w);
}

/* ---- reloading ---- */

ON_EVERY_ENGINE(held_while_deleted)
{
    struct world w;
    struct pool_want want = want_of("sora2");
    int64_t retry;
    begin(&w, e);
    int64_t a = add_simple(&w, 10, 2), b = add_simple(&w, 20, 1);
    reload(&w);
    struct pool_slot one = take(&w, "sora2"), two = take(&w, "sora2");
    sql(&w, "UPDATE accounts SET status = 'disabled', name = 'renamed' WHERE priority = 10");
    reload(&w);
    assert_int_equal(status_of(&w, a).status, ACCOUNT_DISABLED);
    assert_int_equal(status_of(&w, a).in_flight, 2);
    assert_true(str_eq(one.account->name, STR("account")));
    assert_int_equal(use(&w, POOL_SUCCESS), b);
    pool_release(w.pool, &one, POOL_SUCCESS, 0);

    sql(&w, "DELETE FROM accounts WHERE priority = 10");
    reload(&w);
    assert_false(status_of(&w, a).known);
    assert_true(str_eq(two.account->target.credential, STR("sk-up")));
    pool_release(w.pool, &two, POOL_SUCCESS, 0);
    ok(pool_flush(w.pool, w.db, err));
    want.only_account = a;
    assert_int_equal(try_take(&w, &want, &retry), POOL_NONE);
    end(&w);
}

ON_EVERY_ENGINE(slots_survive)
{
    struct world w;
    struct pool_want want = want_of("sora2");
    int64_t retry;
    begin(&w, e);
    add_simple(&w, 10, 1);
    reload(&w);
    struct pool_slot slot = take(&w, "sora2");
    pool_mark(w.pool, slot.account->id, POOL_NEUTRAL, 0);
    sql(&w, "UPDATE accounts SET concurrency = 2");
    reload(&w);
    struct pool_slot second = take(&w, "sora2");
    sql(&w, "UPDATE accounts SET concurrency = 1");
    reload(&w);
    pool_slot_end(&slot);
    assert_int_equal(try_take(&w, &want, &retry), POOL_FULL);
    pool_slot_end(&second);
    assert_int_equal(try_take(&w, &want, &retry), POOL_GOT);
    end(&w);
}

ON_EVERY_ENGINE(unreadable)
{
    struct world w;
    struct pool_want want = want_of("sora2");
    int64_t retry;
    begin(&w, e);
    int64_t a = add_simple(&w, 10, 1), b = add_simple(&w, 20, 1);
    sql(&w, "UPDATE accounts SET credentials = 'k1.AAAA' WHERE priority = 10");
    sql(&w, "UPDATE accounts SET base_url = 'nowhere' WHERE priority = 20");
    reload(&w);
    assert_int_equal(try_take(&w, &want, &retry), POOL_NONE);
    assert_int_equal(status_of(&w, a).status, ACCOUNT_ERROR);
    assert_string_equal(status_of(&w, a).reason, "account_secret_unreadable");
    assert_string_equal(status_of(&w, b).reason, "account_unusable");
    end(&w);
}

/* ---- keys ---- */

static void add_key(struct world *w, const char *key, const char *status, int64_t expires_at)
{
    unsigned char hash[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    crypto_sha256(str_of(key), hash);
    hex_encode(hash, sizeof(hash), hex);
    ok(db_begin(w->db, err));
    ok(db_exec(w->db,
               "INSERT INTO api_keys (user_id, group_id, name, key_hash, key_hint, status, "
               "expires_at, created_at) VALUES (1, 1, 'k', $1, 'sk-', $2, $3, 1)",
               DB_ARGS(P_Z(hex), P_Z(status), P_INT_OR_NULL(expires_at)), NULL, err));
    ok(db_commit(w->db, err));
}

ON_EVERY_ENGINE(keys)
{
    struct world w;
    struct pool_key key;
    struct err why;
    begin(&w, e);
    assert_int_equal(pool_find_key(w.pool, STR("sk-good"), &key, &why), E_AUTH);
    sql(&w, "INSERT INTO users (uuid, email, password_hash, role, status, group_id, created_at, "
            "updated_at) VALUES ('u', 'a@b', '', 'user', 'active', 1, 1, 1)");
    add_key(&w, "sk-good", "active", 0);
    add_key(&w, "sk-off", "disabled", 0);
    add_key(&w, "sk-old", "active", 5);
    add_key(&w, "sk-soon", "active", clock_wall_ms() + 150);
    reload(&w);
    ok(pool_find_key(w.pool, STR("sk-good"), &key, err));
    assert_int_equal(key.user_id, 1);
    assert_int_equal(key.group_id, 1);
    assert_true(str_eq(key.group_platform, STR("sora")));
    ok(pool_find_key(w.pool, STR("sk-soon"), &key, err));
    usleep(200000);
    static const char *const bad[] = {"", "sk-goo", "sk-good ", "sk-off", "sk-old", "sk-soon"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(pool_find_key(w.pool, str_of(bad[i]), &key, &why), E_AUTH);
        assert_string_equal(why.code, "invalid_api_key");
    }
    /* A use that a reload meets is not forgotten. */
    reload(&w);
    ok(pool_flush(w.pool, w.db, err));
    int64_t used;
    bool found;
    ok(db_query_int(w.db, "SELECT COUNT(*) FROM api_keys WHERE last_used_at > 1", DB_NO_ARGS, &used,
                    &found, err));
    assert_int_equal(used, 2);
    sql(&w, "UPDATE users SET status = 'disabled'");
    reload(&w);
    assert_int_equal(pool_find_key(w.pool, STR("sk-good"), &key, &why), E_AUTH);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("[GW-4] the best priority is chosen, then the least recently used, never used first",
             order),
        TEST("[GW-4] full accounts are passed over, and when all are full one waits", full),
        TEST("[AC-1] an account serves the models it lists or maps, else all", models),
        TEST("[ST-11] the models that active accounts list are named once", listed_models),
        TEST("[GW-1] accounts serve their groups, those without one only who asks for them",
             groups),
        TEST("[GW-5] an account that was tried is not chosen again", tried),
        TEST("[GW-6] all limited is told from all cooling, with the nearest end", cooling),
        TEST("[AC-6] a cool-down that has passed needs no click", cool_down_passes),
        TEST("[GW-5] an account in error is tried with one call at a time and mended by success",
             error_is_probed),
        TEST("[AC-6] marks, counts and last use survive a restart", survives_restart),
        TEST("[AC-6] what could not be written is written later, and once", nothing_is_lost),
        TEST("[AC-1] an account that is disabled or deleted stays valid for who holds it",
             held_while_deleted),
        TEST("[AC-1] slots in use survive a reload and a new limit", slots_survive),
        TEST("[AC-1] an account that cannot be read is not scheduled and says why", unreadable),
        TEST("[ID-3] only live keys of active users are known, and their use is noted", keys),
    };
    return cmocka_run_group_tests_name("pool", tests, pool_set_up, pool_tear_down);
}
