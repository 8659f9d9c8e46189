/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/db_notices.h"

#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/queue.h"
#include "base/thread.h"
#include "platform/db_impl.h"

enum { QUEUE_MAX = 4096 };

struct notice {
    struct notice *next;
    char channel[DB_CHANNEL_MAX];
    size_t length;
    char payload[DB_PAYLOAD_MAX];
};

struct notices {
    struct db *db;
    struct queue *queue;
    atomic_bool dropped; /* the queue was full at some time */
    atomic_bool started, ending;
    pthread_t thread;
};

struct notices *notices_new(struct db *db)
{
    struct notices *n = mem_zalloc(sizeof(*n));
    n->db = db;
    n->queue = queue_new(QUEUE_MAX);
    return n;
}

static void *dispatch(void *ctx)
{
    struct notices *n = ctx;
    for (struct notice *item; (item = queue_pop(n->queue, -1)); free(item)) {
        if (atomic_load(&n->ending))
            continue;
        if (atomic_exchange(&n->dropped, false))
            db_listeners_call(n->db, NULL, STR_NONE);
        db_listeners_call(n->db, item->channel, (struct str){item->payload, item->length});
    }
    return NULL;
}

enum status notices_start(struct notices *n, struct err *err)
{
    TRY(thread_start(&n->thread, dispatch, n, "notices of the database", err));
    atomic_store(&n->started, true);
    return OK;
}

static struct notice *notice_new(const char *channel, struct str payload)
{
    struct notice *item = mem_zalloc(sizeof(*item));
    memcpy(item->channel, channel, strlen(channel) + 1);
    item->length = payload.n;
    if (payload.n)
        memcpy(item->payload, payload.p, payload.n);
    return item;
}

static void push(struct notices *n, struct notice *item)
{
    if (!atomic_load(&n->started)) {
        free(item);
        return;
    }
    if (queue_push(n->queue, item))
        return;
    atomic_store(&n->dropped, true);
    /* Once more: the dispatcher may have emptied the queue before it could see the flag, and
     * then nothing else would bring it to look. */
    if (queue_push(n->queue, item))
        return;
    free(item);
}

void notices_post(struct notices *n, const char *channel, struct str payload)
{
    push(n, notice_new(channel, payload));
}

void notices_free(struct notices *n)
{
    if (!n)
        return;
    atomic_store(&n->ending, true);
    queue_close(n->queue);
    if (atomic_load(&n->started))
        pthread_join(n->thread, NULL);
    for (void *item; (item = queue_pop(n->queue, 0));)
        free(item);
    queue_free(n->queue);
    free(n);
}

void notice_list_init(struct notice_list *l)
{
    *l = (struct notice_list){0};
}

void notice_list_add(struct notice_list *l, const char *channel, struct str payload)
{
    if (!l->first)
        l->last = &l->first;
    *l->last = notice_new(channel, payload);
    l->last = &(*l->last)->next;
}

static void drain(struct notice_list *l, struct notices *n)
{
    for (struct notice *item = l->first, *next; item; item = next) {
        next = item->next;
        if (n)
            push(n, item);
        else
            free(item);
    }
    notice_list_init(l);
}

void notice_list_post(struct notice_list *l, struct notices *n)
{
    drain(l, n);
}

void notice_list_drop(struct notice_list *l)
{
    drain(l, NULL);
}
