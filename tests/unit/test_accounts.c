/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators do to accounts, and connection tests against real sockets. */
#include "peer.h"
#include "pool_world.h"

#include "net/fetch.h"
#include "service/accounts.h"
#include "service/settings.h"

static const struct settings no_settings;
static const struct actor admin = {.user_id = 1, .email = {"a@b", 3}};

struct desk {
    struct world world;
    struct app app;
    struct account_work work;
};

static void open_desk(struct desk *d, struct engine *e)
{
    begin(&d->world, e);
    d->app = (struct app){.db = e->db, .keys = ring, .pool = d->world.pool};
    d->work = (struct account_work){&d->app, d->world.db,    &no_settings,
                                    &admin,  d->world.arena, NULL};
}

static struct account_form form_of(const char *base_url)
{
    return (struct account_form){
        .set = ACCOUNT_NAME | ACCOUNT_BASE_URL | ACCOUNT_API_KEY,
        .name = STR(" main site "),
        .base_url = str_of(base_url),
        .api_key = STR("sk-secret-1"),
    };
}

static struct account create(struct desk *d, const struct account_form *form)
{
    struct account account;
    ok(account_create(&d->work, form, &account, err));
    return account;
}

static void refused(struct desk *d, const struct account_form *form, const char *field,
                    const char *code)
{
    struct account account;
    struct err err = {0};
    assert_int_equal(account_create(&d->work, form, &account, &err), E_INVALID);
    assert_string_equal(err.field, field);
    assert_string_equal(err.code, code);
    assert_true(err.text[0]);
    assert_null(strstr(err.text, "sk-secret"));
}

static int64_t count(struct desk *d, const char *query)
{
    int64_t n;
    bool found;
    ok(db_query_int(d->world.db, query, DB_NO_ARGS, &n, &found, err));
    return n;
}

/* ---- forms ---- */

ON_EVERY_ENGINE(base_urls)
{
    static const struct {
        const char *url, *code;
    } bad[] = {
        {"", "missing_field"},
        {"sora.example", "url_scheme"},
        {"ftp://sora.example", "url_scheme"},
        {"http://", "url_invalid"},
        {"https://user:pw@sora.example", "url_invalid"},
        {"https://sora.example/v1?x=1", "base_url_parts"},
        {"https://sora.example/v1#top", "base_url_parts"},
        {"https://sora.example/sora/v1/chat/completions", "base_url_is_endpoint"},
        {"https://sora.example/v1/videos/", "base_url_is_endpoint"},
        {"http://169.254.169.254/latest", "url_forbidden"},
        {"http://[fe80::1]/v1", "url_forbidden"},
        {"http://0.0.0.0/", "url_forbidden"},
        {"http://[::ffff:169.254.169.254]/", "url_forbidden"},
    };
    static const char *const good[] = {
        "http://127.0.0.1:8000",         "https://sora.example/v1", "http://10.1.2.3/sora/",
        "https://sora.example/sora/v1/", "http://[::1]:9000/",      "https://a.b/deep/path/v1",
    };
    struct desk d;
    open_desk(&d, e);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct account_form form = form_of(bad[i].url);
        refused(&d, &form, "base_url", bad[i].code);
    }
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct account_form form = form_of(good[i]);
        create(&d, &form);
    }
    struct account_form edit = {.set = ACCOUNT_BASE_URL, .base_url = STR("ws://x")};
    struct account account;
    struct err why;
    assert_int_equal(account_change(&d.work, 1, &edit, &account, &why), E_INVALID);
    assert_string_equal(why.code, "url_scheme");
    end(&d.world);
}

ON_EVERY_ENGINE(other_fields)
{
    struct desk d;
    open_desk(&d, e);
    struct account_form form = form_of("http://127.0.0.1");
    form.set &= ~(unsigned)ACCOUNT_API_KEY;
    refused(&d, &form, "api_key", "missing_field");
    form = form_of("http://127.0.0.1");
    form.api_key = STR("sk with space");
    refused(&d, &form, "api_key", "invalid_field");
    form = form_of("http://127.0.0.1");
    form.name = STR("  ");
    refused(&d, &form, "name", "invalid_field");
    form = form_of("http://127.0.0.1");
    form.set |= ACCOUNT_TYPE;
    form.type = ACCOUNT_OAUTH;
    refused(&d, &form, "api_key", "invalid_field");
    form.set &= ~(unsigned)ACCOUNT_API_KEY;
    refused(&d, &form, "access_token", "missing_field");
    form.set |= ACCOUNT_REFRESH_TOKEN;
    form.refresh_token = STR("sk-secret-2");
    refused(&d, &form, "client_id", "missing_field");
    form = form_of("http://127.0.0.1");
    form.set |= ACCOUNT_CA;
    form.ca_pem = STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    refused(&d, &form, "ca_pem", "bad_ca");
    form = form_of("http://127.0.0.1");
    form.set |= ACCOUNT_GROUPS;
    form.group_ids[form.group_count++] = 77;
    refused(&d, &form, "group_ids", "invalid_field");
    static const char *const proxies[] = {"proxy:3128", "ftp://proxy", "http://proxy/path",
                                          "http://a b@proxy", "http://hidden@proxy"};
    for (size_t i = 0; i < ARRAY_SIZE(proxies); i++) {
        form = form_of("http://127.0.0.1");
        form.set |= ACCOUNT_PROXY;
        form.proxy_url = str_of(proxies[i]);
        refused(&d, &form, "proxy_url", "invalid_proxy");
    }
    assert_int_equal(count(&d, "SELECT COUNT(*) FROM accounts"), 0);
    end(&d.world);
}

/* ---- life ---- */

ON_EVERY_ENGINE(life)
{
    struct desk d;
    struct account account;
    open_desk(&d, e);
    struct account_form form = form_of("http://127.0.0.1:9/v1/");
    form.set |= ACCOUNT_GROUPS;
    form.group_ids[form.group_count++] = 1;
    account = create(&d, &form);
    assert_true(str_eq(account.name, STR("main site")));
    assert_true(str_eq(account.dialect, STR("chat")));

    /* It serves at once, and its secret is not in the row. */
    struct pool_slot slot = take(&d.world, "sora2");
    assert_true(str_eq(slot.account->target.credential, STR("sk-secret-1")));
    ok(accounts_find(d.world.db, account.id, d.world.arena, &account, err));
    assert_true(str_find(account.credentials, STR("sk-secret")) < 0);
    assert_true(str_starts(account.credentials, STR("k")));

    /* An edit without a key keeps it; with one it is the new one. */
    struct account_form edit = {
        .set = ACCOUNT_NAME | ACCOUNT_CONCURRENCY, .name = STR("renamed"), .concurrency = 3};
    ok(account_change(&d.work, account.id, &edit, &account, err));
    struct pool_slot second = take(&d.world, "sora2");
    assert_true(str_eq(second.account->name, STR("renamed")));
    assert_true(str_eq(second.account->target.credential, STR("sk-secret-1")));
    edit = (struct account_form){.set = ACCOUNT_API_KEY, .api_key = STR("sk-secret-2")};
    ok(account_change(&d.work, account.id, &edit, &account, err));
    struct pool_slot third = take(&d.world, "sora2");
    assert_true(str_eq(third.account->target.credential, STR("sk-secret-2")));
    assert_true(str_eq(second.account->target.credential, STR("sk-secret-1")));
    pool_slot_end(&slot);
    pool_slot_end(&second);
    pool_slot_end(&third);

    ok(account_remove(&d.work, account.id, err));
    struct err why;
    assert_int_equal(account_remove(&d.work, account.id, &why), E_NOT_FOUND);
    assert_false(status_of(&d.world, account.id).known);
    assert_int_equal(count(&d, "SELECT COUNT(*) FROM audit_log WHERE action LIKE 'account.%'"), 4);
    assert_int_equal(
        count(&d, "SELECT COUNT(*) FROM audit_log WHERE CAST(detail AS TEXT) LIKE '%sk-secret%'"),
        0);
    end(&d.world);
}

ON_EVERY_ENGINE(in_use)
{
    struct desk d;
    struct err why = {0};
    open_desk(&d, e);
    struct account_form form = form_of("http://127.0.0.1:9");
    struct account account = create(&d, &form);
    sql(&d.world,
        "INSERT INTO users (uuid, email, password_hash, role, status, group_id, created_at, "
        "updated_at) VALUES ('u', 'a@b', '', 'user', 'active', 1, 1, 1);"
        "INSERT INTO jobs (public_id, kind, user_id, group_id, model, request, idempotency_key, "
        "state, account_id, next_at, pending_until, deadline_at, created_at) VALUES "
        "('j1', 'video', 1, 1, 'm', '{}', 'i1', 'polling', 1, 1, 1, 1, 1),"
        "('j2', 'video', 1, 1, 'm', '{}', 'i2', 'ended', 1, 1, 1, 1, 1)");
    assert_int_equal(account_remove(&d.work, account.id, &why), E_CONFLICT);
    assert_string_equal(why.code, "account_in_use");
    assert_string_equal(why.numbers[0].name, "count");
    assert_int_equal(why.numbers[0].value, 1);
    sql(&d.world, "UPDATE jobs SET state = 'ended'");
    ok(account_remove(&d.work, account.id, err));
    end(&d.world);
}

static void fail_in_every_way(struct desk *d, int64_t id)
{
    put_in_error(&d->world, id);
    pool_mark(d->world.pool, id, POOL_RATE_LIMITED, 60000);
    ok(pool_flush(d->world.pool, d->world.db, err));
}

static void expect_well(struct desk *d, int64_t id)
{
    struct account row;
    struct pool_status now = status_of(&d->world, id);
    assert_int_equal(now.status, ACCOUNT_ACTIVE);
    assert_int_equal(now.rate_limited_until + now.overloaded_until, 0);
    ok(pool_flush(d->world.pool, d->world.db, err));
    ok(accounts_find(d->world.db, id, d->world.arena, &row, err));
    assert_int_equal(row.status, ACCOUNT_ACTIVE);
    assert_null(row.status_reason.p);
    assert_int_equal(row.rate_limited_until + row.overloaded_until, 0);
    assert_int_equal(row.auth_failures_in_row, 0);
}

ON_EVERY_ENGINE(resets)
{
    struct desk d;
    bool any;
    open_desk(&d, e);
    struct account_form form = form_of("http://127.0.0.1:9");
    struct account account = create(&d, &form);
    ok(accounts_any_active_sora(d.world.db, &any, err));
    assert_true(any);
    fail_in_every_way(&d, account.id);
    ok(accounts_any_active_sora(d.world.db, &any, err));
    assert_false(any);
    ok(account_reset(&d.work, account.id, &account, err));
    expect_well(&d, account.id);

    /* A new key deserves a new trial, a new name does not. */
    fail_in_every_way(&d, account.id);
    struct account_form edit = {.set = ACCOUNT_NAME, .name = STR("other")};
    ok(account_change(&d.work, account.id, &edit, &account, err));
    assert_int_equal(status_of(&d.world, account.id).status, ACCOUNT_ERROR);
    edit = (struct account_form){.set = ACCOUNT_API_KEY, .api_key = STR("sk-new")};
    ok(account_change(&d.work, account.id, &edit, &account, err));
    expect_well(&d, account.id);

    /* Marks never undo what an administrator has switched off. */
    edit = (struct account_form){.set = ACCOUNT_STATUS, .status = ACCOUNT_DISABLED};
    ok(account_change(&d.work, account.id, &edit, &account, err));
    pool_mark(d.world.pool, account.id, POOL_AUTH_FAILED, 0);
    ok(pool_flush(d.world.pool, d.world.db, err));
    ok(accounts_find(d.world.db, account.id, d.world.arena, &account, err));
    assert_int_equal(account.status, ACCOUNT_DISABLED);
    end(&d.world);
}

ON_EVERY_ENGINE(proxies)
{
    struct desk d;
    open_desk(&d, e);
    struct account_form form = form_of("http://127.0.0.1:9");
    form.set |= ACCOUNT_PROXY | ACCOUNT_GROUPS;
    form.group_ids[form.group_count++] = 1;
    form.proxy_url = STR("socks5h://me:p@ss@proxy.example:1080");
    struct account account = create(&d, &form);
    assert_true(str_eq(account.proxy_url, STR("socks5h://hidden@proxy.example:1080")));
    struct pool_slot slot = take(&d.world, "sora2");
    assert_true(str_eq(slot.account->proxy_url, form.proxy_url));
    pool_slot_end(&slot);

    /* A page sends back what it was given. */
    struct account_form edit = {.set = ACCOUNT_PROXY, .proxy_url = account.proxy_url};
    ok(account_change(&d.work, account.id, &edit, &account, err));
    slot = take(&d.world, "sora2");
    assert_true(str_eq(slot.account->proxy_url, form.proxy_url));
    assert_true(str_eq(slot.account->target.credential, STR("sk-secret-1")));
    pool_slot_end(&slot);
    edit.proxy_url = STR("");
    ok(account_change(&d.work, account.id, &edit, &account, err));
    slot = take(&d.world, "sora2");
    assert_null(slot.account->proxy_url.p);
    pool_slot_end(&slot);
    end(&d.world);
}

ON_EVERY_ENGINE(lists)
{
    struct desk d;
    struct account *rows;
    size_t n;
    int64_t total;
    open_desk(&d, e);
    for (int i = 0; i < 5; i++) {
        struct account_form form = form_of(i == 3 ? "http://Odd.example" : "http://127.0.0.1");
        form.set |= ACCOUNT_PRIORITY;
        form.priority = i == 1 ? 5 : 10;
        create(&d, &form);
    }
    struct accounts_filter filter = {0};
    ok(accounts_list(d.world.db, &filter, 2, 1, d.world.arena, &rows, &n, &total, err));
    assert_int_equal(total, 5);
    assert_int_equal(n, 2); /* of 2, then 1, 3, 4, 5 */
    assert_int_equal(rows[0].id, 1);
    assert_int_equal(rows[1].id, 3);
    filter.q = STR("ODD.ex");
    ok(accounts_list(d.world.db, &filter, 9, 0, d.world.arena, &rows, &n, &total, err));
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].id, 4);
    filter.q = STR("100%");
    ok(accounts_list(d.world.db, &filter, 9, 0, d.world.arena, &rows, &n, &total, err));
    assert_int_equal(n, 0);
    end(&d.world);
}

/* ---- connection tests ---- */

static const char *answer;
static char last_request[4096];

static void serve(struct peer_link *l)
{
    if (!peer_request(l))
        return;
    snprintf(last_request, sizeof(last_request), "%.*s", (int)l->request_n, l->in);
    if (answer)
        peer_send(l, answer);
    else
        peer_wait_until_gone(l);
}

static struct account_test test_against(struct desk *d, struct fetcher *fetcher,
                                        const char *base_url)
{
    struct account_form form = form_of(base_url);
    struct account_test test;
    ok(account_test_run(&d->work, fetcher, 0, &form, &test, err));
    return test;
}

#define ANSWER(status, type, body)                                                                 \
    "HTTP/1.1 " status "\r\nContent-Type: " type "\r\nConnection: close\r\n\r\n" body

ON_EVERY_ENGINE(connection_answers)
{
    static const struct {
        const char *answer, *code;
        int status;
    } cases[] = {
        {ANSWER("200 OK", "application/json",
                "{\"object\":\"list\",\"data\":[{\"id\":\"sora2\"}]}"),
         NULL, 200},
        {ANSWER("401 No", "application/json", "{\"error\":{\"message\":\"bad key\"}}"),
         "auth_failed", 401},
        {ANSWER("403 No", "application/json", "{}"), "auth_failed", 403},
        {ANSWER("404 No", "text/html", "<html>"), "not_this_api", 404},
        {ANSWER("200 OK", "text/html", "<html>"), "not_this_api", 200},
        {ANSWER("200 OK", "application/json", "{\"hello\":1}"), "not_this_api", 200},
        {ANSWER("302 Go\r\nLocation: /login", "text/html", ""), "not_this_api", 302},
        {ANSWER("503 Off", "application/json", "{\"error\":{\"message\":\"full\"}}"),
         "upstream_error", 503},
        {ANSWER("429 Slow", "application/json", "{}"), "upstream_error", 429},
    };
    struct desk d;
    char url[64];
    open_desk(&d, e);
    struct fetcher *fetcher = fetcher_new(STR_NONE);
    struct peer *peer = peer_new(serve, NULL);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", peer->port);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        answer = cases[i].answer;
        struct account_test test = test_against(&d, fetcher, url);
        assert_int_equal(test.ok, cases[i].code == NULL);
        assert_int_equal(test.http_status, cases[i].status);
        if (cases[i].code)
            assert_string_equal(test.code, cases[i].code);
        if (i == 1)
            assert_true(str_find(test.upstream, STR("bad key")) >= 0);
    }
    peer_free(peer);
    assert_string_equal(test_against(&d, fetcher, url).code, "connection_refused");
    assert_string_equal(test_against(&d, fetcher, "http://nowhere.invalid").code, "name_not_found");
    fetcher_free(fetcher);
    end(&d.world);
}

ON_EVERY_ENGINE(connection_of_saved)
{
    struct desk d;
    char url[64];
    struct account_test test;
    struct account_form none = {0};
    struct err why = {0};
    open_desk(&d, e);
    struct fetcher *fetcher = fetcher_new(STR_NONE);
    struct peer *peer = peer_new(serve, NULL);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/sora/v1/", peer->port);
    struct account_form form = form_of(url);
    struct account account = create(&d, &form);
    answer = ANSWER("200 OK", "application/json", "{\"data\":[]}");
    ok(account_test_run(&d.work, fetcher, account.id, &none, &test, err));
    assert_true(test.ok);
    assert_true(str_starts(str_of(last_request), STR("GET /sora/v1/models HTTP/1.1\r\n")));
    assert_non_null(strstr(last_request, "Bearer sk-secret-1\r\n"));
    assert_int_equal(account_test_run(&d.work, fetcher, 99, &none, &test, &why), E_NOT_FOUND);
    assert_int_equal(account_test_run(&d.work, fetcher, 0, &none, &test, &why), E_INVALID);
    peer_free(peer);
    fetcher_free(fetcher);
    end(&d.world);
}

static void silent(void **state)
{
    (void)state;
    struct engine e;
    struct desk d;
    char url[64];
    engine_open(&e, DB_SQLITE);
    open_desk(&d, &e);
    struct fetcher *fetcher = fetcher_new(STR_NONE);
    struct peer *peer = peer_new(serve, NULL);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", peer->port);
    answer = NULL;
    struct account_test test = test_against(&d, fetcher, url);
    assert_string_equal(test.code, "timeout");
    assert_in_range(test.latency_ms, 9000, 10000);
    peer_free(peer);
    fetcher_free(fetcher);
    end(&d.world);
    engine_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("[AC-2] a base URL that is no API's address is refused by name, others are taken",
             base_urls),
        TEST("[AC-2] every other field that cannot be is refused by name", other_fields),
        TEST("[AC-1] an account serves at once, keeps its sealed key through edits, and goes",
             life),
        TEST("[ID-8] an account with live jobs is not deleted, and their number is told", in_use),
        TEST("[AC-6] one click, or a new key, clears every mark", resets),
        TEST("[AC-1] a proxy's password is sealed and kept when the page sends it back", proxies),
        TEST("[AC-6] accounts are listed by pages, the preferred first, and found by words", lists),
        TEST("[AC-5] a connection test names the cause of what it met", connection_answers),
        TEST("[AC-5] a saved account is tested with its own key and joined address",
             connection_of_saved),
        {"[AC-5] a silent upstream is told within ten seconds", silent, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests_name("accounts", tests, pool_set_up, pool_tear_down);
}
