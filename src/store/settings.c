/* SPDX-License-Identifier: Apache-2.0 */
#include "store/settings.h"

#include <stdio.h>

static const char sql_read[] = "SELECT key, value FROM settings ORDER BY key";
static const char sql_lock[] = "SELECT value FROM settings WHERE key = $1 {row_lock}";
static const char sql_text[] = "SELECT value FROM settings WHERE key = $1";
static const char sql_put[] =
    "INSERT INTO settings (key, value, updated_at) VALUES ($1, $2, $3) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at";
static const char sql_delete[] = "DELETE FROM settings WHERE key = $1";

enum status settings_rows_read(struct db_conn *db, settings_row_fn *fn, void *ctx, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool more;
    TRY(db_query(db, sql_read, DB_NO_ARGS, &rows, err));
    TRY(db_next(rows, &more, err));
    while (more) {
        TRY(fn(ctx, db_text(rows, 0), db_text(rows, 1), err));
        TRY(db_next(rows, &more, err));
    }
    return OK;
}

enum status settings_row_lock(struct db_conn *tx, const char *key, struct arena *a, struct str *ret,
                              struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool found;
    TRY(db_query(tx, sql_lock, DB_ARGS(P_Z(key)), &rows, err));
    TRY(db_next(rows, &found, err));
    *ret = found ? db_text_in(rows, 0, a) : STR_NONE;
    return OK;
}

enum status settings_row_text(struct db_conn *db, const char *key, char *out, size_t size,
                              struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool found;
    TRY(db_query(db, sql_text, DB_ARGS(P_Z(key)), &rows, err));
    TRY(db_next(rows, &found, err));
    snprintf(out, size, "%.*s", STR_ARG(found ? db_text(rows, 0) : STR("")));
    return OK;
}

enum status settings_row_put(struct db_conn *tx, const char *key, struct str value, int64_t now,
                             struct err *err)
{
    return db_exec(tx, sql_put, DB_ARGS(P_Z(key), P_STR(value), P_INT(now)), NULL, err);
}

enum status settings_row_delete(struct db_conn *tx, const char *key, struct err *err)
{
    return db_exec(tx, sql_delete, DB_ARGS(P_Z(key)), NULL, err);
}
