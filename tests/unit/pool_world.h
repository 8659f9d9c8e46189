/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* pool_world — a pool over a real database, and accounts in it. */
#include "engines.h"

#include "base/clock.h"
#include "base/hex.h"
#include "net/loop.h"
#include "platform/migrate.h"
#include "pool/pool.h"
#include "store/accounts.h"

static struct key_ring *ring;

struct world {
    struct db_conn *db;
    struct pool *pool;
    struct arena *arena;
};

static inline void sql(struct world *w, const char *text)
{
    ok(db_begin(w->db, err));
    ok(db_script(w->db, text, err));
    ok(db_commit(w->db, err));
}

static inline void begin(struct world *w, struct engine *e)
{
    *w = (struct world){.db = db_conn_new(e->db), .arena = arena_new(64 << 20)};
    ok(migrate_run(w->db, NULL, err));
    ok(pool_new(ring, &w->pool, err));
}

static inline void end(struct world *w)
{
    pool_free(w->pool);
    arena_free(w->arena);
    db_conn_free(w->db);
}

static inline void reload(struct world *w)
{
    ok(pool_reload(w->pool, w->db, err));
}

static inline struct account plain(void)
{
    return (struct account){
        .name = STR("account"),
        .platform = STR("sora"),
        .type = ACCOUNT_APIKEY,
        .dialect = STR("chat"),
        .base_url = STR("http://127.0.0.1:9/v1/"),
        .credentials = STR(""),
        .priority = 50,
        .concurrency = 1,
        .models = STR("[]"),
        .model_mapping = STR("{}"),
        .group_ids = {1},
        .group_count = 1,
        .created_at = 1,
    };
}

static inline void insert(struct world *w, struct account *account)
{
    ok(accounts_insert(w->db, account, err));
    struct str context = arena_printf(w->arena, "account:%lld", (long long)account->id);
    account->credentials = key_ring_seal(ring, w->arena, context, STR("{\"api_key\":\"sk-up\"}"));
    ok(accounts_update(w->db, account, err));
}

static inline int64_t add(struct world *w, struct account account)
{
    ok(db_begin(w->db, err));
    insert(w, &account);
    ok(db_commit(w->db, err));
    return account.id;
}

static inline int64_t add_simple(struct world *w, int64_t priority, int64_t concurrency)
{
    struct account account = plain();
    account.priority = priority;
    account.concurrency = concurrency;
    return add(w, account);
}

static inline struct pool_want want_of(const char *model)
{
    return (struct pool_want){.platform = STR("sora"), .group_id = 1, .model = str_of(model)};
}

static inline struct pool_slot take(struct world *w, const char *model)
{
    struct pool_want want = want_of(model);
    struct pool_slot slot;
    int64_t retry;
    assert_int_equal(pool_take(w->pool, &want, &slot, &retry), POOL_GOT);
    return slot;
}

static inline enum pool_result try_take(struct world *w, const struct pool_want *want,
                                        int64_t *ret_retry)
{
    struct pool_slot slot;
    enum pool_result result = pool_take(w->pool, want, &slot, ret_retry);
    pool_slot_end(&slot);
    return result;
}

/* Takes and gives back; the account that was chosen. */
static inline int64_t use(struct world *w, enum pool_outcome outcome)
{
    struct pool_slot slot = take(w, "sora2");
    int64_t id = slot.account->id;
    pool_release(w->pool, &slot, outcome, 0);
    return id;
}

static inline struct pool_status status_of(struct world *w, int64_t id)
{
    struct pool_status status;
    pool_status_of(w->pool, id, &status);
    return status;
}

/* Three calls, one after the other, that the upstream takes no key for. */
static inline void put_in_error(struct world *w, int64_t id)
{
    struct pool_want want = want_of("sora2");
    want.only_account = id;
    for (int i = 0; i < 3; i++) {
        struct pool_slot slot;
        int64_t retry;
        assert_int_equal(pool_take(w->pool, &want, &slot, &retry), POOL_GOT);
        pool_release(w->pool, &slot, POOL_AUTH_FAILED, 0);
    }
    assert_int_equal(status_of(w, id).status, ACCOUNT_ERROR);
}

static inline int pool_set_up(void **state)
{
    (void)state;
    crypto_init(NULL);
    setenv("KINORA_SECRET_KEYS", "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 1);
    ok(key_ring_load("unused", &ring, err));
    return 0;
}

static inline int pool_tear_down(void **state)
{
    (void)state;
    key_ring_free(ring);
    return 0;
}
