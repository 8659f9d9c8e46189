/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting in line.  A waiter stands in the line of every lane that could serve it, in its
 * caller's turn there.  A freed slot goes to the turn that has waited longest in the freed
 * account's own lanes, and there to the first who takes the account.  The slot
 * changes hands under the lock and the waiter hears of it on its loop. */
#include <string.h>

#include "base/clock.h"
#include "pool/pool_impl.h"

static void node_free(struct pool *p, struct wait_node *node)
{
    list_remove(&node->in_turn);
    turn_leave(p, node->turn);
    free(node);
}

static void leave_lines(struct pool_waiter *w)
{
    while (w->nodes) {
        struct wait_node *node = w->nodes;
        w->nodes = node->next;
        node_free(w->pool, node);
    }
    list_remove(&w->in_pool);
    w->pool->waiting_count--;
    caller_leave(w->pool, w->want.caller);
}

static void join_line(struct pool_waiter *w, struct lane *lane)
{
    struct wait_node *node = mem_zalloc(sizeof(*node));
    *node = (struct wait_node){
        .next = w->nodes, .turn = turn_get(w->pool, lane, w->want.caller), .waiter = w};
    w->nodes = node;
    list_push_back(&node->turn->nodes, &node->in_turn);
}

static void waiter_free(struct pool_waiter *w)
{
    free(w->hold);
    free(w->names);
    free(w);
}

/* ---- serving ---- */

static bool takes(const struct pool_want *want, int64_t account_id)
{
    return (!want->only_account || want->only_account == account_id) &&
           !want_tried(want, account_id);
}

static struct wait_node *first_in(struct turn *t, int64_t account_id)
{
    LIST_EACH(at, &t->nodes)
    {
        struct wait_node *node = CONTAINER_OF(at, struct wait_node, in_turn);
        if (takes(&node->waiter->want, account_id))
            return node;
    }
    return NULL;
}

/* Turns stand in the order of `since`. */
static struct wait_node *first_of(struct lane *lane, int64_t account_id)
{
    struct wait_node *found = NULL;
    LIST_EACH(at, &lane->waiting)
    {
        found = first_in(CONTAINER_OF(at, struct turn, in_line), account_id);
        if (found)
            break;
    }
    return found;
}

static struct pool_waiter *first_for(struct entry *e)
{
    struct wait_node *first = NULL;
    if (e->place != PLACE_READY)
        return NULL;
    for (size_t i = 0; i < e->member_count; i++) {
        struct wait_node *node = first_of(e->members[i].lane, e->id);
        if (node && (!first || node->turn->since < first->turn->since))
            first = node;
    }
    return first ? first->waiter : NULL;
}

static void grant(struct pool *p, struct pool_waiter *w, struct entry *e, int64_t now)
{
    entry_take(p, e, w->hold, &w->want, now, &w->slot);
    w->hold = NULL;
    w->state = WAITER_GRANTED;
    list_push_back(&p->granted, &w->in_pool);
    loop_post(w->loop, &w->task);
}

void line_serve(struct pool *p, struct entry *e, int64_t now)
{
    struct pool_waiter *w;
    while (p->waiting_count > 0 && (w = first_for(e))) {
        for (struct wait_node *node = w->nodes; node; node = node->next)
            turn_rotate(p, node->turn);
        leave_lines(w);
        grant(p, w, e, now);
    }
}

bool line_tick(struct pool *p, int64_t now)
{
    bool any = false;
    struct list *node = p->waited.next;
    while (node != &p->waited && !any) {
        /* Settling serves waiters, and they take lanes off this very list. */
        struct list *next = node->next;
        any = lane_expire(p, CONTAINER_OF(node, struct lane, in_waited), now);
        node = next;
    }
    return any;
}

static bool lane_fits(const struct lane *lane, const struct pool_waiter *w)
{
    return lane->bucket->group_id == want_bucket(&w->want) &&
           str_eq(lane->bucket->platform->name, w->want.platform) &&
           model_class_serves(lane->models, &w->model);
}

void line_join_lane(struct pool *p, struct lane *lane)
{
    LIST_EACH(node, &p->waiting)
    {
        struct pool_waiter *w = CONTAINER_OF(node, struct pool_waiter, in_pool);
        if (lane_fits(lane, w))
            join_line(w, lane);
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
    p->waiting_count++;
    list_push_back(&p->waiting, &w->in_pool);
    struct bucket *b = bucket_find(p, w->want.platform, want_bucket(&w->want));
    if (!b)
        return;
    LIST_EACH(node, &b->lanes)
    {
        struct lane *lane = CONTAINER_OF(node, struct lane, in_bucket);
        if (model_class_serves(lane->models, &w->model))
            join_line(w, lane);
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
    /* A slot may have become free since the caller looked. */
    bool room = pool_choose(p, &w->want, &w->model, now, &e, &retry_ms) == POOL_GOT;
    if (room) {
        grant(p, w, e, now);
    } else if (p->waiting_count < POOL_MAX_LINE && caller_join(p, w->want.caller)) {
        room = true;
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
        struct held_slot *hold = w->slot.held;
        while (w->nodes) {
            struct wait_node *gone = w->nodes;
            w->nodes = gone->next;
            node_free(w->pool, gone);
        }
        if (w->state == WAITER_WAITING)
            caller_leave(w->pool, w->want.caller);
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
