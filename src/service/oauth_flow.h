/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* oauth_flow — an administrator signs in at an upstream (SPEC AC-3): authorization code with PKCE.
 *
 *   begin     a *state* and the address to open; verifier and client are kept, sealed
 *   exchange  the code for tokens; they are kept, sealed, under a *grant*
 *   take      a new or changed account names the grant and gets client and tokens
 *
 * Neither verifier nor tokens ever leave the server.  State and grant are rows, so that any node
 * may take up what another began; each is the administrator's own, good once and for ten minutes.
 * Thread: workers. */
#include "service/accounts.h"

enum { OAUTH_FLOW_MINUTES = 10 };

struct oauth_begun {
    struct str authorize_url, state, redirect_uri;
    int64_t expires_at; /* wall ms */
};
/* account_id 0: for a new account; else what the form leaves out is that account's.  origin: ours,
 * for a redirect_uri that nobody has typed. */
enum status oauth_flow_begin(const struct account_work *w, int64_t account_id,
                             const struct account_form *form, struct str origin,
                             struct oauth_begun *ret, struct err *err);

struct oauth_granted {
    struct str grant;
    int64_t expires_at;       /* of the grant */
    int64_t token_expires_at; /* 0: not said */
    bool refresh_token;
};
/* pasted: the code, or the whole address the person was sent to; state: as begun, may be STR_NONE
 * when the address has it.  E_INVALID oauth_state_invalid, oauth_code_invalid; E_FORBIDDEN
 * oauth_denied; E_UPSTREAM oauth_exchange_failed; fetch's codes. */
enum status oauth_flow_exchange(const struct account_work *w, struct str pasted, struct str state,
                                struct oauth_granted *ret, struct err *err);

/* In the transaction that writes the account: the form's client and tokens are the grant's. */
enum status oauth_flow_take(const struct account_work *w, struct db_conn *tx,
                            struct account_form *form, struct err *err);
