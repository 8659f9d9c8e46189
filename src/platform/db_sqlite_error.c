/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/db_sqlite_error.h"

static enum status status_of(sqlite3 *db, const char **ret_code)
{
    switch (sqlite3_extended_errcode(db)) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        *ret_code = "unique";
        return E_CONFLICT;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        *ret_code = "reference_gone";
        return E_CONFLICT;
    }
    switch (sqlite3_errcode(db) & 0xff) {
    case SQLITE_CONSTRAINT:
        *ret_code = "constraint";
        return E_INTERNAL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        *ret_code = "database_busy";
        return E_UNAVAILABLE;
    case SQLITE_FULL:
        *ret_code = "disk_full";
        return E_NO_SPACE;
    case SQLITE_READONLY: /* a change outside a transaction meets the reader's query_only */
    case SQLITE_ERROR:
    case SQLITE_RANGE:
        *ret_code = "database_error";
        return E_INTERNAL;
    default:
        *ret_code = "database_error";
        return E_IO;
    }
}

enum status sqlite_fail(sqlite3 *db, struct err *err)
{
    const char *code;
    enum status status = status_of(db, &code);
    err_set(err, status, code);
    err_detail(err, "sqlite %d: %s", sqlite3_extended_errcode(db), sqlite3_errmsg(db));
    return status;
}
