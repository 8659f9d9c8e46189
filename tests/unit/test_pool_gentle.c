/* SPDX-License-Identifier: Apache-2.0 */
/* How accounts that failed are tried again, and how often calls are: probes and the budget. */
#include "pool_world.h"

#include "pool/pool_impl.h"

/* ---- the steps of a probe ---- */

static void steps(void **state)
{
    (void)state;
    struct entry e = {.marks = {.failures_in_row = 1}};
    int64_t until, now = 1000000;
    assert_false(probe_is_paced(&e, now, &until));
    uint32_t first = probe_begin(&e, now);
    assert_int_not_equal(first, 0);
    assert_true(probe_is_paced(&e, now, &until));
    assert_int_equal(until, now + 10000);
    /* 1, 2, 4, 8 … while none of them fails. */
    for (int64_t more = 1; more <= 64; more *= 2) {
        now += 10000;
        for (int64_t i = 0; i < more; i++) {
            assert_false(probe_is_paced(&e, now, &until));
            assert_int_equal(probe_begin(&e, now), first);
        }
        assert_true(probe_is_paced(&e, now, &until));
        assert_int_equal(until, now + 10000);
    }
    /* It failed again: what is under way still belongs to the round before. */
    probe_reset(&e);
    assert_false(probe_is_paced(&e, now, &until));
    uint32_t second = probe_begin(&e, now);
    probe_end(&e, first);
    assert_true(probe_is_paced(&e, now, &until));
    probe_end(&e, second);
    assert_false(probe_is_paced(&e, now, &until));
    /* A clock that was set back lengthens nothing beyond one step. */
    probe_begin(&e, now);
    assert_true(probe_is_paced(&e, now - 100000, &until));
    assert_int_equal(until, now + 10000);
    e.marks.failures_in_row = 0;
    assert_false(probe_is_paced(&e, now, &until));
    assert_int_equal(probe_begin(&e, now), 0);
}

/* ---- an account that failed ---- */

/* As after a restart, all cool-downs over: nobody waits for the clock. */
static void restart_later(struct world *w)
{
    ok(pool_flush(w->pool, w->db, err));
    sql(w, "UPDATE accounts SET overloaded_until = CASE WHEN overloaded_until > 0 THEN 1 END, "
           "rate_limited_until = CASE WHEN rate_limited_until > 0 THEN 1 END");
    pool_free(w->pool);
    ok(pool_new(ring, &w->pool, err));
    reload(w);
}

ON_EVERY_ENGINE(one_probe)
{
    static const enum pool_outcome failures[] = {POOL_UNAVAILABLE, POOL_REFUSED, POOL_AUTH_FAILED,
                                                 POOL_RATE_LIMITED};
    struct world w;
    struct pool_want want = want_of("sora2");
    int64_t retry;
    begin(&w, e);
    int64_t a = add_simple(&w, 10, 5);
    reload(&w);
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        struct pool_slot slot = take(&w, "sora2");
        pool_release(w.pool, &slot, failures[i], 0);
        assert_true(status_of(&w, a).reason[0] != '\0');
        restart_later(&w);
        assert_string_equal(status_of(&w, a).reason, "");
        struct pool_slot probe = take(&w, "sora2");
        assert_int_equal(try_take(&w, &want, &retry), POOL_FULL);
        /* What says nothing of the account lets the next one go. */
        pool_release(w.pool, &probe, POOL_NEUTRAL, 0);
        probe = take(&w, "sora2");
        assert_int_equal(try_take(&w, &want, &retry), POOL_FULL);
        pool_release(w.pool, &probe, POOL_SUCCESS, 0);
        struct pool_slot one = take(&w, "sora2"), two = take(&w, "sora2");
        pool_release(w.pool, &one, POOL_SUCCESS, 0);
        pool_release(w.pool, &two, POOL_SUCCESS, 0);
    }
    end(&w);
}

ON_EVERY_ENGINE(proven)
{
    struct world w;
    begin(&w, e);
    int64_t a = add_simple(&w, 10, 3);
    reload(&w);
    use(&w, POOL_UNAVAILABLE);
    restart_later(&w);
    struct pool_slot probe = take(&w, "sora2");
    pool_proven(w.pool, &probe);
    struct pool_slot two = take(&w, "sora2"), three = take(&w, "sora2");
    assert_int_equal(status_of(&w, a).in_flight, 3);
    /* It broke after all: a failure more, not a fresh start. */
    pool_release(w.pool, &probe, POOL_UNAVAILABLE, 0);
    ok(pool_flush(w.pool, w.db, err));
    int64_t failures;
    bool found;
    ok(db_query_int(w.db, "SELECT failures_in_row FROM accounts", DB_NO_ARGS, &failures, &found,
                    err));
    assert_int_equal(failures, 2);
    pool_slot_end(&two);
    pool_slot_end(&three);
    end(&w);
}

/* Stands in line, and keeps the slot that it gets. */
struct standing {
    struct loop *loop;
    struct pool_slot slot;
    bool woken;
    int *left; /* the loop stops at 0 */
};

static void on_wake(void *ctx, struct pool_slot *slot)
{
    struct standing *me = ctx;
    me->woken = true;
    if (slot) {
        me->slot = *slot;
        slot->held = NULL;
    }
    if (--*me->left == 0)
        loop_stop(me->loop);
}

ON_EVERY_ENGINE(proven_for_the_line)
{
    enum { SLOTS = 6, WAITING = 8, SERVED = SLOTS - 1 };
    struct world w;
    struct loop *loop = loop_new();
    struct standing all[WAITING] = {0};
    int left = SERVED;
    begin(&w, e);
    int64_t a = add_simple(&w, 10, SLOTS);
    reload(&w);
    use(&w, POOL_UNAVAILABLE);
    restart_later(&w);
    struct pool_slot probe = take(&w, "sora2");
    struct pool_want want = want_of("sora2");
    for (int i = 0; i < WAITING; i++) {
        want.caller = i % 2 + 1;
        all[i] = (struct standing){.loop = loop, .left = &left};
        assert_non_null(pool_wait(w.pool, &want, loop, 60000, on_wake, &all[i]));
    }
    assert_int_equal(status_of(&w, a).in_flight, 1);
    pool_proven(w.pool, &probe);
    assert_int_equal(status_of(&w, a).in_flight, SLOTS);
    loop_run(loop);
    for (int i = 0; i < WAITING; i++)
        assert_int_equal(all[i].slot.held != NULL, i < SERVED);
    /* From here on the line moves as any other does. */
    left = WAITING - SERVED;
    for (int i = 0; i < WAITING - SERVED; i++)
        pool_release(w.pool, &all[i].slot, POOL_SUCCESS, 0);
    loop_run(loop);
    for (int i = 0; i < WAITING; i++) {
        assert_true(all[i].woken);
        pool_slot_end(&all[i].slot);
    }
    pool_slot_end(&probe);
    assert_int_equal(status_of(&w, a).in_flight, 0);
    end(&w);
    loop_free(loop);
}

ON_EVERY_ENGINE(polls_fail)
{
    struct world w;
    begin(&w, e);
    int64_t a = add_simple(&w, 10, 20);
    reload(&w);
    for (int i = 0; i < 20; i++)
        pool_mark(w.pool, a, i % 2 ? POOL_UNAVAILABLE : POOL_AUTH_FAILED, 0);
    assert_int_equal(status_of(&w, a).status, ACCOUNT_ACTIVE);
    assert_in_range(status_of(&w, a).overloaded_until, clock_wall_ms(), clock_wall_ms() + 5000);
    assert_int_equal(status_of(&w, a).failures_24h, 0);
    end(&w);
}

/* Thousands of cool-downs that end together are not settled by one choice. */
ON_EVERY_ENGINE(end_together)
{
    enum { MANY = 200 };
    struct world w;
    struct pool_want want = want_of("sora2");
    int64_t retry;
    begin(&w, e);
    ok(db_begin(w.db, err));
    for (int i = 0; i < MANY; i++) {
        struct account account = plain();
        insert(&w, &account);
    }
    ok(db_commit(w.db, err));
    reload(&w);
    for (int i = 0; i < MANY; i++)
        use(&w, POOL_RATE_LIMITED);
    assert_int_equal(try_take(&w, &want, &retry), POOL_LIMITED);
    restart_later(&w);
    for (int i = 0; i < MANY; i++)
        use(&w, POOL_SUCCESS);
    for (int64_t id = 1; id <= MANY; id++)
        assert_int_equal(status_of(&w, id).successes_24h, 1);
    end(&w);
}

/* ---- the budget ---- */

static void counts(void **state)
{
    (void)state;
    struct budget b = {0};
    int64_t now = 5000000;
    for (int i = 0; i < 10; i++)
        assert_true(budget_spend(&b, now));
    assert_false(budget_spend(&b, now));
    budget_count(&b, now + 3000, 14);
    assert_true(budget_spend(&b, now + 3000));
    assert_true(budget_spend(&b, now + 3000));
    assert_false(budget_spend(&b, now + 3000));
    budget_count(&b, now + 3000, 1);
    assert_true(budget_spend(&b, now + 3000));
    budget_count(&b, now + 3000, -5);
    assert_false(budget_spend(&b, now + 9000));
    /* What is ten seconds old is forgotten, calls and retries. */
    for (int i = 0; i < 9; i++)
        assert_true(budget_spend(&b, now + 10000));
    assert_false(budget_spend(&b, now + 10000));
    assert_true(budget_spend(&b, now + 13000));
}

static void reservations(void **state)
{
    (void)state;
    struct budget b = {0};
    int64_t now = 7000000;
    for (int i = 0; i < 10; i++)
        assert_int_equal(budget_reserve(&b, now), 0);
    for (int i = 1; i <= 100; i++)
        assert_int_equal(budget_reserve(&b, now), i * 1000);
    /* Nobody overtakes those who wait. */
    assert_int_equal(budget_reserve(&b, now + 20000), 81000);
    assert_int_equal(budget_reserve(&b, now + 200000), 0);
}

ON_EVERY_ENGINE(budgeted)
{
    struct world w;
    struct pool_want want = want_of("sora2"), again = want;
    int64_t retry;
    begin(&w, e);
    sql(&w, "INSERT INTO groups (name, platform, created_at, updated_at) "
            "VALUES ('other', 'sora', 0, 0)");
    struct account both = plain();
    both.group_ids[1] = 2;
    both.group_count = 2;
    both.concurrency = 100;
    add(&w, both);
    reload(&w);
    again.again = true;
    /* Slots given back unused count as nothing. */
    for (int i = 0; i < 100; i++)
        assert_int_equal(try_take(&w, &want, &retry), POOL_GOT);
    struct pool_slot slot;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(pool_take(w.pool, &again, &slot, &retry), POOL_GOT);
        pool_release(w.pool, &slot, POOL_NEUTRAL, 0);
    }
    assert_int_equal(pool_take(w.pool, &again, &slot, &retry), POOL_SPENT);
    for (int i = 0; i < 5; i++)
        use(&w, POOL_NEUTRAL);
    assert_int_equal(pool_take(w.pool, &again, &slot, &retry), POOL_GOT);
    pool_release(w.pool, &slot, POOL_NEUTRAL, 0);
    assert_int_equal(pool_take(w.pool, &again, &slot, &retry), POOL_SPENT);
    assert_true(pool_retry_in(w.pool, &again) > 0);
    /* Each group has its own. */
    again.group_id = 2;
    assert_int_equal(pool_retry_in(w.pool, &again), 0);
    assert_int_equal(pool_take(w.pool, &again, &slot, &retry), POOL_GOT);
    pool_release(w.pool, &slot, POOL_NEUTRAL, 0);
    end(&w);
}

ON_EVERY_ENGINE(unused)
{
    struct world w;
    begin(&w, e);
    int64_t a = add_simple(&w, 10, 5), b = add_simple(&w, 10, 5);
    reload(&w);
    for (int i = 0; i < 3; i++) {
        struct pool_slot slot = take(&w, "sora2");
        assert_int_equal(slot.account->id, a);
        pool_slot_end(&slot);
    }
    assert_int_equal(status_of(&w, a).last_used_at, 0);
    assert_int_equal(use(&w, POOL_SUCCESS), a);
    assert_int_equal(use(&w, POOL_SUCCESS), b);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[GW-5] a doubtful account is tried with one call, then twice as many for each calm 10 s",
         steps, NULL, NULL, NULL},
        TEST("[GW-5] after any failure one call at a time tries the account, until a success",
             one_probe),
        TEST("[GW-5] an answer that begins well opens all slots, and clears no failure", proven),
        TEST("[GW-5] an answer that begins well lets in as many of the line as there are slots",
             proven_for_the_line),
        TEST("[GW-5] polls that fail together are one failure, and no calls", polls_fail),
        TEST("[GW-4] accounts whose cool-downs end together all come back", end_together),
        {"[GW-5] the retry budget: ten in ten seconds, and one for five calls", counts, NULL, NULL,
         NULL},
        {"[GW-5] who can wait for the retry budget is told when, each a second later", reservations,
         NULL, NULL, NULL},
        TEST("[GW-5] above its group's retry budget a call is not made again", budgeted),
        TEST("[GW-4] a slot that nobody used changes neither the order nor the last use", unused),
    };
    return cmocka_run_group_tests_name("pool gentle", tests, pool_set_up, pool_tear_down);
}
