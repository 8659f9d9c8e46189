/* SPDX-License-Identifier: Apache-2.0 */
#include "service/quota.h"

#include "base/clock.h"
#include "service/settings.h"
#include "store/ledger.h"
#include "store/objects.h"

/* A writer that has not asked for more room or settled for so long is taken for dead. */
enum { RESERVATION_MS = 120000 };

const char *quota_source_name(enum quota_source s)
{
    static const char *const names[] = {"user", "group", "system", "unlimited"};
    return names[s];
}

enum status quota_lock_user(struct db_conn *tx, int64_t user_id, struct err *err)
{
    return ledger_lock(tx, user_id, err);
}

/* SG-8: the user's, else the group's, else the system's, else none. */
static void choose_limit(struct quota *q, int64_t user, int64_t group, int64_t system)
{
    const int64_t limits[] = {user, group, system};
    q->source = QUOTA_UNLIMITED;
    q->limit = 0;
    for (int i = QUOTA_USER; i < QUOTA_UNLIMITED; i++) {
        if (limits[i] > 0) {
            q->source = (enum quota_source)i;
            q->limit = limits[i];
            return;
        }
    }
}

enum status quota_read(struct app *app, struct db_conn *db, int64_t user_id, struct quota *ret,
                       struct err *err)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(app);
    struct ledger row;
    struct quota q = {0};
    int64_t stored;

    TRY(ledger_read(db, user_id, &row, err));
    choose_limit(&q, row.user_quota, row.group_quota, settings->sora_default_storage_quota_bytes);
    q.used = row.used;
    TRY(object_sums(db, user_id, COUNTER_SORA, clock_wall_ms(), &stored, &q.reserved, err));
    q.available = q.limit ? MAX(q.limit - q.used - q.reserved, 0) : INT64_MAX;
    *ret = q;
    return OK;
}

enum status quota_read_uploads(struct app *app, struct db_conn *db, int64_t user_id,
                               struct quota *ret, struct err *err)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(app);
    struct ledger row;
    struct quota q = {.source = QUOTA_UNLIMITED};

    TRY(ledger_read(db, user_id, &row, err));
    if (settings->uploads.quota_enabled)
        q.limit = upload_quota_of(&settings->uploads, row.group_id);
    if (q.limit)
        q.source = QUOTA_GROUP;
    TRY(object_sums(db, user_id, COUNTER_UPLOAD, clock_wall_ms(), &q.used, &q.reserved, err));
    q.available = q.limit ? MAX(q.limit - q.used - q.reserved, 0) : INT64_MAX;
    *ret = q;
    return OK;
}

/* What there is for an object's counter. */
static enum status read_for(struct app *app, struct db_conn *db, const struct object *o,
                            struct quota *ret, struct err *err)
{
    if (o->counter == COUNTER_SORA)
        return quota_read(app, db, o->user_id, ret, err);
    if (o->counter == COUNTER_UPLOAD)
        return quota_read_uploads(app, db, o->user_id, ret, err);
    *ret = (struct quota){.available = INT64_MAX, .source = QUOTA_UNLIMITED};
    return OK;
}

enum status quota_refuse(const struct quota *q, struct err *err)
{
    err_set(err, E_LIMIT, "quota_exceeded");
    err_number(err, "quota_bytes", q->limit);
    err_number(err, "used_bytes", q->used);
    return E_LIMIT;
}

static enum status need_room(struct app *app, struct db_conn *tx, const struct object *o,
                             int64_t bytes, struct err *err)
{
    struct quota q;
    TRY(read_for(app, tx, o, &q, err));
    if (bytes <= q.available)
        return OK;
    if (o->counter == COUNTER_SORA)
        return quota_refuse(&q, err);
    err_set(err, E_TOO_LARGE, "upload_quota_exceeded");
    err_number(err, "limit", q.limit);
    err_number(err, "used", q.used);
    return E_TOO_LARGE;
}

enum status quota_choose(struct app *app, struct db_conn *tx, const struct object *o, int64_t least,
                         int64_t most, int64_t *ret, struct err *err)
{
    struct quota q;
    TRY(read_for(app, tx, o, &q, err));
    *ret = MAX(least, MIN(most, q.available));
    return OK;
}

enum status quota_reserve(struct app *app, struct db_conn *tx, struct object *o, int64_t bytes,
                          struct err *err)
{
    int64_t now = clock_wall_ms();
    TRY(need_room(app, tx, o, bytes, err));
    o->reserved = bytes;
    o->created_at = now;
    o->lease_until = now + RESERVATION_MS;
    return object_insert(tx, o, err);
}

enum status quota_extend(struct app *app, struct db_conn *tx, struct object *o, int64_t bytes,
                         struct err *err)
{
    TRY(need_room(app, tx, o, bytes, err));
    int64_t now = clock_wall_ms();
    TRY(object_reserve(tx, o->id, o->reserved + bytes, now, now + RESERVATION_MS, err));
    o->reserved += bytes;
    return OK;
}

enum status quota_resume(struct app *app, struct db_conn *tx, struct object *o, struct err *err)
{
    int64_t now = clock_wall_ms();
    if (o->lease_until < now)
        TRY(need_room(app, tx, o, o->reserved, err));
    return object_reserve(tx, o->id, o->reserved, 0, now + RESERVATION_MS, err);
}

enum status quota_keep(struct db_conn *tx, int64_t generation_id, struct err *err)
{
    int64_t now = clock_wall_ms();
    return object_keep_leases(tx, generation_id, now, now + RESERVATION_MS, err);
}

static enum status charge(struct db_conn *tx, const struct object *o, int64_t bytes,
                          struct err *err)
{
    return o->counter == COUNTER_SORA ? ledger_charge(tx, o->user_id, bytes, err) : OK;
}

enum status quota_settle(struct db_conn *tx, const struct object *o, struct err *err)
{
    TRY(object_settle(tx, o, clock_wall_ms(), err));
    return charge(tx, o, o->size, err);
}

enum status quota_release(struct db_conn *tx, const struct object *o, int64_t now_ms,
                          struct err *err)
{
    TRY(object_discard(tx, o, now_ms, err));
    return o->state == OBJECT_STORED ? charge(tx, o, -o->size, err) : OK;
}

enum status quota_release_ended(struct db_conn *db, int64_t user_id, int64_t object_id,
                                struct arena *a, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    struct object o;
    TRY(db_begin(tx, err));
    TRY(quota_lock_user(tx, user_id, err));
    TRY(object_load(tx, object_id, a, &o, err));
    int64_t now = clock_wall_ms();
    bool lasts = o.state == OBJECT_STORED && !o.lease_until;
    if (lasts || o.lease_until >= now)
        return err_set(err, E_CONFLICT, "object_lost");
    TRY(quota_release(tx, &o, now, err));
    return db_commit(tx, err);
}
