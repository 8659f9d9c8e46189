/* SPDX-License-Identifier: Apache-2.0 */
#include "base/share.h"

#include <stdlib.h>

#include "base/mem.h"

struct share {
    struct shares *of;
    struct share *next; /* in its bucket */
    int64_t id;
    int references; /* under the lock */
    atomic_llong taken;
};

static struct share **bucket_of(struct shares *s, int64_t id)
{
    return &s->holders[(uint64_t)id % SHARE_BUCKETS];
}

struct share *share_hold(struct shares *s, int64_t id)
{
    pthread_mutex_lock(&s->lock);
    struct share **bucket = bucket_of(s, id), *share = *bucket;
    while (share && share->id != id)
        share = share->next;
    if (!share) {
        share = mem_zalloc(sizeof(*share));
        share->of = s;
        share->id = id;
        share->next = *bucket;
        *bucket = share;
    }
    share->references++;
    pthread_mutex_unlock(&s->lock);
    return share;
}

void share_drop(struct share *share)
{
    if (!share)
        return;
    struct shares *s = share->of;
    pthread_mutex_lock(&s->lock);
    if (--share->references == 0) {
        struct share **at = bucket_of(s, share->id);
        while (*at != share)
            at = &(*at)->next;
        *at = share->next;
        free(share);
    }
    pthread_mutex_unlock(&s->lock);
}

static bool take(atomic_llong *taken, long long n, long long most)
{
    if (atomic_fetch_add(taken, n) + n <= most || n <= 0)
        return true;
    atomic_fetch_sub(taken, n);
    return false;
}

bool shares_take(struct shares *s, long long n)
{
    return take(&s->taken, n, s->all);
}

bool share_take_part(struct share *share, long long n, int hundredths)
{
    struct shares *s = share->of;
    if (!take(&share->taken, n, s->each * hundredths / 100))
        return false;
    if (take(&s->taken, n, s->all * hundredths / 100))
        return true;
    atomic_fetch_sub(&share->taken, n);
    return false;
}

bool share_take(struct share *share, long long n)
{
    return share_take_part(share, n, 100);
}
