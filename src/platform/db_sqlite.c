/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite behind db.h: a reader per thread, one writer handed around by db_baton. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/db_baton.h"
#include "platform/db_impl.h"
#include "platform/db_notices.h"
#include "platform/db_sqlite_error.h"

struct sqlite_db {
    sqlite3 *writer;
    struct db_cache statements; /* the writer's; whoever holds the baton */
    struct baton *baton;
    struct notices *notices;
};

struct sqlite_conn {
    sqlite3 *reader; /* opened at the first read */
    struct db_cache statements;
    struct baton_turn turn;
    struct notice_list notices;
};

struct statement {
    sqlite3_stmt *handle;
    bool busy; /* a cursor stands on it */
    size_t params;
    int slots[DB_MAX_PARAMS]; /* SQLite's index of $1, $2 … */
};

/* --- opening ------------------------------------------------------------- */

static enum status cannot_open(const char *path, const char *why, struct err *err)
{
    return err_say(err, E_IO, "database_unreachable", "the database file %s cannot be opened: %s",
                   path, why);
}

/* Made here and not by SQLite, so that nobody else can ever read it; the -wal and
 * -shm files take its mode.  One that is there is not touched: closing a descriptor
 * of it would drop the POSIX locks of every connection of this process. */
static enum status make_file(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? OK : cannot_open(path, strerror(errno), err);
    close(fd);
    return OK;
}

static enum status open_handle(const char *path, const char *pragmas, sqlite3 **ret,
                               struct err *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, flags, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(db, DB_WAIT_MS);
        if (sqlite3_exec(db, pragmas, NULL, NULL, NULL) == SQLITE_OK) {
            *ret = db;
            return OK;
        }
    }
    enum status status = cannot_open(path, db ? sqlite3_errmsg(db) : "no memory", err);
    sqlite3_close(db);
    return status;
}

/* A network disk may refuse WAL: better no start than a slow or broken one. */
static enum status need_wal(sqlite3 *db, const char *path, struct err *err)
{
    sqlite3_stmt *s = NULL;
    bool wal = sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &s, NULL) == SQLITE_OK &&
               sqlite3_step(s) == SQLITE_ROW &&
               strcmp((const char *)sqlite3_column_text(s, 0), "wal") == 0;
    sqlite3_finalize(s);
    return wal ? OK : cannot_open(path, "its disk does not allow write-ahead logging", err);
}

static enum status sqlite_open(struct db *db, struct err *err)
{
    struct sqlite_db *engine = mem_zalloc(sizeof(*engine));
    db->engine = engine;
    TRY(make_file(db->where, err));
    TRY(open_handle(db->where,
                    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                    "PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384;"
                    "PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 67108864;"
                    "PRAGMA temp_store = MEMORY",
                    &engine->writer, err));
    TRY(need_wal(engine->writer, db->where, err));
    engine->baton = baton_new(engine->writer);
    engine->notices = notices_new(db);
    return OK;
}

static void statement_free(void *value)
{
    struct statement *s = value;
    sqlite3_finalize(s->handle);
    free(s);
}

static void sqlite_close(struct db *db)
{
    struct sqlite_db *engine = db->engine;
    if (!engine)
        return;
    notices_free(engine->notices);
    baton_free(engine->baton);
    db_cache_clear(&engine->statements, statement_free);
    sqlite3_close(engine->writer);
    free(engine);
}

static void sqlite_conn_new(struct db_conn *c)
{
    struct sqlite_conn *conn = mem_zalloc(sizeof(*conn));
    baton_turn_init(&conn->turn);
    notice_list_init(&conn->notices);
    c->engine = conn;
}

static void sqlite_conn_free(struct db_conn *c)
{
    struct sqlite_conn *conn = c->engine;
    db_cache_clear(&conn->statements, statement_free);
    sqlite3_close(conn->reader);
    baton_turn_release(&conn->turn);
    free(conn);
}

static enum status open_reader(struct db_conn *c, struct err *err)
{
    struct sqlite_conn *conn = c->engine;
    if (conn->reader)
        return OK;
    return open_handle(c->db->where,
                       "PRAGMA query_only = ON; PRAGMA cache_size = -4096;"
                       "PRAGMA temp_store = MEMORY",
                       &conn->reader, err);
}

/* --- transactions -------------------------------------------------------- */

static enum status sqlite_begin(struct db_conn *c, struct err *err)
{
    struct sqlite_db *engine = c->db->engine;
    struct sqlite_conn *conn = c->engine;
    return baton_take(engine->baton, &conn->turn, err);
}

static enum status sqlite_commit(struct db_conn *c, struct err *err)
{
    struct sqlite_db *engine = c->db->engine;
    struct sqlite_conn *conn = c->engine;
    enum status status = baton_commit(engine->baton, &conn->turn, err);
    if (status == OK)
        notice_list_post(&conn->notices, engine->notices);
    else
        notice_list_drop(&conn->notices);
    return status;
}

static void sqlite_rollback(struct db_conn *c)
{
    struct sqlite_db *engine = c->db->engine;
    struct sqlite_conn *conn = c->engine;
    baton_rollback(engine->baton, &conn->turn);
    notice_list_drop(&conn->notices);
}

/* A reader's transaction; its state is that of its first read. */
static enum status sqlite_snapshot(struct db_conn *c, bool begin, struct err *err)
{
    struct sqlite_conn *conn = c->engine;
    TRY(open_reader(c, err));
    const char *sql = begin ? "BEGIN; SELECT COUNT(*) FROM sqlite_master" : "ROLLBACK";
    if (sqlite3_exec(conn->reader, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_fail(conn->reader, err);
    return OK;
}

/* --- statements ---------------------------------------------------------- */

static enum status map_params(struct statement *s, struct err *err)
{
    int count = sqlite3_bind_parameter_count(s->handle);
    if (count > DB_MAX_PARAMS)
        return err_set(err, E_INTERNAL, "too_many_parameters");
    for (int i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "$%d", i + 1);
        s->slots[i] = sqlite3_bind_parameter_index(s->handle, name);
        if (!s->slots[i])
            return err_set(err, E_INTERNAL, "parameters_not_numbered");
    }
    s->params = (size_t)count;
    return OK;
}

static enum status prepare(sqlite3 *db, const char *sql, struct statement **ret, struct err *err)
{
    _cleanup_free_ char *text = db_expand_tokens(&db_sqlite_ops, sql);
    struct statement *s = mem_zalloc(sizeof(*s));
    enum status status = OK;
    if (sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, &s->handle, NULL) != SQLITE_OK)
        status = sqlite_fail(db, err);
    else
        status = map_params(s, err);
    if (status != OK) {
        statement_free(s);
        return status;
    }
    *ret = s;
    return OK;
}

/* Inside a transaction the writer's statement, else the thread's own reader's. */
static enum status statement_for(struct db_conn *c, const char *sql, struct statement **ret,
                                 struct err *err)
{
    struct sqlite_db *engine = c->db->engine;
    struct sqlite_conn *conn = c->engine;
    if (!c->in_tx)
        TRY(open_reader(c, err));
    struct db_cache *cache = c->in_tx ? &engine->statements : &conn->statements;
    void *found;
    if (!db_cache_get(cache, sql, &found))
        return err_set(err, E_INTERNAL, "statement_not_constant");
    struct statement *s = found;
    if (!s) {
        TRY(prepare(c->in_tx ? engine->writer : conn->reader, sql, &s, err));
        db_cache_put(cache, sql, s);
    }
    if (s->busy)
        return err_set(err, E_INTERNAL, "statement_busy");
    *ret = s;
    return OK;
}

static int bind_one(sqlite3_stmt *handle, int slot, const struct db_param *p)
{
    switch (p->type) {
    case DB_INT:
        return sqlite3_bind_int64(handle, slot, p->i);
    case DB_REAL:
        return sqlite3_bind_double(handle, slot, p->r);
    case DB_TEXT:
        return sqlite3_bind_text64(handle, slot, p->s.p ? p->s.p : "", p->s.n, SQLITE_TRANSIENT,
                                   SQLITE_UTF8);
    case DB_BLOB:
        return sqlite3_bind_blob64(handle, slot, p->s.p ? p->s.p : "", p->s.n, SQLITE_TRANSIENT);
    case DB_NULL:
        break;
    }
    return sqlite3_bind_null(handle, slot);
}

static enum status bind(struct statement *s, const struct db_param *params, size_t n,
                        struct err *err)
{
    if (n != s->params)
        return err_set(err, E_INTERNAL, "wrong_parameter_count");
    for (size_t i = 0; i < n; i++) {
        if (bind_one(s->handle, s->slots[i], &params[i]) != SQLITE_OK)
            return sqlite_fail(sqlite3_db_handle(s->handle), err);
    }
    return OK;
}

/* Lets go of the statement's locks and of the parameters' copies. */
static void rest(struct statement *s)
{
    sqlite3_reset(s->handle);
    sqlite3_clear_bindings(s->handle);
    s->busy = false;
}

static enum status step(struct statement *s, bool *ret_row, struct err *err)
{
    int rc = sqlite3_step(s->handle);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return sqlite_fail(sqlite3_db_handle(s->handle), err);
    *ret_row = rc == SQLITE_ROW;
    return OK;
}

static enum status run_to_end(struct statement *s, const struct db_param *params, size_t n,
                              struct err *err)
{
    bool more = true;
    TRY(bind(s, params, n, err));
    while (more)
        TRY(step(s, &more, err));
    return OK;
}

static enum status sqlite_run(struct db_conn *c, const char *sql, const struct db_param *params,
                              size_t n, int64_t *ret_changed, struct err *err)
{
    struct statement *s = NULL;
    TRY(statement_for(c, sql, &s, err));
    enum status status = run_to_end(s, params, n, err);
    if (status == OK && !sqlite3_stmt_readonly(s->handle))
        *ret_changed = sqlite3_changes64(sqlite3_db_handle(s->handle));
    rest(s);
    return status;
}

/* The first step makes all changes of a statement with RETURNING, so its faults
 * show here as they do on PostgreSQL. */
static enum status sqlite_query(struct db_conn *c, const char *sql, const struct db_param *params,
                                size_t n, struct db_rows *rows, struct err *err)
{
    struct statement *s = NULL;
    TRY(statement_for(c, sql, &s, err));
    s->busy = true;
    rows->statement = s;
    TRY(bind(s, params, n, err));
    TRY(step(s, &rows->at_first, err));
    if (!rows->at_first)
        db_sqlite_ops.end(rows);
    return OK;
}

static enum status sqlite_next(struct db_rows *rows, bool *ret_row, struct err *err)
{
    struct statement *s = rows->statement;
    *ret_row = false;
    if (!s)
        return OK;
    if (rows->at_first) {
        rows->at_first = false;
        *ret_row = true;
        return OK;
    }
    TRY(step(s, ret_row, err));
    if (!*ret_row)
        db_sqlite_ops.end(rows);
    return OK;
}

static void sqlite_end(struct db_rows *rows)
{
    if (rows->statement)
        rest(rows->statement);
    rows->statement = NULL;
}

static enum status sqlite_script(struct db_conn *c, const char *text, struct err *err)
{
    struct sqlite_db *engine = c->db->engine;
    if (sqlite3_exec(engine->writer, text, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_fail(engine->writer, err);
    return OK;
}

/* --- columns ------------------------------------------------------------- */

static sqlite3_stmt *handle_of(const struct db_rows *rows)
{
    const struct statement *s = rows->statement;
    return s->handle;
}

static int64_t sqlite_int(const struct db_rows *rows, int column)
{
    return sqlite3_column_int64(handle_of(rows), column);
}

static double sqlite_real(const struct db_rows *rows, int column)
{
    return sqlite3_column_double(handle_of(rows), column);
}

static bool sqlite_is_null(const struct db_rows *rows, int column)
{
    return sqlite3_column_type(handle_of(rows), column) == SQLITE_NULL;
}

static struct str sqlite_text(const struct db_rows *rows, int column)
{
    const char *p = (const char *)sqlite3_column_text(handle_of(rows), column);
    return p ? (struct str){p, (size_t)sqlite3_column_bytes(handle_of(rows), column)} : STR_NONE;
}

/* SQLite gives no pointer for a blob of no bytes, which is not the same as NULL. */
static struct str sqlite_blob(const struct db_rows *rows, int column)
{
    if (sqlite_is_null(rows, column))
        return STR_NONE;
    const char *p = sqlite3_column_blob(handle_of(rows), column);
    return p ? (struct str){p, (size_t)sqlite3_column_bytes(handle_of(rows), column)} : STR("");
}

/* --- notices ------------------------------------------------------------- */

static enum status sqlite_notify(struct db_conn *c, const char *channel, struct str payload,
                                 struct err *err)
{
    struct sqlite_db *engine = c->db->engine;
    struct sqlite_conn *conn = c->engine;
    (void)err;
    if (c->in_tx)
        notice_list_add(&conn->notices, channel, payload);
    else
        notices_post(engine->notices, channel, payload);
    return OK;
}

static enum status sqlite_listen(struct db *db, struct err *err)
{
    struct sqlite_db *engine = db->engine;
    return notices_start(engine->notices, err);
}

const struct db_ops db_sqlite_ops = {
    .engine = DB_SQLITE,
    .claim_lock = "",
    .row_lock = "",
    .bytewise = "COLLATE BINARY",
    .open = sqlite_open,
    .close = sqlite_close,
    .conn_new = sqlite_conn_new,
    .conn_free = sqlite_conn_free,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .exec = sqlite_run,
    .query = sqlite_query,
    .next = sqlite_next,
    .end = sqlite_end,
    .snapshot = sqlite_snapshot,
    .script = sqlite_script,
    .column_int = sqlite_int,
    .column_real = sqlite_real,
    .column_text = sqlite_text,
    .column_blob = sqlite_blob,
    .column_is_null = sqlite_is_null,
    .notify = sqlite_notify,
    .listen = sqlite_listen,
};
