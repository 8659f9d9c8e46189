/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* engines — runs one test on every database engine there is.
 *
 * SQLite always, in a folder of its own; PostgreSQL when KINORA_TEST_POSTGRES holds a
 * URL, in a schema of its own, so that test programs can run side by side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/crypto.h"
#include "platform/db_impl.h"

struct engine {
    enum db_engine kind;
    char where[512];
    char folder[64], schema[64];
    struct db *db;
};

#define ok(call)                                                                                   \
    do {                                                                                           \
        struct err err_ = {0};                                                                     \
        struct err *err = &err_;                                                                   \
        enum status status_ = (call);                                                              \
        if (status_ != OK)                                                                         \
            fail_msg("%s: %s %s %s %s", #call, status_name(status_), err->code, err->text,         \
                     err->detail);                                                                 \
    } while (0)

static inline void engine_script(const char *where, const char *text)
{
    struct db *db;
    ok(db_open(where, &db, err));
    struct db_conn *c = db_conn_new(db);
    ok(db_begin(c, err));
    ok(db_script(c, text, err));
    ok(db_commit(c, err));
    db_conn_free(c);
    db_close(db);
}

static inline void engine_begin_sqlite(struct engine *e)
{
    strcpy(e->folder, "/tmp/kinora-unit-XXXXXX");
    assert_non_null(mkdtemp(e->folder));
    snprintf(e->where, sizeof(e->where), "%s/test.db", e->folder);
}

static inline void engine_begin_postgres(struct engine *e, const char *url)
{
    char random[17], text[128];
    crypto_random_text(12, random);
    snprintf(e->schema, sizeof(e->schema), "unit_%s", random);
    snprintf(text, sizeof(text), "CREATE SCHEMA \"%s\"", e->schema);
    engine_script(url, text);
    snprintf(e->where, sizeof(e->where),
             "%s%coptions=-csearch_path%%3D%%22%s%%22&application_name=%s", url,
             strchr(url, '?') ? '&' : '?', e->schema, e->schema);
}

static inline void engine_open(struct engine *e, enum db_engine kind)
{
    *e = (struct engine){.kind = kind};
    if (kind == DB_POSTGRES)
        engine_begin_postgres(e, getenv("KINORA_TEST_POSTGRES"));
    else
        engine_begin_sqlite(e);
    ok(db_open(e->where, &e->db, err));
}

static inline void engine_close(struct engine *e)
{
    char text[600];
    db_close(e->db);
    if (e->kind == DB_POSTGRES) {
        snprintf(text, sizeof(text), "DROP SCHEMA \"%s\" CASCADE", e->schema);
        engine_script(getenv("KINORA_TEST_POSTGRES"), text);
        return;
    }
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(text, sizeof(text), "%s%s", e->where, endings[i]);
        unlink(text);
    }
    rmdir(e->folder);
}

static inline void script(struct db_conn *c, const char *text)
{
    ok(db_begin(c, err));
    ok(db_script(c, text, err));
    ok(db_commit(c, err));
}

static inline int64_t count_of(struct db_conn *c, const char *sql)
{
    int64_t n = -1;
    ok(db_query_int(c, sql, DB_NO_ARGS, &n, NULL, err));
    return n;
}

/* A table to play with. */
static const char create_items[] __attribute__((unused)) =
    "CREATE TABLE items (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, size BIGINT, "
    "ratio DOUBLE PRECISION)";
static const char insert_item[]
    __attribute__((unused)) = "INSERT INTO items (id, name, size, ratio) VALUES ($1, $2, $3, $4)";
static const char count_items[] __attribute__((unused)) = "SELECT COUNT(*) FROM items";

static inline enum status add_item(struct db_conn *c, int64_t id, const char *name, struct err *err)
{
    return db_exec(c, insert_item, DB_ARGS(P_INT(id), P_Z(name), P_NULL, P_REAL(0.5)), NULL, err);
}

/* Runs the body once for each engine with `e` open. */
#define ON_EVERY_ENGINE(body)                                                                      \
    static void body(struct engine *e);                                                            \
    static void body##_everywhere(void **state)                                                    \
    {                                                                                              \
        (void)state;                                                                               \
        for (int kind = DB_SQLITE; kind <= DB_POSTGRES; kind++) {                                  \
            struct engine engine;                                                                  \
            const char *url = getenv("KINORA_TEST_POSTGRES");                                      \
            if (kind == DB_POSTGRES && (!url || !url[0]))                                          \
                continue;                                                                          \
            engine_open(&engine, (enum db_engine)kind);                                            \
            body(&engine);                                                                         \
            engine_close(&engine);                                                                 \
        }                                                                                          \
    }                                                                                              \
    static void body(struct engine *e)

/* One row of the table of tests. */
#define TEST(title, body)                                                                          \
    {                                                                                              \
        (title), body##_everywhere, NULL, NULL, NULL                                               \
    }
