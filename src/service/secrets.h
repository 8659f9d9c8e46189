/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* secrets — what lies sealed in the database, taken together: accounts' credentials, the
 * settings' secrets, and the keys of the buckets that works lie in.
 *
 * Thread: the connection's. */
#include "base/err.h"
#include "platform/crypto.h"
#include "platform/db.h"

struct secrets_count {
    size_t sealed, unreadable;
};
/* keys NULL: none can be read.  The database must have the tables of this program. */
enum status secrets_check(struct db_conn *db, const struct key_ring *keys,
                          struct secrets_count *ret, struct err *err);
/* How many there are, whether they can be opened or not, also in the database of an older program,
 * and in an empty one. */
enum status secrets_count(struct db_conn *db, size_t *ret, struct err *err);
