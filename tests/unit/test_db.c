/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "engines.h"

#define TEST(title, body)                                                                          \
    {                                                                                              \
        (title), body##_everywhere, NULL, NULL, NULL                                               \
    }

static void script(struct db_conn *c, const char *text)
{
    ok(db_begin(c, err));
    ok(db_script(c, text, err));
    ok(db_commit(c, err));
}

static int64_t count_of(struct db_conn *c, const char *sql)
{
    int64_t n = -1;
    ok(db_query_int(c, sql, DB_NO_ARGS, &n, NULL, err));
    return n;
}

static const char create_items[] = "CREATE TABLE items (id BIGINT PRIMARY KEY, name TEXT NOT NULL "
                                   "UNIQUE, size BIGINT, ratio DOUBLE PRECISION)";
static const char insert_item[] =
    "INSERT INTO items (id, name, size, ratio) VALUES ($1, $2, $3, $4)";
static const char count_items[] = "SELECT COUNT(*) FROM items";

static enum status add_item(struct db_conn *c, int64_t id, const char *name, struct err *err)
{
    return db_exec(c, insert_item, DB_ARGS(P_INT(id), P_Z(name), P_INT_OR_NULL(0), P_REAL(0.5)),
                   NULL, err);
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

/* --- many at once -------------------------------------------------------- */

enum { THREADS = 100 };

struct crowd {
    struct db *db;
    void (*body)(struct crowd *crowd, struct db_conn *c, int64_t number);
    atomic_int let_in, refused;
    atomic_llong next;
};

static void *crowd_member(void *ctx)
{
    struct crowd *crowd = ctx;
    struct db_conn *c = db_conn_new(crowd->db);
    crowd->body(crowd, c, atomic_fetch_add(&crowd->next, 1) + 1);
    db_conn_free(c);
    return NULL;
}

static void run_crowd(struct crowd *crowd, int count)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_member, crowd), 0);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

/* PostgreSQL's default allows a hundred connections; a refused one comes again. */
static void begin_patiently(struct db_conn *c)
{
    struct err why;
    while (db_begin(c, &why) != OK) {
        if (why.status != E_UNAVAILABLE)
            fail_msg("%s %s", why.code, why.detail);
        usleep(20000);
    }
}

static void start_job(struct crowd *crowd, struct db_conn *c, int64_t number)
{
    int64_t user = 0, running = 0;
    begin_patiently(c);
    ok(db_query_int(c, "SELECT id FROM users WHERE id = 1 {row_lock}", DB_NO_ARGS, &user, NULL,
                    err));
    ok(db_query_int(c, "SELECT COUNT(*) FROM jobs WHERE user_id = 1", DB_NO_ARGS, &running, NULL,
                    err));
    if (running >= 3) {
        db_rollback(c);
        atomic_fetch_add(&crowd->refused, 1);
        return;
    }
    ok(db_exec(c, "INSERT INTO jobs (id, user_id) VALUES ($1, 1)", DB_ARGS(P_INT(number)), NULL,
               err));
    ok(db_commit(c, err));
    atomic_fetch_add(&crowd->let_in, 1);
}

ON_EVERY_ENGINE(a_limit_is_exact)
{
    struct crowd crowd = {.db = e->db, .body = start_job};
    struct db_conn *c = db_conn_new(e->db);
    script(c, "CREATE TABLE users (id BIGINT PRIMARY KEY);"
              "CREATE TABLE jobs (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL);"
              "INSERT INTO users VALUES (1)");
    run_crowd(&crowd, THREADS);
    assert_int_equal(atomic_load(&crowd.let_in), 3);
    assert_int_equal(atomic_load(&crowd.refused), THREADS - 3);
    assert_int_equal(count_of(c, "SELECT COUNT(*) FROM jobs"), 3);
    db_conn_free(c);
}

/* Every third gives up, every fifth meets a conflict: the others' changes stay. */
static void write_or_give_up(struct crowd *crowd, struct db_conn *c, int64_t number)
{
    for (int64_t i = 0; i < 10; i++) {
        int64_t id = number * 100 + i;
        char name[32];
        struct err why;
        snprintf(name, sizeof(name), "%d", (int)id);
        begin_patiently(c);
        ok(add_item(c, id, name, err));
        if (id % 3 == 0) {
            db_rollback(c);
        } else if (id % 5 == 0) {
            assert_int_equal(add_item(c, id, name, &why), E_CONFLICT);
            db_rollback(c);
        } else {
            ok(db_commit(c, err));
            atomic_fetch_add(&crowd->let_in, 1);
            assert_int_equal(count_of(c, "SELECT COUNT(*) FROM items WHERE id < 0"), 0);
        }
    }
}

ON_EVERY_ENGINE(a_crowd_of_writers_keeps_exactly_what_it_committed)
{
    struct crowd crowd = {.db = e->db, .body = write_or_give_up};
    struct db_conn *c = db_conn_new(e->db);
    script(c, create_items);
    run_crowd(&crowd, 24);
    assert_int_equal(count_of(c, count_items), atomic_load(&crowd.let_in));
    assert_int_equal(count_of(c, "SELECT COUNT(*) FROM items WHERE id % 3 = 0 OR id % 5 = 0"), 0);
    db_conn_free(c);
}

/* --- notices ------------------------------------------------------------- */

struct heard {
    pthread_mutex_t lock;
    int count;
    char channel[DB_CHANNEL_MAX], payload[DB_PAYLOAD_MAX + 1];
};

static void hear(void *ctx, const char *channel, struct str payload)
{
    struct heard *h = ctx;
    pthread_mutex_lock(&h->lock);
    h->count++;
    snprintf(h->channel, sizeof(h->channel), "%s", channel ? channel : "");
    snprintf(h->payload, sizeof(h->payload), "%.*s", STR_ARG(payload));
    pthread_mutex_unlock(&h->lock);
}

static int heard_within(struct heard *h, int count, int ms)
{
    int now = 0;
    for (int waited = 0; waited < ms && now < count; waited += 5) {
        usleep(5000);
        pthread_mutex_lock(&h->lock);
        now = h->count;
        pthread_mutex_unlock(&h->lock);
    }
    return now;
}

ON_EVERY_ENGINE(notices_come_after_the_commit)
{
    struct heard one = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct heard two = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct db_conn *c = db_conn_new(e->db);
    struct err why;
    ok(db_listen(e->db, hear, &one, err));
    ok(db_listen(e->db, hear, &two, err));

    ok(db_begin(c, err));
    ok(db_notify(c, "lost", STR("x"), err));
    db_rollback(c);
    ok(db_begin(c, err));
    ok(db_notify(c, "user_changed", STR("42:a"), err));
    assert_int_equal(heard_within(&one, 1, 50), 0);
    ok(db_commit(c, err));
    assert_int_equal(heard_within(&one, 1, 2000), 1);
    assert_int_equal(heard_within(&two, 1, 2000), 1);
    assert_string_equal(one.channel, "user_changed");
    assert_string_equal(one.payload, "42:a");

    ok(db_notify(c, "settings", STR(""), err)); /* also without a transaction */
    assert_int_equal(heard_within(&one, 2, 2000), 2);
    assert_string_equal(one.payload, "");
    assert_int_equal(db_notify(c, "Bad-Name", STR(""), &why), E_INTERNAL);
    db_conn_free(c);
    db_close(e->db); /* ends the listening thread while it listens */
    ok(db_open(e->where, &e->db, err));
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
        TEST("[ST-1] [SG-6] of a hundred at once under a limit of three, three get in",
             a_limit_is_exact),
        TEST("a crowd of writers keeps exactly what it committed",
             a_crowd_of_writers_keeps_exactly_what_it_committed),
        TEST("notices come after the commit, to every listener", notices_come_after_the_commit),
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
