/* SPDX-License-Identifier: Apache-2.0 */
/* Which accounts stand where: tables, lanes, and the one function that files an entry. */
#include <string.h>

#include "pool/pool_impl.h"

size_t entry_chain(int64_t id)
{
    return (uint64_t)id * 0x9e3779b97f4a7c15ULL >> 51;
}

_Static_assert(TABLE_SIZE == 1 << 13, "entry_chain() and bucket_chain() give 13 bits");

static size_t bucket_chain(struct str platform, int64_t group_id)
{
    return (str_hash(platform) ^ (uint64_t)group_id) * 0x9e3779b97f4a7c15ULL >> 51;
}

struct entry *entry_find(struct pool *p, int64_t id)
{
    struct entry *e = p->entries[entry_chain(id)];
    while (e && e->id != id)
        e = e->next;
    return e;
}

struct bucket *bucket_find(struct pool *p, struct str platform, int64_t group_id)
{
    struct bucket *b = p->buckets[bucket_chain(platform, group_id)];
    while (b && (b->group_id != group_id || !str_eq(b->platform->name, platform)))
        b = b->next;
    return b;
}

static struct bucket *bucket_get(struct pool *p, struct platform *platform, int64_t group_id)
{
    struct bucket *b = bucket_find(p, platform->name, group_id);
    if (b)
        return b;
    size_t chain = bucket_chain(platform->name, group_id);
    b = mem_zalloc(sizeof(*b));
    *b = (struct bucket){.next = p->buckets[chain], .platform = platform, .group_id = group_id};
    list_init(&b->lanes);
    p->buckets[chain] = b;
    return b;
}

static struct lane *lane_get(struct pool *p, struct bucket *b, struct model_class *models)
{
    LIST_EACH(node, &b->lanes)
    {
        struct lane *lane = CONTAINER_OF(node, struct lane, in_bucket);
        if (lane->models == models)
            return lane;
    }
    struct lane *lane = mem_zalloc(sizeof(*lane));
    lane->bucket = b;
    lane->models = models;
    atomic_fetch_add(&models->refs, 1);
    list_init(&lane->waiting);
    list_init(&lane->in_waited);
    list_push_back(&b->lanes, &lane->in_bucket);
    line_join_lane(p, lane);
    return lane;
}

static void lane_free(struct lane *lane)
{
    list_remove(&lane->in_bucket);
    list_remove(&lane->in_waited);
    heap_release(&lane->ready);
    heap_release(&lane->cooling);
    heap_release(&lane->paced);
    model_class_unref(lane->models);
    free(lane);
}

static struct entry *first_due(const struct heap *h, int64_t now)
{
    return h->count > 0 && h->items[0].major <= now ? h->items[0].member->entry : NULL;
}

bool lane_expire(struct pool *p, struct lane *lane, int64_t now)
{
    bool any = false;
    for (int i = 0; i < EXPIRE_AT_ONCE; i++) {
        struct entry *e = first_due(&lane->cooling, now);
        if (!e)
            e = first_due(&lane->paced, now);
        if (!e)
            break;
        entry_settle(p, e, now);
        any = true;
    }
    return any;
}

/* ---- filing an entry ---- */

static enum place place_of(const struct entry *e, int64_t now, int64_t *ret_until,
                           bool *ret_limited)
{
    *ret_until = marks_cooling_until(&e->marks, ret_limited);
    if (e->tokenless_until > *ret_until) {
        *ret_until = e->tokenless_until;
        *ret_limited = false;
    }
    if (e->removed || !version_usable(e->version))
        return PLACE_OUT;
    if (*ret_until > now)
        return PLACE_COOLING;
    if (e->in_flight >= e->version->concurrency)
        return PLACE_FULL;
    return probe_is_paced(e, now, ret_until) ? PLACE_PACED : PLACE_READY;
}

static struct heap *heap_of(struct lane *lane, enum place place)
{
    switch (place) {
    case PLACE_READY:
        return &lane->ready;
    case PLACE_COOLING:
        return &lane->cooling;
    case PLACE_PACED:
        return &lane->paced;
    case PLACE_FULL:
    case PLACE_OUT:
        break;
    }
    return NULL;
}

static void member_take_out(struct member *m, enum place place, bool limited)
{
    struct lane *lane = m->lane;
    if (place == PLACE_OUT)
        return;
    if (place != PLACE_FULL)
        heap_remove(heap_of(lane, place), m);
    lane->full -= place == PLACE_FULL;
    lane->limited -= place == PLACE_COOLING && limited;
}

static void member_put_in(struct member *m, enum place place, bool limited, int64_t until)
{
    const struct entry *e = m->entry;
    struct lane *lane = m->lane;
    if (place == PLACE_READY)
        heap_put(&lane->ready, e->version->priority, e->used_tick, m);
    else if (place == PLACE_COOLING || place == PLACE_PACED)
        heap_put(heap_of(lane, place), until, 0, m);
    lane->full += place == PLACE_FULL;
    lane->limited += place == PLACE_COOLING && limited;
}

static void set_active(struct entry *e, bool active)
{
    int change = (int)active - (int)e->active;
    if (change == 0)
        return;
    e->active = active;
    e->version->platform->active += change;
    for (size_t i = 0; i < e->member_count; i++)
        e->members[i].lane->active += change;
}

/* Into the heaps that fit its state of this moment. */
static void refile(struct entry *e, int64_t now)
{
    int64_t until;
    bool limited;
    enum place place = place_of(e, now, &until, &limited);
    for (size_t i = 0; i < e->member_count; i++) {
        struct member *m = &e->members[i];
        if (place == PLACE_READY && e->place == PLACE_READY) {
            heap_move(&m->lane->ready, e->version->priority, e->used_tick, m);
        } else {
            member_take_out(m, e->place, e->limited);
            member_put_in(m, place, limited, until);
        }
    }
    e->place = place;
    e->limited = limited;
    set_active(e, !e->removed && version_usable(e->version) && e->marks.status == ACCOUNT_ACTIVE);
}

void entry_settle(struct pool *p, struct entry *e, int64_t now)
{
    refile(e, now);
    line_serve(p, e, now);
}

void held_slot_show(struct held_slot *hold, struct str model, struct pool_slot *ret)
{
    struct str mapped = version_map(hold->version, model);
    if (!mapped.p) {
        if (model.n > 0)
            memcpy(hold->model, model.p, model.n);
        mapped = (struct str){hold->model, model.n};
    }
    *ret = (struct pool_slot){&hold->version->view, mapped, hold};
}

/* A call of its group begins.  A pinned one is the second half of one that is counted. */
static void count_call(struct pool *p, struct held_slot *hold, const struct pool_want *want,
                       int64_t now)
{
    hold->counted = !want->only_account && !want->again;
    hold->group_id = want_bucket(want);
    if (!hold->counted)
        return;
    struct bucket *b = bucket_find(p, hold->entry->version->platform->name, hold->group_id);
    budget_count(&b->budget, now, 1);
}

void entry_take(struct pool *p, struct entry *e, struct held_slot *hold,
                const struct pool_want *want, int64_t now, struct pool_slot *ret)
{
    hold->tick_before = e->used_tick;
    hold->probe_round = want->only_account ? 0 : probe_begin(e, now);
    e->in_flight++;
    e->used_tick = pool_tick(p, now);
    e->last_used_at = e->used_tick / 1000;
    entry_dirty(p, e);
    refile(e, now);

    hold->pool = p;
    hold->entry = e;
    hold->version = e->version;
    hold->began_tick = e->used_tick;
    count_call(p, hold, want, now);
    atomic_fetch_add(&e->version->refs, 1);
    held_slot_show(hold, want->model, ret);
}

void entry_join_lanes(struct pool *p, struct entry *e)
{
    const struct version *v = e->version;
    if (!version_usable(v))
        return;
    e->member_count = v->group_count ? v->group_count : 1;
    e->members = mem_calloc(e->member_count, sizeof(*e->members));
    for (size_t i = 0; i < e->member_count; i++) {
        struct bucket *b = bucket_get(p, v->platform, v->group_count ? v->group_ids[i] : 0);
        e->members[i] = (struct member){lane_get(p, b, v->models), e, 0};
        e->members[i].lane->members++;
    }
}

void entry_leave_lanes(struct entry *e)
{
    set_active(e, false);
    for (size_t i = 0; i < e->member_count; i++) {
        member_take_out(&e->members[i], e->place, e->limited);
        e->members[i].lane->members--;
    }
    free(e->members);
    e->members = NULL;
    e->member_count = 0;
    e->place = PLACE_OUT;
    e->limited = false;
}

void entry_dirty(struct pool *p, struct entry *e)
{
    if (list_empty(&e->dirty) && !e->removed)
        list_push_back(&p->dirty, &e->dirty);
}

void entry_free(struct entry *e)
{
    version_unref(e->version);
    free(e->members);
    free(e);
}

/* ---- the end ---- */

static bool lane_is_empty(const struct lane *lane)
{
    return lane->members == 0 && list_empty(&lane->waiting);
}

void lanes_sweep(struct pool *p)
{
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        for (struct bucket **at = &p->buckets[i]; *at;) {
            struct bucket *b = *at;
            LIST_EACH(node, &b->lanes)
            {
                struct lane *lane = CONTAINER_OF(node, struct lane, in_bucket);
                if (lane_is_empty(lane))
                    lane_free(lane);
            }
            if (!list_empty(&b->lanes)) {
                at = &b->next;
                continue;
            }
            *at = b->next;
            free(b);
        }
    }
}

static void entries_free(struct pool *p)
{
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        while (p->entries[i]) {
            struct entry *e = p->entries[i];
            p->entries[i] = e->next;
            entry_leave_lanes(e);
            entry_free(e);
        }
    }
}

void lanes_free(struct pool *p)
{
    entries_free(p);
    lanes_sweep(p);
    model_classes_sweep(p);
    while (p->platforms) {
        struct platform *next = p->platforms->next;
        free(p->platforms);
        p->platforms = next;
    }
}
