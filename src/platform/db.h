/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* db — one SQL text over two engines: SQLite in a file, PostgreSQL by a URL.
 *
 * A `struct db` is the engine, shared by all threads.  A `struct db_conn` is one
 * worker thread's way to it and must stay on that thread.  Loops never touch
 * either.
 *
 * Statements are written once: `$1`, `$2` … are bound by number on both engines;
 * `CAST($1 AS BIGINT)` where PostgreSQL cannot infer a type; 0/1 integers for
 * truth (a comparison in a SELECT reads as 0/1 on both); times are integer
 * milliseconds.  Three tokens differ by engine and are replaced before preparing:
 * `{claim_lock}` (`FOR UPDATE SKIP LOCKED` or nothing), `{row_lock}` (`FOR UPDATE`
 * or nothing), `{bytewise}` (the COLLATE behind a text that is to be ordered by its
 * bytes).  Statements are prepared once per connection and cached by the
 * address of their text, so the text must be a constant.  Every `$n` up to the
 * highest must occur, at most 64.  Text is UTF-8 without NUL, else E_INVALID, code
 * "invalid_text".  Constraints must not be DEFERRABLE: an error shows at its
 * statement, never at the commit.
 *
 * Writes happen inside db_begin() … db_commit().  On SQLite all threads share one
 * writer connection that is passed on as a baton: db_begin() waits its turn
 * (first come, first served), and consecutive transactions share one commit to
 * disk (group commit): db_commit() returns only when that commit is durable.  So
 * never block on anything but the database between the two.  On PostgreSQL it is
 * a plain transaction on the caller's own connection (READ COMMITTED, so lock the
 * row in a first statement, then check in a second).  Inside a transaction one reads
 * one's own changes; outside of it, the last committed state.
 *
 * A failed statement spoils its transaction, as PostgreSQL has it: every further
 * one is E_INTERNAL, code "transaction_failed", and only a rollback helps.
 * E_UNAVAILABLE (lock, deadlock, lost connection) means that the whole transaction
 * may be tried again; E_NO_SPACE that the disk is full; E_INTERNAL a bug of ours. */
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct db;
struct db_conn;

enum db_engine { DB_SQLITE, DB_POSTGRES };

/* where: "postgres://…" / "postgresql://…", else a path of an SQLite file, which
 * is made with mode 0600 (WAL, synchronous=FULL, foreign keys on).  E_IO with a
 * sentence that names the path or host and never the password. */
enum status db_open(const char *where, struct db **ret, struct err *err);
/* All connections must have been freed. */
void db_close(struct db *db);
enum db_engine db_engine_of(const struct db *db);

/* Opens lazily; a lost PostgreSQL connection is made anew at the next use. */
struct db_conn *db_conn_new(struct db *db);
void db_conn_free(struct db_conn *c);
struct db *db_conn_db(struct db_conn *c);

struct db_param {
    enum { DB_NULL, DB_INT, DB_TEXT, DB_BLOB, DB_REAL } type;
    int64_t i;
    double r;
    struct str s;
};

#define P_NULL    ((struct db_param){.type = DB_NULL})
#define P_INT(v)  ((struct db_param){.type = DB_INT, .i = (int64_t)(v)})
#define P_REAL(v) ((struct db_param){.type = DB_REAL, .r = (v)})
#define P_STR(v)  ((struct db_param){.type = DB_TEXT, .s = (v)})
#define P_Z(v)    ((struct db_param){.type = DB_TEXT, .s = str_of(v)})
#define P_BLOB(v) ((struct db_param){.type = DB_BLOB, .s = (v)})
/* NULL for STR_NONE, for 0. */
#define P_STR_OR_NULL(v) db_param_str_or_null(v)
#define P_INT_OR_NULL(v) db_param_int_or_null((int64_t)(v))
struct db_param db_param_str_or_null(struct str s);
struct db_param db_param_int_or_null(int64_t v);

#define DB_ARGS(...)                                                                               \
    (const struct db_param[]){__VA_ARGS__},                                                        \
        sizeof((const struct db_param[]){__VA_ARGS__}) / sizeof(struct db_param)
#define DB_NO_ARGS NULL, 0

/* Starts a write transaction.  Not nested. */
enum status db_begin(struct db_conn *c, struct err *err);
/* Whatever it returns, the transaction is over.  E_UNAVAILABLE: nothing of it was
 * kept, it may be tried again.  E_IO, code "commit_unknown" (PostgreSQL): the line
 * was lost before the answer, so it may or may not have been kept. */
enum status db_commit(struct db_conn *c, struct err *err);
/* Safe when no transaction is open, so it can stand in every clean-up. */
void db_rollback(struct db_conn *c);
/* For _cleanup_: rolls back what was not committed.
 *     _cleanup_(db_tx_end) struct db_conn *tx = db; TRY(db_begin(db, err)); … */
void db_tx_end(struct db_conn **c);
bool db_in_tx(const struct db_conn *c);

/* A statement without rows, inside a transaction.  ret_changed (may be NULL): rows
 * it touched.  E_CONFLICT, code "unique" or, of a foreign key, "reference_gone": such a
 * key stands against it. */
enum status db_exec(struct db_conn *c, const char *sql, const struct db_param *params, size_t n,
                    int64_t *ret_changed, struct err *err);

/* A cursor over rows; at most one open per connection and statement text.  Errors
 * of a change (INSERT … RETURNING) show at db_query() already.  PostgreSQL's rows
 * are all in memory at once: bound them with LIMIT. */
struct db_rows;
enum status db_query(struct db_conn *c, const char *sql, const struct db_param *params, size_t n,
                     struct db_rows **ret, struct err *err);
/* Moves to the next row; *ret_row false at the end. */
enum status db_next(struct db_rows *rows, bool *ret_row, struct err *err);
/* Columns from 0.  NULL reads as 0, 0.0, STR_NONE.  Views live until db_next(),
 * db_rows_free() or the end of the transaction. */
int64_t db_int(const struct db_rows *rows, int column);
double db_real(const struct db_rows *rows, int column);
struct str db_text(const struct db_rows *rows, int column);
struct str db_blob(const struct db_rows *rows, int column);
bool db_is_null(const struct db_rows *rows, int column);
/* db_text copied into the arena. */
struct str db_text_in(const struct db_rows *rows, int column, struct arena *a);
void db_rows_free(struct db_rows *rows);
static inline void db_rows_freep(struct db_rows **rows)
{
    db_rows_free(*rows);
}

/* The first row's first column as an integer; *ret_found false without a row. */
enum status db_query_int(struct db_conn *c, const char *sql, const struct db_param *params,
                         size_t n, int64_t *ret, bool *ret_found, struct err *err);

/* Change notices between processes and threads: LISTEN/NOTIFY on PostgreSQL, in
 * memory on SQLite (one process; for another's writes see db_missed()).  Delivered after
 * the commit, at least once while connected; a listener must read the state anew and not
 * trust the text.  channel: [a-z_]+; payload: at most 200 bytes. */
enum status db_notify(struct db_conn *c, const char *channel, struct str payload, struct err *err);
/* Called on a thread of the database's own, or db_missed()'s.  After a lost connection it
 * is called once with channel NULL: anything may have been missed. */
typedef void db_listener(void *ctx, const char *channel, struct str payload);
enum status db_listen(struct db *db, db_listener *fn, void *ctx, struct err *err);
/* Tells every listener that anything may have been missed: another process has written. */
void db_missed(struct db *db);
/* Nobody is called any more when it returns.  Not from inside a listener. */
void db_unlisten_all(struct db *db);
