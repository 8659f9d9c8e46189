/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a slot, with real loops; many threads at once; and what a choice costs. */
#include "pool_world.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- the line ---- */

struct waiting {
    struct world *w;
    struct loop *loop;
    struct pool_waiter *waiter;
    struct pool_slot slot;
    bool woken, timed_out;
    int *order, place;
    int *left; /* the loop stops at 0 */
};

static void on_wake(void *ctx, struct pool_slot *slot)
{
    struct waiting *me = ctx;
    me->woken = true;
    me->waiter = NULL;
    me->timed_out = !slot;
    me->place = (*me->order)++;
    if (slot) {
        me->slot = *slot;
        slot->held = NULL;
    }
    if (--*me->left == 0)
        loop_stop(me->loop);
}

struct releasing {
    struct timer timer;
    struct world *w;
    struct pool_slot *slot;
};

static void on_release(struct timer *t)
{
    struct releasing *r = CONTAINER_OF(t, struct releasing, timer);
    pool_release(r->w->pool, r->slot, POOL_SUCCESS, 0);
}

static void wait_as(struct waiting *me, struct world *w, struct loop *loop,
                    const struct pool_want *who, int64_t timeout, int *order, int *left)
{
    struct pool_want want = *who;
    *me = (struct waiting){.w = w, .loop = loop, .order = order, .left = left};
    me->waiter = pool_wait(w->pool, &want, loop, timeout, on_wake, me);
    assert_non_null(me->waiter);
}

static void wait_in_line(struct waiting *me, struct world *w, struct loop *loop, const char *model,
                         int64_t timeout, int *order, int *left)
{
    struct pool_want want = want_of(model);
    wait_as(me, w, loop, &want, timeout, order, left);
}

ON_EVERY_ENGINE(line)
{
    struct world w;
    struct loop *loop = loop_new();
    struct waiting one, two, three, other;
    int order = 0, left = 2;
    begin(&w, e);
    struct account listed = plain();
    listed.models = STR("[\"sora2\"]");
    add(&w, listed);
    reload(&w);
    struct pool_slot slot = take(&w, "sora2");
    wait_in_line(&other, &w, loop, "gpt-image", 60000, &order, &left);
    wait_in_line(&one, &w, loop, "sora2", 60000, &order, &left);
    wait_in_line(&two, &w, loop, "sora2", 60, &order, &left);
    wait_in_line(&three, &w, loop, "sora2", 60000, &order, &left);
    pool_wait_cancel(one.waiter);
    struct releasing release = {.timer.fn = on_release, .w = &w, .slot = &slot};
    timer_set_in(loop, &release.timer, 150);
    loop_run(loop);
    assert_false(one.woken);
    assert_true(two.woken && two.timed_out);
    assert_true(three.woken && !three.timed_out);
    assert_false(other.woken);

    /* A slot that is on its way to somebody who leaves goes to the next. */
    left = 1;
    wait_in_line(&one, &w, loop, "sora2", 60000, &order, &left);
    wait_in_line(&two, &w, loop, "sora2", 60000, &order, &left);
    pool_release(w.pool, &three.slot, POOL_SUCCESS, 0);
    pool_wait_cancel(one.waiter);
    loop_run(loop);
    assert_false(one.woken);
    assert_true(two.woken && !two.timed_out);

    /* What was freed between the look and the wait is not missed. */
    left = 1;
    pool_release(w.pool, &two.slot, POOL_SUCCESS, 0);
    wait_in_line(&three, &w, loop, "sora2", 60000, &order, &left);
    loop_run(loop);
    assert_true(three.woken && !three.timed_out);
    pool_release(w.pool, &three.slot, POOL_SUCCESS, 0);

    /* A new account serves those who wait already. */
    left = 1;
    add_simple(&w, 50, 1);
    reload(&w);
    loop_run(loop);
    assert_true(other.woken && !other.timed_out);
    pool_release(w.pool, &other.slot, POOL_SUCCESS, 0);
    end(&w);
    loop_free(loop);
}

ON_EVERY_ENGINE(first_come)
{
    enum { MANY = 200 };
    struct world w;
    struct loop *loop = loop_new();
    static struct waiting all[MANY];
    int order = 0, left = MANY;
    begin(&w, e);
    add_simple(&w, 50, 1);
    reload(&w);
    struct pool_slot slot = take(&w, "sora2");
    for (int i = 0; i < MANY; i++)
        wait_in_line(&all[i], &w, loop, "sora2", 60000, &order, &left);
    sql(&w, "UPDATE accounts SET concurrency = 1000");
    reload(&w);
    loop_run(loop);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(all[i].place, i);
        assert_false(all[i].timed_out);
        pool_slot_end(&all[i].slot);
    }
    pool_slot_end(&slot);
    end(&w);
    loop_free(loop);
}

/* In the order of arrival: caller and group of each, and when each is served. */
ON_EVERY_ENGINE(in_turn)
{
    static const struct {
        int64_t caller, group;
        int place;
    } all[] = {{1, 1, 0}, {1, 1, 3}, {1, 1, 5}, {1, 1, 6}, {2, 1, 1}, {3, 2, 2}, {2, 1, 4}};
    struct world w;
    struct loop *loop = loop_new();
    static struct waiting waiting[ARRAY_SIZE(all)];
    int order = 0, left = ARRAY_SIZE(all);
    begin(&w, e);
    sql(&w, "INSERT INTO groups (name, platform, created_at, updated_at) "
            "VALUES ('other', 'sora', 0, 0)");
    struct account both = plain();
    both.group_ids[1] = 2;
    both.group_count = 2;
    add(&w, both);
    reload(&w);
    struct pool_slot slot = take(&w, "sora2");
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        struct pool_want want = want_of("sora2");
        want.caller = all[i].caller;
        want.group_id = all[i].group;
        wait_as(&waiting[i], &w, loop, &want, 60000, &order, &left);
    }
    sql(&w, "UPDATE accounts SET concurrency = 1000");
    reload(&w);
    loop_run(loop);
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        assert_int_equal(waiting[i].place, all[i].place);
        pool_slot_end(&waiting[i].slot);
    }
    pool_slot_end(&slot);
    end(&w);
    loop_free(loop);
}

/* A pinned waiter is older than the other, and both accounts serve what they want. */
ON_EVERY_ENGINE(pinned_in_line)
{
    struct world w;
    struct loop *loop = loop_new();
    struct waiting pinned, other, next;
    int order = 0, left = 1;
    begin(&w, e);
    add_simple(&w, 50, 1);
    add_simple(&w, 50, 1);
    reload(&w);
    struct pool_slot slots[] = {take(&w, "sora2"), take(&w, "sora2")};
    struct pool_want want = want_of("sora2");
    want.only_account = slots[1].account->id;
    want.to_begin = true;
    wait_as(&pinned, &w, loop, &want, 60000, &order, &left);
    wait_in_line(&other, &w, loop, "sora2", 60000, &order, &left);
    pool_release(w.pool, &slots[0], POOL_SUCCESS, 0);
    loop_run(loop);
    assert_true(other.woken && !pinned.woken);

    left = 1;
    wait_in_line(&next, &w, loop, "sora2", 60000, &order, &left);
    pool_release(w.pool, &slots[1], POOL_SUCCESS, 0);
    loop_run(loop);
    assert_true(pinned.woken && !pinned.timed_out && !next.woken);
    assert_int_equal(pinned.slot.account->id, want.only_account);
    pool_wait_cancel(next.waiter);
    pool_slot_end(&pinned.slot);
    pool_slot_end(&other.slot);
    end(&w);
    loop_free(loop);
}

ON_EVERY_ENGINE(cooled_for_waiters)
{
    struct world w;
    struct loop *loop = loop_new();
    struct waiting one;
    int order = 0, left = 1;
    begin(&w, e);
    add_simple(&w, 50, 1);
    reload(&w);
    struct pool_slot slot = take(&w, "sora2");
    wait_in_line(&one, &w, loop, "sora2", 60000, &order, &left);
    pool_release(w.pool, &slot, POOL_RATE_LIMITED, 50);
    usleep(70000);
    ok(pool_flush(w.pool, w.db, err));
    loop_run(loop);
    assert_false(one.timed_out);
    pool_slot_end(&one.slot);
    end(&w);
    loop_free(loop);
}

ON_EVERY_ENGINE(line_is_bounded)
{
    struct world w;
    struct loop *loop = loop_new();
    struct pool_want want = want_of("sora2");
    struct pool_waiter **all = mem_calloc(POOL_MAX_LINE, sizeof(*all));
    begin(&w, e);
    add_simple(&w, 50, 1);
    reload(&w);
    struct pool_slot slot = take(&w, "sora2");
    for (int i = 0; i < POOL_MAX_LINE; i++) {
        /* One caller has its share of the line, and no more. */
        want.caller = 1 + i / POOL_MAX_LINE_OF_CALLER;
        all[i] = pool_wait(w.pool, &want, loop, 60000, on_wake, NULL);
        assert_non_null(all[i]);
        if (i == POOL_MAX_LINE_OF_CALLER - 1)
            assert_null(pool_wait(w.pool, &want, loop, 60000, on_wake, NULL));
    }
    want.caller = 1000;
    assert_null(pool_wait(w.pool, &want, loop, 60000, on_wake, NULL));
    for (int i = 0; i < POOL_MAX_LINE; i++)
        pool_wait_cancel(all[i]);
    struct pool_waiter *again = pool_wait(w.pool, &want, loop, 60000, on_wake, NULL);
    assert_non_null(again);
    pool_wait_cancel(again);
    pool_slot_end(&slot);
    free(all);
    end(&w);
    loop_free(loop);
}

/* ---- many at once ---- */

enum { THREADS = 6, ROUNDS = 4000, ACCOUNTS = 5, SLOTS = 2 };

static struct crowd {
    struct pool *pool;
    atomic_int in_use[ACCOUNTS + 1];
    atomic_int over, got;
} crowd;

static void *hammer(void *arg)
{
    struct pool_want want = want_of("sora2");
    uint32_t n = (uint32_t)(uintptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct pool_slot slot;
        int64_t retry;
        if (pool_take(crowd.pool, &want, &slot, &retry) != POOL_GOT)
            continue;
        int64_t id = slot.account->id;
        if (atomic_fetch_add(&crowd.in_use[id], 1) >= SLOTS)
            atomic_fetch_add(&crowd.over, 1);
        atomic_fetch_add(&crowd.got, 1);
        n = n * 1664525 + 1013904223;
        atomic_fetch_sub(&crowd.in_use[id], 1);
        pool_release(crowd.pool, &slot, n % 97 ? POOL_SUCCESS : POOL_RATE_LIMITED, 1);
    }
    return NULL;
}

ON_EVERY_ENGINE(many_at_once)
{
    struct world w;
    pthread_t threads[THREADS];
    begin(&w, e);
    for (int i = 0; i < ACCOUNTS; i++)
        add_simple(&w, 50, SLOTS);
    reload(&w);
    crowd = (struct crowd){.pool = w.pool};
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)i), 0);
    for (int i = 0; i < 20; i++) {
        sql(&w, i % 2 ? "UPDATE accounts SET name = 'a'" : "UPDATE accounts SET name = 'b'");
        reload(&w);
        ok(pool_flush(w.pool, w.db, err));
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd.over, 0);
    assert_true(crowd.got > ROUNDS / 10);
    for (int64_t id = 1; id <= ACCOUNTS; id++)
        assert_int_equal(status_of(&w, id).in_flight, 0);
    end(&w);
}

/* ---- cost ---- */

static int64_t cost_ns(struct world *w)
{
    enum { TIMES = 20000, RUNS = 5 };
    struct pool_want want = want_of("sora2");
    int64_t best = INT64_MAX;
    for (int run = 0; run < RUNS; run++) {
        int64_t began = clock_mono_ns();
        for (int i = 0; i < TIMES; i++) {
            struct pool_slot slot;
            int64_t retry;
            if (pool_take(w->pool, &want, &slot, &retry) == POOL_GOT)
                pool_release(w->pool, &slot, POOL_SUCCESS, 0);
        }
        int64_t ns = (clock_mono_ns() - began) / TIMES;
        best = ns < best ? ns : best;
    }
    return best;
}

static void flat_cost(void **state)
{
    (void)state;
    static const int sizes[] = {10, 1000, 10000};
    int64_t ns[ARRAY_SIZE(sizes)];
    struct engine e;
    struct world w;
    engine_open(&e, DB_SQLITE);
    begin(&w, &e);
    int made = 0;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        ok(db_begin(w.db, err));
        for (; made < sizes[i]; made++) {
            struct account account = plain();
            account.concurrency = 5;
            insert(&w, &account);
        }
        ok(db_commit(w.db, err));
        reload(&w);
        ns[i] = cost_ns(&w);
        print_message("%d accounts: take and release %lld ns\n", sizes[i], (long long)ns[i]);
    }
    /* A thousand times the accounts: anything linear would show, a busy machine does not. */
    assert_true(ns[2] < 100 * ns[0]);
    end(&w);
    engine_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("[GW-4] a freed slot goes to the first in line who stayed", line),
        TEST("[GW-4] the line is served in the order of arrival", first_come),
        TEST("[GW-4] callers take turns, also in groups that share an account", in_turn),
        TEST("[GW-4] who is pinned to an account waits for its slots alone", pinned_in_line),
        TEST("[GW-4] who waits is served when a cool-down ends", cooled_for_waiters),
        TEST("[GW-4] the line has an end, one caller cannot fill it, and leaving makes room",
             line_is_bounded),
        TEST("[GW-4] many threads at once never hold more slots than there are", many_at_once),
        {"[GW-4] a choice costs the same for ten and for ten thousand accounts", flat_cost, NULL,
         NULL, NULL},
    };
    return cmocka_run_group_tests_name("pool line", tests, pool_set_up, pool_tear_down);
}
