/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/db_tables.h"

#include "base/mem.h"
#include "platform/db_impl.h"

enum { TABLES_MAX = 128 };

static bool is_postgres(struct db_conn *c)
{
    return db_engine_of(db_conn_db(c)) == DB_POSTGRES;
}

/* ---- one state */

enum status db_snapshot_begin(struct db_conn *c, struct err *err)
{
    if (c->in_tx)
        return err_set(err, E_INTERNAL, "nested_transaction");
    return c->db->ops->snapshot(c, true, err);
}

void db_snapshot_end(struct db_conn *c)
{
    if (c->in_tx)
        db_rollback(c);
    else
        c->db->ops->snapshot(c, false, NULL);
}

/* ---- which there are */

static const char tables_sqlite[] =
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' "
    "AND name <> 'schema_migrations' ORDER BY rowid";
static const char tables_postgres[] =
    "SELECT CAST(c.relname AS TEXT) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind = 'r' AND n.nspname = current_schema() AND c.relname <> 'schema_migrations' "
    "ORDER BY c.oid";
static const char columns_sqlite[] =
    "SELECT name, CASE WHEN type = 'BLOB' THEN 1 ELSE 0 END FROM pragma_table_info($1) "
    "ORDER BY cid";
static const char columns_postgres[] =
    "SELECT CAST(column_name AS TEXT), CASE WHEN data_type = 'bytea' THEN 1 ELSE 0 END "
    "FROM information_schema.columns WHERE table_schema = current_schema() AND "
    "CAST(table_name AS TEXT) = $1 ORDER BY ordinal_position";
static const char last_sqlite[] = "SELECT seq FROM sqlite_sequence WHERE name = $1";
static const char last_postgres[] =
    "SELECT COALESCE(last_value, 0) FROM pg_sequences WHERE schemaname = current_schema() AND "
    "sequencename = CAST($1 AS TEXT) || '_id_seq'";

static enum status read_columns(struct db_conn *c, struct db_table *t, struct arena *a,
                                struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    TRY(db_query(c, is_postgres(c) ? columns_postgres : columns_sqlite, DB_ARGS(P_STR(t->name)),
                 &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row)
            return OK;
        if (t->column_count == DB_COLUMNS_MAX)
            return err_set(err, E_INTERNAL, "too_many_parameters");
        t->binary[t->column_count] = db_int(rows, 1) != 0;
        t->numbered = t->numbered || str_eq(db_text(rows, 0), STR("id"));
        t->columns[t->column_count++] = db_text_in(rows, 0, a);
    }
}

static enum status read_names(struct db_conn *c, struct arena *a, struct db_table *ret,
                              size_t *ret_count, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    size_t n = 0;
    TRY(db_query(c, is_postgres(c) ? tables_postgres : tables_sqlite, DB_NO_ARGS, &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row)
            break;
        if (n == TABLES_MAX)
            return err_set(err, E_INTERNAL, "too_many_tables");
        ret[n++].name = db_text_in(rows, 0, a);
    }
    *ret_count = n;
    return OK;
}

enum status db_tables_list(struct db_conn *c, struct arena *a, struct db_table **ret,
                           size_t *ret_count, struct err *err)
{
    struct db_table *tables = arena_alloc(a, TABLES_MAX * sizeof(*tables));
    bool found;
    if (!tables)
        return err_set(err, E_NO_MEMORY, "no_memory");
    TRY(read_names(c, a, tables, ret_count, err));
    for (size_t i = 0; i < *ret_count; i++) {
        TRY(read_columns(c, &tables[i], a, err));
        if (tables[i].numbered)
            TRY(db_query_int(c, is_postgres(c) ? last_postgres : last_sqlite,
                             DB_ARGS(P_STR(tables[i].name)), &tables[i].last_id, &found, err));
    }
    *ret = tables;
    return OK;
}

/* ---- reading */

static struct str list_columns(const struct db_table *t, struct arena *a)
{
    struct str list = STR("");
    for (size_t i = 0; i < t->column_count; i++)
        list = arena_printf(a, "%.*s%s\"%.*s\"", STR_ARG(list), i ? ", " : "",
                            STR_ARG(t->columns[i]));
    return list;
}

static enum status give_all(struct db_conn *c, const char *sql, db_row_fn *fn, void *ctx,
                            size_t *ret_count, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    TRY(db_query(c, sql, DB_NO_ARGS, &rows, err));
    for (*ret_count = 0;; (*ret_count)++) {
        TRY(db_next(rows, &row, err));
        if (!row)
            return OK;
        TRY(fn(ctx, rows, err));
    }
}

/* PostgreSQL gives all rows of a statement at once, but a cursor's a few at a time. */
static enum status give_by_cursor(struct db_conn *c, const struct db_table *t, struct str select,
                                  struct arena *a, db_row_fn *fn, void *ctx, struct err *err)
{
    struct str declare = arena_printf(a, "DECLARE \"dump_%.*s\" NO SCROLL CURSOR FOR %.*s",
                                      STR_ARG(t->name), STR_ARG(select));
    struct str fetch = arena_printf(a, "FETCH 64 FROM \"dump_%.*s\"", STR_ARG(t->name));
    size_t n;
    if (!declare.p || !fetch.p)
        return err_set(err, E_NO_MEMORY, "no_memory");
    TRY(db_script(c, declare.p, err));
    do {
        TRY(give_all(c, fetch.p, fn, ctx, &n, err));
    } while (n);
    return OK;
}

enum status db_tables_read(struct db_conn *c, const struct db_table *t, struct arena *a,
                           db_row_fn *fn, void *ctx, struct err *err)
{
    struct str columns = list_columns(t, a);
    struct str select = arena_printf(a, "SELECT %.*s FROM \"%.*s\"", STR_ARG(columns),
                                     STR_ARG(t->name));
    size_t n;
    if (!columns.p || !select.p)
        return err_set(err, E_NO_MEMORY, "no_memory");
    return is_postgres(c) ? give_by_cursor(c, t, select, a, fn, ctx, err)
                          : give_all(c, select.p, fn, ctx, &n, err);
}

/* ---- loading */

enum status db_tables_begin_load(struct db_conn *tx, struct err *err)
{
    if (!is_postgres(tx))
        return OK;
    return db_script(tx,
                     "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0;"
                     "SET LOCAL idle_in_transaction_session_timeout = 0",
                     err);
}

enum status db_tables_clear(struct db_conn *tx, const struct db_table *t, struct arena *a,
                            struct err *err)
{
    struct str sql = arena_printf(a, "DELETE FROM \"%.*s\"", STR_ARG(t->name));
    return sql.p ? db_script(tx, sql.p, err) : err_set(err, E_NO_MEMORY, "no_memory");
}

const char *db_tables_insert_text(const struct db_table *t, struct arena *a)
{
    struct str columns = list_columns(t, a), values = STR("");
    for (size_t i = 0; i < t->column_count; i++)
        values = arena_printf(a, "%.*s%s$%zu", STR_ARG(values), i ? ", " : "", i + 1);
    return arena_printf(a, "INSERT INTO \"%.*s\" (%.*s) VALUES (%.*s)", STR_ARG(t->name),
                        STR_ARG(columns), STR_ARG(values))
        .p;
}

enum status db_tables_insert(struct db_conn *tx, const char *sql, const struct db_param *values,
                             size_t n, struct err *err)
{
    return db_exec(tx, sql, values, n, NULL, err);
}

enum status db_tables_set_last(struct db_conn *tx, const struct db_table *t, struct err *err)
{
    static const char drop_sqlite[] = "DELETE FROM sqlite_sequence WHERE name = $1";
    static const char put_sqlite[] = "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)";
    static const char put_postgres[] =
        "SELECT setval(pg_get_serial_sequence(CAST($1 AS TEXT), 'id'), CAST($2 AS BIGINT))";
    int64_t value;
    bool found;
    if (!t->numbered || t->last_id <= 0)
        return OK;
    const struct db_param params[] = {P_STR(t->name), P_INT(t->last_id)};
    if (is_postgres(tx))
        return db_query_int(tx, put_postgres, params, 2, &value, &found, err);
    TRY(db_exec(tx, drop_sqlite, params, 1, NULL, err));
    return db_exec(tx, put_sqlite, params, 2, NULL, err);
}
