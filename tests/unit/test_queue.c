/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/queue.h"

static void first_in_is_first_out(void **state)
{
    int items[5];
    struct queue *q = queue_new(3);
    (void)state;
    for (int round = 0; round < 10; round++) {
        assert_true(queue_push(q, &items[0]) && queue_push(q, &items[1]));
        assert_ptr_equal(queue_pop(q, 0), &items[0]);
        assert_true(queue_push(q, &items[2]));
        assert_ptr_equal(queue_pop(q, 0), &items[1]);
        assert_ptr_equal(queue_pop(q, -1), &items[2]);
    }
    assert_null(queue_pop(q, 0));
    queue_free(q);
    queue_free(NULL);
}

static void a_full_queue_refuses(void **state)
{
    int item;
    struct queue *q = queue_new(2);
    (void)state;
    assert_true(queue_push(q, &item) && queue_push(q, &item));
    assert_false(queue_push(q, &item));
    assert_int_equal(queue_length(q), 2);
    queue_pop(q, 0);
    assert_true(queue_push(q, &item));
    queue_free(q);
}

static void a_reserve_is_kept_for_what_must_not_wait(void **state)
{
    int items[4];
    struct queue *q = queue_new_reserving(2, 1);
    (void)state;
    for (int round = 0; round < 4; round++) {
        assert_true(queue_push(q, &items[0]) && queue_push_reserved(q, &items[1]));
        assert_false(queue_push(q, &items[3]));
        assert_true(queue_push_reserved(q, &items[2]));
        assert_false(queue_push_reserved(q, &items[3]));
        for (int i = 0; i < 3; i++)
            assert_ptr_equal(queue_pop(q, 0), &items[i]);
    }
    queue_free(q);
}

static void waiting_ends_in_time(void **state)
{
    struct queue *q = queue_new(1);
    (void)state;
    int64_t begin = clock_mono_ms();
    assert_null(queue_pop(q, 50));
    int64_t took = clock_mono_ms() - begin;
    assert_true(took >= 49 && took < 2000);
    queue_free(q);
}

static void a_closed_queue_drains_and_ends(void **state)
{
    int item;
    struct queue *q = queue_new(2);
    (void)state;
    queue_push(q, &item);
    queue_close(q);
    assert_false(queue_push(q, &item));
    assert_ptr_equal(queue_pop(q, -1), &item);
    assert_null(queue_pop(q, -1));
    queue_free(q);
}

enum { PRODUCERS = 4, EACH = 2000 };
static atomic_long popped, sum;

static void *consume(void *ctx)
{
    long *item;
    while ((item = queue_pop(ctx, -1))) {
        atomic_fetch_add(&popped, 1);
        atomic_fetch_add(&sum, *item);
    }
    return NULL;
}

static long numbers[EACH];

static void *produce(void *ctx)
{
    for (long i = 0; i < EACH; i++) {
        while (!queue_push(ctx, &numbers[i]))
            sched_yield();
    }
    return NULL;
}

static void many_threads_lose_nothing(void **state)
{
    pthread_t producers[PRODUCERS], consumers[3];
    struct queue *q = queue_new(16);
    (void)state;
    for (long i = 0; i < EACH; i++)
        numbers[i] = i;
    for (int i = 0; i < 3; i++)
        pthread_create(&consumers[i], NULL, consume, q);
    for (int i = 0; i < PRODUCERS; i++)
        pthread_create(&producers[i], NULL, produce, q);
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i], NULL);
    queue_close(q);
    for (int i = 0; i < 3; i++)
        pthread_join(consumers[i], NULL);
    assert_int_equal(atomic_load(&popped), PRODUCERS * EACH);
    assert_int_equal(atomic_load(&sum), (long)PRODUCERS * EACH * (EACH - 1) / 2);
    queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_is_first_out),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(a_reserve_is_kept_for_what_must_not_wait),
        cmocka_unit_test(waiting_ends_in_time),
        cmocka_unit_test(a_closed_queue_drains_and_ends),
        cmocka_unit_test(many_threads_lose_nothing),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
