/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting in line.  A waiter stands in the line of every lane that could serve it, under
 * one number, so the earliest of those who can use a freed slot is found by looking at the
 * front of the freed account's own lanes.  The slot changes hands under the lock and the
 * waiter hears of it on its loop. */
#include <string.h>

#include "base/clock.h"
#include "pool/pool_impl.h"

static void node_leave(struct wait_node *node)
{
    list_remove(&node->in_line);
    if (node->lane && list_empty(&node->lane->waiting))
        list_remove(&node->lane->in_waited);
}

static void leave_lines(struct pool_waiter *w)
{
    while (w->nodes) {
        struct wait_node *node = w->nodes;
        w->nodes = node->next;
        node_leave(node);
        free(node);
    }
    list_remove(&w->in_pool);
    w->pool->waiting_count--;
}

static void join_line(struct pool_waiter *w, struct list *line, struct lane *lane)
{
    struct wait_node *node = mem_zalloc(sizeof(*node));
    *node = (struct wait_node){.next = w->nodes, .lane = lane, .waiter = w};
    w->nodes = node;
    list_push_back(line, &node->in_line);
    if (lane && list_empty(&lane->in_waited))
        list_push_back(&w->pool->waited, &lane->in_waited);
}

static void waiter_free(struct pool_waiter *w)
{
    free(w->hold);
    free(w->names);
    free(w);
}

/* ---- serving ---- */

static struct pool_waiter *first_in(struct list *line, int64_t account_id)
{
    LIST_EACH(at, line)
    {
        struct wait_node *node = CONTAINER_OF(at, struct wait_node, in_line);
        if (!want_tried(&node->waiter->want, account_id))
            return node->waiter;
    }
    return NULL;
}

static struct pool_waiter *first_for(struct entry *e)
{
    struct pool_waiter *first = entry_has_slot(e) ? first_in(&e->pinned, 0) : NULL;
    if (e->place != PLACE_READY)
        return first;
    for (size_t i = 0; i < e->member_count; i++) {
        struct pool_waiter *w = first_in(&e->members[i].lane->waiting, e->id);
        if (w && (!first || w->number < first->number))
            first = w;
    }
    return first;
}

static void grant(struct pool *p, struct pool_waiter *w, struct entry *e, int64_t now)
{
    entry_take(p, e, w->hold, w->want.model, now, &w->slot);
    w->hold = NULL;
    w->state = WAITER_GRANTED;
    list_push_back(&p->granted, &w->in_pool);
    loop_post(w->loop, &w->task);
}

void line_serve(struct pool *p, struct entry *e, int64_t now)
{
    struct pool_waiter *w;
    while (p->waiting_count > 0 && (w = first_for(e))) {
        leave_lines(w);
        grant(p, w, e, now);
    }
}

void line_tick(struct pool *p, int64_t now)
{
    struct list *node = p->waited.next;
    while (node != &p->waited) {
        /* Settling serves waiters, and they take lanes off this very list. */
        bool changed = lane_expire(p, CONTAINER_OF(node, struct lane, in_waited), now);
        node = changed ? p->waited.next : node->next;
    }
}

static bool lane_fits(const struct lane *lane, const struct pool_waiter *w)
{
    return !w->want.only_account && lane->bucket->group_id == want_bucket(&w->want) &&
           str_eq(lane->bucket->platform->name, w->want.platform) &&
           model_class_serves(lane->models, &w->model);
}

void line_join_lane(struct pool *p, struct lane *lane)
{
    LIST_EACH(node, &p->waiting)
    {
        struct pool_waiter *w = CONTAINER_OF(node, struct pool_waiter, in_pool);
        if (lane_fits(lane, w))
            join_line(w, &lane->waiting, lane);
    }
}

/* ---- the waiter's loop ---- */

static void on_granted(struct task *t)
{
    struct pool_waiter *w = CONTAINER_OF(t, struct pool_waiter, task);
    struct pool *p = w->pool;
    timer_unset(w->loop, &w->timer);
    pthread_mutex_lock(&p->lock);
    list_remove(&w->in_pool);
    pthread_mutex_unlock(&p->lock);

    if (w->state == WAITER_GRANTED)
        w->wake(w->ctx, &w->slot);
    pool_slot_end(&w->slot);
    waiter_free(w);
}

/* Whether it was still waiting; it has left the lines then. */
static bool stop_waiting(struct pool_waiter *w)
{
    struct pool *p = w->pool;
    pthread_mutex_lock(&p->lock);
    bool waited = w->state == WAITER_WAITING;
    if (waited)
        leave_lines(w);
    pthread_mutex_unlock(&p->lock);
    return waited;
}

static void on_timeout(struct timer *t)
{
    struct pool_waiter *w = CONTAINER_OF(t, struct pool_waiter, timer);
    if (!stop_waiting(w))
        return; /* a slot is on its way */
    w->wake(w->ctx, NULL);
    waiter_free(w);
}

void pool_wait_cancel(struct pool_waiter *w)
{
    timer_unset(w->loop, &w->timer);
    if (stop_waiting(w)) {
        waiter_free(w);
        return;
    }
    /* Its task is queued and will free it; the slot goes on at once. */
    w->state = WAITER_CANCELLED;
    pool_slot_end(&w->slot);
}

static struct pool_waiter *waiter_new(struct pool *p, const struct pool_want *want,
                                      struct loop *loop)
{
    struct pool_waiter *w = mem_zalloc(sizeof(*w));
    w->pool = p;
    w->loop = loop;
    w->want = *want;
    w->names = mem_zalloc(want->platform.n + want->model.n + 1);
    memcpy(w->names, want->platform.p ? want->platform.p : "", want->platform.n);
    memcpy(w->names + want->platform.n, want->model.p ? want->model.p : "", want->model.n);
    w->want.platform = (struct str){w->names, want->platform.n};
    w->want.model = (struct str){w->names + want->platform.n, want->model.n};
    w->model = model_name_of(w->want.model);
    w->hold = mem_zalloc(sizeof(*w->hold));
    w->timer.fn = on_timeout;
    w->task.fn = on_granted;
    list_init(&w->in_pool);
    return w;
}

static void join_lines(struct pool *p, struct pool_waiter *w)
{
    w->number = p->next_number++;
    p->waiting_count++;
    list_push_back(&p->waiting, &w->in_pool);
    if (w->want.only_account) {
        struct entry *e = entry_find(p, w->want.only_account);
        if (e)
            join_line(w, &e->pinned, NULL);
        return;
    }
    struct bucket *b = bucket_find(p, w->want.platform, want_bucket(&w->want));
    if (!b)
        return;
    LIST_EACH(node, &b->lanes)
    {
        struct lane *lane = CONTAINER_OF(node, struct lane, in_bucket);
        if (model_class_serves(lane->models, &w->model))
            join_line(w, &lane->waiting, lane);
    }
}

struct pool_waiter *pool_wait(struct pool *p, const struct pool_want *want, struct loop *loop,
                              int64_t timeout_ms, pool_wake *wake, void *ctx)
{
    if (want->model.n > POOL_MODEL_MAX)
        return NULL;
    struct pool_waiter *w = waiter_new(p, want, loop);
    struct entry *e = NULL;
    int64_t retry_ms, now = clock_wall_ms();
    w->wake = wake;
    w->ctx = ctx;

    pthread_mutex_lock(&p->lock);
    bool room = p->waiting_count < POOL_MAX_LINE;
    if (room) {
        /* A slot may have become free since the caller looked. */
        if (pool_choose(p, &w->want, &w->model, now, &e, &retry_ms) == POOL_GOT)
            grant(p, w, e, now);
        else
            join_lines(p, w);
    }
    pthread_mutex_unlock(&p->lock);

    if (!room) {
        waiter_free(w);
        return NULL;
    }
    timer_set_in(loop, &w->timer, timeout_ms);
    return w;
}

static void free_all(struct list *waiters)
{
    struct list *node;
    while ((node = list_pop_front(waiters))) {
        struct pool_waiter *w = CONTAINER_OF(node, struct pool_waiter, in_pool);
        struct hold *hold = w->slot.held;
        while (w->nodes) {
            struct wait_node *gone = w->nodes;
            w->nodes = gone->next;
            node_leave(gone);
            free(gone);
        }
        if (hold)
            version_unref(hold->version);
        free(hold);
        waiter_free(w);
    }
}

/* The loops have stopped: what was on its way to them will not arrive. */
void line_free(struct pool *p)
{
    free_all(&p->waiting);
    free_all(&p->granted);
}
