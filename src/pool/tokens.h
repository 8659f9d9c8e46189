/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tokens — access tokens of OAuth accounts: renewed before they end and after a 401, once,
 * whoever asks (SPEC AC-3).
 *
 * In a process all who need another token for an account share one *flight*, in a worker of the
 * module's own; between processes a lease in the account's row lets one of them ask.  The rules of
 * asking, and what a death in the middle leaves, stand in pool/refresh.c.
 *
 * Thread: any, but for what says otherwise. */
#include "net/guard.h"
#include "platform/crypto.h"
#include "platform/db.h"
#include "pool/pool.h"

struct tokens;
struct account_token;

struct tokens_config {
    struct db *db;
    const struct key_ring *keys;
    struct pool *pool;
    struct str resolver; /* as in upstream.h; lives as long as the tokens */
    const char *node_id; /* owner of this process's leases; likewise */
    /* The setting allowed_private_networks; may be NULL. */
    size_t (*networks)(void *ctx, struct cidr *ret, size_t max);
    void *ctx;
};
/* NULL when no thread can be started. */
struct tokens *tokens_new(const struct tokens_config *config);
/* What has begun is brought to its end (a token that was given must be kept); nobody may ask any
 * more.  Again: nothing. */
void tokens_stop(struct tokens *t);
/* After every loop has ended. */
void tokens_free(struct tokens *t);
/* SQLite, when this process alone has the database: a dead one's leases end now.  Workers. */
enum status tokens_take_up(struct tokens *t, struct db_conn *db, struct err *err);
/* Begins what is due, with a margin before the end.  Once a second, one at a time. */
enum status tokens_tick(struct tokens *t, struct db_conn *db, struct err *err);

/* The account's token has ended, or will before a request arrives: another is needed first. */
bool token_is_spent(const struct pool_account *account);
/* A 401 came for it: might another token help?  Not of an account without a refresh token, nor
 * straight after a renewal. */
bool token_may_renew(const struct pool_account *account);

/* The row of a token that is new: expires_at 0 is not said, renewed_at 0 not by a renewal. */
void token_row(int64_t account_id, int64_t expires_at, int64_t renewed_at, bool refreshable,
               struct account_token *ret);

/* Asks for a token other than the account's, as it is held.  The callback comes on that loop, once
 * and never from inside the call: renewed says whether pool_renew() gives another now.  NULL: too
 * much is being asked for at once. */
enum { TOKENS_WAIT_MS = 20000 };
struct token_waiter;
typedef void token_wake(void *ctx, bool renewed);
struct token_waiter *tokens_wait(struct tokens *t, const struct pool_account *account,
                                 struct loop *loop, int64_t timeout_ms, token_wake *wake,
                                 void *ctx);
/* The loop's thread; nothing is called afterwards. */
void tokens_wait_cancel(struct token_waiter *w);
/* The same for workers: blocks. */
bool tokens_await(struct tokens *t, const struct pool_account *account, int64_t timeout_ms);
/* pool_hold() for workers, with a token that has not ended where one is to be had: blocks. */
void tokens_hold(struct tokens *t, int64_t account_id, struct pool_ref *ret);
/* A 401 came for the account held: whether *ref holds it with another token now.  Otherwise it
 * holds it as it was, or nothing if the account has gone meanwhile.  Workers: blocks. */
bool tokens_hold_another(struct tokens *t, struct pool_ref *ref);
