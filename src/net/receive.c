/* SPDX-License-Identifier: Apache-2.0 */
/* Two buffers that change places: the worker's, and the one that the loop fills.  Whose turn it
 * is says one flag, which only the loop looks at, so nothing needs a lock. */
#include "net/receive.h"

#include "base/buf.h"
#include "base/mem.h"

enum { RETRY_MS = 50 };

struct receive {
    struct work work;
    struct task task; /* back on the loop */
    struct timer retry;
    struct loop *loop;
    struct exchange *x; /* NULL once it has ended */
    struct workers *workers;
    const struct receive_handler *handler;
    void *ctx;
    struct buf filling, given;
    enum receive_turn turn; /* of the worker, or the last one */
    bool begun;             /* the first turn has ended */
    bool busy;              /* a worker has it */
    bool full;              /* more was offered than there was room for */
    bool whole;             /* the body has ended */
    bool ended;             /* no further turn */
};

/* ---- on a worker */

static void run_turn(struct work *work, void *thread_state)
{
    struct receive *r = CONTAINER_OF(work, struct receive, work);
    bool more = r->handler->turn(r->ctx, r->turn, buf_str(&r->given), thread_state);
    r->ended = !more || r->turn == RECEIVE_END || r->turn == RECEIVE_CUT;
    loop_post(r->loop, &r->task);
}

/* ---- on the loop */

static void let_go_done(struct exchange *x, bool complete)
{
    (void)x, (void)complete;
}

/* Of an exchange that is only to be answered. */
static const struct exchange_handler let_go = {.on_done = let_go_done, .serves_half_closed = true};

static void finish(struct receive *r)
{
    if (r->x)
        exchange_handle(r->x, &let_go, NULL);
    r->handler->done(r->ctx, r->x);
    timer_unset(r->loop, &r->retry);
    buf_release(&r->filling);
    buf_release(&r->given);
    free(r);
}

static void give_filled(struct receive *r)
{
    struct buf empty = r->given;
    r->given = r->filling;
    r->filling = empty;
    if (r->full && r->x)
        exchange_resume_body(r->x);
    r->full = false;
}

/* False: there is nothing for a worker yet. */
static bool choose_turn(struct receive *r)
{
    if (buf_len(&r->given) == 0 && buf_len(&r->filling))
        give_filled(r);
    if (buf_len(&r->given))
        r->turn = RECEIVE_BYTES;
    else if (!r->x)
        r->turn = RECEIVE_CUT;
    else if (r->whole)
        r->turn = RECEIVE_END;
    else
        return false;
    return true;
}

static void cut_without_worker(struct receive *r)
{
    r->handler->turn(r->ctx, RECEIVE_CUT, STR_NONE, NULL);
    finish(r);
}

static void advance(struct receive *r)
{
    if (r->busy || !choose_turn(r))
        return;
    /* Nobody waits any more, but what was reserved for it does. */
    r->busy = r->x ? workers_submit(r->workers, &r->work)
                   : workers_submit_last(r->workers, &r->work);
    if (r->busy)
        return;
    if (!r->x)
        cut_without_worker(r);
    else if (!timer_is_set(&r->retry))
        timer_set_in(r->loop, &r->retry, RETRY_MS);
}

static void begin_taking(struct receive *r)
{
    r->begun = true;
    if (r->full && r->x)
        exchange_resume_body(r->x);
    r->full = false;
}

static void turn_done(struct task *task)
{
    struct receive *r = CONTAINER_OF(task, struct receive, task);
    r->busy = false;
    if (!r->begun && !r->ended)
        begin_taking(r);
    buf_reset(&r->given);
    if (r->ended)
        finish(r);
    else
        advance(r);
}

static void try_again(struct timer *t)
{
    advance(CONTAINER_OF(t, struct receive, retry));
}

/* ---- what the server tells */

static size_t on_body(struct exchange *x, struct str piece)
{
    struct receive *r = exchange_ctx(x);
    size_t n = r->begun ? MIN(piece.n, (size_t)RECEIVE_PIECE - buf_len(&r->filling)) : 0;
    buf_add(&r->filling, str_to(piece, n));
    r->full = n < piece.n;
    advance(r);
    return n;
}

static void on_body_end(struct exchange *x)
{
    struct receive *r = exchange_ctx(x);
    r->whole = true;
    advance(r);
}

static void on_done(struct exchange *x, bool complete)
{
    struct receive *r = exchange_ctx(x);
    (void)complete;
    r->x = NULL;
    advance(r);
}

static const struct exchange_handler receiving = {
    .on_body = on_body,
    .on_body_end = on_body_end,
    .on_done = on_done,
    .serves_half_closed = true,
};

bool receive_start(struct exchange *x, struct workers *first, struct workers *workers,
                   const struct receive_handler *h, void *ctx)
{
    struct receive *r = mem_zalloc(sizeof(*r));
    r->work.run = run_turn;
    r->task.fn = turn_done;
    r->retry.fn = try_again;
    r->loop = exchange_loop(x);
    r->x = x;
    r->workers = workers;
    r->handler = h;
    r->ctx = ctx;
    r->turn = RECEIVE_BEGIN;
    buf_init(&r->filling, RECEIVE_PIECE);
    buf_init(&r->given, RECEIVE_PIECE);
    r->busy = workers_submit(first, &r->work);
    if (!r->busy) {
        free(r);
        return false;
    }
    exchange_handle(x, &receiving, r);
    return true;
}
