/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* settings — the table of what differs from its first value: key and text.
 * Keys that begin with '_' are the server's own and are not settings.
 *
 * Thread: the connection's.  Calls with a connection named `tx` need an open
 * transaction. */
#include "platform/db.h"

/* Views live until fn returns; what it returns ends the reading. */
typedef enum status settings_row_fn(void *ctx, struct str key, struct str value, struct err *err);
enum status settings_rows_read(struct db_conn *db, settings_row_fn *fn, void *ctx, struct err *err);
/* The value of one key, held against other writers until the transaction ends; STR_NONE
 * without a row. */
enum status settings_row_lock(struct db_conn *tx, const char *key, struct arena *a, struct str *ret,
                              struct err *err);
/* The same, held against nobody; "" without a row, and cut to size - 1. */
enum status settings_row_text(struct db_conn *db, const char *key, char *out, size_t size,
                              struct err *err);
enum status settings_row_put(struct db_conn *tx, const char *key, struct str value, int64_t now,
                             struct err *err);
enum status settings_row_delete(struct db_conn *tx, const char *key, struct err *err);
