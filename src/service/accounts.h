/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* accounts — what administrators do to upstream accounts (SPEC AC-1, AC-2, AC-5, AC-6,
 * AC-7, ID-8).
 *
 * Every change is one transaction with its audit row and its notice; when a call returns,
 * this process's pool has taken the change over, and the others do within a second.
 * Secrets are sealed for the account's id; nothing here gives one out.
 * Thread: workers. */
#include "model/account.h"
#include "net/oauth.h"
#include "service/app.h"
#include "service/audit.h"
#include "store/account_secrets.h"

struct settings;

/* Which members of a form are meant. */
enum {
    ACCOUNT_NAME = 1 << 0,
    ACCOUNT_PLATFORM = 1 << 1,
    ACCOUNT_TYPE = 1 << 2,
    ACCOUNT_DIALECT = 1 << 3,
    ACCOUNT_BASE_URL = 1 << 4,
    ACCOUNT_API_KEY = 1 << 5,
    ACCOUNT_PRIORITY = 1 << 6,
    ACCOUNT_CONCURRENCY = 1 << 7,
    ACCOUNT_GROUPS = 1 << 8,
    ACCOUNT_MODELS = 1 << 9,
    ACCOUNT_MAPPING = 1 << 10,
    ACCOUNT_PROXY = 1 << 11,
    ACCOUNT_CA = 1 << 12,
    ACCOUNT_IDEMPOTENCY = 1 << 13,
    ACCOUNT_STATUS = 1 << 14,
    ACCOUNT_HTTP2 = 1 << 15,
    /* Of oauth accounts alone (AC-3). */
    ACCOUNT_ISSUER = 1 << 16,
    ACCOUNT_AUTHORIZE_URL = 1 << 17,
    ACCOUNT_TOKEN_URL = 1 << 18,
    ACCOUNT_CLIENT_ID = 1 << 19,
    ACCOUNT_CLIENT_SECRET = 1 << 20,
    ACCOUNT_SCOPES = 1 << 21,
    ACCOUNT_REDIRECT_URI = 1 << 22,
    ACCOUNT_ACCESS_TOKEN = 1 << 23,
    ACCOUNT_REFRESH_TOKEN = 1 << 24,
    ACCOUNT_EXPIRES_AT = 1 << 25,
    ACCOUNT_GRANT = 1 << 26, /* what a sign-in has brought: client and tokens */
    ACCOUNT_TOKENS = ACCOUNT_ACCESS_TOKEN | ACCOUNT_REFRESH_TOKEN | ACCOUNT_GRANT,
    ACCOUNT_OAUTH_MEMBERS = 0x7ff << 16,
};

struct account_form {
    unsigned set;
    struct str name, platform, dialect, base_url, api_key;
    enum account_type type;
    int64_t priority, concurrency;
    int64_t group_ids[ACCOUNT_MAX_GROUPS];
    size_t group_count;
    struct str models, model_mapping; /* JSON, read already */
    struct str proxy_url, ca_pem;     /* empty: none */
    bool honours_idempotency, http2;
    enum account_status status; /* active or disabled */
    struct oauth_client oauth;
    struct str client_secret; /* empty: none */
    struct str access_token, refresh_token, grant;
    int64_t expires_at; /* wall ms; 0: not said */
};

enum {
    ACCOUNT_NAME_MAX = 100,
    ACCOUNT_BASE_URL_MAX = 2048,
    ACCOUNT_API_KEY_MAX = 4096,
    ACCOUNT_CLIENT_ID_MAX = 512,
    ACCOUNT_SCOPES_MAX = 1024,
    ACCOUNT_PROXY_MAX = 1024,
    ACCOUNT_CA_MAX = 64 << 10,
    ACCOUNT_MODEL_NAME_MAX = 200,
    ACCOUNT_PRIORITY_MAX = 1000000,
    ACCOUNT_CONCURRENCY_MAX = 10000,
    ACCOUNT_PRIORITY_DEFAULT = 50,
    ACCOUNT_CONCURRENCY_DEFAULT = 10,
};

/* Who changes what, and with what. */
struct account_work {
    struct app *app;
    struct db_conn *db;
    const struct settings *settings;
    const struct actor *actor;
    struct arena *arena;
    struct fetcher *fetcher; /* the worker's, for what an issuer says of itself */
};

/* E_INVALID names the field.  Views of *ret live in the arena. */
enum status account_create(const struct account_work *w, const struct account_form *form,
                           struct account *ret, struct err *err);
/* A new address, secret, proxy or certificate, and `active`, clear the marks. */
enum status account_change(const struct account_work *w, int64_t id,
                           const struct account_form *form, struct account *ret, struct err *err);
/* E_CONFLICT, code "account_in_use", with the number "count": live jobs. */
enum status account_remove(const struct account_work *w, int64_t id, struct err *err);
/* One click: clears cool-downs and an error. */
enum status account_reset(const struct account_work *w, int64_t id, struct account *ret,
                          struct err *err);

/* AC-5: one light request, at most 10 s. */
struct account_test {
    bool ok;
    int64_t latency_ms;
    const char *code;    /* of api/messages; NULL when ok */
    int http_status;     /* 0: no answer */
    struct str upstream; /* the upstream's own words; STR_NONE: none */
};
struct fetcher;
/* id 0: what the form says, which must be complete; else the account with the form's
 * members instead of its own.  A connection that cannot be made is an outcome, not a
 * failure. */
enum status account_test_run(const struct account_work *w, struct fetcher *fetcher, int64_t id,
                             const struct account_form *form, struct account_test *ret,
                             struct err *err);

/* What a page may know of the secrets. */
struct account_known {
    struct oauth_client client; /* as it was typed */
    bool client_secret, access_token, refresh_token;
};
void account_oauth_known(const struct app *app, const struct account *account, struct arena *a,
                         struct account_known *ret);
