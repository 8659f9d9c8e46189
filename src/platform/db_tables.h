/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* db_tables — all tables of a database as text, row by row, the same from both engines: what a
 * backup is made of, and the way from one engine to the other.
 *
 * Statements are made for each table in the arena, and are cached by the address of their text: no
 * other statement may come to stand there while the connection lives.  Thread: the connection's. */
#include "base/arena.h"
#include "platform/db.h"

enum { DB_COLUMNS_MAX = 64 };

struct db_table {
    struct str name;
    struct str columns[DB_COLUMNS_MAX];
    bool binary[DB_COLUMNS_MAX];
    size_t column_count;
    bool numbered;   /* it has a column id that the database counts up */
    int64_t last_id; /* the last that was given out */
};

/* One state of the database, whoever writes meanwhile; nothing but reads until its end. */
enum status db_snapshot_begin(struct db_conn *c, struct err *err);
void db_snapshot_end(struct db_conn *c);

/* In the order in which they were made, so that what a table refers to comes before it; without
 * the list of migrations. */
enum status db_tables_list(struct db_conn *c, struct arena *a, struct db_table **ret,
                           size_t *ret_count, struct err *err);
/* Columns as text (db_text(), db_blob() for binary ones), in any order of rows. */
typedef enum status db_row_fn(void *ctx, const struct db_rows *row, struct err *err);
enum status db_tables_read(struct db_conn *c, const struct db_table *t, struct arena *a,
                           db_row_fn *fn, void *ctx, struct err *err);

/* Inside a transaction that may take its time from here on. */
enum status db_tables_begin_load(struct db_conn *tx, struct err *err);
enum status db_tables_clear(struct db_conn *tx, const struct db_table *t, struct arena *a,
                            struct err *err);
/* sql: from db_tables_insert_text(), once for each table. */
const char *db_tables_insert_text(const struct db_table *t, struct arena *a);
enum status db_tables_insert(struct db_conn *tx, const char *sql, const struct db_param *values,
                             size_t n, struct err *err);
/* Ids go on behind t->last_id. */
enum status db_tables_set_last(struct db_conn *tx, const struct db_table *t, struct err *err);
