/* SPDX-License-Identifier: Apache-2.0 */
#include "api/stream.h"

#include <stdatomic.h>

#include "api/dispatch.h"
#include "api/frame.h"
#include "base/clock.h"
#include "net/receive.h"

/* What one stream may hold: two pieces, and what a writer keeps until a store has it.  All of this
 * process's together hold so much and no more. */
#define STREAM_BYTES      ((8LL << 20) + 2 * RECEIVE_PIECE)
#define ALL_STREAMS_BYTES (512LL << 20)
static atomic_llong all_streams;

struct streaming {
    const struct call_stream *stream;
    struct call call;
    struct err err;
    enum status outcome;
    bool begun;
    long long charged;
};

static bool charge(struct streaming *s, const struct http_head *head)
{
    s->charged = STREAM_BYTES;
    if (head->content_length >= 0)
        s->charged = MIN(STREAM_BYTES, (long long)head->content_length);
    if (atomic_fetch_add(&all_streams, s->charged) + s->charged <= ALL_STREAMS_BYTES)
        return true;
    atomic_fetch_sub(&all_streams, s->charged);
    s->charged = 0;
    return false;
}

static void streaming_free(struct streaming *s)
{
    atomic_fetch_sub(&all_streams, s->charged);
    frame_close(&s->call);
    free(s);
}

/* ---- on a worker */

static enum status begin(struct streaming *s)
{
    TRY(frame_check_access(&s->call, &s->err));
    s->begun = true;
    return s->stream->begin(&s->call, &s->err);
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
    struct streaming *s = mem_zalloc(sizeof(*s));
    s->stream = target->stream;
    frame_open(&s->call, d, x, &target->endpoint, match, &nobody, a);
    exchange_max_body(x, target->endpoint.max_body);
    if (charge(s, exchange_head(x)) &&
        receive_start(x, dispatch_app(d)->upload_workers, &receiver, s))
        return;
    frame_refuse_overloaded(x, s->call.language, CLOCK_SECOND_MS);
    streaming_free(s);
}
