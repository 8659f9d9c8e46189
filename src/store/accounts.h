/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* accounts — the tables of upstream accounts, their groups and their hourly counts
 * (SPEC AC-1, AC-6).
 *
 * Thread: the connection's.  Views of what is read live in the arena given.  Calls with a
 * connection named `tx` need an open transaction.  Marks are the pool's to write; what an
 * administrator sets is written by accounts_update(). */
#include "base/arena.h"
#include "model/account.h"
#include "platform/db.h"

/* Fills id; group_ids are written too.  credentials may still be empty: they are sealed
 * for the id and set by accounts_update() in the same transaction. */
enum status accounts_insert(struct db_conn *tx, struct account *account, struct err *err);
/* E_NOT_FOUND, code "account_not_found". */
enum status accounts_find(struct db_conn *db, int64_t id, struct arena *a, struct account *ret,
                          struct err *err);
/* The same, and keeps others from changing the row until the transaction ends. */
enum status accounts_lock(struct db_conn *tx, int64_t id, struct arena *a, struct account *ret,
                          struct err *err);
/* Writes all columns but id, type, platform, created_at and last_used_at, and the groups.
 * E_INVALID, code "invalid_field", field "group_ids". */
enum status accounts_update(struct db_conn *tx, const struct account *account, struct err *err);
/* The sealed part alone, for a token that was renewed. */
enum status accounts_set_credentials(struct db_conn *tx, int64_t id, struct str credentials,
                                     struct err *err);
/* active → error, and back where nothing but this reason had put it there. */
enum status accounts_set_error(struct db_conn *tx, int64_t id, const char *reason, struct err *err);
enum status accounts_clear_error(struct db_conn *tx, int64_t id, const char *reason,
                                 struct err *err);
enum status accounts_delete(struct db_conn *tx, int64_t id, struct err *err);
/* Jobs of the account that have not ended. */
enum status accounts_live_jobs(struct db_conn *tx, int64_t id, int64_t *ret, struct err *err);

struct accounts_filter {
    struct str q;                /* in the name or the address; empty: all */
    struct str platform, status; /* empty: any */
    int64_t group_id;            /* 0: any */
};
/* By id, newest first; *ret is an array in the arena. */
enum status accounts_list(struct db_conn *db, const struct accounts_filter *filter, int64_t limit,
                          int64_t offset, struct arena *a, struct account **ret, size_t *ret_count,
                          int64_t *ret_total, struct err *err);
/* Every account by id, one at a time; the views live until fn returns. */
typedef enum status accounts_fn(void *ctx, const struct account *account, struct err *err);
enum status accounts_each(struct db_conn *db, accounts_fn *fn, void *ctx, struct err *err);
/* How many there are; of the columns it needs none. */
enum status accounts_count(struct db_conn *db, size_t *ret, struct err *err);
/* ID-5: is there an active account of platform sora? */
enum status accounts_any_active_sora(struct db_conn *db, bool *ret, struct err *err);

/* Marks, as the pool has them: id, status (never over `disabled`), reason, cool-downs,
 * failures.  A deleted account is no error. */
enum status accounts_write_marks(struct db_conn *tx, const struct account *marks, struct err *err);
/* The last use, never backwards. */
enum status accounts_write_use(struct db_conn *tx, int64_t id, int64_t at, struct err *err);

/* Calls of one account in one hour (wall ms of its start). */
struct account_hour {
    int64_t account_id, hour, successes, failures;
};
enum status accounts_add_hour(struct db_conn *tx, const struct account_hour *h, struct err *err);
typedef void accounts_hour_fn(void *ctx, const struct account_hour *h);
enum status accounts_each_hour(struct db_conn *db, int64_t since, accounts_hour_fn *fn, void *ctx,
                               struct err *err);
enum status accounts_each_hour_of(struct db_conn *db, int64_t account_id, int64_t since,
                                  accounts_hour_fn *fn, void *ctx, struct err *err);
enum status accounts_prune_hours(struct db_conn *tx, int64_t before, struct err *err);
