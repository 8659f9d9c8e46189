/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "engines.h"

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

/* --- a sudden end -------------------------------------------------------- */

static int promises; /* a pipe: numbers whose commit was acknowledged */

static void *promise(void *ctx)
{
    static atomic_llong next;
    struct db_conn *c = db_conn_new(ctx);
    for (;;) {
        int64_t id = atomic_fetch_add(&next, 1);
        char name[32];
        snprintf(name, sizeof(name), "%lld", (long long)id);
        if (db_begin(c, NULL) == OK && add_item(c, id, name, NULL) == OK &&
            db_commit(c, NULL) == OK && write(promises, &id, sizeof(id)) != sizeof(id))
            return NULL;
        db_rollback(c);
    }
}

static void commit_until_killed(const char *where)
{
    pthread_t threads[8];
    struct db *db;
    if (db_open(where, &db, NULL) != OK)
        _exit(1);
    for (size_t i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, promise, db);
    pthread_join(threads[0], NULL);
    _exit(1);
}

/* Kills a process in the middle of its commits; returns how many it acknowledged. */
static size_t promises_of_a_killed_process(const char *where, int64_t *ids, size_t max)
{
    int ends[2];
    size_t n = 0;
    assert_int_equal(pipe(ends), 0);
    promises = ends[1];
    pid_t pid = fork();
    if (pid == 0)
        commit_until_killed(where);
    close(ends[1]);
    while (n < max / 2 && read(ends[0], &ids[n], sizeof(ids[n])) == sizeof(ids[n]))
        n++;
    kill(pid, SIGKILL);
    while (n < max && read(ends[0], &ids[n], sizeof(ids[n])) == sizeof(ids[n]))
        n++;
    close(ends[0]);
    waitpid(pid, NULL, 0);
    return n;
}

ON_EVERY_ENGINE(a_promise_outlives_the_process)
{
    static int64_t ids[400];
    struct db_conn *c = db_conn_new(e->db);
    int64_t name = -1;
    bool found;
    script(c, create_items);
    db_conn_free(c);
    db_close(e->db); /* SQLite's handles must not go through a fork */
    size_t n = promises_of_a_killed_process(e->where, ids, ARRAY_SIZE(ids));
    assert_true(n >= 200);
    ok(db_open(e->where, &e->db, err));
    c = db_conn_new(e->db);
    for (size_t i = 0; i < n; i++) {
        ok(db_query_int(c, "SELECT id FROM items WHERE id = $1", DB_ARGS(P_INT(ids[i])), &name,
                        &found, err));
        assert_true(found);
    }
    db_conn_free(c);
}

/* --- faults -------------------------------------------------------------- */

static const char insert_large[] =
    "INSERT INTO items (id, name) VALUES ($1, CAST($2 AS TEXT) || '-' || CAST($1 AS TEXT))";

/* Takes failure as it comes and counts what was promised. */
static void write_what_fits(struct crowd *crowd, struct db_conn *c, int64_t number)
{
    char large[8001] = "";
    memset(large, 'x', sizeof(large) - 1);
    for (int64_t i = 0; i < 20; i++) {
        bool kept = db_begin(c, NULL) == OK &&
                    db_exec(c, insert_large, DB_ARGS(P_INT(number * 100 + i), P_Z(large)), NULL,
                            NULL) == OK &&
                    db_commit(c, NULL) == OK;
        db_rollback(c);
        atomic_fetch_add(kept ? &crowd->let_in : &crowd->refused, 1);
    }
}

static void crowd_on_little_room(struct engine *e, void (*limit)(struct db_conn *c, bool on))
{
    struct crowd crowd = {.db = e->db, .body = write_what_fits};
    struct db_conn *c = db_conn_new(e->db);
    script(c, create_items);
    limit(c, true);
    run_crowd(&crowd, 16);
    limit(c, false);
    assert_true(atomic_load(&crowd.let_in) > 0);
    assert_true(atomic_load(&crowd.refused) > 0);
    assert_int_equal(count_of(c, count_items), atomic_load(&crowd.let_in));
    ok(db_begin(c, err));
    ok(add_item(c, 1, "after", err));
    ok(db_commit(c, err));
    db_conn_free(c);
}

static void limit_pages(struct db_conn *c, bool on)
{
    script(c, on ? "PRAGMA max_page_count = 300" : "PRAGMA max_page_count = 100000");
}

/* Writes of the log past this size fail, which COMMIT is the first to notice. */
static void limit_files(struct db_conn *c, bool on)
{
    static struct rlimit before;
    (void)c;
    if (on) {
        getrlimit(RLIMIT_FSIZE, &before);
        signal(SIGXFSZ, SIG_IGN);
    }
    struct rlimit limit = {on ? 1000000 : before.rlim_cur, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_database_keeps_its_promises(void **state)
{
    struct engine e;
    (void)state;
    engine_open(&e, DB_SQLITE);
    crowd_on_little_room(&e, limit_pages);
    engine_close(&e);
}

static void a_commit_that_fails_fails_its_whole_group(void **state)
{
    struct engine e;
    (void)state;
    engine_open(&e, DB_SQLITE);
    crowd_on_little_room(&e, limit_files);
    engine_close(&e);
}

/* The disk says so to every write while it is set. */
static atomic_int write_errno;

static ssize_t failing_write(int fd, const void *bytes, size_t n)
{
    if (!write_errno)
        return write(fd, bytes, n);
    errno = write_errno;
    return -1;
}

static ssize_t failing_pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    if (!write_errno)
        return pwrite(fd, bytes, n, at);
    errno = write_errno;
    return -1;
}

static void set_disk(sqlite3_syscall_ptr write_fn, sqlite3_syscall_ptr pwrite_fn)
{
    sqlite3_vfs *disk = sqlite3_vfs_find(NULL);
    disk->xSetSystemCall(disk, "write", write_fn);
    disk->xSetSystemCall(disk, "pwrite", pwrite_fn);
    disk->xSetSystemCall(disk, "pwrite64", pwrite_fn);
}

/* Small enough that nothing reaches the disk before the COMMIT. */
static void commit_in_vain(struct crowd *crowd, struct db_conn *c, int64_t number)
{
    struct err why = {0};
    char name[32];
    snprintf(name, sizeof(name), "%d", (int)number);
    ok(db_begin(c, err));
    ok(add_item(c, number, name, err));
    if (number % 4 == 0) { /* not its own changes, but it may be the one that commits */
        db_rollback(c);
        return;
    }
    assert_int_equal(db_commit(c, &why), write_errno == ENOSPC ? E_NO_SPACE : E_IO);
    assert_int_equal(why.status, write_errno == ENOSPC ? E_NO_SPACE : E_IO);
    assert_string_equal(why.code, write_errno == ENOSPC ? "disk_full" : "database_error");
    atomic_fetch_add(&crowd->refused, 1);
}

static void crowd_on_a_bad_disk(int fault)
{
    struct engine e;
    set_disk((sqlite3_syscall_ptr)failing_write, (sqlite3_syscall_ptr)failing_pwrite);
    engine_open(&e, DB_SQLITE);
    struct crowd crowd = {.db = e.db, .body = commit_in_vain};
    struct db_conn *c = db_conn_new(e.db);
    script(c, create_items);
    write_errno = fault;
    run_crowd(&crowd, 16);
    write_errno = 0;
    assert_int_equal(atomic_load(&crowd.refused), 12);
    assert_int_equal(count_of(c, count_items), 0);
    ok(db_begin(c, err));
    ok(add_item(c, 1, "after", err));
    ok(db_commit(c, err));
    db_conn_free(c);
    engine_close(&e);
    set_disk(NULL, NULL);
}

static void a_full_disk_is_told_as_one(void **state)
{
    (void)state;
    crowd_on_a_bad_disk(ENOSPC);
}

static void a_failing_disk_is_told_as_one(void **state)
{
    (void)state;
    crowd_on_a_bad_disk(EIO);
}

static void begin_once(struct crowd *crowd, struct db_conn *c, int64_t number)
{
    struct err why;
    (void)number;
    if (db_begin(c, &why) == OK)
        db_rollback(c);
    else if (why.status == E_UNAVAILABLE)
        atomic_fetch_add(&crowd->refused, 1);
}

/* Time enough for all to stand in line; one wait for the lock answers them all. */
static void a_lock_held_elsewhere_is_waited_for_once(void **state)
{
    struct engine e;
    struct db *other;
    (void)state;
    engine_open(&e, DB_SQLITE);
    ok(db_open(e.where, &other, err));
    struct crowd crowd = {.db = e.db, .body = begin_once};
    struct db_conn *c = db_conn_new(e.db), *holder = db_conn_new(other);
    script(c, create_items);
    script(c, "PRAGMA busy_timeout = 1000");
    ok(db_begin(holder, err));
    int64_t begin = clock_mono_ms();
    run_crowd(&crowd, 20);
    assert_true(clock_mono_ms() - begin < 15000);
    assert_int_equal(atomic_load(&crowd.refused), 20);
    db_rollback(holder);
    ok(db_begin(c, err));
    ok(db_commit(c, err));
    db_conn_free(c);
    db_conn_free(holder);
    db_close(other);
    engine_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("[ST-1] [SG-6] of a hundred at once under a limit of three, three get in",
             a_limit_is_exact),
        TEST("a crowd of writers keeps exactly what it committed",
             a_crowd_of_writers_keeps_exactly_what_it_committed),
        TEST("[ST-3] what was committed outlives a killed process", a_promise_outlives_the_process),
        {"a full database keeps its promises", a_full_database_keeps_its_promises, NULL, NULL,
         NULL},
        {"a commit that fails fails its whole group", a_commit_that_fails_fails_its_whole_group,
         NULL, NULL, NULL},
        {"a disk that is full at the commit is told to every member as full",
         a_full_disk_is_told_as_one, NULL, NULL, NULL},
        {"a disk that fails at the commit is told to every member as failing",
         a_failing_disk_is_told_as_one, NULL, NULL, NULL},
        {"a lock held by another process is waited for once",
         a_lock_held_elsewhere_is_waited_for_once, NULL, NULL, NULL},
    };
    ok(crypto_init(err));
    return cmocka_run_group_tests_name("db_baton", tests, NULL, NULL);
}
