/* SPDX-License-Identifier: Apache-2.0 */
/* How often calls of one group may be made again (the retry budget of pool.h): counts of the
 * last seconds, one slot each, under the pool's lock. */
#include "base/clock.h"
#include "pool/pool_impl.h"

enum {
    FLOOR = 10, /* so that a few calls may always fail over */
    PART = 5,   /* and of many, one in five */
};

static struct budget_second *second_of(struct budget *b, int64_t now)
{
    int64_t second = now / CLOCK_SECOND_MS;
    struct budget_second *s = &b->seconds[second % BUDGET_SECONDS];
    if (s->second != second)
        *s = (struct budget_second){.second = second};
    return s;
}

void budget_count(struct budget *b, int64_t now, int n)
{
    second_of(b, now)->calls += n;
}

static bool is_spent(const struct budget *b, int64_t now)
{
    int64_t oldest = now / CLOCK_SECOND_MS - BUDGET_SECONDS, calls = 0, retries = 0;
    for (size_t i = 0; i < BUDGET_SECONDS; i++) {
        if (b->seconds[i].second <= oldest)
            continue;
        calls += b->seconds[i].calls;
        retries += b->seconds[i].retries;
    }
    return retries >= FLOOR + calls / PART;
}

bool budget_spend(struct budget *b, int64_t now)
{
    if (is_spent(b, now))
        return false;
    second_of(b, now)->retries++;
    return true;
}

/* Above it, those who wait come one a second: as often as the floor alone would let them. */
int64_t budget_reserve(struct budget *b, int64_t now)
{
    if (b->reserved_until <= now && budget_spend(b, now))
        return 0;
    b->reserved_until = MAX(b->reserved_until, now) + BUDGET_SECONDS * CLOCK_SECOND_MS / FLOOR;
    return b->reserved_until - now;
}
