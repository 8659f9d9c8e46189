/* SPDX-License-Identifier: Apache-2.0 */
/* One renewal of an account's token, from the lease to the commit (SPEC AC-3).
 *
 *   claim   under the account's lock: is it still needed, may it be tried now, is nobody else at
 *           it?  Then the lease is committed, and with it who asks.
 *   ask     one request to the token endpoint, shorter than the lease.
 *   keep    under the account's lock: both new tokens are committed before either is used.
 *
 * A refresh token may be good for one use only.  So a lease that nobody has ended means that its
 * owner died, perhaps with the answer in its hands: the next one tries the old token once, and if
 * it dies too, or hears invalid_grant, a person has to sign in again.  Whoever holds new tokens
 * commits them as long as the refresh token they were got with is still the account's, whatever has
 * become of the lease: they may be the only good ones.  What an administrator has entered in the
 * meantime stays. */
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/oauth.h"
#include "pool/pool_impl.h"
#include "pool/tokens_impl.h"
#include "store/account_secrets.h"
#include "store/account_tokens.h"
#include "store/accounts.h"

enum {
    ARENA_BYTES = 8 << 20,
    BACKOFF_MIN_MS = 2000,
    BACKOFF_MAX_MS = 5 * 60 * 1000,
    KEEP_TRIES = 120, /* a second apart: a token that was given is not given again */
    KEEP_TRIES_REFUSED = 20,
    KEEP_TRIES_STOPPING = 10,
    DEATHS_MAX = 1,
};

struct refresh {
    struct refresher *r;
    struct arena *a;
    int64_t account_id;
    uint64_t seen;
    struct account account;
    struct account_secrets secrets;
    struct account_token token;
    struct oauth_client client;
    struct err err;
};

/* ---- reading ---- */

static enum status load(struct refresh *f, struct db_conn *tx)
{
    TRY(accounts_lock(tx, f->account_id, f->a, &f->account, &f->err));
    TRY(account_tokens_find(tx, f->account_id, f->a, &f->token, &f->err));
    account_secrets_wipe(&f->secrets);
    TRY(account_secrets_open(f->r->tokens->config.keys, &f->account, f->a, &f->secrets, &f->err));
    return oauth_client_read(f->account.oauth, f->a, &f->client, &f->err);
}

static bool is_spent(const struct refresh *f, int64_t now)
{
    return f->secrets.access_token.n == 0 ||
           (f->token.expires_at && f->token.expires_at <= now + CLOCK_SECOND_MS);
}

/* REFRESH_ASK: nothing stands against it but a lease. */
static enum refresh_result judge(const struct refresh *f, int64_t now)
{
    const struct account_token *t = &f->token;
    bool other = f->seen && version_token_number(f->secrets.access_token) != f->seen;
    bool not_due = !f->seen && (!t->refresh_at || t->refresh_at > now);
    if (t->sign_in_again)
        return REFRESH_NEVER;
    if (not_due || (other && !is_spent(f, now)))
        return REFRESH_DONE;
    if (!f->secrets.refresh_token.n)
        return REFRESH_NEVER;
    return t->failures && t->refresh_at > now ? REFRESH_LATER : REFRESH_ASK;
}

/* ---- what is written ---- */

static enum status commit(struct refresh *f, struct db_conn *tx, const char *news)
{
    TRY(account_tokens_put(tx, &f->token, &f->err));
    if (news)
        TRY(db_notify(tx, "pool", str_of(news), &f->err));
    return db_commit(tx, &f->err);
}

static enum status give_up(struct refresh *f, struct db_conn *tx)
{
    f->token.sign_in_again = true;
    f->token.refresh_at = 0;
    f->token.lease_owner = STR_NONE;
    f->token.lease_until = 0;
    TRY(accounts_set_error(tx, f->account_id, ACCOUNT_SIGN_IN_AGAIN, &f->err));
    return commit(f, tx, "accounts");
}

static void take_over(struct refresh *f)
{
    struct err err;
    if (pool_reload(f->r->tokens->config.pool, f->r->db, &err) != OK)
        log_warn("accounts could not be read anew", LOG_Z("code", err.code),
                 LOG_Z("detail", err.detail));
}

/* ---- claim ---- */

static bool is_ours(const struct refresh *f)
{
    return str_eq(f->token.lease_owner, str_of(f->r->tokens->config.node_id));
}

static enum status take_lease(struct refresh *f, struct db_conn *tx, int64_t now,
                              enum refresh_result *ret)
{
    struct account_token *t = &f->token;
    if (t->lease_owner.p && t->lease_until > now) {
        *ret = REFRESH_BUSY;
        return OK;
    }
    /* Our own has ended because nothing could be written: we live. */
    if (t->lease_owner.p && !is_ours(f) && ++t->unfinished > DEATHS_MAX) {
        *ret = REFRESH_NEVER;
        return give_up(f, tx);
    }
    t->lease_owner = str_of(f->r->tokens->config.node_id);
    t->lease_until = now + TOKENS_LEASE_MS;
    return commit(f, tx, NULL);
}

static enum status take_turn(struct refresh *f, struct db_conn *tx, int64_t now,
                             enum refresh_result *ret)
{
    struct tokens *t = f->r->tokens;
    if (!tokens_may_ask(t, f->client.token_url)) {
        *ret = REFRESH_BUSY;
        return OK;
    }
    enum status status = take_lease(f, tx, now, ret);
    if (status != OK || *ret != REFRESH_ASK)
        tokens_asked(t, f->client.token_url);
    return status;
}

/* REFRESH_ASK: the lease is ours, and a turn at the endpoint. */
static enum status claim(struct refresh *f, enum refresh_result *ret)
{
    _cleanup_(db_tx_end) struct db_conn *tx = f->r->db;
    int64_t now = clock_wall_ms();
    TRY(db_begin(tx, &f->err));
    TRY(load(f, tx));
    *ret = judge(f, now);
    if (*ret == REFRESH_ASK)
        return take_turn(f, tx, now, ret);
    return *ret == REFRESH_NEVER && !f->token.sign_in_again ? give_up(f, tx) : OK;
}

/* ---- keep ---- */

static enum status write_tokens(struct refresh *f, struct db_conn *tx,
                                const struct oauth_tokens *tokens)
{
    int64_t now = clock_wall_ms();
    struct account_secrets secrets = f->secrets;
    secrets.access_token = tokens->access;
    if (tokens->refresh.n)
        secrets.refresh_token = tokens->refresh;
    TRY(account_secrets_seal(f->r->tokens->config.keys, &secrets, f->a, &f->account, &f->err));
    TRY(accounts_set_credentials(tx, f->account_id, f->account.credentials, &f->err));
    TRY(accounts_clear_error(tx, f->account_id, ACCOUNT_SIGN_IN_AGAIN, &f->err));
    token_row(f->account_id, tokens->lifetime_ms ? now + tokens->lifetime_ms : 0, now, true,
              &f->token);
    return commit(f, tx, "tokens");
}

static enum status keep_once(struct refresh *f, const struct oauth_tokens *tokens, struct str used)
{
    _cleanup_(db_tx_end) struct db_conn *tx = f->r->db;
    TRY(db_begin(tx, &f->err));
    TRY(load(f, tx));
    return str_eq(f->secrets.refresh_token, used) ? write_tokens(f, tx, tokens) : OK;
}

static enum status fail_once(struct refresh *f, struct str used, bool for_ever)
{
    _cleanup_(db_tx_end) struct db_conn *tx = f->r->db;
    struct account_token *t = &f->token;
    uint32_t chance;
    TRY(db_begin(tx, &f->err));
    TRY(load(f, tx));
    /* Whoever has changed it, or asks meanwhile, knows better. */
    if (!str_eq(f->secrets.refresh_token, used) || !is_ours(f))
        return OK;
    if (for_ever)
        return give_up(f, tx);
    crypto_random(&chance, sizeof(chance));
    t->failures++;
    t->unfinished = 0;
    t->refresh_at = clock_wall_ms() +
                    marks_backoff(t->failures, BACKOFF_MIN_MS, BACKOFF_MAX_MS, chance);
    t->lease_owner = STR_NONE;
    t->lease_until = 0;
    return commit(f, tx, NULL);
}

static bool may_pass(enum status status)
{
    return status == E_UNAVAILABLE || status == E_IO || status == E_NO_SPACE;
}

/* What became of the asking. */
struct outcome {
    const struct oauth_tokens *tokens; /* NULL: it was refused */
    struct str used;
    bool for_ever;
};

static enum status write_once(struct refresh *f, const struct outcome *o)
{
    return o->tokens ? keep_once(f, o->tokens, o->used) : fail_once(f, o->used, o->for_ever);
}

/* Again while it may pass: a refusal that is not written leaves a lease that looks like a death,
 * and an issuer and a database often go away together. */
static enum status keep(struct refresh *f, const struct outcome *o)
{
    const struct timespec pause = {.tv_sec = 1};
    int tries = o->tokens ? KEEP_TRIES : KEEP_TRIES_REFUSED;
    enum status status = write_once(f, o);
    for (int i = 0; i < (atomic_load(&f->r->tokens->stopping) ? KEEP_TRIES_STOPPING : tries) &&
                    may_pass(status);
         i++) {
        nanosleep(&pause, NULL);
        status = write_once(f, o);
    }
    return status;
}

/* ---- ask ---- */

static enum refresh_result refused(struct refresh *f, struct str used)
{
    bool for_ever = f->err.status == E_AUTH;
    log_warn(for_ever ? "an account has to be signed in again" : "a token could not be renewed",
             LOG_I("account", f->account_id), LOG_Z("code", f->err.code),
             LOG_Z("detail", f->err.detail));
    if (keep(f, &(struct outcome){.used = used, .for_ever = for_ever}) != OK)
        log_warn("a failed renewal is left to its lease", LOG_I("account", f->account_id),
                 LOG_Z("code", f->err.code));
    return for_ever ? REFRESH_NEVER : REFRESH_LATER;
}

static enum refresh_result ask(struct refresh *f)
{
    const struct tokens_config *config = &f->r->tokens->config;
    struct cidr networks[TOKENS_MAX_NETWORKS];
    struct oauth_tokens tokens;
    const struct oauth_way way = {
        .fetcher = f->r->fetcher,
        .allowed = networks,
        .allowed_count =
            config->networks ? config->networks(config->ctx, networks, TOKENS_MAX_NETWORKS) : 0,
        .ca_pem = f->account.ca_pem,
        .proxy_url = account_proxy_with_auth(f->account.proxy_url, f->secrets.proxy_auth, f->a),
    };
    struct str used = arena_str(f->a, f->secrets.refresh_token);
    if (oauth_refresh(&way, &f->client, f->secrets.client_secret, used, f->a, &tokens, &f->err) !=
        OK)
        return refused(f, used);
    if (keep(f, &(struct outcome){.tokens = &tokens, .used = used}) != OK) {
        log_error("a renewed token could not be kept", LOG_I("account", f->account_id),
                  LOG_Z("code", f->err.code), LOG_Z("why", f->err.detail));
        return REFRESH_LATER;
    }
    log_info("an account's token has been renewed", LOG_I("account", f->account_id));
    return REFRESH_DONE;
}

/* ---- the whole ---- */

/* What the pool is to know of it. */
static void tell_pool(struct refresh *f, enum refresh_result result)
{
    struct pool *pool = f->r->tokens->config.pool;
    if (result == REFRESH_DONE) {
        pool_set_tokenless(pool, f->account_id, 0);
        take_over(f);
    } else if (result == REFRESH_NEVER) {
        take_over(f);
    } else if (result == REFRESH_LATER && (f->seen || is_spent(f, clock_wall_ms()))) {
        pool_set_tokenless(pool, f->account_id, f->token.refresh_at);
    }
}

enum refresh_result refresh_run(struct refresher *r, int64_t account_id, uint64_t seen)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
    struct refresh f = {.r = r, .a = a, .account_id = account_id, .seen = seen};
    enum refresh_result result = REFRESH_LATER;
    if (claim(&f, &result) != OK) {
        log_warn("a token could not be claimed", LOG_I("account", account_id),
                 LOG_Z("code", f.err.code), LOG_Z("why", f.err.detail));
        return REFRESH_LATER;
    }
    if (result == REFRESH_ASK) {
        result = ask(&f);
        tokens_asked(r->tokens, f.client.token_url);
    }
    tell_pool(&f, result);
    account_secrets_wipe(&f.secrets);
    return result;
}
