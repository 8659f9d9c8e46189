/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "engines.h"

/* --- notices ------------------------------------------------------------- */

struct heard {
    pthread_mutex_t lock;
    int count;
    char channel[DB_CHANNEL_MAX], payload[DB_PAYLOAD_MAX + 1];
};

/* A PostgreSQL database has one channel for all its schemas: other programs' notices come, too. */
static void hear(void *ctx, const char *channel, struct str payload)
{
    struct heard *h = ctx;
    if (channel && !str_starts(str_of(channel), STR("notices_")))
        return;
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
    ok(db_notify(c, "notices_lost", STR("x"), err));
    db_rollback(c);
    ok(db_begin(c, err));
    ok(db_notify(c, "notices_changed", STR("42:a"), err));
    assert_int_equal(heard_within(&one, 1, 50), 0);
    ok(db_commit(c, err));
    assert_int_equal(heard_within(&one, 1, 2000), 1);
    assert_int_equal(heard_within(&two, 1, 2000), 1);
    assert_string_equal(one.channel, "notices_changed");
    assert_string_equal(one.payload, "42:a");

    ok(db_notify(c, "notices_empty", STR(""), err)); /* also without a transaction */
    assert_int_equal(heard_within(&one, 2, 2000), 2);
    assert_string_equal(one.payload, "");
    assert_int_equal(db_notify(c, "Bad-Name", STR(""), &why), E_INTERNAL);
    db_conn_free(c);
    db_close(e->db); /* ends the listening thread while it listens */
    ok(db_open(e->where, &e->db, err));
}

static void a_lost_listener_comes_back_and_says_so(void **state)
{
    static const char cut[] = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity "
                              "WHERE query LIKE 'LISTEN kinora%' AND datname = current_database() "
                              "AND application_name = current_setting('application_name')";
    struct heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct engine e;
    (void)state;
    if (!getenv("KINORA_TEST_POSTGRES"))
        skip();
    engine_open(&e, DB_POSTGRES);
    struct db_conn *c = db_conn_new(e.db);
    ok(db_listen(e.db, hear, &heard, err));
    assert_true(count_of(c, cut) >= 1);
    assert_int_equal(heard_within(&heard, 1, 5000), 1);
    assert_string_equal(heard.channel, ""); /* anything may have been missed */
    ok(db_notify(c, "notices_again", STR("x"), err));
    assert_int_equal(heard_within(&heard, 2, 5000), 2);
    assert_string_equal(heard.channel, "notices_again");
    db_conn_free(c);
    engine_close(&e);
}

static void hear_slowly(void *ctx, const char *channel, struct str payload)
{
    hear(ctx, channel, payload);
    if (str_eq(payload, STR("wait")))
        usleep(300000);
}

static void a_slow_listener_is_told_that_it_missed_some(void **state)
{
    struct heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct engine e;
    (void)state;
    engine_open(&e, DB_SQLITE);
    struct db_conn *c = db_conn_new(e.db);
    ok(db_listen(e.db, hear_slowly, &heard, err));
    ok(db_notify(c, "notices_a", STR("wait"), err));
    for (int i = 0; i < 6000; i++)
        ok(db_notify(c, "notices_a", STR("x"), err));
    /* The one that waits, one that says so, and what the queue held. */
    int count = heard_within(&heard, 4098, 3000);
    assert_true(count >= 4097 && count < 6000);
    db_conn_free(c);
    engine_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("notices come after the commit, to every listener", notices_come_after_the_commit),
        {"a lost listener comes back and says so", a_lost_listener_comes_back_and_says_so, NULL,
         NULL, NULL},
        {"a slow listener is told that it missed some", a_slow_listener_is_told_that_it_missed_some,
         NULL, NULL, NULL},
    };
    ok(crypto_init(err));
    return cmocka_run_group_tests_name("db_notices", tests, NULL, NULL);
}
