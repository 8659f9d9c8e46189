/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* account_secrets — the sealed part of an account, opened (SPEC AC-1, AC-3).
 *
 * Sealed for the account's id, so that a row's text opens in no other row.  Who opens it wipes
 * it: account_secrets_wipe(), or an arena that goes at once.  Nothing here is ever logged.
 * Thread: any. */
#include "base/arena.h"
#include "base/err.h"
#include "model/account.h"
#include "platform/crypto.h"

/* STR_NONE: there is none. */
struct account_secrets {
    struct str api_key;
    struct str proxy_auth; /* "user:password" */
    struct str access_token, refresh_token, client_secret;
};

/* Views live in the arena.  E_INTERNAL, code "secret_unreadable". */
enum status account_secrets_open(const struct key_ring *keys, const struct account *account,
                                 struct arena *a, struct account_secrets *ret, struct err *err);
/* Into account->credentials. */
enum status account_secrets_seal(const struct key_ring *keys, const struct account_secrets *secrets,
                                 struct arena *a, struct account *account, struct err *err);
void account_secrets_wipe(struct account_secrets *secrets);
