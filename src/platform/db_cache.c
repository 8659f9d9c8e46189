/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "platform/db_impl.h"

enum { FIRST_SLOTS = 64 };

/* Open addressing; the table is at most half full, so a free slot always ends the search. */
static struct db_cached *find(const struct db_cache *cache, const char *sql)
{
    size_t i = (size_t)(((uintptr_t)sql >> 3) * 0x9e3779b97f4a7c15ull >> 20);
    while (cache->slots[i & (cache->size - 1)].sql &&
           cache->slots[i & (cache->size - 1)].sql != sql)
        i++;
    return &cache->slots[i & (cache->size - 1)];
}

bool db_cache_get(const struct db_cache *cache, const char *sql, void **ret_value)
{
    *ret_value = NULL;
    if (!cache->size)
        return true;
    const struct db_cached *slot = find(cache, sql);
    if (!slot->sql)
        return true;
    *ret_value = slot->value;
    return strcmp(slot->copy, sql) == 0;
}

static void grow(struct db_cache *cache)
{
    struct db_cache bigger = {.size = cache->size ? cache->size * 2 : FIRST_SLOTS,
                              .count = cache->count};
    bigger.slots = mem_calloc(bigger.size, sizeof(*bigger.slots));
    for (size_t i = 0; i < cache->size; i++) {
        if (cache->slots[i].sql)
            *find(&bigger, cache->slots[i].sql) = cache->slots[i];
    }
    free(cache->slots);
    *cache = bigger;
}

void db_cache_put(struct db_cache *cache, const char *sql, void *value)
{
    if (cache->count * 2 >= cache->size)
        grow(cache);
    *find(cache, sql) = (struct db_cached){.sql = sql, .copy = mem_strdup(sql), .value = value};
    cache->count++;
}

void db_cache_clear(struct db_cache *cache, void (*free_value)(void *value))
{
    for (size_t i = 0; i < cache->size; i++) {
        if (!cache->slots[i].sql)
            continue;
        if (free_value)
            free_value(cache->slots[i].value);
        free(cache->slots[i].copy);
    }
    free(cache->slots);
    *cache = (struct db_cache){0};
}
