/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* account — one upstream account (SPEC AC-1), as a plain struct. */
#include "base/arena.h"

enum account_type { ACCOUNT_OAUTH, ACCOUNT_APIKEY };
enum account_status { ACCOUNT_ACTIVE, ACCOUNT_DISABLED, ACCOUNT_ERROR };

enum { ACCOUNT_MAX_MODELS = 256, ACCOUNT_MAX_GROUPS = 64 };

struct account {
    int64_t id;
    struct str name, platform, dialect, base_url;
    enum account_type type;
    struct str credentials;   /* sealed JSON */
    struct str oauth;         /* JSON of net/oauth.h; STR_NONE: an API key's account */
    struct str proxy_url;     /* "http://hidden@host" when credentials have the rest */
    struct str ca_pem;        /* STR_NONE: none, as for the proxy */
    struct str models;        /* JSON array of names; "[]": all */
    struct str model_mapping; /* JSON object: ours → theirs */
    struct str listed_models; /* JSON array of what the upstream says it serves; STR_NONE: unknown;
                               * read only, as store/account_models has them */
    int64_t priority, concurrency;
    bool honours_idempotency;
    bool http2; /* asked for where the upstream's TLS agrees */
    enum account_status status;
    struct str status_reason;
    int64_t rate_limited_until, overloaded_until; /* wall ms; 0: none */
    int64_t failures_in_row, auth_failures_in_row;
    int64_t last_used_at;
    /* Of an OAuth account's token, as store/account_tokens has them; read only. */
    int64_t token_expires_at; /* wall ms; 0: not said */
    int64_t token_renewed_at;
    bool sign_in_again; /* it cannot be renewed */
    int64_t created_at, updated_at;
    int64_t group_ids[ACCOUNT_MAX_GROUPS];
    size_t group_count;
};

/* Stands in a proxy's address for the user name and password, which are sealed. */
#define ACCOUNT_PROXY_HIDDEN "hidden"
/* The address with them in their place; STR_NONE without a proxy. */
struct str account_proxy_with_auth(struct str proxy_url, struct str auth, struct arena *a);

const char *account_type_name(enum account_type t);
bool account_type_parse(struct str s, enum account_type *ret);
const char *account_status_name(enum account_status s);
bool account_status_parse(struct str s, enum account_status *ret);
