/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "engines.h"

#define TEST(title, body)                                                                          \
    {                                                                                              \
        (title), body##_everywhere, NULL, NULL, NULL                                               \
    }

/* --- values -------------------------------------------------------------- */

ON_EVERY_ENGINE(values_come_back)
{
    static const char blob[] = {0, 1, (char)0xff, '\'', '\\'};
    struct db_conn *c = db_conn_new(e->db);
    struct db_rows *rows;
    bool more;
    script(c, e->kind == DB_SQLITE ? "CREATE TABLE v (i INTEGER, r REAL, t TEXT, b BLOB, n TEXT)"
                                   : "CREATE TABLE v (i BIGINT, r DOUBLE PRECISION, t TEXT, "
                                     "b BYTEA, n TEXT)");
    ok(db_begin(c, err));
    ok(db_exec(c, "INSERT INTO v VALUES ($3, $2, $1, $4, $5)",
               DB_ARGS(P_Z("h\xc3\xa9 'q'"), P_REAL(0.1), P_INT(INT64_MIN + 1),
                       P_BLOB(((struct str){blob, 5})), P_NULL),
               NULL, err));
    ok(db_exec(c, "INSERT INTO v VALUES ($1, 2, $2, $3, NULL)",
               DB_ARGS(P_INT(2), P_STR(STR("")), P_BLOB(STR(""))), NULL, err));
    ok(db_commit(c, err));

    ok(db_query(c, "SELECT i, r, t, b, n, i < 0 FROM v ORDER BY r", DB_NO_ARGS, &rows, err));
    ok(db_next(rows, &more, err));
    assert_true(more);
    assert_true(db_int(rows, 0) == INT64_MIN + 1);
    assert_true(db_real(rows, 1) > 0.0999999999999999 && db_real(rows, 1) < 0.1000000000000001);
    assert_true(str_eq(db_text(rows, 2), STR("h\xc3\xa9 'q'")));
    assert_true(str_eq(db_blob(rows, 3), (struct str){blob, 5}));
    assert_true(db_is_null(rows, 4) && !db_text(rows, 4).p && !db_blob(rows, 4).p);
    assert_int_equal(db_int(rows, 4), 0);
    assert_int_equal(db_int(rows, 5), 1); /* truth reads as 1 on both */
    ok(db_next(rows, &more, err));
    assert_true(more);
    struct str text = db_text(rows, 2), bytes = db_blob(rows, 3);
    assert_true(text.p && text.n == 0 && bytes.p && bytes.n == 0 && !db_is_null(rows, 3));
    ok(db_next(rows, &more, err));
    assert_false(more);
    ok(db_next(rows, &more, err));
    assert_false(more);
    db_rows_free(rows);
    db_conn_free(c);
}

ON_EVERY_ENGINE(text_is_checked)
{
    struct db_conn *c = db_conn_new(e->db);
    struct err why;
    script(c, create_items);
    ok(db_begin(c, err));
    assert_int_equal(add_item(c, 1, "bad \xff byte", &why), E_INVALID);
    db_rollback(c);
    ok(db_begin(c, err));
    assert_int_equal(
        db_exec(c, insert_item, DB_ARGS(P_INT(1), P_STR(STR("nul\0")), P_NULL, P_NULL), NULL, &why),
        E_INVALID);
    assert_string_equal(why.code, "invalid_text");
    db_conn_free(c);
}

ON_EVERY_ENGINE(statements_are_reused)
{
    struct db_conn *c = db_conn_new(e->db);
    script(c, create_items);
    for (int64_t i = 1; i <= 200; i++) {
        char name[16];
        int64_t changed = 0;
        snprintf(name, sizeof(name), "n%d", (int)i);
        ok(db_begin(c, err));
        ok(add_item(c, i, name, err));
        ok(db_exec(c, "UPDATE items SET size = $1 WHERE id <= $2", DB_ARGS(P_INT(i), P_INT(i)),
                   &changed, err));
        assert_int_equal(changed, i);
        ok(db_commit(c, err));
    }
    assert_int_equal(count_of(c, count_items), 200);
    db_conn_free(c);
}

ON_EVERY_ENGINE(text_that_is_not_constant_is_refused)
{
    struct db_conn *c = db_conn_new(e->db);
    struct err why;
    char sql[] = "SELECT 1";
    assert_int_equal(count_of(c, sql), 1);
    sql[7] = '2';
    int64_t n;
    assert_int_equal(db_query_int(c, sql, DB_NO_ARGS, &n, NULL, &why), E_INTERNAL);
    assert_string_equal(why.code, "statement_not_constant");
    db_conn_free(c);
}

ON_EVERY_ENGINE(a_missing_row_is_told)
{
    struct db_conn *c = db_conn_new(e->db);
    int64_t n = 77;
    bool found = true;
    script(c, create_items);
    ok(db_query_int(c, "SELECT id FROM items WHERE id = $1", DB_ARGS(P_INT(5)), &n, &found, err));
    assert_false(found);
    assert_int_equal(n, 77);
    db_conn_free(c);
}

ON_EVERY_ENGINE(returning_and_upsert_are_one_text)
{
    static const char upsert[] = "INSERT INTO items (id, name, size) VALUES ($1, $2, $3) "
                                 "ON CONFLICT (name) DO UPDATE SET size = items.size + "
                                 "EXCLUDED.size RETURNING size, id";
    struct db_conn *c = db_conn_new(e->db);
    script(c, create_items);
    for (int64_t i = 1; i <= 3; i++) {
        int64_t size = 0;
        ok(db_begin(c, err));
        ok(db_query_int(c, upsert, DB_ARGS(P_INT(i), P_Z("same"), P_INT(10)), &size, NULL, err));
        ok(db_commit(c, err));
        assert_int_equal(size, 10 * i);
    }
    assert_int_equal(count_of(c, count_items), 1);
    db_conn_free(c);
}

/* --- transactions -------------------------------------------------------- */

ON_EVERY_ENGINE(others_see_only_what_is_committed)
{
    struct db_conn *writer = db_conn_new(e->db), *reader = db_conn_new(e->db);
    script(writer, create_items);
    ok(db_begin(writer, err));
    ok(add_item(writer, 1, "a", err));
    assert_true(db_in_tx(writer));
    assert_int_equal(count_of(writer, count_items), 1);
    assert_int_equal(count_of(reader, count_items), 0);
    ok(db_commit(writer, err));
    assert_int_equal(count_of(reader, count_items), 1);
    assert_int_equal(count_of(writer, count_items), 1);

    ok(db_begin(writer, err));
    ok(add_item(writer, 2, "b", err));
    db_rollback(writer);
    db_rollback(writer); /* safe twice */
    assert_int_equal(count_of(reader, count_items), 1);
    db_conn_free(writer);
    db_conn_free(reader);
}

static enum status give_up_half_way(struct db_conn *c, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = c;
    TRY(db_begin(tx, err));
    TRY(add_item(tx, 1, "a", err));
    TRY(add_item(tx, 1, "b", err));
    return db_commit(tx, err);
}

ON_EVERY_ENGINE(a_unique_conflict_is_named_and_undone)
{
    struct db_conn *c = db_conn_new(e->db);
    struct err why;
    script(c, create_items);
    assert_int_equal(give_up_half_way(c, &why), E_CONFLICT);
    assert_string_equal(why.code, "unique");
    assert_false(db_in_tx(c));
    assert_int_equal(count_of(c, count_items), 0);
    db_conn_free(c);
}

ON_EVERY_ENGINE(a_conflict_shows_at_the_query_too)
{
    struct db_conn *c = db_conn_new(e->db);
    struct db_rows *rows = NULL;
    struct err why;
    script(c, create_items);
    ok(db_begin(c, err));
    ok(add_item(c, 1, "a", err));
    assert_int_equal(db_query(c, "INSERT INTO items (id, name) VALUES ($1, 'b') RETURNING id",
                              DB_ARGS(P_INT(1)), &rows, &why),
                     E_CONFLICT);
    assert_null(rows);
    db_conn_free(c);
}

ON_EVERY_ENGINE(a_foreign_key_stands_against_it)
{
    struct db_conn *c = db_conn_new(e->db);
    struct err why;
    script(c, create_items);
    script(c, "CREATE TABLE parts (item_id BIGINT NOT NULL REFERENCES items (id))");
    ok(db_begin(c, err));
    assert_int_equal(db_exec(c, "INSERT INTO parts VALUES ($1)", DB_ARGS(P_INT(9)), NULL, &why),
                     E_CONFLICT);
    db_conn_free(c);
}

ON_EVERY_ENGINE(a_failed_statement_spoils_its_transaction)
{
    struct db_conn *c = db_conn_new(e->db);
    struct err why;
    script(c, create_items);
    ok(db_begin(c, err));
    ok(add_item(c, 1, "a", err));
    assert_int_equal(add_item(c, 1, "a", &why), E_CONFLICT);
    assert_int_equal(add_item(c, 2, "b", &why), E_INTERNAL);
    assert_string_equal(why.code, "transaction_failed");
    assert_int_equal(db_commit(c, &why), E_INTERNAL);
    assert_false(db_in_tx(c));
    assert_int_equal(count_of(c, count_items), 0);
    db_conn_free(c);
}

ON_EVERY_ENGINE(changes_need_a_transaction)
{
    struct db_conn *c = db_conn_new(e->db);
    struct db_rows *rows = NULL;
    struct err why;
    script(c, create_items);
    assert_int_equal(add_item(c, 1, "a", &why), E_INTERNAL);
    assert_int_equal(db_query(c, "DELETE FROM items RETURNING id", DB_NO_ARGS, &rows, &why),
                     E_INTERNAL);
    assert_int_equal(db_commit(c, &why), E_INTERNAL);
    ok(db_begin(c, err));
    assert_int_equal(db_begin(c, &why), E_INTERNAL);
    db_conn_free(c);
}

ON_EVERY_ENGINE(rows_end_with_their_transaction)
{
    struct db_conn *c = db_conn_new(e->db);
    struct db_rows *rows;
    struct err why;
    bool more;
    script(c, create_items);
    ok(db_begin(c, err));
    ok(add_item(c, 1, "a", err));
    ok(db_query(c, "SELECT id FROM items", DB_NO_ARGS, &rows, err));
    ok(db_next(rows, &more, err));
    assert_int_equal(db_int(rows, 0), 1);
    ok(db_commit(c, err));
    assert_int_equal(db_int(rows, 0), 0);
    assert_int_equal(db_next(rows, &more, &why), E_INTERNAL);
    db_rows_free(rows);
    assert_int_equal(count_of(c, count_items), 1);
    db_conn_free(c);
}

ON_EVERY_ENGINE(lock_tokens_fit_the_engine)
{
    struct db_conn *c = db_conn_new(e->db);
    int64_t id = 0;
    script(c, create_items);
    ok(db_begin(c, err));
    ok(add_item(c, 4, "a", err));
    ok(db_query_int(c, "SELECT id FROM items WHERE id = $1 {row_lock}", DB_ARGS(P_INT(4)), &id,
                    NULL, err));
    ok(db_query_int(c, "SELECT id FROM items WHERE name <> '{x}' LIMIT 1 {claim_lock}", DB_NO_ARGS,
                    &id, NULL, err));
    ok(db_commit(c, err));
    assert_int_equal(id, 4);
    db_conn_free(c);
}

/* --- faults -------------------------------------------------------------- */

static void a_lost_connection_is_made_anew(void **state)
{
    static const char pid_of[] = "SELECT pg_backend_pid()";
    static const char cut[] = "SELECT pg_terminate_backend(CAST($1 AS INTEGER), 2000)";
    struct engine e;
    struct err why;
    int64_t done;
    (void)state;
    if (!getenv("KINORA_TEST_POSTGRES"))
        skip();
    engine_open(&e, DB_POSTGRES);
    struct db_conn *c = db_conn_new(e.db), *other = db_conn_new(e.db);
    script(c, create_items);
    ok(db_query_int(other, cut, DB_ARGS(P_INT(count_of(c, pid_of))), &done, NULL, err));
    assert_int_equal(count_of(c, count_items), 0);
    ok(db_query_int(other, cut, DB_ARGS(P_INT(count_of(c, pid_of))), &done, NULL, err));
    ok(db_begin(c, err));
    ok(add_item(c, 1, "lost", err));
    ok(db_query_int(other, cut, DB_ARGS(P_INT(count_of(c, pid_of))), &done, NULL, err));
    assert_int_equal(add_item(c, 2, "lost too", &why), E_UNAVAILABLE);
    db_rollback(c);
    ok(db_begin(c, err));
    assert_int_equal(count_of(c, count_items), 0);
    ok(db_commit(c, err));
    /* The server said that it ended the session, so nothing was kept. */
    ok(db_begin(c, err));
    ok(add_item(c, 3, "lost at last", err));
    ok(db_query_int(other, cut, DB_ARGS(P_INT(count_of(c, pid_of))), &done, NULL, err));
    assert_int_equal(db_commit(c, &why), E_UNAVAILABLE);
    assert_int_equal(count_of(c, count_items), 0);
    db_conn_free(c);
    db_conn_free(other);
    engine_close(&e);
}

/* --- opening ------------------------------------------------------------- */

static void the_file_is_ours_alone(void **state)
{
    struct engine e;
    struct stat st;
    (void)state;
    engine_open(&e, DB_SQLITE);
    struct db_conn *c = db_conn_new(e.db);
    script(c, create_items);
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char path[600];
        snprintf(path, sizeof(path), "%s%s", e.where, endings[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    db_conn_free(c);
    engine_close(&e);
}

static void a_bad_place_is_named_and_the_password_is_not(void **state)
{
    struct db *db = NULL;
    struct err why;
    (void)state;
    assert_int_equal(db_open("/nowhere/at/all.db", &db, &why), E_IO);
    assert_non_null(strstr(why.text, "/nowhere/at/all.db"));
    assert_int_equal(db_open("postgres://u:hunter2@127.0.0.1:1/x", &db, &why), E_IO);
    assert_non_null(strstr(why.text, "127.0.0.1"));
    assert_null(strstr(why.text, "hunter2"));
    assert_null(strstr(why.detail, "hunter2"));
    assert_int_equal(db_open("postgres://u:hunter2@[::1", &db, &why), E_INVALID);
    assert_null(strstr(why.text, "hunter2"));
    assert_null(strstr(why.detail, "hunter2"));
    assert_null(db);
}

static void another_process_may_write_between(void **state)
{
    struct engine e;
    struct db *other;
    (void)state;
    engine_open(&e, DB_SQLITE);
    ok(db_open(e.where, &other, err)); /* a second set of handles, as the CLI has */
    struct db_conn *a = db_conn_new(e.db), *b = db_conn_new(other);
    script(a, create_items);
    for (int64_t i = 1; i <= 20; i++) {
        struct db_conn *c = i % 2 ? a : b;
        char name[16];
        snprintf(name, sizeof(name), "%d", (int)i);
        ok(db_begin(c, err));
        ok(add_item(c, i, name, err));
        ok(db_commit(c, err));
    }
    assert_int_equal(count_of(a, count_items), 20);
    db_conn_free(a);
    db_conn_free(b);
    db_close(other);
    engine_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("values of every type come back as they went in", values_come_back),
        TEST("text that PostgreSQL would refuse is refused on both engines", text_is_checked),
        TEST("a statement is prepared once and used many times", statements_are_reused),
        TEST("a statement whose text changes is refused", text_that_is_not_constant_is_refused),
        TEST("a missing row leaves the result alone", a_missing_row_is_told),
        TEST("INSERT … ON CONFLICT … RETURNING works alike", returning_and_upsert_are_one_text),
        TEST("others see only what is committed", others_see_only_what_is_committed),
        TEST("a unique conflict is named and undone", a_unique_conflict_is_named_and_undone),
        TEST("a conflict of RETURNING shows at the query", a_conflict_shows_at_the_query_too),
        TEST("a foreign key stands against a row", a_foreign_key_stands_against_it),
        TEST("a failed statement spoils its transaction",
             a_failed_statement_spoils_its_transaction),
        TEST("changes need a transaction", changes_need_a_transaction),
        TEST("rows end with their transaction", rows_end_with_their_transaction),
        TEST("lock tokens fit the engine", lock_tokens_fit_the_engine),
        {"a lost connection is made anew", a_lost_connection_is_made_anew, NULL, NULL, NULL},
        {"the database file is readable by its owner alone", the_file_is_ours_alone, NULL, NULL,
         NULL},
        {"an error of opening names the place and never the password",
         a_bad_place_is_named_and_the_password_is_not, NULL, NULL, NULL},
        {"another process may write in between", another_process_may_write_between, NULL, NULL,
         NULL},
    };
    ok(crypto_init(err));
    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
