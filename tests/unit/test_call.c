/* SPDX-License-Identifier: Apache-2.0 */
/* Calls through their handlers, from a head to an answer, as a worker runs them. */
#include "api/handlers.h"
#include "api/session.h"
#include "site.h"

struct request {
    struct site *s;
    struct call c;
    struct http_head head;
    struct err err;
};

static void request_begin(struct request *r, struct site *s, enum http_method method,
                          const char *query)
{
    *r = (struct request){.s = s};
    r->head.method = method;
    r->head.query = str_of(query);
    r->head.host = STR("kinora.local:8080");
    r->c = (struct call){
        .app = &s->app,
        .worker = &s->worker,
        .db = s->db,
        .arena = s->a,
        .settings = settings_hold(&s->app),
        .head = &r->head,
        .peer = STR("192.0.2.7"),
        .out = BUF_INIT(CALL_ANSWER_BYTES),
    };
}

static void request_header(struct request *r, const char *name, const char *value)
{
    r->head.headers[r->head.header_count++] = (struct http_header){str_of(name), str_of(value)};
}

static void request_param(struct request *r, const char *name, int64_t id)
{
    struct route_match *m = &r->c.match;
    m->names[m->param_count] = str_of(name);
    m->values[m->param_count++] = arena_printf(r->s->a, "%lld", (long long)id);
}

static enum status request_run(struct request *r, call_handler *handle, const char *body)
{
    TRY(session_find_caller(&r->c, &r->err));
    if (body) {
        TRY(json_parse(str_of(body), &r->c.doc, &r->err));
        r->c.json = json_root(r->c.doc);
    }
    return handle(&r->c, &r->err);
}

static void request_end(struct request *r)
{
    settings_drop(r->c.settings);
    json_doc_free(r->c.doc);
    buf_release(&r->c.out);
}

static struct str answer_header(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->c.header_count; i++) {
        if (str_eq_ci(r->c.headers[i].name, str_of(name)))
            return r->c.headers[i].value;
    }
    return STR_NONE;
}

/* One member of the answer's object, as text or number. */
static struct json_doc *answer(struct request *r)
{
    struct json_doc *doc;
    ok(json_parse(buf_str(&r->c.out), &doc, err));
    return doc;
}

/* Runs one call and gives back the answer's document. */
static struct json_doc *ask(struct site *s, const char *token, enum http_method method,
                            call_handler *handle, int64_t id, const char *query, const char *body)
{
    struct request r;
    request_begin(&r, s, method, query);
    char *bearer = arena_alloc(s->a, 128);
    snprintf(bearer, 128, "Bearer %s", token);
    request_header(&r, "Authorization", bearer);
    if (id)
        request_param(&r, "id", id);
    enum status status = request_run(&r, handle, body);
    if (status != OK)
        fail_msg("%s %s %s", status_name(status), r.err.code, r.err.text);
    struct json_doc *doc = r.c.status == 204 ? NULL : answer(&r);
    request_end(&r);
    return doc;
}

static const char *cookie_of(struct site *s, const char *token)
{
    return arena_printf(s->a, "a=b; " SESSION_COOKIE "=%s", token).p;
}

ON_EVERY_ENGINE(sign_in_sets_a_cookie_and_gives_a_token)
{
    struct site s;
    struct request r;
    site_open(&s, e);
    site_add_user(&s, "ann@example.com", ROLE_USER);
    request_begin(&r, &s, HTTP_POST, NULL);
    assert_int_equal(request_run(&r, auth_login,
                                 "{\"email\":\"ann@example.com\",\"password\":\"" SITE_PASSWORD
                                 "\"}"),
                     OK);
    assert_int_equal(r.c.status, 200);
    struct str cookie = answer_header(&r, "Set-Cookie");
    assert_true(str_starts(cookie, STR(SESSION_COOKIE "=")));
    assert_true(str_find(cookie, STR("; HttpOnly; SameSite=Lax")) > 0);
    assert_true(str_find(cookie, STR("Secure")) < 0);
    struct json_doc *doc = answer(&r);
    struct str token = json_str_or(json_get(json_root(doc), "token"), STR(""));
    assert_int_equal(token.n, SESSION_TOKEN_CHARS);
    assert_true(json_is_object(json_get(json_root(doc), "user")));
    assert_true(json_is_absent(json_get(json_get(json_root(doc), "user"), "password_hash")));
    json_doc_free(doc);
    request_end(&r);
    site_close(&s);
}

static enum status call_with(struct site *s, const char *token, enum http_method method,
                             const char *name, const char *value, bool *ret_known)
{
    struct request r;
    request_begin(&r, s, method, NULL);
    if (token)
        request_header(&r, "Cookie", cookie_of(s, token));
    if (name)
        request_header(&r, name, value);
    enum status status = session_find_caller(&r.c, &r.err);
    *ret_known = r.c.who.user_id != 0;
    if (status != OK)
        assert_string_equal(r.err.code, "csrf");
    request_end(&r);
    return status;
}

ON_EVERY_ENGINE(other_sites_cannot_use_the_cookie)
{
    struct site s;
    bool known;
    site_open(&s, e);
    site_add_user(&s, "ann@example.com", ROLE_USER);
    const char *token = arena_strz(s.a, str_of(site_login(&s, "ann@example.com").token));
    static const struct {
        const char *name, *value;
        enum status with_cookie, without;
    } cases[] = {
        {NULL, NULL, E_FORBIDDEN, OK},
        {"X-Requested-With", "kinora", OK, OK},
        {"Sec-Fetch-Site", "same-origin", OK, OK},
        {"Sec-Fetch-Site", "cross-site", E_FORBIDDEN, E_FORBIDDEN},
        {"Sec-Fetch-Site", "same-site", E_FORBIDDEN, E_FORBIDDEN},
        {"Origin", "http://kinora.local:8080", OK, OK},
        {"Origin", "https://kinora.local:8080", OK, OK},
        {"Origin", "http://evil.example", E_FORBIDDEN, E_FORBIDDEN},
        {"Origin", "null", E_FORBIDDEN, E_FORBIDDEN},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(call_with(&s, token, HTTP_POST, cases[i].name, cases[i].value, &known),
                         cases[i].with_cookie);
        assert_int_equal(call_with(&s, NULL, HTTP_POST, cases[i].name, cases[i].value, &known),
                         cases[i].without);
        assert_int_equal(call_with(&s, token, HTTP_GET, cases[i].name, cases[i].value, &known), OK);
        assert_true(known);
    }
    const char *bearer = arena_printf(s.a, "bearer %s", token).p;
    assert_int_equal(call_with(&s, NULL, HTTP_POST, "Authorization", bearer, &known), OK);
    assert_true(known);
    assert_int_equal(call_with(&s, token, HTTP_POST, "Authorization", "Bearer x", &known), OK);
    assert_false(known);
    site_close(&s);
}

ON_EVERY_ENGINE(me_is_shown_and_changed)
{
    struct site s;
    struct request r;
    site_open(&s, e);
    site_add_user(&s, "ann@example.com", ROLE_USER);
    struct sign_in in = site_login(&s, "ann@example.com");
    struct json_doc *doc = ask(&s, in.token, HTTP_PATCH, auth_patch_me, 0, NULL,
                               "{\"avatar\":\"https://img.example/a.png\",\"background\":null}");
    assert_true(str_eq(json_str_or(json_get(json_root(doc), "avatar"), STR("")),
                       STR("https://img.example/a.png")));
    assert_true(json_is_null(json_get(json_root(doc), "background")));
    json_doc_free(doc);
    doc = ask(&s, in.token, HTTP_PATCH, auth_patch_me, 0, NULL, "{\"avatar\":null}");
    assert_true(json_is_null(json_get(json_root(doc), "avatar")));
    json_doc_free(doc);

    request_begin(&r, &s, HTTP_PATCH, NULL);
    request_header(&r, "Cookie", cookie_of(&s, in.token));
    request_header(&r, "X-Requested-With", "x");
    assert_int_equal(request_run(&r, auth_patch_me, "{\"avatar\":\"javascript:alert(1)\"}"),
                     E_INVALID);
    assert_string_equal(r.err.field, "avatar");
    request_end(&r);
    site_close(&s);
}

ON_EVERY_ENGINE(a_key_is_shown_once)
{
    struct site s;
    site_open(&s, e);
    site_add_user(&s, "ann@example.com", ROLE_USER);
    struct sign_in in = site_login(&s, "ann@example.com");
    struct json_doc *doc = ask(&s, in.token, HTTP_POST, keys_create, 0, NULL,
                               "{\"name\":\"laptop\",\"expires_at\":\"2099-01-01T00:00:00Z\"}");
    int64_t id = json_int_or(json_get(json_root(doc), "id"), 0);
    assert_true(str_starts(json_str_or(json_get(json_root(doc), "key"), STR("")), STR("sk-")));
    json_doc_free(doc);
    doc = ask(&s, in.token, HTTP_GET, keys_list, 0, "page_size=5", NULL);
    struct json row = json_at(json_get(json_root(doc), "data"), 0);
    assert_int_equal(json_int_or(json_get(json_root(doc), "total"), 0), 1);
    assert_int_equal(json_int_or(json_get(json_root(doc), "page_size"), 0), 5);
    assert_true(json_is_absent(json_get(row, "key")));
    assert_true(
        str_eq(json_str_or(json_get(row, "expires_at"), STR("")),
               STR("2099-01-01T00:00:00.000Z")) ||
        str_eq(json_str_or(json_get(row, "expires_at"), STR("")), STR("2099-01-01T00:00:00Z")));
    json_doc_free(doc);
    doc = ask(&s, in.token, HTTP_PATCH, keys_patch, id, NULL,
              "{\"status\":\"disabled\",\"expires_at\":null}");
    assert_true(json_is_null(json_get(json_root(doc), "expires_at")));
    json_doc_free(doc);
    assert_null(ask(&s, in.token, HTTP_DELETE, keys_delete, id, NULL, NULL));
    site_close(&s);
}

ON_EVERY_ENGINE(pages_and_ids_are_checked)
{
    static const char *const bad[] = {"page=0", "page=x", "page_size=101", "page_size=-1",
                                      "page_size="};
    struct site s;
    struct request r;
    struct page page;
    int64_t id;
    site_open(&s, e);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        request_begin(&r, &s, HTTP_GET, bad[i]);
        assert_int_equal(call_page(&r.c, &page, &r.err), E_INVALID);
        request_end(&r);
    }
    request_begin(&r, &s, HTTP_GET, "q=a%20b%ff&page=3&page_size=50&x=%E4%BD%A0+b");
    assert_int_equal(call_page(&r.c, &page, &r.err), OK);
    assert_int_equal(page.offset, 100);
    assert_null(call_query(&r.c, "q").p);
    assert_true(str_eq(call_query(&r.c, "x"), STR("你 b")));
    assert_int_equal(call_id(&r.c, "id", &id, &r.err), E_NOT_FOUND);
    request_param(&r, "id", -4);
    assert_int_equal(call_id(&r.c, "id", &id, &r.err), E_NOT_FOUND);
    request_end(&r);
    site_close(&s);
}

static void assert_public(struct site *s, const char *key, bool wanted)
{
    struct json_doc *doc = ask(s, "", HTTP_GET, settings_get_public, 0, NULL, NULL);
    assert_int_equal(json_bool_or(json_get(json_root(doc), key), !wanted), wanted);
    json_doc_free(doc);
}

ON_EVERY_ENGINE(the_page_learns_what_it_needs)
{
    struct site s;
    site_open(&s, e);
    assert_public(&s, "setup_required", true);
    assert_public(&s, "sora_client_enabled", false);
    assert_public(&s, "simple_mode", false);
    site_add_user(&s, "ann@example.com", ROLE_ADMIN);
    struct sign_in in = site_login(&s, "ann@example.com");
    json_doc_free(ask(&s, in.token, HTTP_PATCH, settings_patch, 0, NULL, "{\"simple_mode\":true}"));
    assert_public(&s, "setup_required", false);
    assert_public(&s, "simple_mode", true);
    site_exec(&s, "INSERT INTO accounts (name, platform, type, dialect, base_url, credentials, "
                  "priority, concurrency, models, model_mapping, status, created_at, updated_at) "
                  "VALUES ('a', 'sora', 'apikey', 'chat', 'https://u.example', '', 1, 1, '[]', "
                  "'{}', 'active', 1, 1)");
    assert_public(&s, "sora_client_enabled", true);
    site_exec(&s, "UPDATE accounts SET status = 'disabled'");
    assert_public(&s, "sora_client_enabled", false);
    site_close(&s);
}

ON_EVERY_ENGINE(people_and_groups_are_administered)
{
    struct site s;
    site_open(&s, e);
    site_add_user(&s, "boss@example.com", ROLE_ADMIN);
    struct sign_in in = site_login(&s, "boss@example.com");
    struct json_doc *doc = ask(&s, in.token, HTTP_POST, groups_create, 0, NULL,
                               "{\"name\":\"朋友\",\"sora_storage_quota_bytes\":1024}");
    int64_t group = json_int_or(json_get(json_root(doc), "id"), 0);
    json_doc_free(doc);
    char body[200];
    snprintf(body, sizeof(body),
             "{\"email\":\"ann@example.com\",\"password\":\"" SITE_PASSWORD "\",\"group_id\":%lld}",
             (long long)group);
    doc = ask(&s, in.token, HTTP_POST, users_create, 0, NULL, body);
    int64_t ann = json_int_or(json_get(json_root(doc), "id"), 0);
    json_doc_free(doc);
    doc = ask(&s, in.token, HTTP_PATCH, users_patch, ann, NULL,
              "{\"role\":\"admin\",\"sora_storage_quota_bytes\":5}");
    assert_int_equal(json_int_or(json_get(json_root(doc), "sora_storage_quota_bytes"), 0), 5);
    assert_int_equal(json_int_or(json_get(json_root(doc), "group_id"), 0), group);
    json_doc_free(doc);
    doc = ask(&s, in.token, HTTP_GET, groups_list_all, 0, "q=%E6%9C%8B", NULL);
    assert_int_equal(json_int_or(json_get(json_root(doc), "total"), -1), 1);
    assert_int_equal(
        json_int_or(json_get(json_at(json_get(json_root(doc), "data"), 0), "user_count"), 0), 1);
    json_doc_free(doc);
    assert_null(ask(&s, in.token, HTTP_DELETE, users_remove, ann, NULL, NULL));
    assert_null(ask(&s, in.token, HTTP_DELETE, groups_remove, group, NULL, NULL));
    doc = ask(&s, in.token, HTTP_GET, audit_list_all, 0, "q=boss", NULL);
    assert_int_equal(json_int_or(json_get(json_root(doc), "total"), -1), 5);
    struct json row = json_at(json_get(json_root(doc), "data"), 0);
    assert_true(str_eq(json_str_or(json_get(row, "action"), STR("")), STR("group.delete")));
    assert_true(str_eq(json_str_or(json_get(row, "address"), STR("")), STR("192.0.2.7")));
    json_doc_free(doc);
    site_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE("[ID-4] signing in sets a cookie and gives a bearer token",
                   sign_in_sets_a_cookie_and_gives_a_token),
        EVERYWHERE("[ID-4] other sites cannot use the cookie", other_sites_cannot_use_the_cookie),
        EVERYWHERE("[UP-3] one's own record is shown and changed", me_is_shown_and_changed),
        EVERYWHERE("[ID-3] a key is shown once", a_key_is_shown_once),
        EVERYWHERE("pages and ids are checked", pages_and_ids_are_checked),
        EVERYWHERE("[ID-5] the page learns before sign-in what it needs",
                   the_page_learns_what_it_needs),
        EVERYWHERE("[AD-1] people and groups are administered, and it is kept who did it",
                   people_and_groups_are_administered),
    };
    ok(crypto_init(err));
    return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
