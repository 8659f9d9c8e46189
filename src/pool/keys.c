/* SPDX-License-Identifier: Apache-2.0 */
/* API keys by the hash of the key.  The table is built beside the running one and swapped;
 * a look-up holds keys_lock for one probe of a chain. */
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "pool/pool_impl.h"
#include "store/live_keys.h"

enum { KEY_MAX_BYTES = 256, COLLECT_PER_LOCK = 256, MAX_KEY_USES = 1 << 16 };

struct key_item {
    unsigned char hash[SHA256_SIZE];
    struct pool_key key;
    int64_t expires_at;
    int64_t used_at;          /* since it was last written; 0: not */
    uint32_t next, next_used; /* place in items + 1 */
};

struct key_table {
    struct key_item *items;
    size_t count, size;
    uint32_t *chains;   /* place in items + 1 */
    size_t chain_count; /* a power of two */
    uint32_t used;      /* first of the used ones */
};

void keys_free(struct key_table *t)
{
    if (!t)
        return;
    free(t->items);
    free(t->chains);
    free(t);
}

static void keys_freep(struct key_table **t)
{
    keys_free(*t);
}

static size_t chain_of(const struct key_table *t, const unsigned char *hash)
{
    uint64_t bits;
    memcpy(&bits, hash, sizeof(bits));
    return bits & (t->chain_count - 1);
}

/* ---- building ---- */

struct building {
    struct pool *pool;
    struct key_table *table;
};

static enum status on_key(void *ctx, const struct live_key *row, struct err *err)
{
    (void)err;
    struct building *b = ctx;
    struct key_table *t = b->table;
    struct key_item item = {.expires_at = row->expires_at};
    if (row->hash.n != 2 * sizeof(item.hash) || !hex_decode(row->hash, item.hash))
        return OK; /* not a hash of ours: nobody can have this key */
    item.key = (struct pool_key){row->id, row->user_id, row->group_id,
                                 platform_intern(b->pool, row->group_platform)->name};
    if (t->count == t->size) {
        t->size = t->size ? 2 * t->size : 64;
        t->items = mem_realloc(t->items, t->size * sizeof(*t->items));
    }
    t->items[t->count++] = item;
    return OK;
}

static void link_chains(struct key_table *t)
{
    t->chain_count = 64;
    while (t->chain_count < 2 * t->count)
        t->chain_count *= 2;
    t->chains = mem_calloc(t->chain_count, sizeof(*t->chains));
    for (size_t i = 0; i < t->count; i++) {
        uint32_t *chain = &t->chains[chain_of(t, t->items[i].hash)];
        t->items[i].next = *chain;
        *chain = (uint32_t)i + 1;
    }
}

static void add_use(struct pool *p, const struct key_item *item)
{
    if (p->key_use_count == MAX_KEY_USES)
        return; /* the database has been away for long: these are but times of last use */
    if (p->key_use_count == p->key_use_size) {
        p->key_use_size = p->key_use_size ? 2 * p->key_use_size : 64;
        p->key_uses = mem_realloc(p->key_uses, p->key_use_size * sizeof(*p->key_uses));
    }
    p->key_uses[p->key_use_count++] = (struct key_use){item->key.key_id, item->used_at};
}

enum status keys_reload(struct pool *p, struct db_conn *db, struct err *err)
{
    _cleanup_(keys_freep) struct key_table *t = mem_zalloc(sizeof(*t));
    struct building b = {p, t};
    TRY(live_keys_each(db, on_key, &b, err));
    link_chains(t);

    pthread_mutex_lock(&p->keys_lock);
    struct key_table *old = p->key_table;
    p->key_table = t;
    pthread_mutex_unlock(&p->keys_lock);
    t = old;
    for (uint32_t at = old ? old->used : 0; at; at = old->items[at - 1].next_used)
        add_use(p, &old->items[at - 1]);
    return OK;
}

/* ---- using ---- */

static void note_use(struct key_table *t, struct key_item *item, int64_t now)
{
    if (!item->used_at) {
        item->next_used = t->used;
        t->used = (uint32_t)(item - t->items) + 1;
    }
    item->used_at = now;
}

static bool find(struct key_table *t, const unsigned char *hash, int64_t now, struct pool_key *ret)
{
    for (uint32_t at = t->chains[chain_of(t, hash)]; at; at = t->items[at - 1].next) {
        struct key_item *item = &t->items[at - 1];
        if (memcmp(item->hash, hash, SHA256_SIZE) != 0)
            continue;
        if (item->expires_at && item->expires_at <= now)
            return false;
        note_use(t, item, now);
        *ret = item->key;
        return true;
    }
    return false;
}

enum status pool_find_key(struct pool *p, struct str bearer, struct pool_key *ret, struct err *err)
{
    unsigned char hash[SHA256_SIZE];
    if (bearer.n == 0 || bearer.n > KEY_MAX_BYTES)
        return err_set(err, E_AUTH, "invalid_api_key");
    crypto_sha256(bearer, hash);
    pthread_mutex_lock(&p->keys_lock);
    bool found = p->key_table && find(p->key_table, hash, clock_wall_ms(), ret);
    pthread_mutex_unlock(&p->keys_lock);
    return found ? OK : err_set(err, E_AUTH, "invalid_api_key");
}

/* ---- writing ---- */

static bool collect_some(struct pool *p, struct key_table *t)
{
    for (int i = 0; i < COLLECT_PER_LOCK; i++) {
        if (!t->used)
            return false;
        struct key_item *item = &t->items[t->used - 1];
        t->used = item->next_used;
        add_use(p, item);
        item->used_at = 0;
    }
    return true;
}

size_t keys_collect(struct pool *p)
{
    bool more = p->key_table != NULL; /* only a reload swaps it, and that is not now */
    while (more) {
        pthread_mutex_lock(&p->keys_lock);
        more = collect_some(p, p->key_table);
        pthread_mutex_unlock(&p->keys_lock);
    }
    return p->key_use_count;
}

enum status keys_write(struct pool *p, struct db_conn *tx, struct err *err)
{
    for (size_t i = 0; i < p->key_use_count; i++)
        TRY(live_keys_used(tx, p->key_uses[i].key_id, p->key_uses[i].at, err));
    return OK;
}

void keys_written(struct pool *p)
{
    p->key_use_count = 0;
}
