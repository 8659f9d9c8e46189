/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* throttle — slows down whoever guesses (SPEC ID-4).
 *
 * An attempt is under way from throttle_enter() to throttle_leave(), and only what it was
 * found to be is counted: who knows the password never waits for those who sign in beside
 * him.  No more are under way than would be free if all of them failed, so a hundred guesses
 * at once get no further than one after the other.  After the free failures each further
 * attempt has to wait twice as long as the last: 2 s, 4 s … 15 minutes.  A quiet hour forgets.
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
    THROTTLE_REGISTER, /* registrations from one address: 20 free */
};

struct throttle;
struct throttle *throttle_new(void);
void throttle_free(struct throttle *t);

/* Begins an attempt, which throttle_leave() ends.  Where it depends on attempts under way, waits
 * for their ends; blocks for wait_ms at most, 0: never.  E_LIMIT, code "too_many_attempts", with
 * the time after which to come again: nothing has begun. */
enum { THROTTLE_WAIT_MS = 30000 };
enum status throttle_enter(struct throttle *t, enum throttle_kind kind, struct str name,
                           int64_t now_mono_ms, int64_t wait_ms, struct err *err);
enum throttle_end {
    THROTTLE_FAILED,
    THROTTLE_SUCCEEDED,
    THROTTLE_FORGIVEN, /* and so are all failures before it */
    THROTTLE_UNJUDGED, /* a fault of ours */
};
void throttle_leave(struct throttle *t, enum throttle_kind kind, struct str name,
                    enum throttle_end end, int64_t now_mono_ms);
