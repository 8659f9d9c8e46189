/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* user — people, groups, keys and sessions, as plain structs (SPEC ID-1 … ID-4).
 * Views live in the arena of whoever loaded them. */
#include "base/str.h"

enum user_role { ROLE_USER, ROLE_ADMIN };
enum user_status { USER_ACTIVE, USER_DISABLED };

struct user {
    int64_t id;
    struct str uuid, email, password_hash;
    enum user_role role;
    enum user_status status;
    int64_t group_id;
    struct str avatar, background; /* STR_NONE: none */
    int64_t storage_quota_bytes;   /* 0: inherit */
    int64_t storage_used_bytes;
    int64_t created_at, updated_at; /* wall ms */
};

struct group {
    int64_t id;
    struct str name, platform;
    int64_t storage_quota_bytes; /* 0: inherit */
    int64_t created_at, updated_at;
    int64_t user_count, account_count;
};

struct api_key {
    int64_t id, user_id, group_id;
    struct str name, hint; /* "sk-…a1b2" */
    bool disabled;
    int64_t expires_at, last_used_at; /* 0: none */
    int64_t created_at;
    struct str group_name;
};

/* Who makes a request. */
struct identity {
    int64_t user_id; /* 0: nobody */
    enum user_role role;
    int64_t group_id;   /* of the user, or of the key */
    int64_t session_id; /* 0: not by a session */
    int64_t api_key_id; /* 0: not by a key */
    bool by_cookie;     /* the cookie, not a bearer token: needs the CSRF check */
    char email[255];
};

const char *user_role_name(enum user_role r);
bool user_role_parse(struct str s, enum user_role *ret);
const char *user_status_name(enum user_status s);
bool user_status_parse(struct str s, enum user_status *ret);
