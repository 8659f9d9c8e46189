/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* db_pg — what the PostgreSQL files share: connecting, and what its errors mean. */
#include <libpq-fe.h>

#include "base/err.h"

/* A connection that is set up (read-only outside of BEGIN READ WRITE, time limits).
 * E_IO when the server can't be reached; the sentence names host and port only. */
enum status pg_connect(const char *url, PGconn **ret, struct err *err);
/* Maps SQLSTATE of a failed result (NULL: none came) and says so in err. */
enum status pg_fail(PGconn *conn, const PGresult *result, struct err *err);
/* One statement without parameters or rows of interest. */
enum status pg_command(PGconn *conn, const char *sql, struct err *err);

/* The thread that LISTENs and calls the listeners.  Owner: the caller. */
struct db;
struct pg_listener;
enum status pg_listener_start(struct db *db, const char *url, struct pg_listener **ret,
                              struct err *err);
void pg_listener_free(struct pg_listener *l);
