/* SPDX-License-Identifier: Apache-2.0 */
/* What may be typed into an account's form (AC-2), and where its secrets go. */
#include <ctype.h>

#include "base/utf8.h"
#include "dialect/dialect.h"
#include "net/guard.h"
#include "net/tls.h"
#include "net/url.h"
#include "service/accounts_impl.h"
#include "service/settings.h"

/* ---- addresses ---- */

/* What people paste: the address of one endpoint instead of the API's. */
static bool is_endpoint(struct str path)
{
    static const char *const ends[] = {
        "/chat/completions", "/images/generations", "/images/edits",     "/videos",
        "/models",           "/completions",        "/generations/tasks"};
    while (str_ends(path, STR("/")))
        path.n--;
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        if (str_ends(path, str_of(ends[i])))
            return true;
    }
    return false;
}

static enum status check_host(const struct url *u, const char *field,
                              const struct settings *settings, struct err *err)
{
    struct sockaddr_storage address;
    socklen_t size;
    struct guard guard = {GUARD_ADMIN, settings->allowed_private_networks,
                          settings->allowed_private_network_count};
    if (!u->host_is_ip)
        return OK; /* judged by what it resolves to, at every connection */
    if (guard_parse_address(u->host, u->port, &address, &size) &&
        guard_allows(&guard, (struct sockaddr *)&address))
        return OK;
    return err_field(err, "url_forbidden", field,
                     "%s may not point to a link-local, metadata or reserved address", field);
}

static enum status parse_address(struct str text, const char *field,
                                 const struct settings *settings, struct arena *a, struct url *ret,
                                 struct err *err)
{
    if (text.n > ACCOUNT_BASE_URL_MAX)
        return err_field(err, "invalid_field", field, "%s may have at most %d bytes", field,
                         ACCOUNT_BASE_URL_MAX);
    if (!str_starts(text, STR("http://")) && !str_starts(text, STR("https://")))
        return err_field(err, "url_scheme", field, "%s must begin with http:// or https://", field);
    enum status status = url_parse(text, a, ret, err);
    if (status != OK) {
        struct err why = *err;
        return err_field(err, why.code, field, "%s: %s", field, why.text);
    }
    return check_host(ret, field, settings, err);
}

enum status account_check_address(struct str text, const char *field,
                                  const struct settings *settings, struct arena *a, struct err *err)
{
    struct url ignored;
    return parse_address(text, field, settings, a, &ignored, err);
}

static enum status check_base_url(struct str text, const struct settings *settings, struct arena *a,
                                  struct err *err)
{
    struct url u;
    if (text.n == 0)
        return err_field(err, "missing_field", "base_url", "base_url is required");
    TRY(parse_address(text, "base_url", settings, a, &u, err));
    if (u.query.p || str_has_char(text, '#'))
        return err_field(err, "base_url_parts", "base_url",
                         "base_url must not have a query (?…) or a fragment (#…)");
    if (is_endpoint(u.path))
        return err_field(err, "base_url_is_endpoint", "base_url",
                         "base_url is the address of the API, such as https://host or "
                         "https://host/v1, not of one endpoint like /chat/completions");
    return OK;
}

/* "socks5h://user:password@host:1080" in its parts; auth STR_NONE without any. */
static bool split_proxy(struct str text, struct str *ret_scheme, struct str *ret_auth,
                        struct str *ret_rest)
{
    ptrdiff_t slashes = str_find(text, STR("://"));
    if (slashes < 0)
        return false;
    *ret_scheme = str_to(text, (size_t)slashes);
    *ret_rest = str_from(text, (size_t)slashes + 3);
    *ret_auth = STR_NONE;
    for (size_t i = ret_rest->n; i > 0; i--) {
        if (ret_rest->p[i - 1] != '@')
            continue;
        *ret_auth = str_to(*ret_rest, i - 1);
        *ret_rest = str_from(*ret_rest, i);
        break;
    }
    return true;
}

static bool proxy_scheme_known(struct str scheme)
{
    static const char *const schemes[] = {"http", "https", "socks5", "socks5h", "socks4a"};
    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
        if (str_eq(scheme, str_of(schemes[i])))
            return true;
    }
    return false;
}

static enum status check_proxy(struct str text, struct arena *a, struct err *err)
{
    struct str scheme, auth, rest;
    struct url u;
    if (text.n == 0)
        return OK;
    bool good = text.n <= ACCOUNT_PROXY_MAX && split_proxy(text, &scheme, &auth, &rest) &&
                proxy_scheme_known(scheme);
    if (good) {
        struct str plain = arena_printf(a, "http://%.*s", STR_ARG(rest));
        good = url_parse(plain, a, &u, err) == OK && str_eq(u.path, STR("/")) && !u.query.p;
    }
    for (size_t i = 0; good && i < auth.n; i++)
        good = isgraph((unsigned char)auth.p[i]);
    if (good)
        return OK;
    return err_field(err, "invalid_proxy", "proxy_url",
                     "proxy_url must be http://, https://, socks5://, socks5h:// or socks4a:// and "
                     "[user:password@]host[:port]");
}

/* ---- the rest ---- */

static enum status check_name(struct str name, struct err *err)
{
    size_t length = utf8_length(str_trim(name));
    if (length >= 1 && length <= ACCOUNT_NAME_MAX)
        return OK;
    return err_field(err, "invalid_field", "name", "name must have 1 to %d characters",
                     ACCOUNT_NAME_MAX);
}

static enum status check_api_key(struct str key, struct err *err)
{
    bool good = key.n <= ACCOUNT_API_KEY_MAX;
    if (key.n == 0)
        return err_field(err, "missing_field", "api_key", "api_key is required");
    for (size_t i = 0; good && i < key.n; i++)
        good = isgraph((unsigned char)key.p[i]);
    if (good)
        return OK;
    return err_field(err, "invalid_field", "api_key",
                     "api_key must have 1 to %d printable characters without spaces",
                     ACCOUNT_API_KEY_MAX);
}

static enum status check_ca(struct str pem, struct err *err)
{
    if (pem.n == 0)
        return OK;
    struct tls_contexts *all = tls_contexts_new();
    struct tls_context *context = NULL;
    enum status status = pem.n <= ACCOUNT_CA_MAX ? tls_context_get(all, pem, &context, err)
                                                 : E_INVALID;
    if (status == OK)
        tls_context_unref(context);
    tls_contexts_free(all);
    return status == OK ? OK
                        : err_field(err, "bad_ca", "ca_pem",
                                    "ca_pem must hold one or more certificates in PEM form");
}

static enum status check_kind(const struct account_form *form, struct err *err)
{
    if (form->set & ACCOUNT_PLATFORM && !str_eq(form->platform, STR("sora")))
        return err_field(err, "invalid_field", "platform", "platform must be sora");
    if (form->set & ACCOUNT_DIALECT && !dialect_find(form->dialect))
        return err_field(err, "invalid_field", "dialect", "there is no dialect of this name");
    return OK;
}

enum status account_form_check(const struct account_form *form, const struct settings *settings,
                               struct arena *a, struct err *err)
{
    if (form->set & ACCOUNT_NAME)
        TRY(check_name(form->name, err));
    TRY(check_kind(form, err));
    if (form->set & ACCOUNT_BASE_URL)
        TRY(check_base_url(form->base_url, settings, a, err));
    if (form->set & ACCOUNT_API_KEY)
        TRY(check_api_key(form->api_key, err));
    if (form->set & ACCOUNT_PROXY)
        TRY(check_proxy(form->proxy_url, a, err));
    if (form->set & ACCOUNT_CA)
        TRY(check_ca(form->ca_pem, err));
    return account_oauth_check(form, settings, a, err);
}

/* ---- secrets ---- */

enum status account_form_check_way(const struct account_form *form, const struct account *before,
                                   struct arena *a, struct err *err)
{
    struct url old, new;
    struct err ignored;
    bool oauth = before->type == ACCOUNT_OAUTH;
    unsigned secret = oauth ? ACCOUNT_TOKENS : ACCOUNT_API_KEY;
    if (!(form->set & ACCOUNT_BASE_URL) || form->set & secret)
        return OK;
    if (url_parse(before->base_url, a, &old, &ignored) == OK &&
        url_parse(form->base_url, a, &new, &ignored) == OK && url_same_origin(&old, &new))
        return OK;
    if (oauth)
        return err_field(err, "oauth_tokens_again", "base_url",
                         "base_url leads to another server: sign in again, or enter its tokens");
    return err_field(err, "api_key_again", "api_key",
                     "base_url leads to another server: enter the api_key for it again");
}

/* The secret half of a proxy's address goes to the secrets, a placeholder stays in its place. */
static enum status apply_proxy(struct str text, struct arena *a, struct account *account,
                               struct account_secrets *secrets, struct err *err)
{
    struct str scheme, auth, rest, before = account->proxy_url;
    account->proxy_url = STR_NONE;
    if (text.n == 0 || !split_proxy(text, &scheme, &auth, &rest)) {
        secrets->proxy_auth = STR_NONE;
        return OK;
    }
    bool keep = str_eq(auth, STR(ACCOUNT_PROXY_HIDDEN));
    if (keep && !secrets->proxy_auth.p)
        return err_field(err, "invalid_proxy", "proxy_url",
                         "proxy_url has no user name and password that could be kept");
    /* It is kept for the proxy that it was typed for, and led to no other. */
    if (keep && !str_eq(text, before))
        return err_field(err, "invalid_proxy", "proxy_url",
                         "another proxy_url needs its user name and password again");
    if (!keep)
        secrets->proxy_auth = auth;
    account->proxy_url = arena_printf(a, "%.*s://%s%.*s", STR_ARG(scheme),
                                      secrets->proxy_auth.p ? ACCOUNT_PROXY_HIDDEN "@" : "",
                                      STR_ARG(rest));
    return account->proxy_url.p ? OK : err_set(err, E_NO_MEMORY, "no_memory");
}

static void apply_plain(const struct account_form *form, struct account *account)
{
    unsigned set = form->set;
    if (set & ACCOUNT_NAME)
        account->name = str_trim(form->name);
    if (set & ACCOUNT_DIALECT)
        account->dialect = form->dialect;
    if (set & ACCOUNT_BASE_URL)
        account->base_url = form->base_url;
    if (set & ACCOUNT_PRIORITY)
        account->priority = form->priority;
    if (set & ACCOUNT_CONCURRENCY)
        account->concurrency = form->concurrency;
    if (set & ACCOUNT_MODELS)
        account->models = form->models;
    if (set & ACCOUNT_MAPPING)
        account->model_mapping = form->model_mapping;
    if (set & ACCOUNT_CA)
        account->ca_pem = form->ca_pem.n ? form->ca_pem : STR_NONE;
    if (set & ACCOUNT_IDEMPOTENCY)
        account->honours_idempotency = form->honours_idempotency;
    if (set & ACCOUNT_HTTP2)
        account->http2 = form->http2;
    if (set & ACCOUNT_STATUS)
        account->status = form->status;
}

enum status account_form_apply(const struct account_form *form, struct arena *a,
                               struct account *account, struct account_secrets *secrets,
                               struct err *err)
{
    apply_plain(form, account);
    if (form->set & ACCOUNT_GROUPS) {
        account->group_count = form->group_count;
        for (size_t i = 0; i < form->group_count; i++)
            account->group_ids[i] = form->group_ids[i];
    }
    if (form->set & ACCOUNT_API_KEY)
        secrets->api_key = form->api_key;
    if (form->set & ACCOUNT_CLIENT_SECRET)
        secrets->client_secret = form->client_secret;
    /* One without the other is another sign-in's. */
    if (form->set & ACCOUNT_TOKENS) {
        secrets->access_token = form->access_token;
        secrets->refresh_token = form->refresh_token;
    }
    if (form->set & ACCOUNT_PROXY)
        TRY(apply_proxy(form->proxy_url, a, account, secrets, err));
    return OK;
}
