/* SPDX-License-Identifier: Apache-2.0 */
#include "api/stream.h"

#include "api/dispatch.h"
#include "api/frame.h"
#include "base/clock.h"
#include "base/share.h"
#include "net/receive.h"
#include "service/library.h"

/* What one stream may hold: two pieces, and what a writer keeps until a bucket has it. */
#define PIECES_BYTES (2LL * RECEIVE_PIECE)
#define PART_BYTES   (14LL << 20)
/* All of this process's together hold so much and no more; a user's eight, or more small ones. */
static struct shares all_streams = SHARES_INIT(1LL << 30, 8 * (PIECES_BYTES + PART_BYTES));

struct streaming {
    const struct call_stream *stream;
    struct call call;
    struct err err;
    enum status outcome;
    bool begun;
    struct share *share; /* NULL: nobody has said yet whose it is */
    long long charged;
};

/* In place of what it was charged before. */
static enum status charge(struct streaming *s, bool bucket)
{
    const struct call *c = &s->call;
    long long held = PIECES_BYTES + (bucket ? PART_BYTES : 0);
    if (!s->stream->holds_more && c->head->content_length >= 0)
        held = MIN(held, (long long)c->head->content_length);
    if (!s->share)
        s->share = share_hold(&all_streams, c->who.user_id);
    if (share_take(s->share, held - s->charged)) {
        s->charged = held;
        return OK;
    }
    err_set(&s->err, E_UNAVAILABLE, "overloaded");
    s->err.retry_after_ms = CLOCK_SECOND_MS;
    return E_UNAVAILABLE;
}

static void streaming_free(struct streaming *s)
{
    if (s->charged)
        share_take(s->share, -s->charged);
    share_drop(s->share);
    frame_close(&s->call);
    free(s);
}

/* ---- on a worker */

static enum status begin(struct streaming *s)
{
    TRY(frame_check_access(&s->call, &s->err));
    bool says = s->stream->fills_bucket != NULL;
    TRY(charge(s, !says && library_bucket_wanted(s->call.app)));
    s->begun = true;
    TRY(s->stream->begin(&s->call, &s->err));
    return says ? charge(s, s->stream->fills_bucket(&s->call)) : OK;
}

static enum status run(struct streaming *s, enum receive_turn turn, struct str bytes)
{
    switch (turn) {
    case RECEIVE_BEGIN:
        return begin(s);
    case RECEIVE_BYTES:
        return s->stream->take(&s->call, bytes, &s->err);
    case RECEIVE_END:
        return s->stream->finish(&s->call, &s->err);
    case RECEIVE_CUT:
        break;
    }
    return err_set(&s->err, E_UNAVAILABLE, "cancelled");
}

static bool stream_turn(void *ctx, enum receive_turn turn, struct str bytes, void *thread_state)
{
    struct streaming *s = ctx;
    struct call *c = &s->call;
    c->worker = thread_state;
    c->db = c->worker ? c->worker->db : NULL;
    s->outcome = run(s, turn, bytes);
    bool over = s->outcome != OK || turn == RECEIVE_END;
    if (over && s->begun)
        s->stream->end(c, turn == RECEIVE_CUT);
    if (c->db)
        db_rollback(c->db);
    return !over;
}

/* ---- on the loop */

static void stream_done(void *ctx, struct exchange *x)
{
    struct streaming *s = ctx;
    if (x)
        frame_answer(x, &s->call, s->outcome, &s->err);
    streaming_free(s);
}

static const struct receive_handler receiver = {stream_turn, stream_done};

void call_stream_start(struct dispatch *d, struct exchange *x, const struct target *target,
                       const struct route_match *match, struct arena *a)
{
    static const struct relay_caller nobody;
    struct app *app = dispatch_app(d);
    struct streaming *s = mem_zalloc(sizeof(*s));
    s->stream = target->stream;
    frame_open(&s->call, d, x, &target->endpoint, match, &nobody, a);
    exchange_max_body(x, target->endpoint.max_body);
    if (receive_start(x, app->api_workers, app->upload_workers, &receiver, s))
        return;
    frame_refuse_overloaded(x, s->call.language, CLOCK_SECOND_MS);
    streaming_free(s);
}
