/* SPDX-License-Identifier: Apache-2.0 */
/* accounts_oauth — signing in at an upstream, for administrators (SPEC AC-3). */
#include "api/account_form.h"
#include "api/handlers.h"
#include "api/session.h"
#include "service/oauth_flow.h"

enum { PASTED_MAX = 8192, STATE_MAX = 128 };

void account_view_oauth(struct call *c, struct json_out *j, const struct account *account)
{
    struct account_known known;
    account_oauth_known(c->app, account, c->arena, &known);
    json_kv_str(j, "issuer", known.client.issuer);
    json_kv_str(j, "authorize_url", known.client.authorize_url);
    json_kv_str(j, "token_url", known.client.token_url);
    json_kv_str(j, "client_id", known.client.client_id);
    json_kv_str(j, "scopes", known.client.scopes);
    json_kv_str(j, "redirect_uri", known.client.redirect_uri);
    json_kv_bool(j, "client_secret_set", known.client_secret);
    json_kv_bool(j, "access_token_set", known.access_token);
    json_kv_bool(j, "refresh_token_set", known.refresh_token);
    json_kv_time(j, "expires_at", account->token_expires_at);
}

enum status accounts_authorize_url(struct call *c, struct err *err)
{
    const struct actor actor = call_actor(c);
    const struct account_work w = account_work_of(c, &actor);
    struct account_form form;
    struct oauth_begun begun;
    int64_t account_id = 0;
    TRY(json_field_int(c->json, "account_id", JSON_OPTIONAL, 1, INT64_MAX, &account_id, err));
    TRY(account_form_read(c, &form, err));
    TRY(oauth_flow_begin(&w, account_id, &form, c->origin, &begun, err));
    struct json_out *j = call_json(c, 200);
    json_object(j);
    json_kv_str(j, "authorize_url", begun.authorize_url);
    json_kv_str(j, "state", begun.state);
    json_kv_str(j, "redirect_uri", begun.redirect_uri);
    json_kv_time(j, "expires_at", begun.expires_at);
    json_object_end(j);
    return OK;
}

enum status accounts_exchange(struct call *c, struct err *err)
{
    const struct actor actor = call_actor(c);
    const struct account_work w = account_work_of(c, &actor);
    struct str code, state = STR_NONE;
    struct oauth_granted granted;
    TRY(json_field_str(c->json, "code", JSON_REQUIRED, 1, PASTED_MAX, &code, err));
    TRY(json_field_str(c->json, "state", JSON_OPTIONAL, 0, STATE_MAX, &state, err));
    TRY(oauth_flow_exchange(&w, code, state, &granted, err));
    struct json_out *j = call_json(c, 200);
    json_object(j);
    json_kv_str(j, "grant", granted.grant);
    json_kv_time(j, "grant_expires_at", granted.expires_at);
    json_kv_time(j, "expires_at", granted.token_expires_at);
    json_kv_bool(j, "refresh_token_set", granted.refresh_token);
    json_object_end(j);
    return OK;
}
