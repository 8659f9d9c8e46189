/* SPDX-License-Identifier: Apache-2.0 */
/* AC-5: asks an upstream for its models and says in one word what came of it. */
#include <string.h>

#include "base/clock.h"
#include "dialect/dialect.h"
#include "net/fetch.h"
#include "service/accounts.h"
#include "service/settings.h"
#include "store/accounts.h"

/* A little under the 10 s promised, so that the answer itself has time. */
enum { CONNECT_MS = 8000, TOTAL_MS = 9500, BODY_BYTES = 1 << 20, MAX_NAMES = 1000 };

/* The account as it would be with the form. */
static enum status load(const struct account_work *w, int64_t id, const struct account_form *form,
                        struct account *account, struct account_secrets *secrets, struct err *err)
{
    TRY(account_form_check(form, w->settings, w->arena, err));
    if (id == 0) {
        *account = (struct account){.type = ACCOUNT_APIKEY, .dialect = STR("chat")};
        if (!(form->set & ACCOUNT_BASE_URL))
            return err_field(err, "missing_field", "base_url", "base_url is required");
        if (!(form->set & ACCOUNT_API_KEY))
            return err_field(err, "missing_field", "api_key", "api_key is required");
    } else {
        TRY(accounts_find(w->db, id, w->arena, account, err));
        TRY(account_form_check_way(form, account, w->arena, err));
        enum status status = account_secrets_open(w->app, account, w->arena, secrets, err);
        if (!(form->set & ACCOUNT_API_KEY))
            TRY(status);
    }
    return account_form_apply(form, w->arena, account, secrets, err);
}

static bool is_html(const struct fetch_answer *answer)
{
    return str_find(answer->type, STR("html")) >= 0 || str_starts(answer->body, STR("<"));
}

/* What an answer other than 2xx says. */
static const char *code_of_status(const struct fetch_answer *answer)
{
    int status = answer->status;
    if (status == 401 || status == 403)
        return "auth_failed";
    if (status < 400 || status == 404 || status == 405 || status == 410)
        return "not_this_api";
    return status < 500 && is_html(answer) ? "not_this_api" : "upstream_error";
}

static void judge(const struct dialect *dialect, const struct fetch_answer *answer, struct arena *a,
                  struct account_test *ret)
{
    struct dialect_answer in = {answer->status, answer->type, answer->body};
    struct str *names = arena_alloc(a, MAX_NAMES * sizeof(*names));
    bool known = answer->status != 401 && answer->status != 403;
    struct err ignored;
    struct str code;
    size_t count;
    ret->http_status = answer->status;
    ret->ok = known && names &&
              dialect->read_models(&in, a, names, MAX_NAMES, &count, &ignored) == OK;
    if (ret->ok)
        return;
    ret->code = code_of_status(answer);
    if (answer->status / 100 == 2)
        return;
    ret->upstream = dialect_error_message(&in, a, &code);
}

/* fetch's own codes are the causes of AC-5 already, but for what an answer did wrong. */
static const char *code_of_failure(const char *code)
{
    static const char *const causes[] = {
        "name_not_found", "address_forbidden", "connection_refused", "connect_timeout",
        "timeout",        "tls_failed",        "connection_broken"};
    for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
        if (strcmp(code, causes[i]) == 0)
            return causes[i];
    }
    return "not_this_api";
}

static enum status ask(const struct account_work *w, struct fetcher *fetcher,
                       const struct account *account, const struct account_secrets *secrets,
                       const struct dialect *dialect, struct account_test *ret, struct err *err)
{
    struct dialect_target target = {.credential = secrets->api_key};
    struct dialect_http http = {0};
    struct http_header headers[DIALECT_MAX_HEADERS];
    struct fetch_answer answer = {0};
    TRY(url_parse(account->base_url, w->arena, &target.base, err));
    TRY(dialect->build_models(&target, w->arena, &http, err));
    for (size_t i = 0; i < http.header_count; i++)
        headers[i] = (struct http_header){http.headers[i].name, http.headers[i].value};
    const struct fetch_request request = {
        .url = url_text(&http.url, w->arena),
        .method = http.method,
        .headers = headers,
        .header_count = http.header_count,
        .body = http.body,
        .guard = {GUARD_ADMIN, w->settings->allowed_private_networks,
                  w->settings->allowed_private_network_count},
        .ca_pem = account->ca_pem,
        .proxy_url = account_proxy_with_auth(account->proxy_url, secrets->proxy_auth, w->arena),
        .connect_timeout_ms = CONNECT_MS,
        .total_timeout_ms = TOTAL_MS,
        .max_body = BODY_BYTES,
    };
    int64_t began = clock_mono_ms();
    struct err failure = {0};
    enum status status = fetch_run(fetcher, &request, w->arena, &answer, &failure);
    ret->latency_ms = clock_mono_ms() - began;
    if (status == OK)
        judge(dialect, &answer, w->arena, ret);
    else
        ret->code = code_of_failure(failure.code);
    return OK;
}

enum status account_test_run(const struct account_work *w, struct fetcher *fetcher, int64_t id,
                             const struct account_form *form, struct account_test *ret,
                             struct err *err)
{
    struct account account;
    struct account_secrets secrets = {0};
    struct account_test test = {0};
    TRY(load(w, id, form, &account, &secrets, err));
    const struct dialect *dialect = dialect_find(account.dialect);
    if (!dialect)
        return err_field(err, "invalid_field", "dialect", "there is no dialect of this name");
    TRY(ask(w, fetcher, &account, &secrets, dialect, &test, err));
    *ret = test;
    return OK;
}
