/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>

#include "service/settings_table.h"
#include "site.h"

static enum status change(struct site *s, const char *text, struct err *err)
{
    struct json_doc *doc = NULL;
    TRY(json_parse(str_of(text), &doc, err));
    enum status status = settings_change(&s->app, s->db, &site_actor, json_root(doc), err);
    json_doc_free(doc);
    return status;
}

static void assert_shows(struct site *s, const char *part, bool wanted)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(1 << 20);
    struct json_out j;
    json_out_init(&j, &out);
    settings_write(&s->app, &j);
    buf_add_char(&out, '\0');
    if ((strstr(buf_str(&out).p, part) != NULL) != wanted)
        fail_msg("%s in %s", part, buf_str(&out).p);
}

ON_EVERY_ENGINE(first_values_stand)
{
    struct site s;
    site_open(&s, e);
    const struct settings *now = settings_hold(&s.app);
    assert_int_equal(now->language, LANG_ZH);
    assert_false(now->registration_enabled);
    assert_false(now->simple_mode);
    assert_false(now->sora_s3_enabled);
    assert_true(now->hide_prompt_enhance);
    assert_true(now->collect_non_streamed);
    assert_int_equal(now->sora_default_storage_quota_bytes, 0);
    settings_drop(now);
    site_close(&s);
}

ON_EVERY_ENGINE(a_change_is_in_force_and_is_kept)
{
    struct site s;
    site_open(&s, e);
    ok(change(&s,
              "{\"language\":\"en\",\"simple_mode\":true,\"public_url\":\"https://K.example/\","
              "\"trusted_proxies\":[\"127.0.0.1\",\"10.0.0.0/8\",\"fd00::/8\"],"
              "\"sora_default_storage_quota_bytes\":5368709120,"
              "\"models\":[{\"id\":\"sora2-landscape-10s\"}]}",
              err));
    for (int round = 0; round < 2; round++) {
        const struct settings *now = settings_hold(&s.app);
        assert_int_equal(now->language, LANG_EN);
        assert_true(now->simple_mode);
        assert_true(str_eq(now->public_url, STR("https://k.example")));
        assert_int_equal(now->trusted_proxy_count, 3);
        assert_int_equal(now->sora_default_storage_quota_bytes, 5368709120);
        settings_drop(now);
        assert_shows(&s, "\"trusted_proxies\":[\"127.0.0.1/32\",\"10.0.0.0/8\",\"fd00::/8\"]",
                     true);
        assert_shows(&s, "\"models\":[{\"id\":\"sora2-landscape-10s\"}]", true);
        ok(settings_reload(&s.app, s.db, err));
    }
    ok(change(&s, "{\"language\":null}", err));
    assert_shows(&s, "\"language\":\"zh\"", true);
    assert_int_equal(
        site_count(&s, "SELECT COUNT(*) FROM audit_log WHERE action = 'settings.update'"), 2);
    site_close(&s);
}

ON_EVERY_ENGINE(secrets_are_sealed_and_never_shown)
{
    struct site s;
    site_open(&s, e);
    assert_shows(&s, "\"sora_s3_secret_access_key_set\":false", true);
    ok(change(&s, "{\"sora_s3_secret_access_key\":\"hunter2hunter2\"}", err));
    assert_shows(&s, "\"sora_s3_secret_access_key_set\":true", true);
    assert_shows(&s, "hunter2", false);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM settings WHERE value LIKE '%hunter2%'"),
                     0);
    assert_int_equal(
        site_count(&s,
                   "SELECT COUNT(*) FROM audit_log WHERE CAST(detail AS TEXT) LIKE '%hunter2%'"),
        0);
    ok(settings_reload(&s.app, s.db, err));
    const struct settings *now = settings_hold(&s.app);
    assert_true(str_eq(now->sora_s3_secret_access_key, STR("hunter2hunter2")));
    settings_drop(now);
    ok(change(&s, "{\"sora_s3_secret_access_key\":\"\"}", err));
    assert_shows(&s, "\"sora_s3_secret_access_key_set\":false", true);
    site_close(&s);
}

ON_EVERY_ENGINE(all_or_none_and_the_bad_field_is_named)
{
    static const struct {
        const char *body, *field;
    } bad[] = {
        {"{\"simple_mode\":true,\"language\":\"fr\"}", "language"},
        {"{\"simple_mode\":true,\"nonsense\":1}", "nonsense"},
        {"{\"simple_mode\":true,\"_setup_token\":\"x\"}", "_setup_token"},
        {"{\"simple_mode\":\"yes\"}", "simple_mode"},
        {"{\"site_name\":\"\"}", "site_name"},
        {"{\"site_name\":\"a\\nb\"}", "site_name"},
        {"{\"site_name\":\" \\t \"}", "site_name"},
        {"{\"public_url\":\"ftp://k.example\"}", "public_url"},
        {"{\"public_url\":\"https://k.example/path\"}", "public_url"},
        {"{\"trusted_proxies\":\"10.0.0.0/8\"}", "trusted_proxies"},
        {"{\"trusted_proxies\":[\"10.0.0.0/33\"]}", "trusted_proxies"},
        {"{\"allowed_private_networks\":[1]}", "allowed_private_networks"},
        {"{\"allowed_private_networks\":[\"10.0.0.0/8\",\"10.0.0.5/8\"]}",
         "allowed_private_networks"},
        {"{\"allowed_private_networks\":[\"fd00::1/64\"]}", "allowed_private_networks"},
        {"{\"allowed_private_networks\":[\"169.254.0.0/16\"]}", "allowed_private_networks"},
        {"{\"allowed_private_networks\":[\"169.254.169.254\"]}", "allowed_private_networks"},
        {"{\"allowed_private_networks\":[\"fe80::/10\"]}", "allowed_private_networks"},
        {"{\"allowed_private_networks\":[\"224.0.0.0/4\"]}", "allowed_private_networks"},
        {"{\"allowed_private_networks\":[\"64:ff9b::/96\"]}", "allowed_private_networks"},
        {"{\"allowed_private_networks\":[\"2002::/16\"]}", "allowed_private_networks"},
        {"{\"sora_default_storage_quota_bytes\":-1}", "sora_default_storage_quota_bytes"},
        {"{\"sora_default_storage_quota_bytes\":1.5}", "sora_default_storage_quota_bytes"},
        {"{\"sora_s3_endpoint\":\"s3.example.com\"}", "sora_s3_endpoint"},
        {"{\"sora_s3_endpoint\":\"http://169.254.169.254\"}", "sora_s3_endpoint"},
        {"{\"sora_s3_endpoint\":\"https://[fd00:ec2::254]:9000\"}", "sora_s3_endpoint"},
        {"{\"sora_s3_endpoint\":\"http://[::ffff:169.254.1.1]/s3\"}", "sora_s3_endpoint"},
        {"{\"sora_s3_bucket\":\"a/b\"}", "sora_s3_bucket"},
        {"{\"sora_s3_prefix\":\"  \"}", "sora_s3_prefix"},
        {"{\"sora_s3_prefix\":\"a/ /b\"}", "sora_s3_prefix"},
        {"{\"sora_s3_prefix\":\"a/../b\"}", "sora_s3_prefix"},
        {"{\"sora_s3_ca_pem\":\"nothing\"}", "sora_s3_ca_pem"},
        {"{\"models\":[]}", "models"},
        {"{\"models\":[{\"name\":\"x\"}]}", "models"},
        {"{\"models\":[1]}", "models"},
        {"{\"models\":[{\"id\":\"a\"},{\"id\":\"a\"}]}", "models"},
        {"{\"models\":[{\"id\":\"a\",\"colour\":1}]}", "models"},
        {"{\"models\":[{\"id\":\"a\",\"media_type\":\"sound\"}]}", "models"},
        {"{\"models\":[{\"id\":\"a\",\"orientation\":\"square\"}]}", "models"},
        {"{\"models\":[{\"id\":\"a\",\"seconds\":[0]}]}", "models"},
        {"{\"models\":[{\"id\":\"a\",\"seconds\":10}]}", "models"},
        {"{\"models\":[{\"id\":\"a\",\"size\":\"1280\"}]}", "models"},
        {"{\"models\":[{\"id\":\"a\",\"size\":\"1280x0\"}]}", "models"},
        {"{\"models\":[{\"id\":\"a\",\"image_input\":1}]}", "models"},
    };
    struct site s;
    struct err why;
    site_open(&s, e);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        why = (struct err){0};
        assert_int_equal(change(&s, bad[i].body, &why), E_INVALID);
        assert_string_equal(why.field, bad[i].field);
    }
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM settings"), 0);
    assert_shows(&s, "\"simple_mode\":false", true);
    site_close(&s);
}

ON_EVERY_ENGINE(what_an_earlier_version_kept_is_still_read)
{
    struct site s;
    site_open(&s, e);
    ok(db_begin(s.db, err));
    ok(db_exec(s.db,
               "INSERT INTO settings (key, value, updated_at) VALUES "
               "('site_name', ' ', 0), ('sora_s3_endpoint', 'http://169.254.169.254', 0)",
               DB_NO_ARGS, NULL, err));
    ok(db_commit(s.db, err));
    ok(settings_reload(&s.app, s.db, err));
    const struct settings *now = settings_hold(&s.app);
    assert_true(str_eq(now->sora_s3_endpoint, STR("http://169.254.169.254")));
    settings_drop(now);
    site_close(&s);
}

static atomic_bool stop;

static void *reader(void *arg)
{
    struct app *app = arg;
    while (!stop) {
        const struct settings *now = settings_hold(app);
        assert_true(now->site_name.n > 0 && now->site_name.p[0] == 'K');
        settings_drop(now);
    }
    return NULL;
}

ON_EVERY_ENGINE(holders_keep_what_they_hold)
{
    struct site s;
    pthread_t threads[2];
    site_open(&s, e);
    const struct settings *old = settings_hold(&s.app);
    stop = false;
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, reader, &s.app);
    for (int i = 0; i < 20; i++)
        ok(change(&s, i % 2 ? "{\"site_name\":\"Kinora\"}" : "{\"site_name\":\"Kino\"}", err));
    stop = true;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true(str_eq(old->site_name, STR("Kinora")));
    settings_drop(old);
    site_close(&s);
}

static void notice(void *ctx, const char *channel, struct str payload)
{
    (void)payload;
    if (channel && strcmp(channel, "settings") == 0)
        atomic_fetch_add((atomic_int *)ctx, 1);
}

ON_EVERY_ENGINE(a_change_is_announced)
{
    struct site s;
    static atomic_int heard;
    heard = 0;
    site_open(&s, e);
    ok(db_listen(e->db, notice, &heard, err));
    for (int i = 0; i < 100 && heard == 0; i++) {
        ok(change(&s, "{\"simple_mode\":true}", err));
        usleep(20000);
    }
    assert_true(heard > 0);
    site_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE("[AD-1] an empty installation has the first values", first_values_stand),
        EVERYWHERE("[SG-1] a change is in force at once and is kept",
                   a_change_is_in_force_and_is_kept),
        EVERYWHERE("[SG-1] secrets are sealed and never shown", secrets_are_sealed_and_never_shown),
        EVERYWHERE("[AD-1] a change is made whole or not at all, and the bad field is named",
                   all_or_none_and_the_bad_field_is_named),
        EVERYWHERE("[SG-1] what an earlier version kept is still read",
                   what_an_earlier_version_kept_is_still_read),
        EVERYWHERE("who holds settings keeps them while others change",
                   holders_keep_what_they_hold),
        EVERYWHERE("[SG-1] every node is told of a change", a_change_is_announced),
    };
    ok(crypto_init(err));
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
