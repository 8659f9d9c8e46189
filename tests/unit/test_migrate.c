/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "engines.h"
#include "platform/migrate.h"

#define TEST(title, body)                                                                          \
    {                                                                                              \
        (title), body##_everywhere, NULL, NULL, NULL                                               \
    }

static const char first[] = "-- comment; with a semicolon\n"
                            "CREATE TABLE a (id {id}, j {json} NOT NULL, b {bytes}, n {bigint});\n"
                            "INSERT INTO a (j) VALUES ('{\"x\": \"{y}\"}');\n";
static const char second[] = "ALTER TABLE a ADD COLUMN m TEXT NOT NULL DEFAULT 'x;y';\n"
                             "CREATE UNIQUE INDEX a_m ON a (n, m);\n";
static const char broken[] = "CREATE TABLE c (id {id});\nCREATE TABLE a (id {id});\n";

static struct embedded_file file_of(const char *path, const char *text)
{
    return (struct embedded_file){.path = path, .raw = {(const unsigned char *)text, strlen(text)}};
}

ON_EVERY_ENGINE(they_run_once_in_order)
{
    const struct embedded_file files[] = {file_of("0001_first.sql", first),
                                          file_of("0002_second.sql", second)};
    struct db_conn *c = db_conn_new(e->db);
    struct err why;
    int applied = -1;
    assert_int_equal(migrate_check_files(c, files, 2, &why), E_CONFLICT);
    assert_non_null(strstr(why.text, "kinora migrate"));
    ok(migrate_run_files(c, files, 1, &applied, err));
    assert_int_equal(applied, 1);
    assert_int_equal(migrate_check_files(c, files, 2, &why), E_CONFLICT);
    ok(migrate_run_files(c, files, 2, &applied, err));
    assert_int_equal(applied, 1);
    ok(migrate_check_files(c, files, 2, err));
    ok(migrate_run_files(c, files, 2, &applied, err));
    assert_int_equal(applied, 0);
    assert_int_equal(count_of(c, "SELECT COUNT(*) FROM a WHERE m = 'x;y' AND id = 1"), 1);
    assert_int_equal(count_of(c, "SELECT COUNT(*) FROM schema_migrations"), 2);
    db_conn_free(c);
}

ON_EVERY_ENGINE(a_changed_or_unknown_one_stops_the_start)
{
    const struct embedded_file files[] = {file_of("0001_first.sql", first),
                                          file_of("0002_second.sql", second)};
    const struct embedded_file changed[] = {file_of("0001_first.sql", second),
                                            file_of("0002_second.sql", second)};
    struct db_conn *c = db_conn_new(e->db);
    struct err why;
    ok(migrate_run_files(c, files, 2, NULL, err));
    assert_int_equal(migrate_check_files(c, changed, 2, &why), E_CONFLICT);
    assert_string_equal(why.code, "migration_changed");
    assert_int_equal(migrate_run_files(c, changed, 2, NULL, &why), E_CONFLICT);
    assert_int_equal(migrate_check_files(c, files, 1, &why), E_CONFLICT);
    assert_string_equal(why.code, "database_newer");
    assert_int_equal(migrate_run_files(c, files, 1, NULL, &why), E_CONFLICT);
    db_conn_free(c);
}

ON_EVERY_ENGINE(a_broken_one_leaves_nothing_behind)
{
    const struct embedded_file files[] = {file_of("0001_first.sql", first),
                                          file_of("0002_broken.sql", broken)};
    const struct embedded_file mended[] = {files[0], file_of("0002_second.sql", second)};
    struct db_conn *c = db_conn_new(e->db);
    struct err why;
    assert_int_not_equal(migrate_run_files(c, files, 2, NULL, &why), OK);
    assert_int_equal(count_of(c, "SELECT COUNT(*) FROM schema_migrations"), 1);
    ok(migrate_run_files(c, mended, 2, NULL, err));
    script(c, "CREATE TABLE c (id BIGINT)"); /* so it was not there */
    db_conn_free(c);
}

ON_EVERY_ENGINE(a_gap_in_the_numbers_is_refused)
{
    const struct embedded_file files[] = {file_of("0001_first.sql", first),
                                          file_of("0003_second.sql", second)};
    struct db_conn *c = db_conn_new(e->db);
    assert_int_equal(migrate_run_files(c, files, 2, NULL, NULL), E_INTERNAL);
    db_conn_free(c);
}

static void *migrate_at_once(void *ctx)
{
    const struct embedded_file files[] = {file_of("0001_first.sql", first),
                                          file_of("0002_second.sql", second)};
    struct engine *e = ctx;
    struct db *db; /* as another process would */
    ok(db_open(e->where, &db, err));
    struct db_conn *c = db_conn_new(db);
    ok(migrate_run_files(c, files, 2, NULL, err));
    db_conn_free(c);
    db_close(db);
    return NULL;
}

ON_EVERY_ENGINE(of_several_at_once_one_works_and_the_others_wait)
{
    pthread_t threads[6];
    struct db_conn *c = db_conn_new(e->db);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, migrate_at_once, e), 0);
    for (size_t i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count_of(c, "SELECT COUNT(*) FROM a"), 1);
    db_conn_free(c);
}

/* --- both engines, the same schema --------------------------------------- */

static const char columns_sqlite[] =
    "SELECT t.name || '.' || c.name || ' ' || "
    "CASE WHEN c.type IN ('BIGINT', 'INTEGER') THEN 'integer' "
    "WHEN c.type IN ('REAL', 'DOUBLE PRECISION') THEN 'real' ELSE lower(c.type) END || "
    "CASE WHEN c.\"notnull\" = 1 OR c.pk > 0 THEN ' not null' ELSE '' END || "
    "CASE WHEN c.dflt_value IS NULL THEN '' ELSE ' default' END "
    "FROM sqlite_master t JOIN pragma_table_info(t.name) c "
    "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY 1";
static const char columns_postgres[] =
    "SELECT table_name || '.' || column_name || ' ' || "
    "CASE data_type WHEN 'bigint' THEN 'integer' WHEN 'integer' THEN 'integer' "
    "WHEN 'double precision' THEN 'real' WHEN 'real' THEN 'real' WHEN 'jsonb' THEN 'text' "
    "WHEN 'bytea' THEN 'blob' ELSE data_type END || "
    "CASE WHEN is_nullable = 'NO' THEN ' not null' ELSE '' END || "
    "CASE WHEN column_default IS NULL THEN '' ELSE ' default' END COLLATE \"C\" "
    "FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1";
/* Constraints of SQLite make indexes without names of ours, so only ours are compared. */
static const char indexes_sqlite[] =
    "SELECT name || ' on ' || tbl_name || CASE WHEN sql LIKE 'CREATE UNIQUE%' THEN ' unique' "
    "ELSE '' END FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1";
static const char indexes_postgres[] =
    "SELECT i.indexname || ' on ' || i.tablename || "
    "CASE WHEN i.indexdef LIKE 'CREATE UNIQUE%' THEN ' unique' ELSE '' END COLLATE \"C\" "
    "FROM pg_indexes i WHERE i.schemaname = current_schema() AND NOT EXISTS "
    "(SELECT 1 FROM pg_constraint k WHERE k.conname = i.indexname) ORDER BY 1";

static void describe(struct db_conn *c, const char *sql, char *out, size_t size)
{
    struct db_rows *rows;
    size_t n = strlen(out);
    bool more;
    ok(db_query(c, sql, DB_NO_ARGS, &rows, err));
    for (;;) {
        ok(db_next(rows, &more, err));
        if (!more)
            break;
        n += (size_t)snprintf(out + n, size - n, "%.*s\n", STR_ARG(db_text(rows, 0)));
        assert_true(n < size);
    }
    db_rows_free(rows);
}

static void show_difference(const char *a, const char *b)
{
    struct str x = str_of(a), y = str_of(b);
    while (x.n && y.n) {
        struct str left = str_cut(&x, '\n'), right = str_cut(&y, '\n');
        if (!str_eq(left, right))
            fail_msg("SQLite: %.*s\nPostgreSQL: %.*s", STR_ARG(left), STR_ARG(right));
    }
    fail_msg("SQLite has also: %.*s\nPostgreSQL has also: %.*s", STR_ARG(x), STR_ARG(y));
}

enum { DESCRIPTION = 256 * 1024 };
static char descriptions[2][DESCRIPTION];

ON_EVERY_ENGINE(the_embedded_ones_apply)
{
    struct db_conn *c = db_conn_new(e->db);
    int applied = -1;
    ok(migrate_run(c, &applied, err));
    assert_int_equal((size_t)applied, embedded_sql_count);
    ok(migrate_check(c, err));
    bool sqlite = e->kind == DB_SQLITE;
    describe(c, sqlite ? columns_sqlite : columns_postgres, descriptions[e->kind], DESCRIPTION);
    describe(c, sqlite ? indexes_sqlite : indexes_postgres, descriptions[e->kind], DESCRIPTION);
    db_conn_free(c);
}

static void both_engines_get_the_same_schema(void **state)
{
    (void)state;
    const char *sqlite = descriptions[DB_SQLITE], *postgres = descriptions[DB_POSTGRES];
    if (!postgres[0])
        skip();
    if (strcmp(sqlite, postgres) != 0)
        show_difference(sqlite, postgres);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("migrations run once and in order", they_run_once_in_order),
        TEST("a changed or unknown migration stops the start",
             a_changed_or_unknown_one_stops_the_start),
        TEST("a broken migration leaves nothing behind", a_broken_one_leaves_nothing_behind),
        TEST("a gap in the numbers is refused", a_gap_in_the_numbers_is_refused),
        TEST("of several at once one works and the others wait",
             of_several_at_once_one_works_and_the_others_wait),
        TEST("[ID-2] the embedded migrations apply to an empty database", the_embedded_ones_apply),
        {"both engines get the same schema", both_engines_get_the_same_schema, NULL, NULL, NULL},
    };
    ok(crypto_init(err));
    return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
