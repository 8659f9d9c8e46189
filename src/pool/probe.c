/* SPDX-License-Identifier: Apache-2.0 */
/* Trying an account gently whose last call failed.  What its cool-down kept away must not
 * come back all at once: one call goes first.  As soon as that is answered well, or has
 * succeeded, all slots are open again.  An answer may take minutes, though, and most failures
 * come at once; so every PACE_MS in which none comes doubles the calls. */
#include "base/clock.h"
#include "pool/pool_impl.h"

enum { PACE_MS = 10 * 1000, STEPS_MAX = 20 };

static int64_t steps_of(const struct probe *b, int64_t now)
{
    int64_t steps = b->began_at ? (now - b->began_at) / PACE_MS : 0;
    return MIN(MAX(steps, 0), STEPS_MAX);
}

bool probe_is_paced(const struct entry *e, int64_t now, int64_t *ret_until)
{
    const struct probe *b = &e->probe;
    if (!marks_doubt(&e->marks) || b->proven)
        return false;
    int64_t steps = steps_of(b, now);
    *ret_until = b->began_at + (steps + 1) * PACE_MS;
    return b->calls >= INT64_C(1) << steps;
}

uint32_t probe_begin(struct entry *e, int64_t now)
{
    struct probe *b = &e->probe;
    if (!marks_doubt(&e->marks))
        return 0;
    if (!b->began_at)
        b->began_at = now;
    if (b->round == 0)
        b->round = 1; /* the failure was another process's */
    b->calls++;
    return b->round;
}

void probe_end(struct entry *e, uint32_t round)
{
    struct probe *b = &e->probe;
    if (round == 0 || round != b->round)
        return;
    b->calls--;
    if (b->calls == 0)
        b->began_at = 0;
}

void probe_reset(struct entry *e)
{
    uint32_t round = e->probe.round + 1;
    e->probe = (struct probe){.round = round ? round : 1};
}
