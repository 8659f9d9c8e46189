/* SPDX-License-Identifier: Apache-2.0 */
#include "service/keys.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "store/groups.h"
#include "store/keys.h"
#include "store/users.h"

enum { RANDOM_BYTES = 36, HINT_CHARS = 4 };

static struct str hash_of(const char *secret, char out[2 * SHA256_SIZE + 1])
{
    unsigned char hash[SHA256_SIZE];
    crypto_sha256(str_of(secret), hash);
    hex_encode(hash, sizeof(hash), out);
    return (struct str){out, 2 * SHA256_SIZE};
}

/* The user's row is locked: group and number of keys stay what they are. */
static enum status check_issue(struct db_conn *tx, const struct user *user, int64_t group_id,
                               struct err *err)
{
    int64_t count;
    if (group_id != user->group_id && user->role != ROLE_ADMIN)
        return err_set(err, E_FORBIDDEN, "group_not_allowed");
    TRY(keys_count_owned(tx, user->id, &count, err));
    if (count < API_KEYS_PER_USER)
        return OK;
    err_set(err, E_CONFLICT, "too_many_keys");
    err_number(err, "count", count);
    return E_CONFLICT;
}

static enum status lock_group(struct db_conn *tx, int64_t id, struct arena *a, struct group *ret,
                              struct err *err)
{
    enum status status = groups_lock(tx, id, a, ret, err);
    if (status != E_NOT_FOUND)
        return status;
    return err_field(err, "invalid_field", "group_id", "group_id must be an existing group");
}

enum status api_key_issue(struct db_conn *db, const struct identity *who,
                          const struct api_key_form *form, struct arena *a, struct api_key *ret,
                          char ret_secret[API_KEY_SIZE], struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    char secret[API_KEY_SIZE] = "sk-", hash[2 * SHA256_SIZE + 1];
    struct user user;
    struct group group;
    crypto_random_text(RANDOM_BYTES, secret + 3);

    TRY(db_begin(tx, err));
    TRY(users_lock(tx, who->user_id, a, &user, err));
    int64_t group_id = form->group_id ? form->group_id : user.group_id;
    TRY(check_issue(tx, &user, group_id, err));
    TRY(lock_group(tx, group_id, a, &group, err));
    struct api_key key = {
        .user_id = user.id,
        .group_id = group_id,
        .group_name = group.name,
        .name = form->name,
        .hint = arena_printf(a, "sk-…%s", secret + API_KEY_SIZE - 1 - HINT_CHARS),
        .expires_at = form->expires_at,
        .created_at = clock_wall_ms(),
    };
    TRY(keys_insert(tx, &key, hash_of(secret, hash), err));
    TRY(db_notify(tx, "pool", STR("keys"), err));
    TRY(db_commit(tx, err));
    *ret = key;
    memcpy(ret_secret, secret, sizeof(secret));
    return OK;
}

enum status api_key_change(struct db_conn *db, const struct identity *who, int64_t id, unsigned set,
                           const struct api_key *wanted, struct arena *a, struct api_key *ret,
                           struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    struct user user;
    struct api_key key;
    TRY(db_begin(tx, err));
    /* Two who change a key at once each keep what the other has changed. */
    TRY(users_lock(tx, who->user_id, a, &user, err));
    TRY(keys_find_owned(tx, who->user_id, id, a, &key, err));
    if (set & API_KEY_NAME)
        key.name = wanted->name;
    if (set & API_KEY_STATUS)
        key.disabled = wanted->disabled;
    if (set & API_KEY_EXPIRY)
        key.expires_at = wanted->expires_at;
    TRY(keys_update(tx, &key, err));
    TRY(db_notify(tx, "pool", STR("keys"), err));
    TRY(db_commit(tx, err));
    *ret = key;
    return OK;
}

enum status api_key_revoke(struct db_conn *db, const struct identity *who, int64_t id,
                           struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(db_begin(tx, err));
    TRY(keys_delete_owned(tx, who->user_id, id, err));
    TRY(db_notify(tx, "pool", STR("keys"), err));
    return db_commit(tx, err);
}
