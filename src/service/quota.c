/* SPDX-License-Identifier: Apache-2.0 */
#include "service/quota.h"

#include "base/clock.h"
#include "service/settings.h"
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
    int64_t id;
    bool found;
    TRY(db_query_int(tx, "SELECT id FROM users WHERE id = $1 {row_lock}", DB_ARGS(P_INT(user_id)),
                     &id, &found, err));
    return found ? OK : err_set(err, E_NOT_FOUND, "user_not_found");
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
    static const char sql[] =
        "SELECT u.sora_storage_quota_bytes, g.sora_storage_quota_bytes, "
        "u.sora_storage_used_bytes FROM users u JOIN groups g ON g.id = u.group_id "
        "WHERE u.id = $1";
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(app);
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    struct quota q = {0};
    int64_t stored;
    bool row;

    TRY(db_query(db, sql, DB_ARGS(P_INT(user_id)), &rows, err));
    TRY(db_next(rows, &row, err));
    if (!row)
        return err_set(err, E_NOT_FOUND, "user_not_found");
    choose_limit(&q, db_int(rows, 0), db_int(rows, 1), settings->sora_default_storage_quota_bytes);
    q.used = db_int(rows, 2);
    TRY(object_sums(db, user_id, COUNTER_SORA, clock_wall_ms(), &stored, &q.reserved, err));
    q.available = q.limit ? q.limit - q.used - q.reserved : INT64_MAX;
    if (q.available < 0)
        q.available = 0;
    *ret = q;
    return OK;
}

enum status quota_refuse(const struct quota *q, struct err *err)
{
    err_set(err, E_LIMIT, "quota_exceeded");
    err_number(err, "quota_bytes", q->limit);
    err_number(err, "used_bytes", q->used);
    return E_LIMIT;
}

enum status quota_reserve(struct app *app, struct db_conn *tx, struct object *o, int64_t bytes,
                          struct err *err)
{
    struct quota q;
    int64_t now = clock_wall_ms();
    if (o->counter == COUNTER_SORA) {
        TRY(quota_read(app, tx, o->user_id, &q, err));
        if (bytes > q.available)
            return quota_refuse(&q, err);
    }
    o->reserved = bytes;
    o->created_at = now;
    o->lease_until = now + RESERVATION_MS;
    return object_insert(tx, o, err);
}

enum status quota_extend(struct app *app, struct db_conn *tx, struct object *o, int64_t bytes,
                         struct err *err)
{
    struct quota q;
    if (o->counter == COUNTER_SORA) {
        TRY(quota_read(app, tx, o->user_id, &q, err));
        if (bytes > q.available)
            return quota_refuse(&q, err);
    }
    TRY(object_reserve(tx, o->id, o->reserved + bytes, clock_wall_ms() + RESERVATION_MS, err));
    o->reserved += bytes;
    return OK;
}

static enum status charge(struct db_conn *tx, const struct object *o, int64_t bytes,
                          struct err *err)
{
    if (o->counter != COUNTER_SORA)
        return OK;
    return db_exec(tx,
                   "UPDATE users SET sora_storage_used_bytes = sora_storage_used_bytes + $2 "
                   "WHERE id = $1",
                   DB_ARGS(P_INT(o->user_id), P_INT(bytes)), NULL, err);
}

enum status quota_settle(struct db_conn *tx, const struct object *o, struct err *err)
{
    TRY(object_settle(tx, o, err));
    return charge(tx, o, o->size, err);
}

enum status quota_release(struct db_conn *tx, const struct object *o, int64_t now_ms,
                          struct err *err)
{
    TRY(object_discard(tx, o, now_ms, err));
    return o->state == OBJECT_STORED ? charge(tx, o, -o->size, err) : OK;
}
