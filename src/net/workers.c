/* SPDX-License-Identifier: Apache-2.0 */
#include "net/workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/queue.h"

enum { THREAD_NAME_SIZE = 16 }; /* what pthread_setname_np() takes, with the NUL */

struct workers {
    struct workers_config config;
    struct queue *queue;
    int started;
    pthread_t threads[];
};

static void *thread_main(void *arg)
{
    struct workers *w = arg;
    const struct workers_config *c = &w->config;
    void *state = c->thread_start ? c->thread_start(c->ctx) : NULL;
    struct work *work;

    while ((work = queue_pop(w->queue, -1)))
        work->run(work, state);
    if (c->thread_end)
        c->thread_end(state, c->ctx);
    return NULL;
}

static bool start_thread(struct workers *w)
{
    char name[THREAD_NAME_SIZE];
    pthread_t *thread = &w->threads[w->started];
    if (pthread_create(thread, NULL, thread_main, w) != 0)
        return false;
    snprintf(name, sizeof(name), "%.11s-%u", w->config.name, (unsigned)w->started % 1000);
    pthread_setname_np(*thread, name);
    w->started++;
    return true;
}

struct workers *workers_new(const struct workers_config *config)
{
    size_t count = (size_t)config->threads;
    struct workers *w = mem_zalloc(sizeof(*w) + count * sizeof(w->threads[0]));
    sigset_t all, before;
    bool ok = true;

    w->config = *config;
    w->queue = queue_new_reserving(config->queue_length, config->reserve);
    /* Threads inherit the mask: signals are the main thread's business. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (ok && w->started < config->threads)
        ok = start_thread(w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!ok) {
        workers_free(w);
        return NULL;
    }
    return w;
}

bool workers_submit(struct workers *w, struct work *work)
{
    return queue_push(w->queue, work);
}

bool workers_submit_last(struct workers *w, struct work *work)
{
    return queue_push_reserved(w->queue, work);
}

int workers_count(const struct workers *w)
{
    return w->started;
}

size_t workers_waiting(struct workers *w)
{
    return queue_length(w->queue);
}

void workers_stop(struct workers *w)
{
    queue_close(w->queue);
    for (int i = 0; i < w->started; i++)
        pthread_join(w->threads[i], NULL);
    w->started = 0;
}

void workers_free(struct workers *w)
{
    if (!w)
        return;
    workers_stop(w);
    queue_free(w->queue);
    free(w);
}
