/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator has typed about an account, from JSON to the service's form. */
#include "api/account_form.h"

#include "api/forms.h"
#include "base/clock.h"
#include "dialect/dialect.h"

struct account_work account_work_of(struct call *c, const struct actor *actor)
{
    return (struct account_work){c->app, c->db, c->settings, actor, c->arena, c->worker->fetcher};
}

static enum status read_expiry(struct json credentials, struct account_form *form, struct err *err)
{
    struct str text = json_str_or(json_get(credentials, "expires_at"), STR_NONE);
    if (!form_has(credentials, "expires_at"))
        return OK;
    form->set |= ACCOUNT_EXPIRES_AT;
    if (text.p && clock_parse_rfc3339(text, &form->expires_at) && form->expires_at > 0)
        return OK;
    return err_field(err, "invalid_field", "expires_at",
                     "expires_at must be a time such as 2026-11-22T08:15:30Z");
}

/* AC-3.  An empty text takes an address or a secret away. */
static enum status read_oauth(struct json credentials, struct account_form *form, struct err *err)
{
    const struct {
        const char *key;
        unsigned member;
        size_t max;
        struct str *to;
    } texts[] = {
        {"issuer", ACCOUNT_ISSUER, ACCOUNT_BASE_URL_MAX, &form->oauth.issuer},
        {"authorize_url", ACCOUNT_AUTHORIZE_URL, ACCOUNT_BASE_URL_MAX, &form->oauth.authorize_url},
        {"token_url", ACCOUNT_TOKEN_URL, ACCOUNT_BASE_URL_MAX, &form->oauth.token_url},
        {"client_id", ACCOUNT_CLIENT_ID, ACCOUNT_CLIENT_ID_MAX, &form->oauth.client_id},
        {"client_secret", ACCOUNT_CLIENT_SECRET, ACCOUNT_API_KEY_MAX, &form->client_secret},
        {"scopes", ACCOUNT_SCOPES, ACCOUNT_SCOPES_MAX, &form->oauth.scopes},
        {"redirect_uri", ACCOUNT_REDIRECT_URI, ACCOUNT_BASE_URL_MAX, &form->oauth.redirect_uri},
        {"access_token", ACCOUNT_ACCESS_TOKEN, OAUTH_TOKEN_MAX, &form->access_token},
        {"refresh_token", ACCOUNT_REFRESH_TOKEN, OAUTH_TOKEN_MAX, &form->refresh_token},
        {"grant", ACCOUNT_GRANT, 128, &form->grant},
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        TRY(json_field_str(credentials, texts[i].key, JSON_OPTIONAL, 0, texts[i].max, texts[i].to,
                           err));
        *texts[i].to = str_trim(*texts[i].to);
        /* No token typed is none to replace. */
        bool meant = texts[i].to->n || (texts[i].to->p && !(texts[i].member & ACCOUNT_TOKENS));
        form->set |= meant ? texts[i].member : 0u;
    }
    return read_expiry(credentials, form, err);
}

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
    return read_oauth(credentials, form, err);
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

/* Each once, and in order: who names the same groups locks them in the same order. */
static void add_group(struct account_form *form, int64_t id)
{
    size_t at = form->group_count;
    while (at > 0 && form->group_ids[at - 1] > id)
        at--;
    if (at > 0 && form->group_ids[at - 1] == id)
        return;
    for (size_t i = form->group_count++; i > at; i--)
        form->group_ids[i] = form->group_ids[i - 1];
    form->group_ids[at] = id;
}

static enum status read_groups(struct json body, struct account_form *form, struct err *err)
{
    struct json ids = json_get(body, "group_ids");
    if (!form_has(body, "group_ids"))
        return OK;
    bool good = json_is_array(ids) && json_size(ids) <= ACCOUNT_MAX_GROUPS;
    for (size_t i = 0; good && i < json_size(ids); i++) {
        int64_t id = json_int_or(json_at(ids, i), 0);
        add_group(form, id);
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

enum status account_form_read(struct call *c, struct account_form *ret, struct err *err)
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
