/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* call_body — the body of a call as it is collected.
 *
 * What is short is everybody's.  Of more than that nothing is taken before somebody has said who
 * sends it, and of all that is longer this process holds CALL_BODIES_MAX bytes in memory at a time,
 * CALL_BODIES_EACH of one user.  Those of endpoints that take very long ones (SPEC GW-13) wait in a
 * spool meanwhile, and come into memory, for as long as a worker is at them and under the bound of
 * all, when they are whole.
 *
 * Thread: the loop's, but call_body_load(). */
#include "base/buf.h"
#include "base/share.h"
#include "service/spool.h"

enum {
    CALL_BODY_SHORT = 64 << 10,
    CALL_BODIES_MAX = 256 << 20,
    CALL_BODIES_EACH = 96 << 20, /* three of the longest: nobody may have more jobs (ST-1) */
};

struct call_body {
    struct buf whole;
    struct spool spool;
    bool spooled, ended;
    struct share *share; /* whose it is; NULL: nobody has said yet */
    long long charged;   /* bytes of it in memory, beyond what is short */
    struct err fault;    /* why no more of it is taken; status OK: none */
};

/* max: bytes.  dir: a spool's, of the owner's; NULL: it is collected in memory, and the owner is
 * said by call_body_admit().  on_ready: as spool_init(). */
void call_body_init(struct call_body *b, size_t max, int64_t owner, const char *dir,
                    struct loop *loop, struct workers *workers, void (*on_ready)(struct spool *s));
/* Returns the bytes taken; fewer: wait for on_ready, or, without a spool, say who sends it.  A
 * fault gives everything back. */
size_t call_body_add(struct call_body *b, struct str piece);
/* Once: whose it is, and that more of it may come. */
void call_body_admit(struct call_body *b, int64_t user_id);
/* No more comes.  False: wait for on_ready and ask again. */
bool call_body_end(struct call_body *b);
/* A worker's, once: all of it, until call_body_drop().  E_UNAVAILABLE, code "overloaded", with a
 * time to come back after. */
enum status call_body_load(struct call_body *b, struct str *ret, struct err *err);
/* Gives everything back; again: nothing. */
void call_body_drop(struct call_body *b);
