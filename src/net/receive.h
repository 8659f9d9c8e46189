/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* receive — a request's body on its way to worker threads, piece by piece.
 *
 * While a worker has one piece, the loop collects the next, up to RECEIVE_PIECE bytes; past that
 * the client's socket is not read.  So a receive holds two pieces at most, none of them before its
 * first turn has ended, and no thread while its client lets us wait: each turn runs on whichever
 * worker is free.  Turns of one receive come in order and never overlap.
 *
 * Thread: receive_start() and done are the loop's, turn is a worker's. */
#include "net/server.h"
#include "net/workers.h"

enum { RECEIVE_PIECE = 256 << 10 };

enum receive_turn {
    RECEIVE_BEGIN, /* before any byte */
    RECEIVE_BYTES,
    RECEIVE_END, /* the body is whole */
    RECEIVE_CUT, /* it will never be: the client left, or was too slow, or broke a rule of HTTP;
                  * what came before it has been given */
};

struct receive_handler {
    /* False: no further turn is wanted, the answer stands.  END and CUT are the last ones.  CUT
     * with thread_state NULL, on the loop: the workers take nothing (the process ends, or their
     * queue is full to its reserve), so there is only memory to give back. */
    bool (*turn)(void *ctx, enum receive_turn turn, struct str bytes, void *thread_state);
    /* The last call: answers x, or only cleans up where nobody waits any more (NULL). */
    void (*done)(void *ctx, struct exchange *x);
};

/* From on_request; x and ctx are its own until done.  The first turn is run by `first`, all others
 * by `workers`.  False, and neither x nor ctx is its own: the queue of `first` is full.  A full
 * queue later lets the client wait.  The workers may be stopped before the exchange has ended, but
 * not freed. */
bool receive_start(struct exchange *x, struct workers *first, struct workers *workers,
                   const struct receive_handler *h, void *ctx);
