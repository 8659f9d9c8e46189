/* SPDX-License-Identifier: Apache-2.0 */
/* AC-5: asks an upstream for its models and says in one word what came of it. */
#include <string.h>

#include "base/clock.h"
#include "dialect/dialect.h"
#include "net/fetch.h"
#include "pool/tokens.h"
#include "service/accounts_impl.h"
#include "service/oauth_flow.h"
#include "service/settings.h"
#include "store/account_tokens.h"
#include "store/accounts.h"

/* A little under the 10 s promised, so that the answer itself has time. */
enum { CONNECT_MS = 8000, TOTAL_MS = 9500, BODY_BYTES = 1 << 20, MAX_NAMES = 1000 };

/* What is to be asked, by whom and until when. */
struct trial {
    const struct account_work *w;
    struct fetcher *fetcher;
    struct account account;
    struct account_secrets secrets;
    int64_t until; /* mono ms */
    bool kept;     /* the token is the account's own, so it may be renewed */
};

/* A sign-in is looked at and not used up: the account is still to be made. */
static enum status read_grant(const struct account_work *w, struct account_form *form,
                              struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    if (!(form->set & ACCOUNT_GRANT))
        return OK;
    TRY(db_begin(tx, err));
    return oauth_flow_take(w, tx, form, err);
}

static enum status check_draft(const struct account_form *form, bool oauth, struct err *err)
{
    if (!(form->set & ACCOUNT_BASE_URL))
        return err_field(err, "missing_field", "base_url", "base_url is required");
    if (oauth && !form->access_token.n)
        return err_field(err, "missing_field", "access_token", "sign in, or enter an access_token");
    if (!oauth && !(form->set & ACCOUNT_API_KEY))
        return err_field(err, "missing_field", "api_key", "api_key is required");
    return OK;
}

/* The account as it would be with the form. */
static enum status load(struct trial *t, int64_t id, const struct account_form *typed,
                        struct err *err)
{
    const struct account_work *w = t->w;
    struct account_form form = *typed;
    TRY(account_form_check(&form, w->settings, w->arena, err));
    TRY(read_grant(w, &form, err));
    if (id == 0) {
        bool oauth = form.set & ACCOUNT_TYPE && form.type == ACCOUNT_OAUTH;
        t->account = (struct account){.type = oauth ? ACCOUNT_OAUTH : ACCOUNT_APIKEY,
                                      .dialect = oauth ? STR("videos") : STR("chat")};
        TRY(check_draft(&form, oauth, err));
    } else {
        TRY(accounts_find(w->db, id, w->arena, &t->account, err));
        TRY(account_form_check_way(&form, &t->account, w->arena, err));
        enum status status = account_secrets_open(w->app->keys, &t->account, w->arena, &t->secrets,
                                                  err);
        if (!(form.set & (ACCOUNT_API_KEY | ACCOUNT_TOKENS)))
            TRY(status);
        t->kept = t->account.type == ACCOUNT_OAUTH && !(form.set & ACCOUNT_TOKENS);
    }
    return account_form_apply(&form, w->arena, &t->account, &t->secrets, err);
}

/* Another token of the account's own, if the kept one will not do; false: it stays.  Somebody may
 * have renewed it since it was read here. */
static bool renew(struct trial *t, bool refused)
{
    const struct account_work *w = t->w;
    struct account_secrets secrets = {0};
    struct account account;
    struct pool_ref ref;
    struct err ignored;
    bool renewed = false;
    if (!t->kept)
        return false;
    pool_hold(w->app->pool, t->account.id, &ref);
    if (ref.account && !str_eq(ref.account->target.credential, t->secrets.access_token))
        renewed = true;
    else if (ref.account && (refused ? token_may_renew(ref.account) : token_is_spent(ref.account)))
        renewed = tokens_await(w->app->tokens, ref.account, MAX(t->until - clock_mono_ms(), 0));
    pool_drop(&ref);
    if (!renewed || accounts_find(w->db, t->account.id, w->arena, &account, &ignored) != OK ||
        account_secrets_open(w->app->keys, &account, w->arena, &secrets, &ignored) != OK)
        return false;
    t->secrets.access_token = secrets.access_token;
    return true;
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

static void judge(const struct dialect *dialect, const struct fetch_answer *answer,
                  struct str credential, struct arena *a, struct account_test *ret)
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
    ret->upstream = dialect_error_message(&in, credential, a, &code);
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

static enum status ask(struct trial *t, const struct dialect *dialect, struct account_test *ret,
                       struct err *err)
{
    const struct account_work *w = t->w;
    const struct account *account = &t->account;
    bool oauth = account->type == ACCOUNT_OAUTH;
    struct dialect_target target = {.credential = oauth ? t->secrets.access_token
                                                        : t->secrets.api_key};
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
        .http2 = account->http2,
        .proxy_url = account_proxy_with_auth(account->proxy_url, t->secrets.proxy_auth, w->arena),
        .connect_timeout_ms = CONNECT_MS,
        .total_timeout_ms = (int)MAX(t->until - clock_mono_ms(), 1),
        .max_body = BODY_BYTES,
    };
    struct err failure = {0};
    enum status status = fetch_run(t->fetcher, &request, w->arena, &answer, &failure);
    *ret = (struct account_test){0};
    if (status == OK)
        judge(dialect, &answer, target.credential, w->arena, ret);
    else
        ret->code = code_of_failure(failure.code);
    return OK;
}

enum status account_test_run(const struct account_work *w, struct fetcher *fetcher, int64_t id,
                             const struct account_form *form, struct account_test *ret,
                             struct err *err)
{
    int64_t began = clock_mono_ms();
    struct trial t = {.w = w, .fetcher = fetcher, .until = began + TOTAL_MS};
    struct account_test test = {0};
    TRY(load(&t, id, form, err));
    const struct dialect *dialect = dialect_find(t.account.dialect);
    if (!dialect)
        return err_field(err, "invalid_field", "dialect", "there is no dialect of this name");
    renew(&t, false);
    if (t.kept && (t.account.sign_in_again || !t.secrets.access_token.n))
        test.code = ACCOUNT_SIGN_IN_AGAIN;
    else
        TRY(ask(&t, dialect, &test, err));
    if (test.http_status == 401 && renew(&t, true))
        TRY(ask(&t, dialect, &test, err));
    test.latency_ms = clock_mono_ms() - began;
    *ret = test;
    return OK;
}
