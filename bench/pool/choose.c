/* SPDX-License-Identifier: Apache-2.0 */
/* What the choice of an account costs: taking a slot and giving it back, with 10, 1,000 and 10,000
 * accounts; and how long a caller waits for the pool while another thread reads all accounts anew.
 * Printed as a table for docs/adr/0005. */
#include "pool_world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { TIMES = 100000, RUNS = 7, CALLS = 200000 };

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void use_once(struct world *w, const struct pool_want *want)
{
    struct pool_slot slot;
    if (pool_take(w->pool, want, &slot, NULL) == POOL_GOT)
        pool_release(w->pool, &slot, POOL_SUCCESS, 0);
}

/* Of this thread: whoever else uses the machine counts only by the caches. */
static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t median_ns(struct world *w)
{
    struct pool_want want = want_of("sora2");
    int64_t ns[RUNS];
    for (int run = 0; run < RUNS; run++) {
        int64_t began = cpu_ns();
        for (int i = 0; i < TIMES; i++)
            use_once(w, &want);
        ns[run] = (cpu_ns() - began) / TIMES;
    }
    qsort(ns, RUNS, sizeof(*ns), by_size);
    return ns[RUNS / 2];
}

struct reloading {
    struct world *w;
    atomic_bool over;
    int64_t count, ms;
};

static void *reload_again(void *arg)
{
    struct reloading *r = arg;
    int64_t began = clock_mono_ms();
    while (!atomic_load(&r->over)) {
        reload(r->w);
        r->count++;
    }
    r->ms = clock_mono_ms() - began;
    return NULL;
}

/* Of calls that meet reloads all the while: the median and the 999th of a thousand. */
static void beside_reloads(struct world *w, int64_t *ret_median, int64_t *ret_p999, int64_t *ret_ms)
{
    static int64_t ns[CALLS];
    struct pool_want want = want_of("sora2");
    struct reloading r = {.w = w};
    pthread_t thread;
    pthread_create(&thread, NULL, reload_again, &r);
    for (int i = 0; i < CALLS; i++) {
        int64_t began = clock_mono_ns();
        use_once(w, &want);
        ns[i] = clock_mono_ns() - began;
    }
    atomic_store(&r.over, true);
    pthread_join(thread, NULL);
    qsort(ns, CALLS, sizeof(*ns), by_size);
    *ret_median = ns[CALLS / 2];
    *ret_p999 = ns[CALLS - CALLS / 1000];
    *ret_ms = r.ms / (r.count ? r.count : 1);
}

static void add_accounts(struct world *w, int count)
{
    ok(db_begin(w->db, err));
    for (int i = 0; i < count; i++) {
        struct account account = plain();
        account.concurrency = 5;
        insert(w, &account);
    }
    ok(db_commit(w->db, err));
    reload(w);
}

static void measure(void **state)
{
    (void)state;
    static const int sizes[] = {10, 1000, 10000};
    struct engine e;
    struct world w;
    int made = 0;
    engine_open(&e, DB_SQLITE);
    begin(&w, &e);
    printf("| accounts | take and release, CPU ns | beside reloads: median, ns | 99.9 %%, ns | "
           "a reload, ms |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        int64_t median, p999, ms;
        add_accounts(&w, sizes[i] - made);
        made = sizes[i];
        int64_t alone = median_ns(&w);
        beside_reloads(&w, &median, &p999, &ms);
        printf("| %d | %lld | %lld | %lld | %lld |\n", made, (long long)alone, (long long)median,
               (long long)p999, (long long)ms);
    }
    end(&w);
    engine_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(measure)};
    return cmocka_run_group_tests_name("choose", tests, pool_set_up, pool_tear_down);
}
