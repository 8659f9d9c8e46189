/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what has changed.  Rows come one at a time; those whose fingerprint is the same
 * keep their version.  Each account is put in place under the lock by itself, so loops
 * wait for one account at most, however many there are. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "pool/pool_impl.h"
#include "store/accounts.h"

struct reload {
    struct pool *pool;
    int64_t started; /* tick: marks that are younger are not in what is read */
};

static struct entry *entry_new(int64_t id, struct version *v)
{
    struct entry *e = mem_zalloc(sizeof(*e));
    e->id = id;
    e->version = v;
    e->place = PLACE_OUT;
    list_init(&e->dirty);
    return e;
}

/* What other processes, or this one before its start, have written. */
static void adopt(struct entry *e, const struct account *row, int64_t started)
{
    if (row->last_used_at > e->last_used_at) {
        e->last_used_at = row->last_used_at;
        e->used_tick = row->last_used_at * 1000;
    }
    if (e->marks_dirty || e->marks_tick >= started)
        return;
    e->marks = (struct marks){
        .status = row->status == ACCOUNT_ERROR ? ACCOUNT_ERROR : ACCOUNT_ACTIVE,
        .rate_limited_until = row->rate_limited_until,
        .overloaded_until = row->overloaded_until,
        .failures_in_row = row->failures_in_row,
        .auth_failures_in_row = row->auth_failures_in_row,
        .marked_at = e->marks.marked_at,
    };
    if (row->status_reason.p)
        snprintf(e->marks.reason, sizeof(e->marks.reason), "%.*s", STR_ARG(row->status_reason));
}

static void replace_version(struct pool *p, struct entry *e, struct version *v)
{
    entry_leave_lanes(e);
    e->version = v;
    entry_join_lanes(p, e);
}

static enum status on_account(void *ctx, const struct account *row, struct err *err)
{
    (void)err;
    struct reload *r = ctx;
    struct pool *p = r->pool;
    struct version *v = NULL, *old = NULL;
    struct entry *e = entry_find(p, row->id), *fresh = NULL;
    unsigned char fingerprint[SHA256_SIZE];
    version_fingerprint(row, fingerprint);
    if (!e || memcmp(fingerprint, e->version->fingerprint, SHA256_SIZE) != 0)
        v = version_new(p, row);
    if (!e)
        e = fresh = entry_new(row->id, v);

    pthread_mutex_lock(&p->lock);
    if (fresh) {
        struct entry **chain = &p->entries[entry_chain(row->id)];
        e->next = *chain;
        *chain = e;
        entry_join_lanes(p, e);
    } else if (v) {
        old = e->version;
        replace_version(p, e, v);
    }
    e->seen = p->reloads;
    adopt(e, row, r->started);
    entry_settle(p, e, clock_wall_ms());
    pthread_mutex_unlock(&p->lock);
    version_unref(old);
    return OK;
}

static void remove_entry(struct pool *p, struct entry **at)
{
    struct entry *e = *at;
    pthread_mutex_lock(&p->lock);
    *at = e->next;
    entry_leave_lanes(e);
    list_remove(&e->dirty);
    e->removed = true;
    bool free_now = e->in_flight == 0;
    pthread_mutex_unlock(&p->lock);
    if (free_now)
        entry_free(e);
}

static void remove_unseen(struct pool *p)
{
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        for (struct entry **at = &p->entries[i]; *at;) {
            if ((*at)->seen == p->reloads)
                at = &(*at)->next;
            else
                remove_entry(p, at);
        }
    }
}

static void on_hour(void *ctx, const struct account_hour *h)
{
    struct pool *p = ctx;
    pthread_mutex_lock(&p->lock);
    struct entry *e = entry_find(p, h->account_id);
    if (e) {
        struct hour_count *at = &e->hours[(h->hour / CLOCK_HOUR_MS) % POOL_HOURS];
        if (at->hour != h->hour)
            *at = (struct hour_count){.hour = h->hour};
        at->successes += (uint32_t)h->successes;
        at->failures += (uint32_t)h->failures;
    }
    pthread_mutex_unlock(&p->lock);
}

/* Once: from then on the counts are kept here. */
static enum status load_hours(struct pool *p, struct db_conn *db, struct err *err)
{
    if (p->hours_loaded)
        return OK;
    int64_t now = clock_wall_ms();
    int64_t since = now - now % CLOCK_HOUR_MS - (POOL_HOURS - 1) * CLOCK_HOUR_MS;
    TRY(accounts_each_hour(db, since, on_hour, p, err));
    p->hours_loaded = true;
    return OK;
}

static enum status reload(struct pool *p, struct db_conn *db, struct err *err)
{
    struct reload r = {.pool = p};
    p->reloads++;
    pthread_mutex_lock(&p->lock);
    r.started = pool_tick(p, clock_wall_ms());
    pthread_mutex_unlock(&p->lock);

    TRY(accounts_each(db, on_account, &r, err));
    remove_unseen(p);
    TRY(load_hours(p, db, err));
    pthread_mutex_lock(&p->lock);
    lanes_sweep(p);
    pthread_mutex_unlock(&p->lock);
    model_classes_sweep(p);
    return keys_reload(p, db, err);
}

enum status pool_reload(struct pool *p, struct db_conn *db, struct err *err)
{
    pthread_mutex_lock(&p->work_lock);
    enum status status = reload(p, db, err);
    pthread_mutex_unlock(&p->work_lock);
    return status;
}
