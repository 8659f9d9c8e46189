/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* call_body — the body of a call as it is collected.
 *
 * Bodies are collected before anyone knows who asks.  Short ones are everybody's; of all that is
 * longer, this process holds CALL_BODIES_MAX bytes in memory at a time.  Those of endpoints that
 * take very long ones (SPEC GW-13) wait in a spool meanwhile, and come into memory, under the
 * same bound, when they are whole and somebody reads them.
 *
 * Thread: the loop's, but call_body_load(). */
#include "base/buf.h"
#include "service/spool.h"

enum { CALL_BODIES_MAX = 256 << 20 };

struct call_body {
    struct buf whole;
    struct spool spool;
    bool spooled, ended;
    long long charged; /* bytes of it in memory, beyond what is short */
    struct err fault;  /* why no more of it is taken; status OK: none */
};

/* max: bytes.  dir: a spool's; NULL: it is collected in memory.  on_ready: as spool_init(). */
void call_body_init(struct call_body *b, size_t max, const char *dir, struct loop *loop,
                    struct workers *workers, void (*on_ready)(struct spool *s));
/* Returns the bytes taken; fewer: wait for on_ready.  A fault gives everything back. */
size_t call_body_add(struct call_body *b, struct str piece);
/* No more comes.  False: wait for on_ready and ask again. */
bool call_body_end(struct call_body *b);
/* A worker's, once: all of it, until call_body_drop().  E_UNAVAILABLE, code "overloaded", with a
 * time to come back after. */
enum status call_body_load(struct call_body *b, struct str *ret, struct err *err);
/* Gives everything back; again: nothing. */
void call_body_drop(struct call_body *b);
