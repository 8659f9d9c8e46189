/* SPDX-License-Identifier: Apache-2.0 */
#include "store/accounts.h"

#include "base/mem.h"
#include "store/like.h"

#define COLUMNS                                                                                    \
    "id, name, platform, type, dialect, base_url, credentials, priority, concurrency, "            \
    "proxy_url, ca_pem, models, model_mapping, honours_idempotency, status, status_reason, "       \
    "rate_limited_until, overloaded_until, failures_in_row, auth_failures_in_row, "                \
    "last_used_at, created_at, updated_at, http2, oauth, "                                         \
    "(SELECT t.expires_at FROM account_tokens t WHERE t.account_id = accounts.id), "               \
    "(SELECT t.renewed_at FROM account_tokens t WHERE t.account_id = accounts.id), "               \
    "(SELECT t.sign_in_again FROM account_tokens t WHERE t.account_id = accounts.id), "            \
    "(SELECT m.names FROM account_models m WHERE m.account_id = accounts.id)"

static const char sql_insert[] =
    "INSERT INTO accounts (name, platform, type, dialect, base_url, credentials, priority, "
    "concurrency, proxy_url, ca_pem, models, model_mapping, honours_idempotency, status, "
    "created_at, updated_at, http2, oauth) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16, $17) "
    "RETURNING id";
static const char sql_update[] =
    "UPDATE accounts SET name = $2, dialect = $3, base_url = $4, credentials = $5, priority = $6, "
    "concurrency = $7, proxy_url = $8, ca_pem = $9, models = $10, model_mapping = $11, "
    "honours_idempotency = $12, status = $13, status_reason = $14, rate_limited_until = $15, "
    "overloaded_until = $16, failures_in_row = $17, auth_failures_in_row = $18, updated_at = $19, "
    "http2 = $20, oauth = $21 "
    "WHERE id = $1";
static const char sql_set_credentials[] = "UPDATE accounts SET credentials = $2 WHERE id = $1";
static const char sql_set_error[] =
    "UPDATE accounts SET status = 'error', status_reason = $2 WHERE id = $1 AND status = 'active'";
/* What the token alone had put into error. */
static const char sql_clear_error[] = "UPDATE accounts SET status = 'active', status_reason = NULL "
                                      "WHERE id = $1 AND status = 'error' AND status_reason = $2";
static const char sql_find[] = "SELECT " COLUMNS " FROM accounts WHERE id = $1";
static const char sql_lock[] = "SELECT " COLUMNS " FROM accounts WHERE id = $1 {row_lock}";
static const char sql_delete[] = "DELETE FROM accounts WHERE id = $1";
static const char sql_live_jobs[] =
    "SELECT COUNT(*) FROM jobs WHERE account_id = $1 AND state <> 'ended'";

static const char sql_groups[] =
    "SELECT group_id FROM account_groups WHERE account_id = $1 ORDER BY group_id";
static const char sql_groups_clear[] = "DELETE FROM account_groups WHERE account_id = $1";
static const char sql_groups_add[] =
    "INSERT INTO account_groups (account_id, group_id) VALUES ($1, $2)";

#define SEARCH LIKE_EITHER("name", "base_url", "$1")
#define FILTER                                                                                     \
    "FROM accounts WHERE " SEARCH " "                                                              \
    "AND ($2 = '' OR platform = $2) AND ($3 = '' OR status = $3) "                                 \
    "AND (CAST($4 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM account_groups g "                       \
    "WHERE g.account_id = accounts.id AND g.group_id = $4))"
static const char sql_count[] = "SELECT COUNT(*) " FILTER;
static const char sql_list[] = "SELECT " COLUMNS " " FILTER
                               " ORDER BY priority, id LIMIT $5 OFFSET $6";
static const char sql_all[] = "SELECT " COLUMNS " FROM accounts ORDER BY id";
static const char sql_all_groups[] =
    "SELECT account_id, group_id FROM account_groups ORDER BY account_id, group_id";
static const char sql_any_active_sora[] =
    "SELECT 1 FROM accounts WHERE platform = 'sora' AND status = 'active' LIMIT 1";

/* No mark makes an account good that has to be signed in again. */
#define KEEPS                                                                                      \
    "status = 'disabled' OR EXISTS (SELECT 1 FROM account_tokens t "                               \
    "WHERE t.account_id = accounts.id AND t.sign_in_again = 1)"
static const char sql_write_marks[] =
    "UPDATE accounts SET status = CASE WHEN " KEEPS " THEN status ELSE $2 END, "
    "status_reason = CASE WHEN " KEEPS " THEN status_reason ELSE $3 END, "
    "rate_limited_until = $4, overloaded_until = $5, failures_in_row = $6, "
    "auth_failures_in_row = $7 WHERE id = $1";
static const char sql_write_use[] =
    "UPDATE accounts SET last_used_at = $2 WHERE id = $1 AND COALESCE(last_used_at, 0) < $2";
/* Not VALUES: a row for an account that was just deleted would break the transaction. */
static const char sql_add_hour[] =
    "INSERT INTO account_hours (account_id, hour, successes, failures) "
    "SELECT id, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT) "
    "FROM accounts WHERE id = $1 "
    "ON CONFLICT (account_id, hour) DO UPDATE SET "
    "successes = account_hours.successes + excluded.successes, "
    "failures = account_hours.failures + excluded.failures";
static const char sql_each_hour[] =
    "SELECT account_id, hour, successes, failures FROM account_hours WHERE hour >= $1";
static const char sql_each_hour_of[] =
    "SELECT account_id, hour, successes, failures FROM account_hours WHERE account_id = $2 AND "
    "hour >= $1";
static const char sql_prune_hours[] = "DELETE FROM account_hours WHERE hour < $1";

enum { ROW_BYTES = 4 << 20 }; /* of one account: mapping, list, certificate, secret */

static enum status read_account(const struct db_rows *rows, struct arena *a, struct account *ret,
                                struct err *err)
{
    struct account account = {
        .id = db_int(rows, 0),
        .name = db_text_in(rows, 1, a),
        .platform = db_text_in(rows, 2, a),
        .dialect = db_text_in(rows, 4, a),
        .base_url = db_text_in(rows, 5, a),
        .credentials = db_text_in(rows, 6, a),
        .priority = db_int(rows, 7),
        .concurrency = db_int(rows, 8),
        .proxy_url = db_text_in(rows, 9, a),
        .ca_pem = db_text_in(rows, 10, a),
        .models = db_text_in(rows, 11, a),
        .model_mapping = db_text_in(rows, 12, a),
        .honours_idempotency = db_int(rows, 13) != 0,
        .status_reason = db_text_in(rows, 15, a),
        .rate_limited_until = db_int(rows, 16),
        .overloaded_until = db_int(rows, 17),
        .failures_in_row = db_int(rows, 18),
        .auth_failures_in_row = db_int(rows, 19),
        .last_used_at = db_int(rows, 20),
        .created_at = db_int(rows, 21),
        .updated_at = db_int(rows, 22),
        .http2 = db_int(rows, 23) != 0,
        .oauth = db_is_null(rows, 24) ? STR_NONE : db_text_in(rows, 24, a),
        .token_expires_at = db_int(rows, 25),
        .token_renewed_at = db_int(rows, 26),
        .sign_in_again = db_int(rows, 27) != 0,
        .listed_models = db_is_null(rows, 28) ? STR_NONE : db_text_in(rows, 28, a),
    };
    if (!account_type_parse(db_text(rows, 3), &account.type) ||
        !account_status_parse(db_text(rows, 14), &account.status))
        return err_set(err, E_INTERNAL, "internal_error");
    if (!account.name.p || !account.credentials.p || !account.models.p || !account.model_mapping.p)
        return err_set(err, E_NO_MEMORY, "no_memory");
    *ret = account;
    return OK;
}

static enum status read_groups(struct db_conn *db, struct account *account, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool more;
    account->group_count = 0;
    TRY(db_query(db, sql_groups, DB_ARGS(P_INT(account->id)), &rows, err));
    for (;;) {
        TRY(db_next(rows, &more, err));
        if (!more || account->group_count == ACCOUNT_MAX_GROUPS)
            return OK;
        account->group_ids[account->group_count++] = db_int(rows, 0);
    }
}

static enum status write_groups(struct db_conn *tx, const struct account *account, struct err *err)
{
    TRY(db_exec(tx, sql_groups_clear, DB_ARGS(P_INT(account->id)), NULL, err));
    for (size_t i = 0; i < account->group_count; i++) {
        enum status status = db_exec(tx, sql_groups_add,
                                     DB_ARGS(P_INT(account->id), P_INT(account->group_ids[i])),
                                     NULL, err);
        if (status == E_CONFLICT)
            return err_field(err, "invalid_field", "group_ids", "there is no group %lld",
                             (long long)account->group_ids[i]);
        TRY(status);
    }
    return OK;
}

enum status accounts_insert(struct db_conn *tx, struct account *account, struct err *err)
{
    bool found;
    TRY(db_query_int(tx, sql_insert,
                     DB_ARGS(P_STR(account->name), P_STR(account->platform),
                             P_Z(account_type_name(account->type)), P_STR(account->dialect),
                             P_STR(account->base_url), P_STR(account->credentials),
                             P_INT(account->priority), P_INT(account->concurrency),
                             P_STR_OR_NULL(account->proxy_url), P_STR_OR_NULL(account->ca_pem),
                             P_STR(account->models), P_STR(account->model_mapping),
                             P_INT(account->honours_idempotency),
                             P_Z(account_status_name(account->status)), P_INT(account->created_at),
                             P_INT(account->http2), P_STR_OR_NULL(account->oauth)),
                     &account->id, &found, err));
    return write_groups(tx, account, err);
}

enum status accounts_update(struct db_conn *tx, const struct account *account, struct err *err)
{
    int64_t changed;
    TRY(db_exec(
        tx, sql_update,
        DB_ARGS(P_INT(account->id), P_STR(account->name), P_STR(account->dialect),
                P_STR(account->base_url), P_STR(account->credentials), P_INT(account->priority),
                P_INT(account->concurrency), P_STR_OR_NULL(account->proxy_url),
                P_STR_OR_NULL(account->ca_pem), P_STR(account->models),
                P_STR(account->model_mapping), P_INT(account->honours_idempotency),
                P_Z(account_status_name(account->status)), P_STR_OR_NULL(account->status_reason),
                P_INT_OR_NULL(account->rate_limited_until),
                P_INT_OR_NULL(account->overloaded_until), P_INT(account->failures_in_row),
                P_INT(account->auth_failures_in_row), P_INT(account->updated_at),
                P_INT(account->http2), P_STR_OR_NULL(account->oauth)),
        &changed, err));
    if (!changed)
        return err_set(err, E_NOT_FOUND, "account_not_found");
    return write_groups(tx, account, err);
}

static enum status find_one(struct db_conn *db, const char *sql, int64_t id, struct arena *a,
                            struct account *ret, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    struct account account;
    bool found;
    TRY(db_query(db, sql, DB_ARGS(P_INT(id)), &rows, err));
    TRY(db_next(rows, &found, err));
    if (!found)
        return err_set(err, E_NOT_FOUND, "account_not_found");
    TRY(read_account(rows, a, &account, err));
    TRY(read_groups(db, &account, err));
    *ret = account;
    return OK;
}

enum status accounts_find(struct db_conn *db, int64_t id, struct arena *a, struct account *ret,
                          struct err *err)
{
    return find_one(db, sql_find, id, a, ret, err);
}

enum status accounts_lock(struct db_conn *tx, int64_t id, struct arena *a, struct account *ret,
                          struct err *err)
{
    return find_one(tx, sql_lock, id, a, ret, err);
}

enum status accounts_set_credentials(struct db_conn *tx, int64_t id, struct str credentials,
                                     struct err *err)
{
    return db_exec(tx, sql_set_credentials, DB_ARGS(P_INT(id), P_STR(credentials)), NULL, err);
}

enum status accounts_set_error(struct db_conn *tx, int64_t id, const char *reason, struct err *err)
{
    return db_exec(tx, sql_set_error, DB_ARGS(P_INT(id), P_Z(reason)), NULL, err);
}

enum status accounts_clear_error(struct db_conn *tx, int64_t id, const char *reason,
                                 struct err *err)
{
    return db_exec(tx, sql_clear_error, DB_ARGS(P_INT(id), P_Z(reason)), NULL, err);
}

enum status accounts_delete(struct db_conn *tx, int64_t id, struct err *err)
{
    int64_t changed;
    TRY(db_exec(tx, sql_delete, DB_ARGS(P_INT(id)), &changed, err));
    return changed ? OK : err_set(err, E_NOT_FOUND, "account_not_found");
}

enum status accounts_live_jobs(struct db_conn *tx, int64_t id, int64_t *ret, struct err *err)
{
    bool found;
    return db_query_int(tx, sql_live_jobs, DB_ARGS(P_INT(id)), ret, &found, err);
}

static struct str or_empty(struct str s)
{
    return s.p ? s : STR("");
}

enum status accounts_list(struct db_conn *db, const struct accounts_filter *filter, int64_t limit,
                          int64_t offset, struct arena *a, struct account **ret, size_t *ret_count,
                          int64_t *ret_total, struct err *err)
{
    const struct db_param args[] = {
        P_STR(like_pattern(a, filter->q)),
        P_STR(or_empty(filter->platform)),
        P_STR(or_empty(filter->status)),
        P_INT(filter->group_id),
        P_INT(limit),
        P_INT(offset),
    };
    struct account *accounts = arena_alloc(a, (size_t)limit * sizeof(*accounts));
    if (!accounts)
        return err_set(err, E_NO_MEMORY, "no_memory");

    bool more;
    int64_t total;
    TRY(db_query_int(db, sql_count, args, 4, &total, &more, err));

    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    size_t count = 0;
    TRY(db_query(db, sql_list, args, ARRAY_SIZE(args), &rows, err));
    for (;;) {
        TRY(db_next(rows, &more, err));
        if (!more)
            break;
        TRY(read_account(rows, a, &accounts[count++], err));
    }
    for (size_t i = 0; i < count; i++)
        TRY(read_groups(db, &accounts[i], err));
    *ret = accounts;
    *ret_count = count;
    *ret_total = total;
    return OK;
}

/* The groups of the account, from a cursor over all pairs that is at or before it. */
static enum status merge_groups(struct db_rows *pairs, bool *more, struct account *account,
                                struct err *err)
{
    while (*more && db_int(pairs, 0) <= account->id) {
        if (db_int(pairs, 0) == account->id && account->group_count < ACCOUNT_MAX_GROUPS)
            account->group_ids[account->group_count++] = db_int(pairs, 1);
        TRY(db_next(pairs, more, err));
    }
    return OK;
}

enum status accounts_each(struct db_conn *db, accounts_fn *fn, void *ctx, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(ROW_BYTES);
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL, *pairs = NULL;
    bool more, more_pairs;
    TRY(db_query(db, sql_all, DB_NO_ARGS, &rows, err));
    TRY(db_query(db, sql_all_groups, DB_NO_ARGS, &pairs, err));
    TRY(db_next(pairs, &more_pairs, err));
    for (;;) {
        struct account account;
        TRY(db_next(rows, &more, err));
        if (!more)
            return OK;
        arena_reset(a);
        TRY(read_account(rows, a, &account, err));
        TRY(merge_groups(pairs, &more_pairs, &account, err));
        TRY(fn(ctx, &account, err));
    }
}

enum status accounts_count(struct db_conn *db, size_t *ret, struct err *err)
{
    int64_t count;
    TRY(db_query_int(db, "SELECT COUNT(*) FROM accounts", DB_NO_ARGS, &count, NULL, err));
    *ret = (size_t)count;
    return OK;
}

enum status accounts_any_active_sora(struct db_conn *db, bool *ret, struct err *err)
{
    int64_t one;
    return db_query_int(db, sql_any_active_sora, DB_NO_ARGS, &one, ret, err);
}

enum status accounts_write_marks(struct db_conn *tx, const struct account *marks, struct err *err)
{
    return db_exec(tx, sql_write_marks,
                   DB_ARGS(P_INT(marks->id), P_Z(account_status_name(marks->status)),
                           P_STR_OR_NULL(marks->status_reason),
                           P_INT_OR_NULL(marks->rate_limited_until),
                           P_INT_OR_NULL(marks->overloaded_until), P_INT(marks->failures_in_row),
                           P_INT(marks->auth_failures_in_row)),
                   NULL, err);
}

enum status accounts_write_use(struct db_conn *tx, int64_t id, int64_t at, struct err *err)
{
    return db_exec(tx, sql_write_use, DB_ARGS(P_INT(id), P_INT(at)), NULL, err);
}

enum status accounts_add_hour(struct db_conn *tx, const struct account_hour *h, struct err *err)
{
    return db_exec(
        tx, sql_add_hour,
        DB_ARGS(P_INT(h->account_id), P_INT(h->hour), P_INT(h->successes), P_INT(h->failures)),
        NULL, err);
}

static enum status each_hour(struct db_conn *db, const char *sql, const struct db_param *params,
                             size_t n, accounts_hour_fn *fn, void *ctx, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool more;
    TRY(db_query(db, sql, params, n, &rows, err));
    for (;;) {
        TRY(db_next(rows, &more, err));
        if (!more)
            return OK;
        struct account_hour h = {db_int(rows, 0), db_int(rows, 1), db_int(rows, 2),
                                 db_int(rows, 3)};
        fn(ctx, &h);
    }
}

enum status accounts_each_hour(struct db_conn *db, int64_t since, accounts_hour_fn *fn, void *ctx,
                               struct err *err)
{
    return each_hour(db, sql_each_hour, DB_ARGS(P_INT(since)), fn, ctx, err);
}

enum status accounts_each_hour_of(struct db_conn *db, int64_t account_id, int64_t since,
                                  accounts_hour_fn *fn, void *ctx, struct err *err)
{
    return each_hour(db, sql_each_hour_of, DB_ARGS(P_INT(since), P_INT(account_id)), fn, ctx, err);
}

enum status accounts_prune_hours(struct db_conn *tx, int64_t before, struct err *err)
{
    return db_exec(tx, sql_prune_hours, DB_ARGS(P_INT(before)), NULL, err);
}
