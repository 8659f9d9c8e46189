/* SPDX-License-Identifier: Apache-2.0 */
#include "base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/mem.h"

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    size_t capacity, places, first, count;
    bool closed;
    void *items[];
};

struct queue *queue_new(size_t capacity)
{
    return queue_new_reserving(capacity, 0);
}

struct queue *queue_new_reserving(size_t capacity, size_t reserve)
{
    struct queue *q = mem_zalloc(sizeof(*q) + (capacity + reserve) * sizeof(void *));
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->filled, &attr);
    pthread_condattr_destroy(&attr);
    q->capacity = capacity;
    q->places = capacity + reserve;
    return q;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    pthread_cond_destroy(&q->filled);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static bool push(struct queue *q, void *item, size_t most)
{
    pthread_mutex_lock(&q->lock);
    bool fits = !q->closed && q->count < most;
    if (fits) {
        q->items[(q->first + q->count) % q->places] = item;
        q->count++;
        pthread_cond_signal(&q->filled);
    }
    pthread_mutex_unlock(&q->lock);
    return fits;
}

bool queue_push(struct queue *q, void *item)
{
    return push(q, item, q->capacity);
}

bool queue_push_reserved(struct queue *q, void *item)
{
    return push(q, item, q->places);
}

static struct timespec deadline_in(int timeout_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += timeout_ms / 1000;
    t.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

static void wait_filled(struct queue *q, int timeout_ms)
{
    struct timespec until = deadline_in(timeout_ms < 0 ? 0 : timeout_ms);
    while (q->count == 0 && !q->closed) {
        if (timeout_ms < 0)
            pthread_cond_wait(&q->filled, &q->lock);
        else if (pthread_cond_timedwait(&q->filled, &q->lock, &until) == ETIMEDOUT)
            return;
    }
}

void *queue_pop(struct queue *q, int timeout_ms)
{
    void *item = NULL;
    pthread_mutex_lock(&q->lock);
    wait_filled(q, timeout_ms);
    if (q->count) {
        item = q->items[q->first];
        q->first = (q->first + 1) % q->places;
        q->count--;
    }
    pthread_mutex_unlock(&q->lock);
    return item;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->filled);
    pthread_mutex_unlock(&q->lock);
}

size_t queue_length(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t n = q->count;
    pthread_mutex_unlock(&q->lock);
    return n;
}
