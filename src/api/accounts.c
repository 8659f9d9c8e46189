/* SPDX-License-Identifier: Apache-2.0 */
/* accounts — upstream accounts, for administrators (SPEC section 2, AD-1). */
#include "store/accounts.h"

#include "api/account_form.h"
#include "api/handlers.h"
#include "api/messages.h"
#include "api/session.h"
#include "api/views.h"
#include "base/clock.h"
#include "pool/pool.h"

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
    view_hours(j, now.hours);
}

/* Secrets can be written and never read. */
static void view_credentials(struct call *c, struct json_out *j, const struct account *account)
{
    bool oauth = account->type == ACCOUNT_OAUTH;
    json_object(j);
    json_kv_str(j, "base_url", account->base_url);
    if (oauth)
        account_view_oauth(c, j, account);
    else
        json_kv_bool(j, "api_key_set", account->credentials.n > 0);
    json_object_end(j);
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
    view_credentials(c, j, account);
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
    const struct account_work w = account_work_of(c, &actor);
    struct account_form form;
    struct account account;
    TRY(account_form_read(c, &form, err));
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
    const struct account_work w = account_work_of(c, &actor);
    struct account_form form;
    struct account account;
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(account_form_read(c, &form, err));
    TRY(account_change(&w, id, &form, &account, err));
    view_account(c, call_json(c, 200), &account);
    return OK;
}

enum status accounts_remove(struct call *c, struct err *err)
{
    const struct actor actor = call_actor(c);
    const struct account_work w = account_work_of(c, &actor);
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(account_remove(&w, id, err));
    return call_empty(c);
}

enum status accounts_reset(struct call *c, struct err *err)
{
    const struct actor actor = call_actor(c);
    const struct account_work w = account_work_of(c, &actor);
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
    const struct account_work w = account_work_of(c, &actor);
    struct account_form form = {0};
    struct account_test test;
    if (json_is_object(c->json))
        TRY(account_form_read(c, &form, err));
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
