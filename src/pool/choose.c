/* SPDX-License-Identifier: Apache-2.0 */
/* Which account a want gets, and taking a slot of it. */
#include "base/clock.h"
#include "pool/pool_impl.h"

int64_t want_bucket(const struct pool_want *want)
{
    if (want->ungrouped)
        return 0;
    return want->group_id > 0 ? want->group_id : -1;
}

/* What the lanes of a want have to offer. */
struct offer {
    const struct heap_item *best;
    int64_t full, cooling, limited, nearest;
};

static void offer_lane(struct offer *o, const struct lane *lane, const struct pool_want *want)
{
    const struct heap_item *item = heap_best(&lane->ready, want);
    if (item && (!o->best || item->major < o->best->major ||
                 (item->major == o->best->major && item->minor < o->best->minor)))
        o->best = item;
    o->full += lane->full + (int64_t)lane->paced.count;
    o->limited += lane->limited;
    o->cooling += (int64_t)lane->cooling.count;
    if (lane->cooling.count > 0 && (!o->nearest || lane->cooling.items[0].major < o->nearest))
        o->nearest = lane->cooling.items[0].major;
}

static bool entry_in(const struct entry *e, const struct bucket *b, const struct model_name *model)
{
    for (size_t i = 0; i < e->member_count; i++) {
        if (e->members[i].lane->bucket == b)
            return model_class_serves(e->version->models, model);
    }
    return false;
}

/* Tried accounts that are full are none to wait for. */
static int64_t tried_and_full(struct pool *p, const struct pool_want *want, const struct bucket *b,
                              const struct model_name *model)
{
    int64_t n = 0;
    for (size_t i = 0; i < want->tried_count; i++) {
        const struct entry *e = entry_find(p, want->tried[i]);
        n += e && (e->place == PLACE_FULL || e->place == PLACE_PACED) && entry_in(e, b, model);
    }
    return n;
}

static enum pool_result may_begin(const struct pool_want *want, const struct entry *e, int64_t now,
                                  int64_t *ret_retry_ms)
{
    bool limited;
    int64_t until = marks_cooling_until(&e->marks, &limited);
    if (want_tried(want, e->id) || !version_usable(e->version))
        return POOL_NONE;
    if (MAX(until, e->tokenless_until) <= now)
        return POOL_GOT;
    *ret_retry_ms = MAX(until, e->tokenless_until) - now;
    return limited && until >= e->tokenless_until ? POOL_LIMITED : POOL_COOLING;
}

static enum pool_result choose_pinned(struct pool *p, const struct pool_want *want, int64_t now,
                                      struct entry **ret, int64_t *ret_retry_ms)
{
    struct entry *e = entry_find(p, want->only_account);
    enum pool_result result = POOL_GOT;
    if (!e || e->version->fault)
        return POOL_NONE;
    if (want->to_begin)
        result = may_begin(want, e, now, ret_retry_ms);
    if (result != POOL_GOT)
        return result;
    if (!want->running && e->in_flight >= e->version->concurrency)
        return POOL_FULL;
    *ret = e;
    return POOL_GOT;
}

enum pool_result pool_choose(struct pool *p, const struct pool_want *want,
                             const struct model_name *model, int64_t now, struct entry **ret,
                             int64_t *ret_retry_ms)
{
    if (want->only_account)
        return choose_pinned(p, want, now, ret, ret_retry_ms);
    struct bucket *b = bucket_find(p, want->platform, want_bucket(want));
    if (!b)
        return POOL_NONE;

    struct offer offer = {0};
    LIST_EACH(node, &b->lanes)
    {
        struct lane *lane = CONTAINER_OF(node, struct lane, in_bucket);
        if (!model_class_serves(lane->models, model))
            continue;
        lane_expire(p, lane, now); /* never touches another lane of this bucket */
        offer_lane(&offer, lane, want);
    }
    if (offer.best) {
        *ret = offer.best->member->entry;
        return POOL_GOT;
    }
    if (offer.full > tried_and_full(p, want, b, model))
        return POOL_FULL;
    if (offer.cooling == 0)
        return POOL_NONE;
    *ret_retry_ms = MAX(offer.nearest - now, 1);
    return offer.limited == offer.cooling ? POOL_LIMITED : POOL_COOLING;
}

/* For a call that others have failed: may it be made, or wait to be made? */
static enum pool_result within_budget(struct pool *p, const struct pool_want *want,
                                      enum pool_result found, int64_t now)
{
    if (!want->again || want->reserved || want->only_account ||
        (found != POOL_GOT && found != POOL_FULL))
        return found;
    struct bucket *b = bucket_find(p, want->platform, want_bucket(want));
    return budget_spend(&b->budget, now) ? found : POOL_SPENT;
}

int64_t pool_retry_in(struct pool *p, const struct pool_want *want)
{
    int64_t now = clock_wall_ms();
    pthread_mutex_lock(&p->lock);
    struct bucket *b = bucket_find(p, want->platform, want_bucket(want));
    int64_t ms = b ? budget_reserve(&b->budget, now) : 0;
    pthread_mutex_unlock(&p->lock);
    return ms;
}

enum pool_result pool_take(struct pool *p, const struct pool_want *want, struct pool_slot *ret,
                           int64_t *ret_retry_ms)
{
    if (want->model.n > POOL_MODEL_MAX)
        return POOL_NONE;
    struct model_name model = model_name_of(want->model);
    struct held_slot *hold = mem_zalloc(sizeof(*hold));
    struct entry *e = NULL;
    int64_t now = clock_wall_ms(), retry_ms = 0;

    pthread_mutex_lock(&p->lock);
    enum pool_result result = pool_choose(p, want, &model, now, &e, &retry_ms);
    result = within_budget(p, want, result, now);
    if (result == POOL_GOT)
        entry_take(p, e, hold, want, now, ret);
    pthread_mutex_unlock(&p->lock);

    if (result != POOL_GOT) {
        free(hold);
        *ret = (struct pool_slot){0};
    }
    if (ret_retry_ms)
        *ret_retry_ms = retry_ms;
    return result;
}
