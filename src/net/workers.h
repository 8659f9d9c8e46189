/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* workers — a fixed pool of threads that may block, behind a bounded queue.
 *
 * Work is handed over as a struct embedded in the caller's own; a full queue
 * refuses (answer 503), never grows.  Each thread has a slot for what it alone uses
 * (a database connection), made at its start. */
#include <stdbool.h>
#include <stddef.h>

struct workers;

struct work {
    void (*run)(struct work *w, void *thread_state);
};

struct workers_config {
    const char *name; /* of the threads, at most 11 characters */
    int threads;
    size_t queue_length;
    size_t reserve;                   /* further places in it for workers_submit_last() */
    void *(*thread_start)(void *ctx); /* may be NULL */
    void (*thread_end)(void *state, void *ctx);
    void *ctx;
};

/* NULL when a thread cannot be started.  Signals are blocked in the threads; thread_start
 * runs on each of them first. */
struct workers *workers_new(const struct workers_config *config);
/* Any thread.  False when the queue is full or stopping: the work stays the caller's. */
bool workers_submit(struct workers *w, struct work *work);
/* The same for the end of something that was begun: a crowd does not put it off before `reserve` of
 * such ends wait too. */
bool workers_submit_last(struct workers *w, struct work *work);
size_t workers_waiting(struct workers *w);
/* How many threads. */
int workers_count(const struct workers *w);
/* Runs what is queued, then joins.  Not from a worker.  Again: nothing. */
void workers_stop(struct workers *w);
/* Stops first if need be. */
void workers_free(struct workers *w);
