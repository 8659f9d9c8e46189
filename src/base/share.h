/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* share — something that there is only so much of, and how much of it each holder has.
 *
 * Thread: any.  share_hold() and share_drop() take a lock, taking and giving back do not: a holder
 * that is looked up once may take often. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { SHARE_BUCKETS = 64 };

struct share;

struct shares {
    long long all, each; /* the most that is taken in all, and by one holder */
    atomic_llong taken;
    pthread_mutex_t lock;
    struct share *holders[SHARE_BUCKETS];
};

#define SHARES_INIT(all_, each_)                                                                   \
    {                                                                                              \
        .all = (all_), .each = (each_), .lock = PTHREAD_MUTEX_INITIALIZER                          \
    }

/* The share of one holder, known by a number; each call is one reference to the same. */
struct share *share_hold(struct shares *s, int64_t id);
/* Gives back a reference, not what was taken.  NULL: nothing. */
void share_drop(struct share *share);
/* n more of both, or false and nothing.  n <= 0 gives back. */
bool share_take(struct share *share, long long n);
/* The same up to so many hundredths of both: the rest is left for what matters more. */
bool share_take_part(struct share *share, long long n, int hundredths);
/* The same for nobody's account: `each` is not asked for. */
bool shares_take(struct shares *s, long long n);
