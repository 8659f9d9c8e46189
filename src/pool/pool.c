/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/pool.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "pool/pool_impl.h"

enum status pool_new(const struct key_ring *keys, struct pool **ret, struct err *err)
{
    struct pool *p = mem_zalloc(sizeof(*p));
    p->keys = keys;
    if (pthread_mutex_init(&p->lock, NULL) != 0 || pthread_mutex_init(&p->keys_lock, NULL) != 0 ||
        pthread_mutex_init(&p->work_lock, NULL) != 0) {
        free(p);
        return err_set(err, E_INTERNAL, "internal_error");
    }
    list_init(&p->dirty);
    list_init(&p->waited);
    list_init(&p->waiting);
    list_init(&p->granted);
    crypto_random(&p->random, sizeof(p->random));
    p->random |= 1;
    *ret = p;
    return OK;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    line_free(p);
    lanes_free(p);
    keys_free(p->key_table);
    free(p->key_uses);
    pthread_mutex_destroy(&p->work_lock);
    pthread_mutex_destroy(&p->keys_lock);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int64_t pool_tick(struct pool *p, int64_t now_ms)
{
    int64_t tick = now_ms * 1000;
    p->tick = tick > p->tick ? tick : p->tick + 1;
    return p->tick;
}

/* xorshift64*: spreads back-offs, guards nothing. */
static uint32_t next_random(struct pool *p)
{
    p->random ^= p->random >> 12;
    p->random ^= p->random << 25;
    p->random ^= p->random >> 27;
    return (uint32_t)((p->random * 0x2545f4914f6cdd1dULL) >> 32);
}

/* ---- outcomes ---- */

static void count_outcome(struct entry *e, enum pool_outcome outcome, int64_t now)
{
    if (outcome == POOL_NEUTRAL)
        return;
    int64_t hour = now - now % CLOCK_HOUR_MS;
    struct hour_count *h = &e->hours[(hour / CLOCK_HOUR_MS) % POOL_HOURS];
    if (h->hour != hour)
        *h = (struct hour_count){.hour = hour};
    if (outcome == POOL_SUCCESS) {
        h->successes++;
        h->new_successes++;
    } else {
        h->failures++;
        h->new_failures++;
    }
}

static bool is_failure(enum pool_outcome outcome)
{
    return outcome != POOL_SUCCESS && outcome != POOL_NEUTRAL;
}

static void mark(struct pool *p, struct entry *e, enum pool_outcome outcome, int64_t retry_after_ms,
                 int64_t began_tick, int64_t now)
{
    int64_t at = pool_tick(p, now);
    enum account_status before = e->marks.status;
    bool older = began_tick < e->marks.marked_at;
    bool changed = marks_apply(&e->marks, &(struct mark_event){.outcome = outcome,
                                                               .retry_after_ms = retry_after_ms,
                                                               .now_ms = now,
                                                               .began_at = began_tick,
                                                               .at = at,
                                                               .random = next_random(p)});
    if (is_failure(outcome) && !older)
        probe_reset(e);
    if (changed) {
        e->marks_tick = at;
        e->marks_dirty = true;
    }
    e->status_dirty |= e->marks.status != before;
    entry_dirty(p, e);
}

/* Files the entry anew under the lock; true: nobody needs it any more, held_slot_free() frees it. */
static bool settle_after(struct pool *p, struct held_slot *hold, int64_t now)
{
    struct entry *e = hold->entry;
    bool gone = e->removed && e->in_flight == 0;
    if (!gone)
        entry_settle(p, e, now);
    return gone;
}

static void held_slot_free(struct held_slot *hold, bool gone)
{
    version_unref(hold->version);
    if (gone)
        entry_free(hold->entry);
    free(hold);
}

void pool_release(struct pool *p, struct pool_slot *slot, enum pool_outcome outcome,
                  int64_t retry_after_ms)
{
    struct held_slot *hold = slot->held;
    if (!hold)
        return;
    struct entry *e = hold->entry;
    int64_t now = clock_wall_ms();

    pthread_mutex_lock(&p->lock);
    e->in_flight--;
    probe_end(e, hold->probe_round);
    e->used_tick = pool_tick(p, now);
    e->last_used_at = e->used_tick / 1000;
    mark(p, e, outcome, retry_after_ms, hold->began_tick, now);
    count_outcome(e, outcome, now);
    bool gone = settle_after(p, hold, now);
    pthread_mutex_unlock(&p->lock);
    held_slot_free(hold, gone);
    *slot = (struct pool_slot){0};
}

void pool_renew(struct pool *p, struct pool_slot *slot, struct str model)
{
    struct held_slot *hold = slot->held;
    struct version *old = NULL;
    pthread_mutex_lock(&p->lock);
    if (hold->entry->version != hold->version && !hold->entry->version->fault) {
        old = hold->version;
        hold->version = hold->entry->version;
        atomic_fetch_add(&hold->version->refs, 1);
        held_slot_show(hold, model, slot);
    }
    pthread_mutex_unlock(&p->lock);
    version_unref(old);
}

/* Nobody has been asked: neither the order of use nor the budget knows of it. */
static void undo_take(struct pool *p, const struct held_slot *hold, int64_t now)
{
    struct entry *e = hold->entry;
    struct bucket *b = bucket_find(p, hold->version->platform->name, hold->group_id);
    e->in_flight--;
    probe_end(e, hold->probe_round);
    if (e->used_tick == hold->began_tick) {
        e->used_tick = hold->tick_before;
        e->last_used_at = e->used_tick / 1000;
    }
    if (hold->counted && b)
        budget_count(&b->budget, now, -1);
}

void pool_note(struct pool *p, const struct pool_slot *slot, enum pool_outcome outcome,
               int64_t retry_after_ms)
{
    const struct held_slot *hold = slot->held;
    int64_t now = clock_wall_ms();
    if (!hold)
        return;
    pthread_mutex_lock(&p->lock);
    mark(p, hold->entry, outcome, retry_after_ms, hold->began_tick, now);
    count_outcome(hold->entry, outcome, now);
    entry_settle(p, hold->entry, now);
    pthread_mutex_unlock(&p->lock);
}

void pool_slot_end(struct pool_slot *slot)
{
    struct held_slot *hold = slot->held;
    if (!hold)
        return;
    struct pool *p = hold->pool;
    int64_t now = clock_wall_ms();
    pthread_mutex_lock(&p->lock);
    undo_take(p, hold, now);
    bool gone = settle_after(p, hold, now);
    pthread_mutex_unlock(&p->lock);
    held_slot_free(hold, gone);
    *slot = (struct pool_slot){0};
}

void pool_proven(struct pool *p, const struct pool_slot *slot)
{
    const struct held_slot *hold = slot->held;
    if (!hold || hold->probe_round == 0)
        return;
    pthread_mutex_lock(&p->lock);
    struct entry *e = hold->entry;
    if (hold->probe_round == e->probe.round && !e->removed) {
        e->probe.proven = true;
        entry_settle(p, e, clock_wall_ms());
    }
    pthread_mutex_unlock(&p->lock);
}

void pool_mark(struct pool *p, int64_t account_id, enum pool_outcome outcome,
               int64_t retry_after_ms)
{
    int64_t now = clock_wall_ms();
    pthread_mutex_lock(&p->lock);
    struct entry *e = entry_find(p, account_id);
    if (e) {
        bool cooling = e->marks.overloaded_until > now;
        mark(p, e, outcome, retry_after_ms, cooling ? 0 : pool_tick(p, now), now);
        entry_settle(p, e, now);
    }
    pthread_mutex_unlock(&p->lock);
}

void pool_set_tokenless(struct pool *p, int64_t account_id, int64_t until)
{
    int64_t now = clock_wall_ms();
    pthread_mutex_lock(&p->lock);
    struct entry *e = entry_find(p, account_id);
    if (e && e->tokenless_until != until) {
        e->tokenless_until = until;
        entry_settle(p, e, now);
    }
    pthread_mutex_unlock(&p->lock);
}

void pool_clear(struct pool *p, int64_t account_id)
{
    int64_t now = clock_wall_ms();
    pthread_mutex_lock(&p->lock);
    struct entry *e = entry_find(p, account_id);
    if (e) {
        e->status_dirty |= e->marks.status == ACCOUNT_ERROR;
        marks_clear(&e->marks);
        e->marks_tick = pool_tick(p, now);
        e->marks_dirty = true;
        entry_dirty(p, e);
        entry_settle(p, e, now);
    }
    pthread_mutex_unlock(&p->lock);
}

/* ---- looking ---- */

static void fill_hours(const struct entry *e, int64_t now, struct pool_status *ret)
{
    int64_t first = now - now % CLOCK_HOUR_MS - (POOL_HOURS - 1) * CLOCK_HOUR_MS;
    for (size_t i = 0; i < POOL_HOURS; i++) {
        const struct hour_count *h = &e->hours[i];
        int64_t place = (h->hour - first) / CLOCK_HOUR_MS;
        if (h->hour < first || place >= POOL_HOURS)
            continue;
        ret->hours[place] = (struct pool_hour){h->successes, h->failures};
        ret->successes_24h += h->successes;
        ret->failures_24h += h->failures;
    }
}

static void fill_status(const struct entry *e, int64_t now, struct pool_status *ret)
{
    const struct version *v = e->version;
    const char *reason = v->fault ? v->fault : e->marks.reason;
    bool limited, cooling = marks_cooling_until(&e->marks, &limited) > now;
    ret->known = true;
    ret->status = v->fault ? ACCOUNT_ERROR : e->marks.status;
    if (!v->fault && ret->status == ACCOUNT_ACTIVE && !cooling)
        reason = "";
    if (v->disabled)
        ret->status = ACCOUNT_DISABLED;
    snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
    ret->in_flight = e->in_flight;
    ret->last_used_at = e->last_used_at;
    ret->rate_limited_until = e->marks.rate_limited_until > now ? e->marks.rate_limited_until : 0;
    int64_t overloaded_until = MAX(e->marks.overloaded_until, e->tokenless_until);
    ret->overloaded_until = overloaded_until > now ? overloaded_until : 0;
    fill_hours(e, now, ret);
}

void pool_status_of(struct pool *p, int64_t account_id, struct pool_status *ret)
{
    int64_t now = clock_wall_ms();
    *ret = (struct pool_status){0};
    pthread_mutex_lock(&p->lock);
    const struct entry *e = entry_find(p, account_id);
    if (e)
        fill_status(e, now, ret);
    pthread_mutex_unlock(&p->lock);
}

bool pool_has_active(struct pool *p, struct str platform)
{
    bool active = false;
    pthread_mutex_lock(&p->lock);
    for (const struct platform *at = p->platforms; at; at = at->next)
        active |= at->active > 0 && str_eq(at->name, platform);
    pthread_mutex_unlock(&p->lock);
    return active;
}

enum { MAX_LISTED_CLASSES = 256 };

static size_t hold_classes(struct pool *p, const struct pool_want *want,
                           struct model_class **classes)
{
    size_t count = 0;
    pthread_mutex_lock(&p->lock);
    struct bucket *b = bucket_find(p, want->platform, want_bucket(want));
    if (b) {
        LIST_EACH(node, &b->lanes)
        {
            struct lane *lane = CONTAINER_OF(node, struct lane, in_bucket);
            if (lane->active == 0 || count == MAX_LISTED_CLASSES)
                continue;
            atomic_fetch_add(&lane->models->refs, 1);
            classes[count++] = lane->models;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return count;
}

static bool listed_before(struct model_class *const *classes, size_t n,
                          const struct model_name *name)
{
    for (size_t i = 0; i < n; i++) {
        if (model_class_lists(classes[i], name))
            return true;
    }
    return false;
}

bool pool_each_model(struct pool *p, const struct pool_want *want,
                     void (*fn)(struct str model, void *ctx), void *ctx)
{
    struct model_class *classes[MAX_LISTED_CLASSES];
    size_t count = hold_classes(p, want, classes);
    bool all = false;
    for (size_t i = 0; i < count; i++) {
        all |= classes[i]->all;
        for (size_t k = 0; k < classes[i]->count; k++) {
            if (!listed_before(classes, i, &classes[i]->names[k]))
                fn(classes[i]->names[k].name, ctx);
        }
    }
    for (size_t i = 0; i < count; i++)
        model_class_unref(classes[i]);
    return all;
}

void pool_hold(struct pool *p, int64_t account_id, struct pool_ref *ret)
{
    *ret = (struct pool_ref){0};
    pthread_mutex_lock(&p->lock);
    struct entry *e = entry_find(p, account_id);
    if (e && e->version && !e->version->fault) {
        atomic_fetch_add(&e->version->refs, 1);
        ret->account = &e->version->view;
        ret->held = e->version;
    }
    pthread_mutex_unlock(&p->lock);
}

void pool_drop(struct pool_ref *ref)
{
    if (ref->held)
        version_unref(ref->held);
    *ref = (struct pool_ref){0};
}
