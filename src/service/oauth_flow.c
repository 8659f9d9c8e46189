/* SPDX-License-Identifier: Apache-2.0 */
#include "service/oauth_flow.h"

#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/json_out.h"
#include "platform/json_in.h"
#include "service/accounts_impl.h"
#include "service/settings.h"
#include "store/accounts.h"
#include "store/oauth_flows.h"

enum { SEALED_BYTES = 256 << 10, TOKEN_SIZE = 64, HASH_TEXT_SIZE = 2 * SHA256_SIZE + 1 };

static const struct str state_kind = {"state", 5}, grant_kind = {"grant", 5};

/* What is kept between two calls; STR_NONE: nothing. */
struct flow {
    struct str client; /* JSON of net/oauth */
    struct str verifier, client_secret, proxy_url, ca_pem, access_token, refresh_token;
    int64_t expires_at;
};

static const struct {
    const char *name;
    size_t offset;
} texts[] = {
    {"client", offsetof(struct flow, client)},
    {"verifier", offsetof(struct flow, verifier)},
    {"client_secret", offsetof(struct flow, client_secret)},
    {"proxy_url", offsetof(struct flow, proxy_url)},
    {"ca_pem", offsetof(struct flow, ca_pem)},
    {"access_token", offsetof(struct flow, access_token)},
    {"refresh_token", offsetof(struct flow, refresh_token)},
};

static struct str *text_of(const struct flow *f, size_t i)
{
    return (struct str *)((char *)f + texts[i].offset);
}

/* ---- rows ---- */

static struct str hash_of(struct str token, char out[HASH_TEXT_SIZE])
{
    unsigned char hash[SHA256_SIZE];
    crypto_sha256(token, hash);
    hex_encode(hash, sizeof(hash), out);
    return str_of(out);
}

static struct str seal(const struct account_work *w, const struct flow *f, struct str hash)
{
    _cleanup_(buf_cleanup) struct buf text = BUF_INIT(SEALED_BYTES);
    struct str sealed = STR_NONE;
    struct json_out j;
    json_out_init(&j, &text);
    json_object(&j);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (text_of(f, i)->n > 0)
            json_kv_str(&j, texts[i].name, *text_of(f, i));
    }
    json_kv_int(&j, "expires_at", f->expires_at);
    json_object_end(&j);
    if (!buf_failed(&text))
        sealed = key_ring_seal(w->app->keys, w->arena, hash, buf_str(&text));
    if (text.p)
        mem_wipe(text.p, text.size);
    return sealed;
}

static enum status keep(const struct account_work *w, struct db_conn *tx, const struct flow *f,
                        struct str kind, struct str token, struct err *err)
{
    char hash[HASH_TEXT_SIZE];
    int64_t now = clock_wall_ms();
    struct oauth_flow_row row = {
        .token_hash = hash_of(token, hash),
        .kind = kind,
        .user_id = w->actor->user_id,
        .created_at = now,
        .expires_at = now + OAUTH_FLOW_MINUTES * CLOCK_MINUTE_MS,
    };
    row.sealed = seal(w, f, row.token_hash);
    if (!row.sealed.p)
        return err_set(err, E_NO_MEMORY, "no_memory");
    return oauth_flows_insert(tx, &row, err);
}

static enum status keep_alone(const struct account_work *w, const struct flow *f, struct str kind,
                              struct str token, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    TRY(db_begin(tx, err));
    TRY(keep(w, tx, f, kind, token, err));
    return db_commit(tx, err);
}

static enum status take(const struct account_work *w, struct db_conn *tx, struct str kind,
                        struct str token, struct flow *ret, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    char hash[HASH_TEXT_SIZE];
    struct str sealed, opened;
    struct flow f = {0};
    TRY(oauth_flows_take(tx, hash_of(token, hash), kind, w->actor->user_id, clock_wall_ms(),
                         w->arena, &sealed, err));
    TRY(key_ring_open(w->app->keys, w->arena, str_of(hash), sealed, &opened, err));
    enum status status = json_parse(opened, &doc, err);
    mem_wipe((char *)opened.p, opened.n);
    TRY(status);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct str text = json_str_or(json_get(json_root(doc), texts[i].name), STR_NONE);
        *text_of(&f, i) = text.n ? arena_str(w->arena, text) : STR_NONE;
    }
    f.expires_at = json_int_or(json_get(json_root(doc), "expires_at"), 0);
    *ret = f;
    return OK;
}

/* Before the code is sent: whatever comes of it, it is good once. */
static enum status take_alone(const struct account_work *w, struct str kind, struct str token,
                              struct flow *ret, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    TRY(db_begin(tx, err));
    TRY(take(w, tx, kind, token, ret, err));
    return db_commit(tx, err);
}

/* ---- begin ---- */

/* The account as it would be with the form. */
static enum status load(const struct account_work *w, int64_t account_id,
                        const struct account_form *form, struct account *account,
                        struct account_secrets *secrets, struct err *err)
{
    *account = (struct account){.type = ACCOUNT_OAUTH, .oauth = STR_NONE};
    if (account_id) {
        TRY(accounts_find(w->db, account_id, w->arena, account, err));
        if (account->type != ACCOUNT_OAUTH)
            return err_field(err, "invalid_field", "account_id", "this is no oauth account");
        TRY(account_secrets_open(w->app->keys, account, w->arena, secrets, err));
    }
    return account_form_apply(form, w->arena, account, secrets, err);
}

static enum status check_client(const struct oauth_client *c, struct err *err)
{
    if (!c->client_id.n)
        return err_field(err, "missing_field", "client_id", "client_id is required");
    if (!c->authorize_url.n)
        return err_field(err, "missing_field", "issuer", "issuer or authorize_url is required");
    if (!c->token_url.n)
        return err_field(err, "missing_field", "token_url", "issuer or token_url is required");
    return OK;
}

enum status oauth_flow_begin(const struct account_work *w, int64_t account_id,
                             const struct account_form *form, struct str origin,
                             struct oauth_begun *ret, struct err *err)
{
    char verifier[OAUTH_VERIFIER_SIZE], state[TOKEN_SIZE];
    struct oauth_client client, before = {0};
    struct account_secrets secrets = {0};
    struct account account;
    TRY(account_form_check(form, w->settings, w->arena, err));
    TRY(load(w, account_id, form, &account, &secrets, err));
    struct str proxy = account_proxy_with_auth(account.proxy_url, secrets.proxy_auth, w->arena);
    TRY(account_oauth_client(w, account.oauth, form, proxy, account.ca_pem, &client, err));
    if (account_id && oauth_client_read(account.oauth, w->arena, &before, err) == OK)
        TRY(account_oauth_check_way(&before, &client, form, w->arena, err));
    if (!client.redirect_uri.n)
        client.redirect_uri = arena_printf(w->arena, "%.*s/oauth/callback", STR_ARG(origin));
    TRY(check_client(&client, err));

    oauth_make_verifier(verifier);
    crypto_random_text(24, state);
    const struct flow flow = {.client = oauth_client_write(&client, w->arena),
                              .verifier = str_of(verifier),
                              .client_secret = secrets.client_secret,
                              .proxy_url = proxy,
                              .ca_pem = account.ca_pem};
    TRY(keep_alone(w, &flow, state_kind, str_of(state), err));
    *ret = (struct oauth_begun){
        .authorize_url = oauth_authorize_url(&client, str_of(state), str_of(verifier), w->arena),
        .state = arena_str(w->arena, str_of(state)),
        .redirect_uri = client.redirect_uri,
        .expires_at = clock_wall_ms() + OAUTH_FLOW_MINUTES * CLOCK_MINUTE_MS,
    };
    mem_wipe(verifier, sizeof(verifier));
    return ret->authorize_url.p ? OK : err_set(err, E_NO_MEMORY, "no_memory");
}

/* ---- exchange ---- */

/* RFC 9207: an answer of another issuer than the one that was asked is an attack. */
static bool is_from(struct str issuer, const struct oauth_client *c)
{
    struct str ours = c->issuer;
    while (str_ends(issuer, STR("/")))
        issuer.n--;
    while (str_ends(ours, STR("/")))
        ours.n--;
    return !issuer.n || !ours.n || str_eq(issuer, ours);
}

static enum status ask(const struct account_work *w, const struct flow *f,
                       const struct oauth_client *client, struct str code, struct oauth_tokens *ret,
                       struct err *err)
{
    const struct oauth_way way = {
        .fetcher = w->fetcher,
        .allowed = w->settings->allowed_private_networks,
        .allowed_count = w->settings->allowed_private_network_count,
        .ca_pem = f->ca_pem,
        .proxy_url = f->proxy_url,
    };
    enum status status = oauth_exchange(&way, client, f->client_secret, code, f->verifier, w->arena,
                                        ret, err);
    if (status != E_AUTH && status != E_UPSTREAM)
        return status;
    /* The server's own code is safe to show and says whose fault it is. */
    char why[ERR_TEXT_MAX];
    memcpy(why, err->detail, sizeof(why));
    bool known = strcmp(err->code, "bad_answer") == 0 || strcmp(err->code, "upstream_error") == 0 ||
                 status == E_AUTH;
    if (!known)
        return status;
    err_set(err, E_UPSTREAM, "oauth_exchange_failed");
    err_detail(err, "%s", why);
    return E_UPSTREAM;
}

enum status oauth_flow_exchange(const struct account_work *w, struct str pasted, struct str state,
                                struct oauth_granted *ret, struct err *err)
{
    char grant[TOKEN_SIZE];
    struct oauth_callback back;
    struct oauth_client client;
    struct oauth_tokens tokens;
    struct flow flow;
    TRY(oauth_read_callback(pasted, w->arena, &back, err));
    if (back.state.n && state.n && !str_eq(back.state, state))
        return err_set(err, E_INVALID, "oauth_state_invalid");
    TRY(take_alone(w, state_kind, back.state.n ? back.state : state, &flow, err));
    if (back.error.n)
        return err_set(err, E_FORBIDDEN, "oauth_denied");
    TRY(oauth_client_read(flow.client, w->arena, &client, err));
    if (!is_from(back.issuer, &client))
        return err_set(err, E_INVALID, "oauth_state_invalid");
    TRY(ask(w, &flow, &client, back.code, &tokens, err));

    crypto_random_text(24, grant);
    flow.verifier = STR_NONE;
    flow.access_token = tokens.access;
    flow.refresh_token = tokens.refresh;
    flow.expires_at = tokens.lifetime_ms ? clock_wall_ms() + tokens.lifetime_ms : 0;
    TRY(keep_alone(w, &flow, grant_kind, str_of(grant), err));
    *ret = (struct oauth_granted){
        .grant = arena_str(w->arena, str_of(grant)),
        .expires_at = clock_wall_ms() + OAUTH_FLOW_MINUTES * CLOCK_MINUTE_MS,
        .token_expires_at = flow.expires_at,
        .refresh_token = tokens.refresh.n > 0,
    };
    return OK;
}

enum status oauth_flow_take(const struct account_work *w, struct db_conn *tx,
                            struct account_form *form, struct err *err)
{
    struct flow flow;
    enum status status = take(w, tx, grant_kind, form->grant, &flow, err);
    if (status == E_INVALID)
        return err_field(err, "oauth_state_invalid", "grant",
                         "the sign-in has expired or was used: open the link again");
    TRY(status);
    TRY(oauth_client_read(flow.client, w->arena, &form->oauth, err));
    form->set |= ACCOUNT_OAUTH_MEMBERS;
    form->client_secret = flow.client_secret;
    form->access_token = flow.access_token;
    form->refresh_token = flow.refresh_token;
    form->expires_at = flow.expires_at;
    return OK;
}
