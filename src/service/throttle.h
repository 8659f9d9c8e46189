/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* throttle — slows down whoever guesses (SPEC ID-4).
 *
 * An attempt is counted before it is made and taken back when it succeeds, so that a
 * hundred at once get no further than one after the other.  After the free attempts each
 * further one has to wait twice as long as the last: 2 s, 4 s … 15 minutes.  A quiet hour
 * forgets.
 *
 * In memory, of one process: several nodes count each for themselves, and a restart
 * forgets.  Bounded: THROTTLE_SLOTS names; the one that was quiet longest makes room
 * within its bucket, and names are placed by a keyed hash, so that nobody can choose whom
 * they push out.  Thread: any. */
#include "base/err.h"

enum { THROTTLE_SLOTS = 8192 };

/* What is counted, each kind for itself; an address of IPv6 with all of its /64. */
enum throttle_kind {
    THROTTLE_EMAIL,    /* sign-ins and password checks of one e-mail: 5 free */
    THROTTLE_ADDRESS,  /* failed sign-ins from one address: 20 free */
    THROTTLE_REGISTER, /* new users from one address: 20 free */
};

struct throttle;
struct throttle *throttle_new(void);
void throttle_free(struct throttle *t);

/* Counts an attempt.  E_LIMIT, code "too_many_attempts", with the time to wait, and
 * nothing is counted then. */
enum status throttle_enter(struct throttle *t, enum throttle_kind kind, struct str name,
                           int64_t now_mono_ms, struct err *err);
/* It succeeded: one attempt is taken back, or all of them. */
void throttle_forgive(struct throttle *t, enum throttle_kind kind, struct str name, bool all);
