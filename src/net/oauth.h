/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* oauth — the client's side of OAuth 2.0 (RFC 6749) as Kinora needs it: the authorization-code
 * grant with PKCE (RFC 7636), the refresh grant, and what an issuer says of itself (OpenID Connect
 * Discovery 1.0, RFC 8414).
 *
 * Thread: workers; every call goes through the guarded fetch, follows no redirect and reads at
 * most OAUTH_ANSWER_MAX bytes.  What another side sends is never repeated where it may hold a
 * secret: an error tells its code alone. */
#include "net/fetch.h"

enum {
    OAUTH_ANSWER_MAX = 64 << 10,
    OAUTH_TOKEN_MAX = 16 << 10, /* of one token; JWTs with many claims have a few KiB */
    OAUTH_CONNECT_MS = 8000,
    OAUTH_TOTAL_MS = 15000,
};

/* Who we are at an issuer; no secret.  Empty: not given. */
struct oauth_client {
    struct str issuer, authorize_url, token_url;
    struct str client_id, scopes, redirect_uri;
    bool discovered;     /* token_url is the issuer's own word, nobody typed it */
    bool secret_in_body; /* client_secret_post, where the issuer does not offer Basic */
};
/* To and from the JSON that is kept.  STR_NONE past the arena's cap. */
struct str oauth_client_write(const struct oauth_client *c, struct arena *a);
enum status oauth_client_read(struct str json, struct arena *a, struct oauth_client *ret,
                              struct err *err);

/* How to reach it. */
struct oauth_way {
    struct fetcher *fetcher;
    const struct cidr *allowed; /* the setting's ranges */
    size_t allowed_count;
    struct str ca_pem, proxy_url; /* STR_NONE: none */
    int total_timeout_ms;         /* 0: OAUTH_TOTAL_MS */
};

/* Fills authorize_url and token_url, where they are empty, with what the issuer says (first at
 * OpenID's address, then at RFC 8414's).  What nobody typed may lead to a private address only at
 * the issuer's own origin.  E_UPSTREAM, code "oauth_discovery_failed"; fetch's codes for what did
 * not come to an answer. */
enum status oauth_discover(const struct oauth_way *way, struct oauth_client *c, struct arena *a,
                           struct err *err);

/* RFC 7636 4.1: 43 characters of the unreserved ones. */
enum { OAUTH_VERIFIER_SIZE = 45 };
void oauth_make_verifier(char out[OAUTH_VERIFIER_SIZE]);
/* Where the person goes; STR_NONE past the arena's cap.  The address may have a query already. */
struct str oauth_authorize_url(const struct oauth_client *c, struct str state, struct str verifier,
                               struct arena *a);
/* What a person pastes: the bare code, or the whole address that they were sent to.  Members
 * that are not there are STR_NONE; others are views of the text, or live in the arena.
 * E_INVALID, code "oauth_code_invalid". */
struct oauth_callback {
    struct str code, state, error, issuer;
};
enum status oauth_read_callback(struct str pasted, struct arena *a, struct oauth_callback *ret,
                                struct err *err);

struct oauth_tokens {
    struct str access, refresh; /* refresh STR_NONE: the old one stays */
    int64_t lifetime_ms;        /* 0: not said */
};
/* Both: OK with tokens.  E_AUTH, code "oauth_refused": the server has said that this code, token
 * or client is no good (invalid_grant …), and will say so again; the detail is its error code.
 * Everything else may pass: fetch's codes, E_UPSTREAM "upstream_error" (5xx, 429) and "bad_answer"
 * (no JSON, no token, a redirect). secret: STR_NONE for a public client. */
enum status oauth_exchange(const struct oauth_way *way, const struct oauth_client *c,
                           struct str secret, struct str code, struct str verifier, struct arena *a,
                           struct oauth_tokens *ret, struct err *err);
enum status oauth_refresh(const struct oauth_way *way, const struct oauth_client *c,
                          struct str secret, struct str refresh_token, struct arena *a,
                          struct oauth_tokens *ret, struct err *err);
/* Printable ASCII without spaces (RFC 6749 A.12, A.17; RFC 6750 2.1), at most OAUTH_TOKEN_MAX. */
bool oauth_is_token(struct str s);
