/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* live_keys — what loops need to know of API keys (SPEC ID-3): those of active users that
 * are not disabled, by the hash of the key, with the platform of their group.
 *
 * Thread: the connection's. */
#include "platform/db.h"

struct live_key {
    int64_t id, user_id, group_id;
    struct str hash; /* lower-case hex of the key's SHA-256 */
    struct str group_platform;
    int64_t expires_at; /* wall ms; 0: never */
};
/* The views live until fn returns. */
typedef enum status live_keys_fn(void *ctx, const struct live_key *key, struct err *err);
enum status live_keys_each(struct db_conn *db, live_keys_fn *fn, void *ctx, struct err *err);
/* Never backwards; a deleted key is no error.  Inside an open transaction. */
enum status live_keys_used(struct db_conn *tx, int64_t id, int64_t at, struct err *err);
