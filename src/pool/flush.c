/* SPDX-License-Identifier: Apache-2.0 */
/* Writing what was learned: copied out in slices under the lock, written in one
 * transaction without it, and put back if that fails. */
#include <string.h>

#include "base/clock.h"
#include "pool/pool_impl.h"
#include "store/accounts.h"

enum { COPY_PER_LOCK = 64, HOURS_PER_FLUSH = 2, KEEP_DAYS = 30 };

struct record {
    struct account marks; /* id, marks, last use */
    char reason[ERR_CODE_MAX];
    bool marks_dirty, status_dirty;
    struct account_hour hours[HOURS_PER_FLUSH];
    size_t hour_count;
};

struct batch {
    struct record *records;
    size_t count, size;
};

static void batch_release(struct batch *b)
{
    free(b->records);
}

static void copy_hours(struct entry *e, struct record *r)
{
    for (size_t i = 0; i < POOL_HOURS && r->hour_count < HOURS_PER_FLUSH; i++) {
        struct hour_count *h = &e->hours[i];
        if (!h->new_successes && !h->new_failures)
            continue;
        r->hours[r->hour_count++] = (struct account_hour){e->id, h->hour, h->new_successes,
                                                          h->new_failures};
        h->new_successes = h->new_failures = 0;
    }
}

static void copy_entry(struct entry *e, struct record *r)
{
    *r = (struct record){.marks_dirty = e->marks_dirty, .status_dirty = e->status_dirty};
    memcpy(r->reason, e->marks.reason, sizeof(r->reason));
    r->marks = (struct account){
        .id = e->id,
        .status = e->marks.status,
        .rate_limited_until = e->marks.rate_limited_until,
        .overloaded_until = e->marks.overloaded_until,
        .failures_in_row = e->marks.failures_in_row,
        .auth_failures_in_row = e->marks.auth_failures_in_row,
        .last_used_at = e->last_used_at,
    };
    copy_hours(e, r);
    e->marks_dirty = e->status_dirty = false;
}

/* False when nothing was left. */
static bool copy_some(struct pool *p, struct batch *b)
{
    bool more = true;
    if (b->count + COPY_PER_LOCK > b->size) {
        b->size = 2 * b->size + COPY_PER_LOCK;
        b->records = mem_realloc(b->records, b->size * sizeof(*b->records));
    }
    pthread_mutex_lock(&p->lock);
    for (int i = 0; i < COPY_PER_LOCK && more; i++) {
        struct list *node = list_pop_front(&p->dirty);
        more = node != NULL;
        if (node)
            copy_entry(CONTAINER_OF(node, struct entry, dirty), &b->records[b->count++]);
    }
    pthread_mutex_unlock(&p->lock);
    return more;
}

static enum status write_record(struct db_conn *tx, struct record *r, struct err *err)
{
    r->marks.status_reason = r->reason[0] ? str_of(r->reason) : STR_NONE;
    if (r->marks_dirty)
        TRY(accounts_write_marks(tx, &r->marks, err));
    if (r->marks.last_used_at)
        TRY(accounts_write_use(tx, r->marks.id, r->marks.last_used_at, err));
    for (size_t i = 0; i < r->hour_count; i++)
        TRY(accounts_add_hour(tx, &r->hours[i], err));
    return OK;
}

/* Once an hour: counts that no page looks at any more. */
static enum status prune(struct pool *p, struct db_conn *tx, struct err *err)
{
    int64_t hour = clock_wall_ms() / CLOCK_HOUR_MS;
    if (hour == p->pruned_hour)
        return OK;
    p->pruned_hour = hour;
    return accounts_prune_hours(tx, hour * CLOCK_HOUR_MS - KEEP_DAYS * CLOCK_DAY_MS, err);
}

static enum status write_batch(struct pool *p, struct db_conn *db, struct batch *b, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    bool status_changed = false;
    TRY(db_begin(tx, err));
    for (size_t i = 0; i < b->count; i++) {
        TRY(write_record(tx, &b->records[i], err));
        status_changed |= b->records[i].status_dirty;
    }
    TRY(keys_write(p, tx, err));
    TRY(prune(p, tx, err));
    /* What is active has changed: others, and the pages, want to know (ID-5). */
    if (status_changed)
        TRY(db_notify(tx, "pool", STR(""), err));
    return db_commit(tx, err);
}

static void put_back(struct pool *p, const struct record *r)
{
    pthread_mutex_lock(&p->lock);
    struct entry *e = entry_find(p, r->marks.id);
    if (e) {
        e->marks_dirty |= r->marks_dirty;
        e->status_dirty |= r->status_dirty;
        for (size_t i = 0; i < r->hour_count; i++) {
            struct hour_count *h = &e->hours[(r->hours[i].hour / CLOCK_HOUR_MS) % POOL_HOURS];
            if (h->hour != r->hours[i].hour)
                continue;
            h->new_successes += (uint32_t)r->hours[i].successes;
            h->new_failures += (uint32_t)r->hours[i].failures;
        }
        entry_dirty(p, e);
    }
    pthread_mutex_unlock(&p->lock);
}

static enum status flush(struct pool *p, struct db_conn *db, struct err *err)
{
    _cleanup_(batch_release) struct batch b = {0};
    bool more = true;
    while (more) {
        pthread_mutex_lock(&p->lock);
        more = line_tick(p, clock_wall_ms());
        pthread_mutex_unlock(&p->lock);
    }
    while (copy_some(p, &b))
        ;
    if (keys_collect(p) == 0 && b.count == 0)
        return OK;
    enum status status = write_batch(p, db, &b, err);
    if (status == OK)
        keys_written(p);
    for (size_t i = 0; status != OK && i < b.count; i++)
        put_back(p, &b.records[i]);
    return status;
}

enum status pool_flush(struct pool *p, struct db_conn *db, struct err *err)
{
    pthread_mutex_lock(&p->work_lock);
    enum status status = flush(p, db, err);
    pthread_mutex_unlock(&p->work_lock);
    return status;
}
