/* SPDX-License-Identifier: Apache-2.0 */
#include "service/secrets.h"
#include "service/storage.h"
#include "site.h"
#include "store/stores.h"

enum { HOUR = CLOCK_HOUR_MS, DAY = 24 * HOUR };

static void name_bucket(struct site *s, const char *bucket)
{
    struct json_doc *doc = NULL;
    char text[512];
    snprintf(text, sizeof(text),
             "{\"sora_s3_endpoint\":\"https://s3.example\",\"sora_s3_bucket\":\"%s\","
             "\"sora_s3_access_key_id\":\"id\",\"sora_s3_secret_access_key\":\"key of %s\"}",
             bucket, bucket);
    ok(json_parse(str_of(text), &doc, err));
    ok(settings_change(&s->app, s->db, &site_actor, json_root(doc), err));
    json_doc_free(doc);
}

/* A minute of the janitor's. */
static int64_t dropped_at(struct site *s, int64_t now)
{
    int64_t dropped = -1;
    ok(db_begin(s->db, err));
    ok(store_drop_unused(s->db, now, now - DAY, &dropped, err));
    ok(db_commit(s->db, err));
    return dropped;
}

static int64_t keys_of(struct site *s, const char *bucket)
{
    static const char sql[] = "SELECT COUNT(*) FROM stores WHERE bucket = $1 AND "
                              "secret_access_key <> '' AND access_key_id <> ''";
    int64_t n = -1;
    bool found;
    ok(db_query_int(s->db, sql, DB_ARGS(P_Z(bucket)), &n, &found, err));
    return n;
}

static void put_object(struct site *s, const char *bucket, int64_t user_id)
{
    static const char sql[] =
        "INSERT INTO objects (user_id, storage, key, type, counter, state, size, created_at, "
        "store_id) SELECT CAST($1 AS BIGINT), 's3', 'sora/1.mp4', 'video/mp4', 'sora', 'stored', "
        "1, 1, id FROM stores WHERE bucket = $2";
    ok(db_begin(s->db, err));
    ok(db_exec(s->db, sql, DB_ARGS(P_INT(user_id), P_Z(bucket)), NULL, err));
    ok(db_commit(s->db, err));
}

ON_EVERY_ENGINE(the_key_of_an_unused_bucket_is_dropped)
{
    struct site s;
    site_open(&s, e);
    struct user user = site_add_user(&s, "a@example.org", ROLE_USER);
    name_bucket(&s, "old");
    put_object(&s, "old", user.id);
    name_bucket(&s, "new");

    /* A work lies there; then its deletion waits. */
    assert_int_equal(dropped_at(&s, 1 * DAY), 0);
    assert_int_equal(dropped_at(&s, 3 * DAY), 0);
    site_exec(&s, "INSERT INTO deletions (storage, store_id, key, next_at, created_at) "
                  "SELECT storage, store_id, key, 1, 1 FROM objects");
    site_exec(&s, "DELETE FROM objects");
    assert_int_equal(dropped_at(&s, 5 * DAY), 0);
    site_exec(&s, "DELETE FROM deletions");

    /* A transfer that had begun before ends there within the day. */
    assert_int_equal(dropped_at(&s, 7 * DAY), 0);
    assert_int_equal(dropped_at(&s, 8 * DAY), 0);
    put_object(&s, "old", user.id);
    assert_int_equal(dropped_at(&s, 8 * DAY + 1), 0);
    assert_int_equal(keys_of(&s, "old"), 1);
    site_exec(&s, "DELETE FROM objects");

    assert_int_equal(dropped_at(&s, 9 * DAY), 0);
    assert_int_equal(dropped_at(&s, 10 * DAY + 1), 1);
    assert_int_equal(keys_of(&s, "old"), 0);
    assert_int_equal(keys_of(&s, "new"), 1);
    assert_int_equal(dropped_at(&s, 20 * DAY), 0);

    /* Named again, it has what opens it. */
    name_bucket(&s, "old");
    assert_int_equal(keys_of(&s, "old"), 1);
    assert_int_equal(dropped_at(&s, 21 * DAY), 0);
    assert_int_equal(dropped_at(&s, 22 * DAY + 1), 1);
    assert_int_equal(keys_of(&s, "old"), 1);
    assert_int_equal(keys_of(&s, "new"), 0);
    site_close(&s);
}

ON_EVERY_ENGINE(a_bucket_without_its_key_is_not_configured)
{
    struct storage_bucket bucket;
    struct err why;
    struct site s;
    site_open(&s, e);
    name_bucket(&s, "old");
    name_bucket(&s, "new");
    site_exec(&s, "UPDATE stores SET secret_access_key = '', access_key_id = '' "
                  "WHERE bucket = 'old'");
    int64_t old = site_count(&s, "SELECT id FROM stores WHERE bucket = 'old'");
    assert_refused(storage_open_store(&s.app, s.db, NULL, old, &bucket, err), E_UNAVAILABLE,
                   "storage_not_configured");
    site_close(&s);
}

ON_EVERY_ENGINE(the_keys_of_buckets_are_among_the_secrets)
{
    struct secrets_count count;
    struct site s;
    site_open(&s, e);
    name_bucket(&s, "old");
    name_bucket(&s, "new");
    /* Two buckets' and the setting's. */
    ok(secrets_check(s.db, s.app.keys, &count, err));
    assert_int_equal(count.sealed, 3);
    assert_int_equal(count.unreadable, 0);
    site_exec(&s, "UPDATE stores SET secret_access_key = 'of another key' WHERE bucket = 'old'");
    ok(secrets_check(s.db, s.app.keys, &count, err));
    assert_int_equal(count.unreadable, 1);
    site_exec(&s, "DELETE FROM settings");
    ok(secrets_check(s.db, NULL, &count, err));
    assert_int_equal(count.sealed, 2);
    assert_int_equal(count.unreadable, 2);
    site_close(&s);
}

/* Whoever has lost the key file is told so by the newest program, however old the tables are. */
ON_EVERY_ENGINE(secrets_are_counted_at_every_age_of_the_database)
{
    static const char account_sql[] =
        "INSERT INTO accounts (name, platform, type, dialect, base_url, credentials, priority, "
        "concurrency, models, model_mapping, status, created_at, updated_at) "
        "VALUES ('a', 'sora', 'apikey', 'chat', '', '1:sealed', 1, 1, '[]', '{}', 'active', 1, 1)";
    static const char setting_sql[] =
        "INSERT INTO settings (key, value, updated_at) VALUES "
        "('sora_s3_secret_access_key', '1:sealed', 1), ('sora_s3_access_key_id', 'id', 1), "
        "('sora_s3_endpoint', 'https://s3.example', 1), ('sora_s3_bucket', 'b', 1)";
    struct db_conn *db = db_conn_new(e->db);
    size_t n = 1, stores = 0;
    ok(secrets_count(db, &n, err));
    assert_int_equal(n, 0);
    for (size_t age = 1; age <= embedded_sql_count; age++) {
        ok(migrate_run_files(db, embedded_sql, age, NULL, err));
        if (age == 1) {
            script(db, account_sql);
            script(db, setting_sql);
        }
        ok(secrets_count(db, &n, err));
        stores |= n - 2; /* migration 19 makes one out of the settings */
        assert_int_equal(n, 2 + stores);
    }
    assert_int_equal(stores, 1);
    db_conn_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE("[SG-1] the key of a bucket goes a day after nothing names it any more",
                   the_key_of_an_unused_bucket_is_dropped),
        EVERYWHERE("[SG-1] a bucket whose key has gone is not configured",
                   a_bucket_without_its_key_is_not_configured),
        EVERYWHERE("[AC-1] the keys of old buckets are among the secrets that are counted",
                   the_keys_of_buckets_are_among_the_secrets),
        EVERYWHERE("[AC-1] secrets are counted at every age of the database",
                   secrets_are_counted_at_every_age_of_the_database),
    };
    ok(crypto_init(err));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
