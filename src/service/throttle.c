/* SPDX-License-Identifier: Apache-2.0 */
#include "service/throttle.h"

#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/guard.h"
#include "platform/crypto.h"

enum { WAYS = 8, BUCKETS = THROTTLE_SLOTS / WAYS };

#define LONGEST_MS (15 * CLOCK_MINUTE_MS)
#define FORGET_MS  CLOCK_HOUR_MS

struct slot {
    uint64_t name; /* keyed hash; 0: free */
    int failures, under_way;
    int64_t last, blocked_until; /* monotonic ms */
};

struct throttle {
    pthread_mutex_t lock;
    pthread_cond_t left;
    unsigned char key[32];
    struct slot slots[BUCKETS][WAYS];
};

struct throttle *throttle_new(void)
{
    struct throttle *t = mem_zalloc(sizeof(*t));
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->left, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&t->lock, NULL);
    crypto_random(t->key, sizeof(t->key));
    return t;
}

void throttle_free(struct throttle *t)
{
    if (!t)
        return;
    pthread_cond_destroy(&t->left);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* One customer has a whole /64 of IPv6 (RFC 6177), and takes another address of it each time. */
static struct str network_of(struct str address, struct sockaddr_storage *store)
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)store;
    socklen_t size;
    if (!guard_parse_address(address, 0, store, &size) || store->ss_family != AF_INET6 ||
        IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return address;
    return (struct str){(const char *)&in6->sin6_addr, 8};
}

static uint64_t hash_of(const struct throttle *t, enum throttle_kind kind, struct str name)
{
    unsigned char inner[SHA256_SIZE], key[sizeof(t->key)];
    struct sockaddr_storage store;
    uint64_t hash;
    if (kind != THROTTLE_EMAIL)
        name = network_of(name, &store);
    memcpy(key, t->key, sizeof(key));
    key[0] ^= (unsigned char)(kind + 1);
    crypto_hmac_sha256((struct str){(const char *)key, sizeof(key)}, name, inner);
    memcpy(&hash, inner, sizeof(hash));
    return hash ? hash : 1;
}

static struct slot *find(struct throttle *t, uint64_t name)
{
    struct slot *bucket = t->slots[name % BUCKETS];
    for (int i = 0; i < WAYS; i++) {
        if (bucket[i].name == name)
            return &bucket[i];
    }
    return NULL;
}

static struct slot *take(struct throttle *t, uint64_t name, int64_t now)
{
    struct slot *slot = find(t, name);
    if (slot && now - slot->last <= FORGET_MS)
        return slot;
    if (!slot) {
        struct slot *bucket = t->slots[name % BUCKETS];
        slot = &bucket[0];
        for (int i = 1; i < WAYS && slot->name; i++) {
            if (!bucket[i].name || bucket[i].last < slot->last)
                slot = &bucket[i];
        }
    }
    *slot = (struct slot){.name = name};
    return slot;
}

static int free_attempts(enum throttle_kind kind)
{
    return kind == THROTTLE_EMAIL ? 5 : 20;
}

/* Before the attempt after so many failures. */
static int64_t wait_after(enum throttle_kind kind, int failures)
{
    int over = failures - free_attempts(kind);
    if (over < 0)
        return 0;
    return over >= 9 ? LONGEST_MS : MIN((CLOCK_SECOND_MS * 2) << over, LONGEST_MS);
}

/* Under the lock: 0 when it has begun, else the time to wait; *ret_undecided: unless attempts
 * under way succeed. */
static int64_t begin(struct throttle *t, enum throttle_kind kind, uint64_t name, int64_t now,
                     bool *ret_undecided)
{
    struct slot *slot = take(t, name, now);
    bool full = slot->failures + slot->under_way >= free_attempts(kind);
    int64_t left = slot->failures >= free_attempts(kind) ? slot->blocked_until - now : 0;
    *ret_undecided = left <= 0 && full && slot->under_way > 0;
    if (left > 0 || *ret_undecided)
        return MAX(left, CLOCK_SECOND_MS);
    slot->under_way++;
    slot->last = MAX(slot->last, now);
    return 0;
}

static struct timespec time_at(int64_t mono_ms)
{
    return (struct timespec){.tv_sec = (time_t)(mono_ms / 1000),
                             .tv_nsec = (long)(mono_ms % 1000) * 1000000L};
}

enum status throttle_enter(struct throttle *t, enum throttle_kind kind, struct str name,
                           int64_t now_mono_ms, int64_t wait_ms, struct err *err)
{
    uint64_t hash = hash_of(t, kind, name);
    struct timespec until = time_at(now_mono_ms + wait_ms);
    bool waits = wait_ms > 0, undecided;
    pthread_mutex_lock(&t->lock);
    int64_t left = begin(t, kind, hash, now_mono_ms, &undecided);
    while (undecided && waits) {
        waits = pthread_cond_timedwait(&t->left, &t->lock, &until) == 0;
        left = begin(t, kind, hash, clock_mono_ms(), &undecided);
    }
    pthread_mutex_unlock(&t->lock);
    if (left <= 0)
        return OK;
    err_set(err, E_LIMIT, "too_many_attempts");
    if (err)
        err->retry_after_ms = left;
    return E_LIMIT;
}

static void settle(struct slot *slot, enum throttle_kind kind, enum throttle_end end, int64_t now)
{
    slot->under_way -= slot->under_way > 0;
    if (end == THROTTLE_FORGIVEN)
        slot->failures = 0;
    if (end != THROTTLE_FAILED)
        return;
    slot->failures++;
    slot->blocked_until = now + wait_after(kind, slot->failures);
}

void throttle_leave(struct throttle *t, enum throttle_kind kind, struct str name,
                    enum throttle_end end, int64_t now_mono_ms)
{
    uint64_t hash = hash_of(t, kind, name);
    pthread_mutex_lock(&t->lock);
    struct slot *slot = find(t, hash);
    if (slot)
        settle(slot, kind, end, now_mono_ms);
    pthread_cond_broadcast(&t->left);
    pthread_mutex_unlock(&t->lock);
}
