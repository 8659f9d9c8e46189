/* SPDX-License-Identifier: Apache-2.0 */
/* What an oauth account has beside any other (AC-3): where its tokens come from, and their row. */
#include <ctype.h>

#include "base/clock.h"
#include "pool/tokens.h"
#include "service/accounts_impl.h"
#include "service/settings.h"
#include "store/account_tokens.h"

/* ---- the form ---- */

static enum status check_text(struct str text, size_t max, const char *field, struct err *err)
{
    bool good = text.n <= max;
    for (size_t i = 0; good && i < text.n; i++)
        good = isgraph((unsigned char)text.p[i]) || text.p[i] == ' ';
    return good ? OK
                : err_field(err, "invalid_field", field,
                            "%s must have at most %zu printable ASCII characters", field, max);
}

static enum status check_token(struct str token, const char *field, struct err *err)
{
    if (token.n == 0 || oauth_is_token(token))
        return OK;
    return err_field(err, "invalid_field", field,
                     "%s must have at most %d printable characters without spaces", field,
                     OAUTH_TOKEN_MAX);
}

static enum status check_addresses(const struct account_form *form, const struct settings *settings,
                                   struct arena *a, struct err *err)
{
    const struct {
        unsigned member;
        const char *field;
        struct str text;
    } addresses[] = {{ACCOUNT_ISSUER, "issuer", form->oauth.issuer},
                     {ACCOUNT_AUTHORIZE_URL, "authorize_url", form->oauth.authorize_url},
                     {ACCOUNT_TOKEN_URL, "token_url", form->oauth.token_url}};
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        if (form->set & addresses[i].member && addresses[i].text.n)
            TRY(account_check_address(addresses[i].text, addresses[i].field, settings, a, err));
    }
    return OK;
}

enum status account_oauth_check(const struct account_form *form, const struct settings *settings,
                                struct arena *a, struct err *err)
{
    unsigned set = form->set;
    if (!(set & ACCOUNT_OAUTH_MEMBERS))
        return OK;
    TRY(check_addresses(form, settings, a, err));
    if (set & ACCOUNT_CLIENT_ID)
        TRY(check_text(form->oauth.client_id, ACCOUNT_CLIENT_ID_MAX, "client_id", err));
    if (set & ACCOUNT_CLIENT_SECRET)
        TRY(check_text(form->client_secret, ACCOUNT_API_KEY_MAX, "client_secret", err));
    if (set & ACCOUNT_SCOPES)
        TRY(check_text(form->oauth.scopes, ACCOUNT_SCOPES_MAX, "scopes", err));
    /* Never fetched by us, and some clients have a scheme of their own. */
    if (set & ACCOUNT_REDIRECT_URI)
        TRY(check_text(form->oauth.redirect_uri, ACCOUNT_BASE_URL_MAX, "redirect_uri", err));
    TRY(check_token(form->access_token, "access_token", err));
    TRY(check_token(form->refresh_token, "refresh_token", err));
    return set & ACCOUNT_GRANT ? check_token(form->grant, "grant", err) : OK;
}

/* ---- the client ---- */

static void apply(const struct account_form *form, struct oauth_client *c)
{
    const struct oauth_client *typed = &form->oauth;
    unsigned set = form->set;
    bool moved = set & ACCOUNT_ISSUER && !str_eq(typed->issuer, c->issuer);
    if (moved && c->discovered)
        c->authorize_url = c->token_url = STR("");
    if (set & ACCOUNT_ISSUER)
        c->issuer = typed->issuer;
    if (set & ACCOUNT_AUTHORIZE_URL && (typed->authorize_url.n || !c->discovered))
        c->authorize_url = typed->authorize_url;
    if (set & ACCOUNT_TOKEN_URL && (typed->token_url.n || !c->discovered)) {
        c->token_url = typed->token_url;
        c->discovered = false;
    }
    if (set & ACCOUNT_CLIENT_ID)
        c->client_id = typed->client_id;
    if (set & ACCOUNT_SCOPES)
        c->scopes = typed->scopes;
    if (set & ACCOUNT_REDIRECT_URI)
        c->redirect_uri = typed->redirect_uri;
    c->discovered = c->discovered && c->token_url.n > 0;
}

/* Kept and compared as text: every member is one, at least empty. */
static struct str or_empty(struct str s)
{
    return s.p ? s : STR("");
}

static void fill_empty(struct oauth_client *c)
{
    c->issuer = or_empty(c->issuer);
    c->authorize_url = or_empty(c->authorize_url);
    c->token_url = or_empty(c->token_url);
    c->client_id = or_empty(c->client_id);
    c->scopes = or_empty(c->scopes);
    c->redirect_uri = or_empty(c->redirect_uri);
}

enum status account_oauth_client(const struct account_work *w, struct str kept,
                                 const struct account_form *form, struct str proxy_url,
                                 struct str ca_pem, struct oauth_client *ret, struct err *err)
{
    struct oauth_client c = {0};
    if (kept.p)
        TRY(oauth_client_read(kept, w->arena, &c, err));
    fill_empty(&c);
    apply(form, &c);
    fill_empty(&c);
    if (c.issuer.n && (!c.authorize_url.n || !c.token_url.n)) {
        const struct oauth_way way = {
            .fetcher = w->fetcher,
            .allowed = w->settings->allowed_private_networks,
            .allowed_count = w->settings->allowed_private_network_count,
            .ca_pem = ca_pem,
            .proxy_url = proxy_url,
        };
        TRY(oauth_discover(&way, &c, w->arena, err));
    }
    *ret = c;
    return OK;
}

enum status account_oauth_check_way(const struct oauth_client *from, const struct oauth_client *to,
                                    const struct account_form *form, struct arena *a,
                                    struct err *err)
{
    struct url old, new;
    struct err ignored;
    bool fresh = form->set & ACCOUNT_GRANT ||
                 (form->set & ACCOUNT_REFRESH_TOKEN && form->set & ACCOUNT_CLIENT_SECRET);
    if (fresh || !from->token_url.n || str_eq(from->token_url, to->token_url))
        return OK;
    if (url_parse(from->token_url, a, &old, &ignored) == OK &&
        url_parse(to->token_url, a, &new, &ignored) == OK && url_same_origin(&old, &new))
        return OK;
    return err_field(err, "oauth_tokens_again", "token_url",
                     "the tokens would go to another server: enter refresh_token and client_secret "
                     "for it again, or sign in there");
}

enum status account_oauth_check_complete(const struct oauth_client *c,
                                         const struct account_secrets *secrets, struct err *err)
{
    if (!secrets->access_token.n && !secrets->refresh_token.n)
        return err_field(err, "missing_field", "access_token",
                         "sign in, or enter an access_token or a refresh_token");
    if (!secrets->refresh_token.n)
        return OK;
    if (!c->client_id.n)
        return err_field(err, "missing_field", "client_id", "client_id is required");
    if (!c->token_url.n)
        return err_field(err, "missing_field", "token_url", "issuer or token_url is required");
    return OK;
}

/* ---- the row ---- */

static enum status mend(struct db_conn *tx, const struct account *account, struct arena *a,
                        struct err *err)
{
    struct account_token token;
    TRY(account_tokens_find(tx, account->id, a, &token, err));
    if (!token.sign_in_again && !token.failures && !token.unfinished)
        return OK;
    token.sign_in_again = false;
    token.failures = 0;
    token.unfinished = 0;
    token.refresh_at = token.expires_at ? MIN(token.expires_at, clock_wall_ms()) : 0;
    return account_tokens_put(tx, &token, err);
}

enum status account_oauth_write_token(struct db_conn *tx, const struct account *account,
                                      const struct account_form *form,
                                      const struct account_secrets *secrets, bool mended,
                                      struct arena *a, struct err *err)
{
    struct account_token token;
    if (!(form->set & ACCOUNT_TOKENS))
        return mended ? mend(tx, account, a, err) : OK;
    /* A refresh token alone: the first access token is asked for at once. */
    int64_t expires_at = secrets->access_token.n ? form->expires_at : clock_wall_ms();
    token_row(account->id, expires_at, 0, secrets->refresh_token.n > 0, &token);
    return account_tokens_put(tx, &token, err);
}

/* ---- what may be known ---- */

void account_oauth_known(const struct app *app, const struct account *account, struct arena *a,
                         struct account_known *ret)
{
    struct account_secrets secrets = {0};
    struct err ignored;
    *ret = (struct account_known){0};
    if (!account->oauth.p || oauth_client_read(account->oauth, a, &ret->client, &ignored) != OK)
        return;
    if (ret->client.discovered)
        ret->client.authorize_url = ret->client.token_url = STR("");
    if (account_secrets_open(app->keys, account, a, &secrets, &ignored) != OK)
        return;
    ret->client_secret = secrets.client_secret.n > 0;
    ret->access_token = secrets.access_token.n > 0;
    ret->refresh_token = secrets.refresh_token.n > 0;
    account_secrets_wipe(&secrets);
}
