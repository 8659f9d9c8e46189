/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* accounts_impl — what the files about accounts share; besides them, oauth_flow.c alone includes
 * it.
 *
 *   accounts.c        making, changing, removing: one transaction each
 *   accounts_form.c   a form's members: checked, and laid over an account
 *   accounts_oauth.c  what an oauth account has beside any other
 *   accounts_test.c   the light request of AC-5 */
#include "service/accounts.h"

/* ---- the form (accounts_form.c) ---- */

/* Checks the members that are set, each by itself. */
enum status account_form_check(const struct account_form *form, const struct settings *settings,
                               struct arena *a, struct err *err);

/* A stored secret is used, never read: it may not be led to a server that it was not typed for.
 * E_INVALID, code "api_key_again", when base_url gets another origin without a key;
 * "oauth_tokens_again" the same for tokens. */
enum status account_form_check_way(const struct account_form *form, const struct account *before,
                                   struct arena *a, struct err *err);

/* The form's members over those of the account; secrets are opened and changed beside. */
enum status account_form_apply(const struct account_form *form, struct arena *a,
                               struct account *account, struct account_secrets *secrets,
                               struct err *err);

/* ---- what an oauth account has beside (accounts_oauth.c) ---- */

/* The members of AC-3, each by itself. */
enum status account_oauth_check(const struct account_form *form, const struct settings *settings,
                                struct arena *a, struct err *err);
/* An address of the form, http or https, as base_url is checked. */
enum status account_check_address(struct str text, const char *field,
                                  const struct settings *settings, struct arena *a,
                                  struct err *err);
/* Before the transaction: the client as it will be, from what is kept (STR_NONE: nothing) and the
 * form; what is missing of its addresses is asked of the issuer.  proxy: with its password. */
enum status account_oauth_client(const struct account_work *w, struct str kept,
                                 const struct account_form *form, struct str proxy_url,
                                 struct str ca_pem, struct oauth_client *ret, struct err *err);
/* Secrets of `from` that the form leaves alone may go to `to`'s servers. */
enum status account_oauth_check_way(const struct oauth_client *from, const struct oauth_client *to,
                                    const struct account_form *form, struct arena *a,
                                    struct err *err);
/* Whether there is enough for a first token. */
enum status account_oauth_check_complete(const struct oauth_client *c,
                                         const struct account_secrets *secrets, struct err *err);
/* In the transaction that writes the account: a new row for new tokens; else, when it has been
 * mended, whatever stood in the way of a renewal is forgotten. */
enum status account_oauth_write_token(struct db_conn *tx, const struct account *account,
                                      const struct account_form *form,
                                      const struct account_secrets *secrets, bool mended,
                                      struct arena *a, struct err *err);
