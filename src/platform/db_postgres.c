/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL behind db.h: a connection per thread, statements prepared on it once. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "platform/db_impl.h"
#include "platform/db_pg.h"

enum { OID_BOOL = 16, OID_BYTEA = 17, NUMBER_SIZE = 32, NAME_SIZE = 24 };

struct pg_db {
    struct pg_listener *listener;
};

struct pg_conn {
    PGconn *handle;             /* NULL: not connected yet */
    struct db_cache statements; /* the number behind "s", as a pointer */
    uintptr_t last_statement;
};

/* --- connections --------------------------------------------------------- */

static enum status postgres_open(struct db *db, struct err *err)
{
    PGconn *probe;
    db->engine = mem_zalloc(sizeof(struct pg_db));
    TRY(pg_connect(db->where, &probe, err));
    PQfinish(probe);
    return OK;
}

static void postgres_close(struct db *db)
{
    struct pg_db *engine = db->engine;
    pg_listener_free(engine->listener);
    free(engine);
}

static void postgres_conn_new(struct db_conn *c)
{
    c->engine = mem_zalloc(sizeof(struct pg_conn));
}

static void disconnect(struct pg_conn *conn)
{
    db_cache_clear(&conn->statements, NULL);
    PQfinish(conn->handle);
    conn->handle = NULL;
}

static void postgres_conn_free(struct db_conn *c)
{
    disconnect(c->engine);
    free(c->engine);
}

static bool is_lost(const struct pg_conn *conn)
{
    return conn->handle && PQstatus(conn->handle) == CONNECTION_BAD;
}

static enum status connect_again(struct db_conn *c, struct err *err)
{
    struct pg_conn *conn = c->engine;
    if (is_lost(conn))
        disconnect(conn);
    if (conn->handle)
        return OK;
    if (pg_connect(c->db->where, &conn->handle, err) == OK)
        return OK;
    if (err)
        err->status = E_UNAVAILABLE;
    return E_UNAVAILABLE;
}

/* Before a statement: connects outside of a transaction, never inside one. */
static enum status need_connection(struct db_conn *c, struct err *err)
{
    if (!c->in_tx)
        return connect_again(c, err);
    if (is_lost(c->engine))
        return err_set(err, E_UNAVAILABLE, "database_unreachable");
    return OK;
}

/* --- transactions -------------------------------------------------------- */

static enum status postgres_begin(struct db_conn *c, struct err *err)
{
    struct pg_conn *conn = c->engine;
    TRY(connect_again(c, err));
    enum status status = pg_command(conn->handle, "BEGIN READ WRITE", err);
    if (status == OK || !is_lost(conn))
        return status;
    /* The server was restarted since the last use; nothing has happened yet. */
    TRY(connect_again(c, err));
    return pg_command(conn->handle, "BEGIN READ WRITE", err);
}

/* The first result, which is the server's own word; PQexec() gives the last, and that a
 * line was lost behind the word would hide it. */
static PGresult *first_result(PGconn *handle, const char *sql)
{
    if (!PQsendQuery(handle, sql))
        return NULL;
    PGresult *first = PQgetResult(handle);
    for (PGresult *more; (more = PQgetResult(handle));)
        PQclear(more);
    return first;
}

/* The server ended the session (shutdown, too long idle in the transaction): it said so
 * instead of committing. */
static bool was_ended_before(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state && (strncmp(state, "57", 2) == 0 || strcmp(state, "25P03") == 0);
}

static enum status postgres_commit(struct db_conn *c, struct err *err)
{
    struct pg_conn *conn = c->engine;
    PGresult *result = first_result(conn->handle, "COMMIT");
    enum status status = OK;
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        status = pg_fail(conn->handle, result, err);
        /* The answer was lost, not necessarily the commit. */
        if (is_lost(conn) && !was_ended_before(result))
            status = err_set(err, E_IO, "commit_unknown");
    } else if (strcmp(PQcmdStatus(result), "COMMIT") != 0) {
        status = err_set(err, E_UNAVAILABLE, "database_busy");
    }
    PQclear(result);
    return status;
}

static void postgres_rollback(struct db_conn *c)
{
    struct pg_conn *conn = c->engine;
    /* A connection that cannot even do this must not be used again. */
    if (pg_command(conn->handle, "ROLLBACK", NULL) != OK)
        disconnect(conn);
}

/* As a transaction it is never gone on with on another connection, which would see another state. */
static enum status postgres_snapshot(struct db_conn *c, bool begin, struct err *err)
{
    struct pg_conn *conn = c->engine;
    if (!begin)
        return OK;
    TRY(connect_again(c, err));
    TRY(pg_command(
        conn->handle,
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
        err));
    c->in_tx = true;
    return OK;
}

/* --- statements ---------------------------------------------------------- */

/* The parameters in libpq's form. */
struct bound {
    const char *values[DB_MAX_PARAMS];
    int lengths[DB_MAX_PARAMS];
    int formats[DB_MAX_PARAMS]; /* 0 text, 1 binary */
    char numbers[DB_MAX_PARAMS][NUMBER_SIZE];
    char *texts; /* copies with NUL behind */
};

static size_t texts_size(const struct db_param *params, size_t n)
{
    size_t size = 1;
    for (size_t i = 0; i < n; i++)
        size += params[i].type == DB_TEXT ? params[i].s.n + 1 : 0;
    return size;
}

static const char *copy_text(char **at, struct str s)
{
    char *begin = *at;
    if (s.n)
        memcpy(begin, s.p, s.n);
    begin[s.n] = '\0';
    *at += s.n + 1;
    return begin;
}

static enum status bind(struct bound *b, const struct db_param *params, size_t n, struct err *err)
{
    b->texts = malloc(texts_size(params, n));
    if (!b->texts)
        return err_set(err, E_NO_MEMORY, "no_memory");
    char *at = b->texts;
    for (size_t i = 0; i < n; i++) {
        const struct db_param *p = &params[i];
        b->values[i] = NULL;
        b->formats[i] = p->type == DB_BLOB;
        b->lengths[i] = p->type == DB_BLOB ? (int)p->s.n : 0;
        if (p->type == DB_INT)
            snprintf(b->numbers[i], NUMBER_SIZE, "%lld", (long long)p->i);
        else if (p->type == DB_REAL)
            snprintf(b->numbers[i], NUMBER_SIZE, "%.17g", p->r);
        if (p->type == DB_INT || p->type == DB_REAL)
            b->values[i] = b->numbers[i];
        else if (p->type == DB_TEXT)
            b->values[i] = copy_text(&at, p->s);
        else if (p->type == DB_BLOB)
            b->values[i] = p->s.p ? p->s.p : "";
    }
    return OK;
}

static enum status prepare(struct db_conn *c, const char *sql, const char *name,
                           const struct db_param *params, size_t n, struct err *err)
{
    struct pg_conn *conn = c->engine;
    Oid types[DB_MAX_PARAMS];
    for (size_t i = 0; i < n; i++)
        types[i] = params[i].type == DB_BLOB ? OID_BYTEA : 0; /* 0: the server infers it */
    _cleanup_free_ char *text = db_expand_tokens(&db_postgres_ops, sql);
    PGresult *result = PQprepare(conn->handle, name, text, (int)n, types);
    enum status status = OK;
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        status = pg_fail(conn->handle, result, err);
    PQclear(result);
    return status;
}

static enum status statement_for(struct db_conn *c, const char *sql, const struct db_param *params,
                                 size_t n, char name[NAME_SIZE], struct err *err)
{
    struct pg_conn *conn = c->engine;
    void *number;
    if (!db_cache_get(&conn->statements, sql, &number))
        return err_set(err, E_INTERNAL, "statement_not_constant");
    bool known = number != NULL;
    if (!known)
        number = (void *)++conn->last_statement;
    snprintf(name, NAME_SIZE, "s%ju", (uintmax_t)(uintptr_t)number);
    if (known)
        return OK;
    TRY(prepare(c, sql, name, params, n, err));
    db_cache_put(&conn->statements, sql, number);
    return OK;
}

static enum status run_once(struct db_conn *c, const char *sql, const struct db_param *params,
                            size_t n, PGresult **ret, struct err *err)
{
    struct pg_conn *conn = c->engine;
    struct bound b;
    char name[NAME_SIZE];
    TRY(statement_for(c, sql, params, n, name, err));
    TRY(bind(&b, params, n, err));
    PGresult *result = PQexecPrepared(conn->handle, name, (int)n, b.values, b.lengths, b.formats,
                                      0);
    free(b.texts);
    ExecStatusType kind = PQresultStatus(result);
    if (kind != PGRES_COMMAND_OK && kind != PGRES_TUPLES_OK) {
        enum status status = pg_fail(conn->handle, result, err);
        PQclear(result);
        return status;
    }
    *ret = result;
    return OK;
}

static enum status run(struct db_conn *c, const char *sql, const struct db_param *params, size_t n,
                       PGresult **ret, struct err *err)
{
    TRY(need_connection(c, err));
    enum status status = run_once(c, sql, params, n, ret, err);
    if (status == OK || c->in_tx || !is_lost(c->engine))
        return status;
    /* Outside of a transaction there are only reads, which may be sent again. */
    TRY(connect_again(c, err));
    return run_once(c, sql, params, n, ret, err);
}

static enum status postgres_exec(struct db_conn *c, const char *sql, const struct db_param *params,
                                 size_t n, int64_t *ret_changed, struct err *err)
{
    PGresult *result;
    TRY(run(c, sql, params, n, &result, err));
    bool is_select = strncmp(PQcmdStatus(result), "SELECT", 6) == 0;
    if (!is_select)
        str_to_i64(str_of(PQcmdTuples(result)), ret_changed);
    PQclear(result);
    return OK;
}

static enum status postgres_query(struct db_conn *c, const char *sql, const struct db_param *params,
                                  size_t n, struct db_rows *rows, struct err *err)
{
    PGresult *result;
    TRY(run(c, sql, params, n, &result, err));
    rows->result = result;
    rows->row = -1;
    rows->row_count = PQntuples(result);
    return OK;
}

static void free_blobs(struct db_rows *rows)
{
    for (int i = 0; rows->blobs && i < PQnfields(rows->result); i++)
        PQfreemem(rows->blobs[i]);
    free(rows->blobs);
    rows->blobs = NULL;
}

static void postgres_end(struct db_rows *rows)
{
    free_blobs(rows);
    PQclear(rows->result);
    rows->result = NULL;
}

static enum status postgres_next(struct db_rows *rows, bool *ret_row, struct err *err)
{
    (void)err;
    free_blobs(rows);
    if (rows->row < rows->row_count)
        rows->row++;
    *ret_row = rows->row < rows->row_count;
    return OK;
}

static enum status postgres_script(struct db_conn *c, const char *text, struct err *err)
{
    struct pg_conn *conn = c->engine;
    TRY(need_connection(c, err));
    return pg_command(conn->handle, text, err);
}

/* --- columns ------------------------------------------------------------- */

static bool postgres_is_null(const struct db_rows *rows, int column)
{
    return PQgetisnull(rows->result, rows->row, column);
}

static struct str postgres_text(const struct db_rows *rows, int column)
{
    if (postgres_is_null(rows, column))
        return STR_NONE;
    return (struct str){PQgetvalue(rows->result, rows->row, column),
                        (size_t)PQgetlength(rows->result, rows->row, column)};
}

static double postgres_real(const struct db_rows *rows, int column)
{
    struct str text = postgres_text(rows, column);
    return text.p ? strtod(text.p, NULL) : 0.0;
}

/* A comparison is a boolean here and 0 or 1 on SQLite; a sum of BIGINT is NUMERIC. */
static int64_t postgres_int(const struct db_rows *rows, int column)
{
    struct str text = postgres_text(rows, column);
    int64_t value = 0;
    if (!text.p)
        return 0;
    if (PQftype(rows->result, column) == OID_BOOL)
        return text.p[0] == 't';
    return str_to_i64(text, &value) ? value : (int64_t)strtod(text.p, NULL);
}

static struct str postgres_blob(const struct db_rows *rows, int column)
{
    struct str text = postgres_text(rows, column);
    if (!text.p || PQftype(rows->result, column) != OID_BYTEA)
        return text;
    /* The rows are const to their reader; that a column was decoded is our secret. */
    struct db_rows *own = (struct db_rows *)(uintptr_t)rows;
    size_t n;
    if (!own->blobs)
        own->blobs = mem_calloc((size_t)PQnfields(rows->result), sizeof(*own->blobs));
    PQfreemem(own->blobs[column]);
    own->blobs[column] = PQunescapeBytea((const unsigned char *)text.p, &n);
    return own->blobs[column] ? (struct str){(const char *)own->blobs[column], n} : STR_NONE;
}

/* --- notices ------------------------------------------------------------- */

static enum status postgres_notify(struct db_conn *c, const char *channel, struct str payload,
                                   struct err *err)
{
    char text[DB_CHANNEL_MAX + DB_PAYLOAD_MAX + 1];
    PGresult *result = NULL;
    int n = snprintf(text, sizeof(text), "%s:%.*s", channel, STR_ARG(payload));
    TRY(run(c, "SELECT pg_notify('kinora', $1)", DB_ARGS(P_STR(((struct str){text, (size_t)n}))),
            &result, err));
    PQclear(result);
    return OK;
}

static enum status postgres_listen(struct db *db, struct err *err)
{
    struct pg_db *engine = db->engine;
    return pg_listener_start(db, db->where, &engine->listener, err);
}

const struct db_ops db_postgres_ops = {
    .engine = DB_POSTGRES,
    .claim_lock = "FOR UPDATE SKIP LOCKED",
    .row_lock = "FOR UPDATE",
    .bytewise = "COLLATE \"C\"",
    .open = postgres_open,
    .close = postgres_close,
    .conn_new = postgres_conn_new,
    .conn_free = postgres_conn_free,
    .begin = postgres_begin,
    .commit = postgres_commit,
    .rollback = postgres_rollback,
    .exec = postgres_exec,
    .query = postgres_query,
    .next = postgres_next,
    .end = postgres_end,
    .snapshot = postgres_snapshot,
    .script = postgres_script,
    .column_int = postgres_int,
    .column_real = postgres_real,
    .column_text = postgres_text,
    .column_blob = postgres_blob,
    .column_is_null = postgres_is_null,
    .notify = postgres_notify,
    .listen = postgres_listen,
};
