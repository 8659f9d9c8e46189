/* SPDX-License-Identifier: Apache-2.0 */
#include "service/secrets.h"

#include "platform/migrate.h"
#include "service/settings_table.h"
#include "store/account_secrets.h"
#include "store/accounts.h"
#include "store/settings.h"
#include "store/stores.h"

enum { SECRET_BYTES = 4 << 20, STORES_SINCE = 19 /* sql/migrations/0019_stores.sql */ };

struct checking {
    const struct key_ring *keys;
    struct arena *arena;
    struct secrets_count count;
};

static void count(struct checking *c, bool readable)
{
    c->count.sealed++;
    c->count.unreadable += !readable;
    arena_reset(c->arena);
}

static enum status on_account(void *ctx, const struct account *account, struct err *err)
{
    struct checking *c = ctx;
    struct account_secrets secrets;
    (void)err;
    bool readable = c->keys &&
                    account_secrets_open(c->keys, account, c->arena, &secrets, NULL) == OK;
    if (readable)
        account_secrets_wipe(&secrets);
    count(c, readable);
    return OK;
}

static enum status on_setting(void *ctx, struct str key, struct str value, struct err *err)
{
    struct checking *c = ctx;
    const struct setting *s = settings_table_find(key);
    (void)err;
    if (s && s->secret)
        count(c, c->keys && settings_open_secret(c->keys, s, c->arena, &value, NULL) == OK);
    return OK;
}

static enum status on_bucket(void *ctx, struct str sealed, struct err *err)
{
    struct checking *c = ctx;
    const struct setting *as = settings_table_find(STR("sora_s3_secret_access_key"));
    (void)err;
    count(c, c->keys && settings_open_secret(c->keys, as, c->arena, &sealed, NULL) == OK);
    return OK;
}

enum status secrets_check(struct db_conn *db, const struct key_ring *keys,
                          struct secrets_count *ret, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(SECRET_BYTES);
    struct checking c = {.keys = keys, .arena = a};
    TRY(accounts_each(db, on_account, &c, err));
    TRY(settings_rows_read(db, on_setting, &c, err));
    TRY(store_each_secret(db, on_bucket, &c, err));
    *ret = c.count;
    return OK;
}

enum status secrets_count(struct db_conn *db, size_t *ret, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(SECRET_BYTES);
    struct checking c = {.arena = a};
    size_t migrations, accounts = 0;
    TRY(migrate_count(db, &migrations, err));
    /* Of an account only that it is there: its columns are those of its time. */
    if (migrations > 0) {
        TRY(accounts_count(db, &accounts, err));
        TRY(settings_rows_read(db, on_setting, &c, err));
    }
    if (migrations >= STORES_SINCE)
        TRY(store_each_secret(db, on_bucket, &c, err));
    *ret = accounts + c.count.sealed;
    return OK;
}
