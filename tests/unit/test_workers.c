/* SPDX-License-Identifier: Apache-2.0 */
#include "net/workers.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

enum { JOBS = 1000 };

struct job {
    struct work work;
    sem_t *started, *go;
};

static int ran, starts, ends; /* atomic */

static int value_of(const int *counter)
{
    return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static void count(int *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
}

static void *start(void *ctx)
{
    count(ctx);
    return mem_zalloc(sizeof(int));
}

static void end(void *state, void *ctx)
{
    (void)ctx;
    count(&ends);
    free(state);
}

static void run_job(struct work *w, void *thread_state)
{
    struct job *job = CONTAINER_OF(w, struct job, work);
    int *own = thread_state;
    ++*own; /* the thread's alone: no lock */
    if (job->started) {
        sem_post(job->started);
        sem_wait(job->go);
    }
    count(&ran);
}

static struct workers *make(int threads, size_t queue)
{
    ran = starts = ends = 0;
    return workers_new(&(struct workers_config){.name = "elevenchars",
                                                .threads = threads,
                                                .queue_length = queue,
                                                .thread_start = start,
                                                .thread_end = end,
                                                .ctx = &starts});
}

static void stopping_runs_what_is_queued(void **state)
{
    static struct job jobs[JOBS];
    struct workers *w = make(4, JOBS);
    (void)state;
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){.work.run = run_job};
        assert_true(workers_submit(w, &jobs[i].work));
    }
    workers_stop(w);
    assert_int_equal(value_of(&ran), JOBS);
    assert_int_equal(value_of(&starts), 4);
    assert_int_equal(value_of(&ends), 4);
    assert_false(workers_submit(w, &jobs[0].work));
    workers_free(w);
}

static void a_full_queue_refuses(void **state)
{
    struct workers *w = make(1, 2);
    struct job jobs[4];
    sem_t started, go;
    (void)state;
    sem_init(&started, 0, 0);
    sem_init(&go, 0, 0);
    for (int i = 0; i < 4; i++)
        jobs[i] = (struct job){.work.run = run_job};
    jobs[0].started = &started;
    jobs[0].go = &go;
    assert_true(workers_submit(w, &jobs[0].work));
    sem_wait(&started);
    assert_true(workers_submit(w, &jobs[1].work));
    assert_true(workers_submit(w, &jobs[2].work));
    assert_int_equal(workers_waiting(w), 2);
    assert_false(workers_submit(w, &jobs[3].work));
    sem_post(&go);
    workers_free(w);
    assert_int_equal(value_of(&ran), 3);
    sem_destroy(&started);
    sem_destroy(&go);
}

struct look {
    struct work work;
    sem_t *seen;
    char name[16];
    sigset_t blocked;
};

static void look_around(struct work *w, void *thread_state)
{
    struct look *look = CONTAINER_OF(w, struct look, work);
    (void)thread_state;
    pthread_getname_np(pthread_self(), look->name, sizeof(look->name));
    pthread_sigmask(SIG_SETMASK, NULL, &look->blocked);
    sem_post(look->seen);
}

static void threads_have_names_and_leave_signals_to_others(void **state)
{
    struct workers *w = make(1, 2);
    struct look look = {.work.run = look_around};
    sem_t seen;
    (void)state;
    sem_init(&seen, 0, 0);
    look.seen = &seen;
    assert_true(workers_submit(w, &look.work));
    sem_wait(&seen);
    workers_free(w);
    assert_string_equal(look.name, "elevenchars-0");
    assert_true(sigismember(&look.blocked, SIGTERM));
    assert_true(sigismember(&look.blocked, SIGPIPE));
    sem_destroy(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopping_runs_what_is_queued),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(threads_have_names_and_leave_signals_to_others),
    };
    return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
