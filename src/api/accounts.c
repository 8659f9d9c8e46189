/* SPDX-License-Identifier: Apache-2.0 */
/* accounts — upstream accounts, for administrators (SPEC section 2, AD-1). */
#include "store/accounts.h"

#include "api/forms.h"
#include "api/handlers.h"
#include "api/messages.h"
#include "api/session.h"
#include "base/clock.h"
#include "dialect/dialect.h"
#include "pool/pool.h"
#include "service/accounts.h"

static struct account_work work_of(struct call *c, const struct actor *actor)
{
    return (struct account_work){c->app, c->db, c->settings, actor, c->arena};
}

/* ---- the form ---- */

static enum status read_credentials(struct json body, struct account_form *form, struct err *err)
{
    struct json credentials = json_get(body, "credentials");
    if (json_is_absent(credentials) || json_is_null(credentials))
        return OK;
    if (!json_is_object(credentials))
        return err_field(err, "invalid_field", "credentials", "credentials must be an object");
    TRY(json_field_str(credentials, "base_url", JSON_OPTIONAL, 0, ACCOUNT_BASE_URL_MAX,
                       &form->base_url, err));
    TRY(json_field_str(credentials, "api_key", JSON_OPTIONAL, 0, ACCOUNT_API_KEY_MAX,
                       &form->api_key, err));
    form->set |= (form->base_url.p ? ACCOUNT_BASE_URL : 0u) |
                 (form->api_key.p ? ACCOUNT_API_KEY : 0u);
    form->base_url = str_trim(form->base_url);
    return OK;
}

static enum status read_kind(struct json body, struct account_form *form, struct err *err)
{
    static const char *const types[] = {"oauth", "apikey", NULL};
    static const char *const statuses[] = {"active", "disabled", NULL};
    int type = -1, status = -1, dialect = -1;
    TRY(form_line(body, "platform", JSON_OPTIONAL, 1, 32, &form->platform, err));
    TRY(json_field_word(body, "type", JSON_OPTIONAL, types, &type, err));
    TRY(json_field_word(body, "status", JSON_OPTIONAL, statuses, &status, err));
    TRY(json_field_word(body, "dialect", JSON_OPTIONAL, dialect_names(), &dialect, err));
    if (type >= 0)
        form->type = type == 0 ? ACCOUNT_OAUTH : ACCOUNT_APIKEY;
    if (status >= 0)
        form->status = status == 0 ? ACCOUNT_ACTIVE : ACCOUNT_DISABLED;
    if (dialect >= 0)
        form->dialect = str_of(dialect_names()[dialect]);
    form->set |= (form->platform.p ? ACCOUNT_PLATFORM : 0u) | (type >= 0 ? ACCOUNT_TYPE : 0u) |
                 (status >= 0 ? ACCOUNT_STATUS : 0u) | (dialect >= 0 ? ACCOUNT_DIALECT : 0u);
    return OK;
}

static enum status read_figures(struct json body, struct account_form *form, struct err *err)
{
    TRY(json_field_int(body, "priority", JSON_OPTIONAL, 0, ACCOUNT_PRIORITY_MAX, &form->priority,
                       err));
    TRY(json_field_int(body, "concurrency", JSON_OPTIONAL, 1, ACCOUNT_CONCURRENCY_MAX,
                       &form->concurrency, err));
    TRY(json_field_bool(body, "honours_idempotency", JSON_OPTIONAL, &form->honours_idempotency,
                        err));
    TRY(json_field_bool(body, "http2", JSON_OPTIONAL, &form->http2, err));
    form->set |= (form_has(body, "priority") ? ACCOUNT_PRIORITY : 0u) |
                 (form_has(body, "concurrency") ? ACCOUNT_CONCURRENCY : 0u) |
                 (form_has(body, "honours_idempotency") ? ACCOUNT_IDEMPOTENCY : 0u) |
                 (form_has(body, "http2") ? ACCOUNT_HTTP2 : 0u);
    return OK;
}

static enum status read_groups(struct json body, struct account_form *form, struct err *err)
{
    struct json ids = json_get(body, "group_ids");
    if (!form_has(body, "group_ids"))
        return OK;
    bool good = json_is_array(ids) && json_size(ids) <= ACCOUNT_MAX_GROUPS;
    for (size_t i = 0; good && i < json_size(ids); i++) {
        int64_t id = json_int_or(json_at(ids, i), 0);
        bool known = false;
        for (size_t k = 0; k < form->group_count; k++)
            known |= form->group_ids[k] == id;
        if (!known)
            form->group_ids[form->group_count++] = id;
        good = id > 0;
    }
    if (!good)
        return err_field(err, "invalid_field", "group_ids",
                         "group_ids must be at most %d ids of groups", ACCOUNT_MAX_GROUPS);
    form->set |= ACCOUNT_GROUPS;
    return OK;
}

static bool is_model_name(struct json j)
{
    struct str name = json_str_or(j, STR_NONE);
    return name.n >= 1 && name.n <= ACCOUNT_MODEL_NAME_MAX;
}

static enum status dump(struct json j, struct arena *a, struct str *ret, struct err *err)
{
    struct str text;
    if (!json_dump(j, &text))
        return err_set(err, E_NO_MEMORY, "no_memory");
    *ret = arena_str(a, text);
    free((char *)text.p);
    return ret->p ? OK : err_set(err, E_NO_MEMORY, "no_memory");
}

static enum status read_models(struct json body, struct arena *a, struct account_form *form,
                               struct err *err)
{
    struct json models = json_get(body, "models");
    if (!form_has(body, "models"))
        return OK;
    bool good = json_is_array(models) && json_size(models) <= ACCOUNT_MAX_MODELS;
    for (size_t i = 0; good && i < json_size(models); i++)
        good = is_model_name(json_at(models, i));
    if (!good)
        return err_field(err, "invalid_field", "models",
                         "models must be at most %d names of 1 to %d bytes", ACCOUNT_MAX_MODELS,
                         ACCOUNT_MODEL_NAME_MAX);
    form->set |= ACCOUNT_MODELS;
    return dump(models, a, &form->models, err);
}

static enum status read_mapping(struct json body, struct arena *a, struct account_form *form,
                                struct err *err)
{
    struct json mapping = json_get(body, "model_mapping");
    if (!form_has(body, "model_mapping"))
        return OK;
    bool good = json_is_object(mapping) && json_size(mapping) <= ACCOUNT_MAX_MODELS;
    for (size_t i = 0; good && i < json_size(mapping); i++) {
        struct str ours;
        struct json theirs = json_member(mapping, i, &ours);
        good = ours.n >= 1 && ours.n <= ACCOUNT_MODEL_NAME_MAX && is_model_name(theirs);
    }
    if (!good)
        return err_field(err, "invalid_field", "model_mapping",
                         "model_mapping must be an object of at most %d names of 1 to %d bytes",
                         ACCOUNT_MAX_MODELS, ACCOUNT_MODEL_NAME_MAX);
    form->set |= ACCOUNT_MAPPING;
    return dump(mapping, a, &form->model_mapping, err);
}

/* null takes a proxy or a certificate away. */
static enum status read_way(struct json body, struct account_form *form, struct err *err)
{
    TRY(json_field_str(body, "proxy_url", JSON_OPTIONAL, 0, ACCOUNT_PROXY_MAX, &form->proxy_url,
                       err));
    TRY(json_field_str(body, "ca_pem", JSON_OPTIONAL, 0, ACCOUNT_CA_MAX, &form->ca_pem, err));
    form->proxy_url = str_trim(form->proxy_url);
    form->set |= (json_is_absent(json_get(body, "proxy_url")) ? 0u : ACCOUNT_PROXY) |
                 (json_is_absent(json_get(body, "ca_pem")) ? 0u : ACCOUNT_CA);
    return OK;
}

static enum status read_form(struct call *c, struct account_form *ret, struct err *err)
{
    struct account_form form = {0};
    struct json body = c->json;
    TRY(form_line(body, "name", JSON_OPTIONAL, 1, ACCOUNT_NAME_MAX, &form.name, err));
    form.set |= form.name.p ? ACCOUNT_NAME : 0u;
    TRY(read_kind(body, &form, err));
    TRY(read_credentials(body, &form, err));
    TRY(read_figures(body, &form, err));
    TRY(read_groups(body, &form, err));
    TRY(read_models(body, c->arena, &form, err));
    TRY(read_mapping(body, c->arena, &form, err));
    TRY(read_way(body, &form, err));
    *ret = form;
    return OK;
}

/* ---- the view ---- */

static void view_reason(struct json_out *j, const char *code, enum language language)
{
    const char *sentence = message_of(code, language);
    json_kv_str_or_null(j, "status_reason_code", code[0] ? str_of(code) : STR_NONE);
    json_kv_str_or_null(j, "status_reason",
                        code[0] ? str_of(sentence ? sentence : code) : STR_NONE);
}

/* By this server's clock: a page's may be wrong. */
static int64_t seconds_until(int64_t wall_ms)
{
    int64_t left = wall_ms ? wall_ms - clock_wall_ms() : 0;
    return left > 0 ? (left + CLOCK_SECOND_MS - 1) / CLOCK_SECOND_MS : 0;
}

/* The state of this moment is the pool's; the row follows within a second. */
static void view_state(struct json_out *j, struct pool *pool, const struct account *account,
                       enum language language)
{
    struct pool_status now;
    pool_status_of(pool, account->id, &now);
    if (!now.known) {
        now.status = account->status;
        now.rate_limited_until = account->rate_limited_until;
        now.overloaded_until = account->overloaded_until;
        now.last_used_at = account->last_used_at;
    }
    json_kv_z(j, "status", account_status_name(now.status));
    view_reason(j, now.reason, language);
    json_kv_time(j, "rate_limited_until", now.rate_limited_until);
    json_kv_time(j, "overloaded_until", now.overloaded_until);
    json_kv_int(j, "cooling_seconds",
                seconds_until(MAX(now.rate_limited_until, now.overloaded_until)));
    json_kv_int(j, "in_flight", now.in_flight);
    json_kv_time(j, "last_used_at", now.last_used_at);
    json_kv_int(j, "successes_24h", now.successes_24h);
    json_kv_int(j, "failures_24h", now.failures_24h);
}

static void view_account(struct call *c, struct json_out *j, const struct account *account)
{
    json_object(j);
    json_kv_int(j, "id", account->id);
    json_kv_str(j, "name", account->name);
    json_kv_str(j, "platform", account->platform);
    json_kv_z(j, "type", account_type_name(account->type));
    json_kv_str(j, "dialect", account->dialect);
    json_key(j, "credentials");
    json_object(j);
    json_kv_str(j, "base_url", account->base_url);
    json_kv_bool(j, "api_key_set", account->credentials.n > 0);
    json_object_end(j);
    json_kv_int(j, "priority", account->priority);
    json_kv_int(j, "concurrency", account->concurrency);
    json_key(j, "group_ids");
    json_array(j);
    for (size_t i = 0; i < account->group_count; i++)
        json_int(j, account->group_ids[i]);
    json_array_end(j);
    json_key(j, "models");
    json_raw(j, account->models);
    json_key(j, "model_mapping");
    json_raw(j, account->model_mapping);
    json_kv_str_or_null(j, "proxy_url", account->proxy_url);
    json_kv_str_or_null(j, "ca_pem", account->ca_pem);
    json_kv_bool(j, "honours_idempotency", account->honours_idempotency);
    json_kv_bool(j, "http2", account->http2);
    view_state(j, c->app->pool, account, c->language);
    json_kv_time(j, "created_at", account->created_at);
    json_kv_time(j, "updated_at", account->updated_at);
    json_object_end(j);
}

/* ---- the calls ---- */

enum status accounts_list_all(struct call *c, struct err *err)
{
    const struct accounts_filter filter = {
        .q = call_query(c, "q"),
        .platform = call_query(c, "platform"),
        .status = call_query(c, "status"),
    };
    struct page page;
    struct account *accounts;
    size_t count;
    int64_t total;
    TRY(call_page(c, &page, err));
    TRY(accounts_list(c->db, &filter, page.size, page.offset, c->arena, &accounts, &count, &total,
                      err));
    struct json_out *j = call_list_begin(c);
    for (size_t i = 0; i < count; i++)
        view_account(c, j, &accounts[i]);
    call_list_end(c, &page, total);
    return OK;
}

enum status accounts_create(struct call *c, struct err *err)
{
    const struct actor actor = call_actor(c);
    const struct account_work w = work_of(c, &actor);
    struct account_form form;
    struct account account;
    TRY(read_form(c, &form, err));
    TRY(account_create(&w, &form, &account, err));
    view_account(c, call_json(c, 201), &account);
    return OK;
}

enum status accounts_get(struct call *c, struct err *err)
{
    struct account account;
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(accounts_find(c->db, id, c->arena, &account, err));
    view_account(c, call_json(c, 200), &account);
    return OK;
}

enum status accounts_patch(struct call *c, struct err *err)
{
    const struct actor actor = call_actor(c);
    const struct account_work w = work_of(c, &actor);
    struct account_form form;
    struct account account;
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(read_form(c, &form, err));
    TRY(account_change(&w, id, &form, &account, err));
    view_account(c, call_json(c, 200), &account);
    return OK;
}

enum status accounts_remove(struct call *c, struct err *err)
{
    const struct actor actor = call_actor(c);
    const struct account_work w = work_of(c, &actor);
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(account_remove(&w, id, err));
    return call_empty(c);
}

enum status accounts_reset(struct call *c, struct err *err)
{
    const struct actor actor = call_actor(c);
    const struct account_work w = work_of(c, &actor);
    struct account account;
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(account_reset(&w, id, &account, err));
    view_account(c, call_json(c, 200), &account);
    return OK;
}

/* "认证失败 (401): the upstream's own words" */
static struct str test_message(struct call *c, const struct account_test *test)
{
    const char *sentence = message_of(test->code, c->language);
    struct str text = str_of(sentence ? sentence : test->code);
    if (test->http_status && test->upstream.n > 0)
        return arena_printf(c->arena, "%.*s (%d): %.*s", STR_ARG(text), test->http_status,
                            STR_ARG(test->upstream));
    if (test->http_status)
        return arena_printf(c->arena, "%.*s (%d)", STR_ARG(text), test->http_status);
    return text;
}

static enum status run_test(struct call *c, int64_t id, struct err *err)
{
    const struct actor actor = call_actor(c);
    const struct account_work w = work_of(c, &actor);
    struct account_form form = {0};
    struct account_test test;
    if (json_is_object(c->json))
        TRY(read_form(c, &form, err));
    TRY(account_test_run(&w, c->worker->fetcher, id, &form, &test, err));
    struct json_out *j = call_json(c, 200);
    json_object(j);
    json_kv_bool(j, "ok", test.ok);
    json_kv_int(j, "latency_ms", test.latency_ms);
    if (!test.ok) {
        json_kv_z(j, "code", test.code);
        json_kv_str(j, "message", test_message(c, &test));
    }
    json_object_end(j);
    return OK;
}

enum status accounts_test(struct call *c, struct err *err)
{
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    return run_test(c, id, err);
}

enum status accounts_test_draft(struct call *c, struct err *err)
{
    return run_test(c, 0, err);
}
