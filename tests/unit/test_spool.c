/* SPDX-License-Identifier: Apache-2.0 */
#include "service/spool.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

enum { BLOCKERS = 16 }; /* more than the workers and their queue take */

struct bench {
    struct spool spool; /* first: on_ready finds the rest by it */
    struct loop *loop;
    struct workers *workers;
    char dir[64];
    char *sent;
    size_t length, given, piece;
    bool ended, whole;
    size_t read, rounds, pieces;
    bool corrupt;
    size_t rewind_at; /* once, in the middle of the first round */
    struct task release;
    struct timer later;
    sem_t go;
};

static char byte_at(size_t i)
{
    return (char)(i * 31 + i / 4093);
}

/* ---- reading back */

static void check(struct bench *b, struct str piece)
{
    b->corrupt |= b->read + piece.n > b->length || memcmp(b->sent + b->read, piece.p, piece.n) != 0;
    b->read += piece.n;
    b->pieces++;
}

static void read_file(struct bench *b)
{
    struct str piece;
    for (;;) {
        enum spool_read got = spool_next(&b->spool, &piece);
        if (got == SPOOL_WAIT)
            return;
        if (got != SPOOL_PIECE) {
            b->corrupt |= got == SPOOL_FAILED || b->read != b->length;
            break;
        }
        check(b, piece);
        if (b->rewind_at && b->read >= b->rewind_at) {
            b->rewind_at = b->read = 0;
            spool_rewind(&b->spool);
        }
    }
    if (--b->rounds == 0) {
        loop_stop(b->loop);
        return;
    }
    b->read = 0;
    spool_rewind(&b->spool);
    read_file(b);
}

static void begin_reading(struct bench *b)
{
    struct str all;
    b->whole = true;
    if (spool_whole(&b->spool, &all)) {
        check(b, all);
        loop_stop(b->loop);
        return;
    }
    spool_rewind(&b->spool);
    read_file(b);
}

/* ---- writing */

static void write_more(struct bench *b)
{
    while (b->given < b->length) {
        size_t n = MIN(b->piece, b->length - b->given);
        size_t taken = spool_write(&b->spool, (struct str){b->sent + b->given, n});
        b->given += taken;
        if (taken < n)
            return;
    }
    b->ended = true;
    if (spool_end(&b->spool))
        begin_reading(b);
}

static void on_ready(struct spool *s)
{
    struct bench *b = (struct bench *)s;
    if (s->err)
        loop_stop(b->loop);
    else if (b->whole)
        read_file(b);
    else if (!b->ended)
        write_more(b);
    else if (spool_end(s))
        begin_reading(b);
}

static void start(struct task *t)
{
    write_more(CONTAINER_OF(t, struct bench, release));
}

static int open_bench(void **state)
{
    struct bench *b = mem_zalloc(sizeof(*b));
    struct workers_config config = {.name = "spool", .threads = 2, .queue_length = 8};
    strcpy(b->dir, "/tmp/kinora-spool-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    b->loop = loop_new();
    b->workers = workers_new(&config);
    b->rounds = 1;
    spool_init(&b->spool, b->loop, b->workers, b->dir, on_ready);
    *state = b;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *b = *state;
    spool_release(&b->spool);
    workers_free(b->workers);
    loop_free(b->loop);
    /* Nothing has a name in there. */
    assert_int_equal(rmdir(b->dir), 0);
    free(b->sent);
    free(b);
    return 0;
}

static void run(struct bench *b, size_t length, size_t piece)
{
    free(b->sent);
    b->sent = mem_calloc(1, length + 1);
    for (size_t i = 0; i < length; i++)
        b->sent[i] = byte_at(i);
    b->length = length;
    b->piece = piece;
    b->release.fn = start;
    loop_post(b->loop, &b->release);
    loop_run(b->loop);
    if (b->spool.err)
        fail_msg("%s: %s %s", status_name(b->spool.err->status), b->spool.err->code,
                 b->spool.err->detail);
    assert_false(b->corrupt);
    assert_int_equal(b->read, length);
}

static void a_small_body_stays_in_memory(void **state)
{
    struct bench *b = *state;
    struct str all;
    spool_expect(&b->spool, 1000);
    run(b, 1000, 64);
    assert_true(spool_whole(&b->spool, &all));
    assert_int_equal(all.n, 1000);
}

static void exactly_the_memory_stays_in_memory(void **state)
{
    struct bench *b = *state;
    struct str all;
    run(b, SPOOL_MEMORY, 70000);
    assert_true(spool_whole(&b->spool, &all));
}

static void one_byte_more_goes_to_a_file(void **state)
{
    struct bench *b = *state;
    struct str all;
    run(b, SPOOL_MEMORY + 1, 70000);
    assert_false(spool_whole(&b->spool, &all));
}

static void a_large_body_is_read_back_as_often_as_needed(void **state)
{
    struct bench *b = *state;
    b->rounds = 3;
    run(b, 5 * SPOOL_MEMORY + 4711, 200000);
    assert_true(b->pieces > 3);
}

static void a_reader_may_begin_anew_in_the_middle(void **state)
{
    struct bench *b = *state;
    b->rewind_at = 2 * SPOOL_SLICE;
    run(b, 3 * SPOOL_MEMORY, 1 << 20);
}

static void a_worker_can_load_all_of_it_within_a_bound(void **state)
{
    struct bench *b = *state;
    _cleanup_(arena_freep) struct arena *a = arena_new(16 << 20);
    struct str all;
    struct err err;
    run(b, 2 * SPOOL_MEMORY + 5, 65536);
    assert_int_equal(spool_load(&b->spool, b->length, a, &all, &err), OK);
    assert_int_equal(all.n, b->length);
    assert_memory_equal(all.p, b->sent, all.n);
    assert_int_equal(spool_load(&b->spool, b->length - 1, a, &all, &err), E_TOO_LARGE);
}

static void it_may_be_given_up_while_a_worker_writes(void **state)
{
    struct bench *b = *state;
    b->sent = mem_calloc(1, 2 * SPOOL_MEMORY);
    size_t taken = spool_write(&b->spool, (struct str){b->sent, 2 * SPOOL_MEMORY});
    assert_true(taken >= SPOOL_MEMORY && taken < 2 * SPOOL_MEMORY);
    spool_release(&b->spool);
    assert_null(b->spool.file);
}

static void a_folder_that_is_gone_is_said_so(void **state)
{
    struct bench *b = *state;
    b->spool.dir = "/nonexistent/folder";
    b->sent = mem_calloc(1, SPOOL_MEMORY + 1);
    spool_write(&b->spool, (struct str){b->sent, SPOOL_MEMORY + 1});
    loop_run(b->loop);
    assert_int_equal(b->spool.err->status, E_IO);
    /* From then on everything is taken, and dropped. */
    assert_int_equal(spool_write(&b->spool, (struct str){b->sent, 100}), 100);
}

static void stop(struct spool *s)
{
    loop_stop(s->loop);
}

static void over_the_cap_a_body_is_told_to_come_back(void **state)
{
    struct bench *b = *state;
    spool_set_caps(SPOOL_MEMORY, INT64_C(512) << 20);
    b->sent = mem_calloc(1, SPOOL_MEMORY + SPOOL_SLICE);
    for (int round = 0; round < 2; round++) { /* what the first had is given back */
        spool_init(&b->spool, b->loop, b->workers, b->dir, stop);
        spool_write(&b->spool, (struct str){b->sent, SPOOL_MEMORY + 1});
        loop_run(b->loop);
        assert_null(b->spool.err);
        spool_write(&b->spool, (struct str){b->sent, SPOOL_SLICE});
        assert_int_equal(b->spool.err->status, E_UNAVAILABLE);
        assert_true(b->spool.err->retry_after_ms > 0);
        spool_release(&b->spool);
    }
    spool_set_caps(INT64_C(4) << 30, INT64_C(512) << 20);
}

static void fill_of(struct bench *b, struct spool *s, int64_t owner, size_t length)
{
    spool_init(s, b->loop, b->workers, b->dir, stop);
    s->owner = owner;
    spool_write(s, (struct str){b->sent, length});
}

/* Somebody new each time. */
static void fill(struct bench *b, struct spool *s, size_t length)
{
    static int64_t owner = 1000;
    fill_of(b, s, owner++, length);
}

/* Until its file is at rest: each slice that has come through stops the loop. */
static void write_out(struct bench *b, struct spool *s)
{
    while (!spool_end(s))
        loop_run(b->loop);
}

static void one_owner_has_half_of_the_room_at_most(void **state)
{
    struct bench *b = *state;
    struct spool first, early, late, others;
    struct str all;
    spool_set_caps(INT64_C(4) << 30, 4 * SPOOL_MEMORY);
    b->sent = mem_calloc(1, SPOOL_MEMORY);
    fill_of(b, &first, 1, SPOOL_MEMORY);
    assert_true(spool_whole(&first, &all));
    fill_of(b, &early, 1, SPOOL_MEMORY);
    assert_false(spool_whole(&early, &all));
    write_out(b, &early);
    fill_of(b, &late, 1, SPOOL_MEMORY); /* the share of the slices too */
    assert_false(spool_whole(&late, &all));
    write_out(b, &late);
    fill_of(b, &others, 1, SPOOL_MEMORY);
    assert_string_equal(others.err->code, "overloaded");
    spool_release(&others);
    fill_of(b, &others, 2, SPOOL_MEMORY);
    assert_true(spool_whole(&others, &all));
    spool_release(&others);
    spool_release(&late);
    spool_release(&early);
    spool_release(&first);
    spool_set_caps(INT64_C(4) << 30, INT64_C(512) << 20);
}

static void where_memory_is_short_bodies_go_to_the_disk_earlier(void **state)
{
    struct bench *b = *state;
    struct spool first[3], early[2], late, brief;
    struct str all;
    spool_set_caps(INT64_C(4) << 30, 4 * SPOOL_MEMORY);
    b->sent = mem_calloc(1, SPOOL_MEMORY);
    for (int i = 0; i < 3; i++) {
        fill(b, &first[i], SPOOL_MEMORY);
        assert_true(spool_whole(&first[i], &all));
    }
    for (int i = 0; i < 2; i++) {
        fill(b, &early[i], SPOOL_MEMORY);
        assert_false(spool_whole(&early[i], &all));
        write_out(b, &early[i]);
    }
    fill(b, &late, SPOOL_MEMORY); /* no room for its slices */
    assert_int_equal(late.err->status, E_UNAVAILABLE);
    assert_string_equal(late.err->code, "overloaded");
    spool_release(&late);
    fill(b, &brief, SPOOL_SHORT); /* always */
    assert_true(spool_whole(&brief, &all));
    assert_int_equal(all.n, SPOOL_SHORT);
    spool_release(&brief);
    spool_release(&early[1]);
    run(b, 3 * SPOOL_MEMORY, 50000); /* through what is left */
    spool_release(&b->spool);
    spool_release(&early[0]);
    for (int i = 0; i < 3; i++) {
        spool_release(&first[i]);
        fill(b, &first[i], SPOOL_MEMORY); /* all of it is back */
        assert_true(spool_whole(&first[i], &all));
        spool_release(&first[i]);
    }
    spool_set_caps(INT64_C(4) << 30, INT64_C(512) << 20);
}

struct blocker {
    struct work work;
    sem_t *go;
};

static void block(struct work *w, void *thread_state)
{
    (void)thread_state;
    sem_wait(CONTAINER_OF(w, struct blocker, work)->go);
}

static void let_go(struct timer *t)
{
    struct bench *b = CONTAINER_OF(t, struct bench, later);
    for (int i = 0; i < BLOCKERS; i++)
        sem_post(&b->go);
}

/* The workers' queue is full for a while: bodies wait, in and out, and may be given up. */
static void a_full_queue_of_the_workers_lets_a_body_wait(void **state)
{
    struct bench *b = *state;
    struct blocker blockers[BLOCKERS];
    struct spool given_up;
    int queued = 0;
    sem_init(&b->go, 0, 0);
    for (int i = 0; i < BLOCKERS; i++) {
        blockers[i] = (struct blocker){{block}, &b->go};
        queued += workers_submit(b->workers, &blockers[i].work);
    }
    assert_true(queued < BLOCKERS);
    b->sent = mem_calloc(1, SPOOL_MEMORY + 1);
    fill(b, &given_up, SPOOL_MEMORY + 1);
    assert_null(given_up.err);
    spool_release(&given_up);
    b->later.fn = let_go;
    timer_set_in(b->loop, &b->later, 100);
    run(b, 3 * SPOOL_MEMORY, 200000);
    sem_destroy(&b->go);
}

#define TEST(title, fn)                                                                            \
    {                                                                                              \
        title, fn, open_bench, close_bench, NULL                                                   \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("[GW-13] a small body stays in memory", a_small_body_stays_in_memory),
        TEST("[GW-13] exactly the memory stays in memory", exactly_the_memory_stays_in_memory),
        TEST("[GW-13] one byte more goes to a file", one_byte_more_goes_to_a_file),
        TEST("[GW-13] a large body is read back as often as needed",
             a_large_body_is_read_back_as_often_as_needed),
        TEST("[GW-13] a reader may begin anew in the middle",
             a_reader_may_begin_anew_in_the_middle),
        TEST("[GW-13] a worker can load all of it, within a bound",
             a_worker_can_load_all_of_it_within_a_bound),
        TEST("[GW-13] it may be given up while a worker writes",
             it_may_be_given_up_while_a_worker_writes),
        TEST("[GW-13] over the cap a body is told to come back",
             over_the_cap_a_body_is_told_to_come_back),
        TEST("[GW-13] one owner has half of the room at most",
             one_owner_has_half_of_the_room_at_most),
        TEST("[GW-13] where memory is short bodies go to the disk earlier",
             where_memory_is_short_bodies_go_to_the_disk_earlier),
        TEST("[GW-13] a full queue of the workers lets a body wait",
             a_full_queue_of_the_workers_lets_a_body_wait),
        TEST("[GW-13] a folder that is gone is said so", a_folder_that_is_gone_is_said_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
