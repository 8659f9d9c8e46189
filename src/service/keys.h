/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* keys — a user's own API keys (SPEC ID-3).
 *
 * A key is "sk-" and 48 URL-safe characters; its SHA-256 is kept, and its last four
 * characters as a hint.  A change is announced on the channel "pool".  Thread: workers. */
#include "model/user.h"
#include "service/app.h"

enum { API_KEY_SIZE = 3 + 48 + 1, API_KEYS_PER_USER = 100 };

struct api_key_form {
    struct str name;
    int64_t group_id;   /* 0: the user's own */
    int64_t expires_at; /* wall ms; 0: never */
};

/* The key itself is in ret_secret and nowhere else.  E_FORBIDDEN, code
 * "group_not_allowed"; E_CONFLICT, code "too_many_keys". */
enum status api_key_issue(struct db_conn *db, const struct identity *who,
                          const struct api_key_form *form, struct arena *a, struct api_key *ret,
                          char ret_secret[API_KEY_SIZE], struct err *err);

enum {
    API_KEY_NAME = 1 << 0,
    API_KEY_STATUS = 1 << 1,
    API_KEY_EXPIRY = 1 << 2,
};
/* Takes name, disabled and expires_at from *wanted as `set` says.  E_NOT_FOUND for
 * another user's. */
enum status api_key_change(struct db_conn *db, const struct identity *who, int64_t id, unsigned set,
                           const struct api_key *wanted, struct arena *a, struct api_key *ret,
                           struct err *err);
enum status api_key_revoke(struct db_conn *db, const struct identity *who, int64_t id,
                           struct err *err);
