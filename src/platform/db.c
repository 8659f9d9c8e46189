/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/db.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "platform/db_impl.h"

struct db_param db_param_str_or_null(struct str s)
{
    return s.p ? P_STR(s) : P_NULL;
}

struct db_param db_param_int_or_null(int64_t v)
{
    return v ? P_INT(v) : P_NULL;
}

/* --- the engine ---------------------------------------------------------- */

static bool is_postgres_url(const char *where)
{
    struct str s = str_of(where);
    return str_starts(s, STR("postgres://")) || str_starts(s, STR("postgresql://"));
}

enum status db_open(const char *where, struct db **ret, struct err *err)
{
    struct db *db = mem_zalloc(sizeof(*db));
    db->ops = is_postgres_url(where) ? &db_postgres_ops : &db_sqlite_ops;
    db->where = mem_strdup(where);
    pthread_mutex_init(&db->listeners.lock, NULL);
    pthread_mutex_init(&db->listeners.calling, NULL);

    enum status status = db->ops->open(db, err);
    if (status != OK) {
        db_close(db);
        return status;
    }
    *ret = db;
    return OK;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    db->ops->close(db);
    pthread_mutex_destroy(&db->listeners.calling);
    pthread_mutex_destroy(&db->listeners.lock);
    mem_wipe(db->where, strlen(db->where));
    free(db->where);
    free(db);
}

enum db_engine db_engine_of(const struct db *db)
{
    return db->ops->engine;
}

struct db_conn *db_conn_new(struct db *db)
{
    struct db_conn *c = mem_zalloc(sizeof(*c));
    c->db = db;
    list_init(&c->open_rows);
    db->ops->conn_new(c);
    return c;
}

void db_conn_free(struct db_conn *c)
{
    if (!c)
        return;
    db_rollback(c);
    LIST_EACH(node, &c->open_rows)
    db_rows_free(CONTAINER_OF(node, struct db_rows, link));
    c->db->ops->conn_free(c);
    free(c);
}

struct db *db_conn_db(struct db_conn *c)
{
    return c->db;
}

char *db_expand_tokens(const struct db_ops *ops, const char *sql)
{
    const struct {
        struct str token;
        const char *text;
    } tokens[] = {{STR("{claim_lock}"), ops->claim_lock},
                  {STR("{row_lock}"), ops->row_lock},
                  {STR("{bytewise}"), ops->bytewise}};
    struct buf out = BUF_INIT(SIZE_MAX / 4);
    for (struct str rest = str_of(sql); rest.n;) {
        size_t used = 0;
        for (size_t i = 0; i < ARRAY_SIZE(tokens) && !used; i++) {
            if (str_starts(rest, tokens[i].token)) {
                buf_add(&out, str_of(tokens[i].text));
                used = tokens[i].token.n;
            }
        }
        if (!used) {
            buf_add_char(&out, rest.p[0]);
            used = 1;
        }
        rest = str_from(rest, used);
    }
    char *text = mem_strndup(buf_str(&out).p, buf_len(&out));
    buf_release(&out);
    return text;
}

/* --- transactions -------------------------------------------------------- */

/* Their statements must be at rest before the engine may end the transaction. */
static void close_tx_rows(struct db_conn *c)
{
    LIST_EACH(node, &c->open_rows)
    {
        struct db_rows *rows = CONTAINER_OF(node, struct db_rows, link);
        if (!rows->in_tx)
            continue;
        c->db->ops->end(rows);
        rows->closed = true;
        rows->has_row = false;
    }
}

enum status db_begin(struct db_conn *c, struct err *err)
{
    if (c->in_tx)
        return err_set(err, E_INTERNAL, "nested_transaction");
    TRY(c->db->ops->begin(c, err));
    c->in_tx = true;
    c->tx_failed = false;
    return OK;
}

enum status db_commit(struct db_conn *c, struct err *err)
{
    if (!c->in_tx)
        return err_set(err, E_INTERNAL, "no_transaction");
    if (c->tx_failed) {
        db_rollback(c);
        return err_set(err, E_INTERNAL, "transaction_failed");
    }
    close_tx_rows(c);
    c->in_tx = false;
    return c->db->ops->commit(c, err);
}

void db_rollback(struct db_conn *c)
{
    if (!c->in_tx)
        return;
    close_tx_rows(c);
    c->in_tx = false;
    c->db->ops->rollback(c);
}

void db_tx_end(struct db_conn **c)
{
    if (*c)
        db_rollback(*c);
}

bool db_in_tx(const struct db_conn *c)
{
    return c->in_tx;
}

/* --- statements ---------------------------------------------------------- */

/* PostgreSQL takes neither a NUL nor broken UTF-8 in text; SQLite shall not either. */
static enum status check_params(const struct db_param *params, size_t n, struct err *err)
{
    if (n > DB_MAX_PARAMS)
        return err_set(err, E_INTERNAL, "too_many_parameters");
    for (size_t i = 0; i < n; i++) {
        struct str s = params[i].s;
        if (params[i].type == DB_TEXT && s.p && (str_has_char(s, '\0') || !utf8_valid(s)))
            return err_say(err, E_INVALID, "invalid_text",
                           "text must be valid UTF-8 without NUL characters");
    }
    return OK;
}

static enum status check_usable(const struct db_conn *c, struct err *err)
{
    if (c->in_tx && c->tx_failed)
        return err_set(err, E_INTERNAL, "transaction_failed");
    return OK;
}

/* Notes a failure: PostgreSQL would refuse every further statement, so do we on both. */
static enum status spoil(struct db_conn *c, enum status status)
{
    if (status != OK && c->in_tx)
        c->tx_failed = true;
    return status;
}

enum status db_exec(struct db_conn *c, const char *sql, const struct db_param *params, size_t n,
                    int64_t *ret_changed, struct err *err)
{
    int64_t changed = 0;
    if (!c->in_tx)
        return err_set(err, E_INTERNAL, "no_transaction");
    TRY(check_usable(c, err));
    TRY(spoil(c, check_params(params, n, err)));
    TRY(spoil(c, c->db->ops->exec(c, sql, params, n, &changed, err)));
    if (ret_changed)
        *ret_changed = changed;
    return OK;
}

enum status db_script(struct db_conn *c, const char *text, struct err *err)
{
    if (!c->in_tx)
        return err_set(err, E_INTERNAL, "no_transaction");
    TRY(check_usable(c, err));
    return spoil(c, c->db->ops->script(c, text, err));
}

enum status db_query(struct db_conn *c, const char *sql, const struct db_param *params, size_t n,
                     struct db_rows **ret, struct err *err)
{
    TRY(check_usable(c, err));
    TRY(spoil(c, check_params(params, n, err)));
    struct db_rows *rows = mem_zalloc(sizeof(*rows));
    rows->conn = c;
    rows->in_tx = c->in_tx;
    list_push_back(&c->open_rows, &rows->link);
    enum status status = spoil(c, c->db->ops->query(c, sql, params, n, rows, err));
    if (status != OK) {
        db_rows_free(rows);
        return status;
    }
    *ret = rows;
    return OK;
}

enum status db_next(struct db_rows *rows, bool *ret_row, struct err *err)
{
    if (rows->closed)
        return err_set(err, E_INTERNAL, "rows_closed");
    enum status status = spoil(rows->conn, rows->conn->db->ops->next(rows, &rows->has_row, err));
    if (status != OK) {
        rows->has_row = false;
        return status;
    }
    *ret_row = rows->has_row;
    return OK;
}

int64_t db_int(const struct db_rows *rows, int column)
{
    return rows->has_row ? rows->conn->db->ops->column_int(rows, column) : 0;
}

double db_real(const struct db_rows *rows, int column)
{
    return rows->has_row ? rows->conn->db->ops->column_real(rows, column) : 0.0;
}

struct str db_text(const struct db_rows *rows, int column)
{
    return rows->has_row ? rows->conn->db->ops->column_text(rows, column) : STR_NONE;
}

struct str db_blob(const struct db_rows *rows, int column)
{
    return rows->has_row ? rows->conn->db->ops->column_blob(rows, column) : STR_NONE;
}

bool db_is_null(const struct db_rows *rows, int column)
{
    return !rows->has_row || rows->conn->db->ops->column_is_null(rows, column);
}

struct str db_text_in(const struct db_rows *rows, int column, struct arena *a)
{
    struct str s = db_text(rows, column);
    return s.p ? arena_str(a, s) : STR_NONE;
}

void db_rows_free(struct db_rows *rows)
{
    if (!rows)
        return;
    rows->conn->db->ops->end(rows);
    list_remove(&rows->link);
    free(rows);
}

enum status db_query_int(struct db_conn *c, const char *sql, const struct db_param *params,
                         size_t n, int64_t *ret, bool *ret_found, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool found;
    TRY(db_query(c, sql, params, n, &rows, err));
    TRY(db_next(rows, &found, err));
    if (found)
        *ret = db_int(rows, 0);
    if (ret_found)
        *ret_found = found;
    return OK;
}

/* --- notices ------------------------------------------------------------- */

static bool is_channel(const char *channel)
{
    size_t n = strspn(channel, "abcdefghijklmnopqrstuvwxyz_");
    return n > 0 && n < DB_CHANNEL_MAX && channel[n] == '\0';
}

enum status db_notify(struct db_conn *c, const char *channel, struct str payload, struct err *err)
{
    if (!is_channel(channel) || payload.n > DB_PAYLOAD_MAX || !utf8_valid(payload) ||
        str_has_char(payload, '\0'))
        return err_set(err, E_INTERNAL, "invalid_notice");
    TRY(check_usable(c, err));
    return spoil(c, c->db->ops->notify(c, channel, payload, err));
}

enum status db_listen(struct db *db, db_listener *fn, void *ctx, struct err *err)
{
    struct db_listeners *l = &db->listeners;
    enum status status = OK;
    pthread_mutex_lock(&l->lock);
    if (l->count == DB_MAX_LISTENERS)
        status = err_set(err, E_INTERNAL, "too_many_listeners");
    else if (l->count == 0)
        status = db->ops->listen(db, err);
    if (status == OK) {
        l->items[l->count].fn = fn;
        l->items[l->count].ctx = ctx;
        l->count++;
    }
    pthread_mutex_unlock(&l->lock);
    return status;
}

void db_listeners_call(struct db *db, const char *channel, struct str payload)
{
    struct db_listeners *l = &db->listeners;
    pthread_mutex_lock(&l->calling);
    pthread_mutex_lock(&l->lock);
    size_t count = l->count;
    pthread_mutex_unlock(&l->lock);
    /* Entries are only ever added, so those counted can be read without the lock. */
    for (size_t i = 0; i < count; i++)
        l->items[i].fn(l->items[i].ctx, channel, payload);
    pthread_mutex_unlock(&l->calling);
}

void db_missed(struct db *db)
{
    db_listeners_call(db, NULL, STR_NONE);
}

void db_unlisten_all(struct db *db)
{
    struct db_listeners *l = &db->listeners;
    pthread_mutex_lock(&l->calling);
    pthread_mutex_lock(&l->lock);
    l->count = 0;
    pthread_mutex_unlock(&l->lock);
    pthread_mutex_unlock(&l->calling);
}
