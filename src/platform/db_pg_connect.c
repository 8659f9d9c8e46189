/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "platform/db_pg.h"

enum { OLDEST_VERSION = 150000 };

/* Sessions refuse changes outside of a write transaction, as SQLite's readers do. */
static const char session[] =
    "SET default_transaction_read_only = on; SET statement_timeout = '30s';"
    "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s';"
    "SET timezone = 'UTC'; SET bytea_output = 'hex'; SET client_min_messages = 'warning'";

/* --- errors -------------------------------------------------------------- */

struct meaning {
    const char *prefix; /* of the SQLSTATE; longer ones stand first */
    enum status status;
    const char *code;
};

static const struct meaning meanings[] = {
    {"23505", E_CONFLICT, "unique"},
    {"23503", E_CONFLICT, "reference_gone"},
    {"23", E_INTERNAL, "constraint"},
    {"40", E_UNAVAILABLE, "database_busy"},
    {"55P03", E_UNAVAILABLE, "database_busy"},
    {"57", E_UNAVAILABLE, "database_busy"}, /* cancelled, shutting down, starting */
    {"08", E_UNAVAILABLE, "database_unreachable"},
    {"53100", E_NO_SPACE, "disk_full"},
    {"53", E_UNAVAILABLE, "database_busy"},
    {"25P03", E_UNAVAILABLE, "database_busy"}, /* idle too long inside a transaction */
    {"22021", E_INVALID, "invalid_text"},
    {"58", E_IO, "database_error"},
    {"XX", E_IO, "database_error"},
    {"", E_INTERNAL, "database_error"},
};

enum status pg_fail(PGconn *conn, const PGresult *result, struct err *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *words = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (!state) {
        /* The library's own fault: as good as always a lost connection. */
        state = PQstatus(conn) == CONNECTION_BAD ? "08006" : "XX000";
        words = PQerrorMessage(conn);
    }
    size_t i = 0;
    while (strncmp(state, meanings[i].prefix, strlen(meanings[i].prefix)) != 0)
        i++;
    err_set(err, meanings[i].status, meanings[i].code);
    err_detail(err, "postgres %s: %.250s", state, words ? words : "no message");
    return meanings[i].status;
}

enum status pg_command(PGconn *conn, const char *sql, struct err *err)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType kind = PQresultStatus(result);
    enum status status = OK;
    if (kind != PGRES_COMMAND_OK && kind != PGRES_TUPLES_OK)
        status = pg_fail(conn, result, err);
    PQclear(result);
    return status;
}

/* --- connecting ---------------------------------------------------------- */

/* libpq's own words about a bad URL quote it, password and all. */
static enum status check_url(const char *url, struct err *err)
{
    char *words = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &words);
    PQfreemem(words);
    if (!options)
        return err_say(err, E_INVALID, "invalid_database",
                       "the PostgreSQL address cannot be read: it should look like "
                       "postgres://user:password@host:5432/database");
    PQconninfoFree(options);
    return OK;
}

static enum status unreachable(PGconn *conn, const char *why, struct err *err)
{
    const char *host = conn && PQhost(conn) ? PQhost(conn) : "";
    const char *port = conn && PQport(conn) ? PQport(conn) : "";
    err_say(err, E_IO, "database_unreachable", "the PostgreSQL server at %s port %s %s",
            host[0] ? host : "its default socket", port[0] ? port : "5432", why);
    err_detail(err, "%s", conn ? PQerrorMessage(conn) : "no memory");
    return E_IO;
}

static enum status set_up(PGconn *conn, struct err *err)
{
    if (PQstatus(conn) != CONNECTION_OK)
        return unreachable(conn, "does not let us in or does not answer", err);
    if (PQserverVersion(conn) < OLDEST_VERSION)
        return unreachable(conn, "is older than version 15", err);
    return pg_command(conn, session, err);
}

/* Its notices would go to standard error as bare lines. */
static void ignore_notice(void *ctx, const PGresult *result)
{
    (void)ctx;
    (void)result;
}

enum status pg_connect(const char *url, PGconn **ret, struct err *err)
{
    /* What stands before dbname is a default, what stands after it is fixed. */
    const char *const keys[] = {"connect_timeout",
                                "tcp_user_timeout",
                                "keepalives_idle",
                                "application_name",
                                "dbname",
                                "client_encoding",
                                NULL};
    const char *const values[] = {"10", "30000", "30", "kinora", url, "UTF8", NULL};
    TRY(check_url(url, err));
    PGconn *conn = PQconnectdbParams(keys, values, 1);
    if (conn)
        PQsetNoticeReceiver(conn, ignore_notice, NULL);
    enum status status = conn ? set_up(conn, err) : unreachable(NULL, "has no room", err);
    if (status != OK) {
        PQfinish(conn);
        return status;
    }
    *ret = conn;
    return OK;
}
