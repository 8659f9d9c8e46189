/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

static struct loop *loop;

static int setup(void **state)
{
    (void)state;
    loop = loop_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

/* ---- timers ---- */

enum { TIMERS = 500 };
static struct timer timers[TIMERS];
static int64_t last_at;
static int fired;

static void stop_timer(struct timer *t)
{
    (void)t;
    loop_stop(loop);
}

static void check_order(struct timer *t)
{
    assert_true(t->at_ms >= last_at);
    assert_false(timer_is_set(t));
    assert_true(t->at_ms <= loop_now_ms(loop));
    last_at = t->at_ms;
    fired++;
    /* Every fifth takes another one away. */
    if (fired % 5 == 0) {
        struct timer *other = &timers[(size_t)(fired * 7) % TIMERS];
        if (timer_is_set(other)) {
            timer_unset(loop, other);
            fired++;
        }
    }
    if (fired == TIMERS)
        loop_stop(loop);
}

static void timers_fire_in_order_also_when_moved_and_removed(void **state)
{
    int64_t now = loop_now_ms(loop);
    (void)state;
    fired = 0;
    last_at = 0;
    memset(timers, 0, sizeof(timers));
    for (int i = 0; i < TIMERS; i++) {
        timers[i].fn = check_order;
        timer_set_at(loop, &timers[i], now + (i * 7919) % 101);
    }
    for (int i = 0; i < TIMERS; i += 3)
        timer_set_at(loop, &timers[i], now + (i * 104729) % 97);
    for (int i = 0; i < TIMERS; i += 11) {
        timer_unset(loop, &timers[i]);
        timer_unset(loop, &timers[i]);
        timer_set_in(loop, &timers[i], i % 50);
    }
    loop_run(loop);
    assert_int_equal(fired, TIMERS);
}

static struct timer again;
static void set_again(struct timer *t)
{
    timer_set_in(loop, t, 0);
    fired++;
}

static void a_timer_that_sets_itself_does_not_starve_the_rest(void **state)
{
    struct timer stop = {.fn = stop_timer};
    (void)state;
    fired = 0;
    again = (struct timer){.fn = set_again};
    timer_set_in(loop, &again, 0);
    timer_set_in(loop, &stop, 20);
    loop_run(loop);
    assert_true(fired > 1);
    timer_unset(loop, &again);
}

static void timers_never_fire_early(void **state)
{
    struct timer stop = {.fn = stop_timer};
    (void)state;
    int64_t before = clock_mono_ms();
    timer_set_in(loop, &stop, 30);
    loop_run(loop);
    assert_true(clock_mono_ms() - before >= 30);
}

/* ---- descriptors ---- */

static struct io ends[2];
static int pipes[2][2];
static int events_seen;

static void remove_both(struct io *io, uint32_t events)
{
    assert_true(events & EPOLLIN);
    assert_true(loop_is_current(loop));
    (void)io;
    events_seen++;
    loop_io_remove(loop, &ends[0]);
    loop_io_remove(loop, &ends[1]);
    loop_stop(loop);
}

static void events_of_a_removed_watcher_are_dropped(void **state)
{
    (void)state;
    events_seen = 0;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(pipes[i]), 0);
        ends[i].fn = remove_both;
        loop_io_add(loop, &ends[i], pipes[i][0], EPOLLIN);
        assert_int_equal(write(pipes[i][1], "x", 1), 1);
    }
    assert_false(loop_is_current(loop));
    loop_run(loop); /* both are ready in the same turn */
    assert_int_equal(events_seen, 1);
    for (int i = 0; i < 4; i++)
        close(pipes[i / 2][i % 2]);
}

static void switch_off(struct io *io, uint32_t events)
{
    (void)events;
    events_seen++;
    loop_io_set(loop, io, 0);
}

static void a_watcher_without_events_is_quiet(void **state)
{
    struct timer stop = {.fn = stop_timer};
    (void)state;
    events_seen = 0;
    assert_int_equal(pipe(pipes[0]), 0);
    ends[0].fn = switch_off;
    loop_io_add(loop, &ends[0], pipes[0][0], EPOLLIN);
    assert_int_equal(write(pipes[0][1], "x", 1), 1);
    timer_set_in(loop, &stop, 20);
    loop_run(loop);
    assert_int_equal(events_seen, 1);
    loop_io_remove(loop, &ends[0]);
    close(pipes[0][0]);
    close(pipes[0][1]);
}

/* ---- tasks ---- */

enum { THREADS = 4, TASKS = 2000 };
struct numbered {
    struct task task;
    int thread, number;
};
static struct numbered posted[THREADS][TASKS];
static int next_of[THREADS], ran;

static void check_task(struct task *t)
{
    struct numbered *n = CONTAINER_OF(t, struct numbered, task);
    assert_int_equal(n->number, next_of[n->thread]++);
    if (++ran == THREADS * TASKS)
        loop_stop(loop);
}

static void *post_all(void *arg)
{
    struct numbered *mine = arg;
    for (int i = 0; i < TASKS; i++)
        loop_post(loop, &mine[i].task);
    return NULL;
}

static void tasks_of_each_thread_run_in_the_order_of_posting(void **state)
{
    pthread_t threads[THREADS];
    (void)state;
    ran = 0;
    memset(next_of, 0, sizeof(next_of));
    for (int t = 0; t < THREADS; t++) {
        for (int i = 0; i < TASKS; i++)
            posted[t][i] = (struct numbered){.task.fn = check_task, .thread = t, .number = i};
        pthread_create(&threads[t], NULL, post_all, posted[t]);
    }
    loop_run(loop);
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    assert_int_equal(ran, THREADS * TASKS);
}

static struct task self;
static void post_self(struct task *t)
{
    if (++ran == 3) {
        loop_stop(loop);
        return;
    }
    loop_post(loop, t);
    loop_post(loop, t); /* waits already: nothing */
}

static void a_task_is_queued_once_at_a_time_and_may_queue_itself(void **state)
{
    (void)state;
    ran = 0;
    self = (struct task){.fn = post_self};
    loop_post(loop, &self);
    loop_post(loop, &self);
    loop_run(loop);
    assert_int_equal(ran, 3);
}

static void free_it(struct task *t)
{
    free(t);
    ran++;
}

static void stop_and_defer(struct timer *t)
{
    struct task *task = mem_zalloc(sizeof(*task));
    (void)t;
    task->fn = free_it;
    loop_defer(loop, task);
    loop_defer(loop, task);
    assert_int_equal(ran, 0);
    loop_stop(loop);
}

static void deferred_tasks_run_at_the_end_of_the_turn(void **state)
{
    struct timer t = {.fn = stop_and_defer};
    struct task *left = mem_zalloc(sizeof(*left));
    (void)state;
    ran = 0;
    timer_set_in(loop, &t, 0);
    loop_run(loop);
    assert_int_equal(ran, 1);
    /* teardown: loop_free() runs what is left, or this would leak. */
    left->fn = free_it;
    loop_post(loop, left);
}

static void stopping_before_running_counts(void **state)
{
    (void)state;
    loop_stop(loop);
    loop_run(loop);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(timers_fire_in_order_also_when_moved_and_removed),
        TEST(a_timer_that_sets_itself_does_not_starve_the_rest),
        TEST(timers_never_fire_early),
        TEST(events_of_a_removed_watcher_are_dropped),
        TEST(a_watcher_without_events_is_quiet),
        TEST(tasks_of_each_thread_run_in_the_order_of_posting),
        TEST(a_task_is_queued_once_at_a_time_and_may_queue_itself),
        TEST(deferred_tasks_run_at_the_end_of_the_turn),
        TEST(stopping_before_running_counts),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
