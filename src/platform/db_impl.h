/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* db_impl — what db.c and the two engines share; nobody else includes it but migrate.c
 * and db_tables.c.
 *
 * An engine is one `struct db_ops`.  db.c keeps the rules that are the same for
 * both (one transaction at a time, a failed statement spoils its transaction,
 * cursors end with it), so an engine may take them for granted. */
#include <pthread.h>

#include "base/list.h"
#include "platform/db.h"

enum {
    DB_MAX_PARAMS = 64,
    DB_MAX_LISTENERS = 8,
    DB_CHANNEL_MAX = 32,
    DB_PAYLOAD_MAX = 200,
    DB_WAIT_MS = 10000, /* for another process's lock */
};

struct db_listeners {
    pthread_mutex_t lock;
    pthread_mutex_t calling; /* held while they are called */
    size_t count;
    struct {
        db_listener *fn;
        void *ctx;
    } items[DB_MAX_LISTENERS];
};

struct db {
    const struct db_ops *ops;
    char *where; /* may hold a password: never printed */
    void *engine;
    struct db_listeners listeners;
};

struct db_conn {
    struct db *db;
    void *engine;
    bool in_tx;
    bool tx_failed;        /* a statement failed: only a rollback may follow */
    struct list open_rows; /* of struct db_rows */
};

struct db_rows {
    struct list link;
    struct db_conn *conn;
    bool in_tx;      /* belongs to a transaction and ends with it */
    bool closed;     /* its transaction is over */
    bool has_row;    /* columns may be read */
    bool at_first;   /* the first row was fetched by the query itself */
    void *statement; /* SQLite: the cached statement */
    void *result;    /* PostgreSQL: all rows */
    int row, row_count;
    unsigned char **blobs; /* PostgreSQL: decoded columns of this row */
};

struct db_ops {
    enum db_engine engine;
    const char *claim_lock, *row_lock, *bytewise; /* what the tokens become */

    enum status (*open)(struct db *db, struct err *err);
    void (*close)(struct db *db); /* takes what a failed open left, too */
    void (*conn_new)(struct db_conn *c);
    void (*conn_free)(struct db_conn *c);

    enum status (*begin)(struct db_conn *c, struct err *err);
    /* Whatever they return, the transaction is over. */
    enum status (*commit)(struct db_conn *c, struct err *err);
    void (*rollback)(struct db_conn *c);

    enum status (*exec)(struct db_conn *c, const char *sql, const struct db_param *params, size_t n,
                        int64_t *ret_changed, struct err *err);
    /* Runs the statement far enough that every error of a change has shown. */
    enum status (*query)(struct db_conn *c, const char *sql, const struct db_param *params,
                         size_t n, struct db_rows *rows, struct err *err);
    enum status (*next)(struct db_rows *rows, bool *ret_row, struct err *err);
    void (*end)(struct db_rows *rows); /* may come twice */
    /* Reads are of one state from the first to the last.  PostgreSQL: a transaction of its own,
     * which db_rollback() ends. */
    enum status (*snapshot)(struct db_conn *c, bool begin, struct err *err);
    /* Several statements in one text, not cached; inside a transaction. */
    enum status (*script)(struct db_conn *c, const char *text, struct err *err);

    int64_t (*column_int)(const struct db_rows *rows, int column);
    double (*column_real)(const struct db_rows *rows, int column);
    struct str (*column_text)(const struct db_rows *rows, int column);
    struct str (*column_blob)(const struct db_rows *rows, int column);
    bool (*column_is_null)(const struct db_rows *rows, int column);

    enum status (*notify)(struct db_conn *c, const char *channel, struct str payload,
                          struct err *err);
    enum status (*listen)(struct db *db, struct err *err); /* before the first listener */
};

extern const struct db_ops db_sqlite_ops, db_postgres_ops;

/* Several statements separated by `;` (a migration).  Inside a transaction. */
enum status db_script(struct db_conn *c, const char *text, struct err *err);
/* The text with the lock tokens replaced.  Owner: the caller (free). */
char *db_expand_tokens(const struct db_ops *ops, const char *sql);
/* Calls every listener; channel NULL: something may have been missed. */
void db_listeners_call(struct db *db, const char *channel, struct str payload);

/* A table from the address of a statement's text to what an engine made of it.
 * Thread: one at a time. */
struct db_cache {
    size_t size, count;
    struct db_cached {
        const char *sql;
        char *copy; /* tells a text that was not constant after all */
        void *value;
    } * slots;
};
/* False when the address now holds another text.  *ret_value NULL: not there yet. */
bool db_cache_get(const struct db_cache *cache, const char *sql, void **ret_value);
void db_cache_put(struct db_cache *cache, const char *sql, void *value);
/* Forgets everything; free_value may be NULL. */
void db_cache_clear(struct db_cache *cache, void (*free_value)(void *value));
