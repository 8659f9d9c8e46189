/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* stream — a call whose body is taken as it comes (net/receive), for files that are never whole in
 * memory.
 *
 * Whoever asks is known before the first byte is taken.  Each function runs on a worker, maybe
 * another one every time, with c->worker and c->db those of that worker; nothing that belongs to
 * one may be kept in c->state.  The first failure is the answer; else finish writes it. */
#include "api/routes.h"

struct call_stream {
    call_handler *begin; /* before any byte, on a thread of the API: no store is asked here */
    enum status (*take)(struct call *c, struct str bytes, struct err *err);
    call_handler *finish; /* the body is whole */
    /* Once after begin, last of all, whatever happened: gives back what c->state holds.  cut: the
     * body has not come whole, and nobody waits for an answer.  c->worker is NULL where no worker
     * is left (the process ends): only memory is given back then. */
    void (*end)(struct call *c, bool cut);
    /* Behind begin: its bytes go to a bucket.  NULL: where the settings want one, they may. */
    bool (*fills_bucket)(const struct call *c);
    bool holds_more; /* than its body: what earlier ones have brought */
};

struct dispatch;
/* Of a request's head that has led to a stream's route.  Takes the arena. */
void call_stream_start(struct dispatch *d, struct exchange *x, const struct target *target,
                       const struct route_match *match, struct arena *a);
