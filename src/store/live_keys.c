/* SPDX-License-Identifier: Apache-2.0 */
#include "store/live_keys.h"

#include "base/clock.h"
#include "base/mem.h"

static const char sql_each[] =
    "SELECT k.id, k.user_id, k.group_id, k.key_hash, g.platform, k.expires_at "
    "FROM api_keys k JOIN users u ON u.id = k.user_id JOIN groups g ON g.id = k.group_id "
    "WHERE k.status = 'active' AND u.status = 'active' "
    "AND (k.expires_at IS NULL OR k.expires_at > $1)";
static const char sql_used[] =
    "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND COALESCE(last_used_at, 0) < $2";

enum status live_keys_each(struct db_conn *db, live_keys_fn *fn, void *ctx, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool more;
    TRY(db_query(db, sql_each, DB_ARGS(P_INT(clock_wall_ms())), &rows, err));
    for (;;) {
        TRY(db_next(rows, &more, err));
        if (!more)
            return OK;
        struct live_key key = {
            .id = db_int(rows, 0),
            .user_id = db_int(rows, 1),
            .group_id = db_int(rows, 2),
            .hash = db_text(rows, 3),
            .group_platform = db_text(rows, 4),
            .expires_at = db_int(rows, 5),
        };
        TRY(fn(ctx, &key, err));
    }
}

enum status live_keys_used(struct db_conn *tx, int64_t id, int64_t at, struct err *err)
{
    return db_exec(tx, sql_used, DB_ARGS(P_INT(id), P_INT(at)), NULL, err);
}
