/* SPDX-License-Identifier: Apache-2.0 */
#include "api/call_body.h"

#include "base/clock.h"
#include "base/mem.h"

static struct shares in_memory = SHARES_INIT(CALL_BODIES_MAX, CALL_BODIES_EACH);

void call_body_init(struct call_body *b, size_t max, int64_t owner, const char *dir,
                    struct loop *loop, struct workers *workers, void (*on_ready)(struct spool *s))
{
    *b = (struct call_body){.spooled = dir != NULL};
    buf_init(&b->whole, max);
    spool_init(&b->spool, loop, workers, dir, on_ready);
    b->spool.owner = owner;
}

static enum status overloaded(struct err *err)
{
    err_set(err, E_UNAVAILABLE, "overloaded");
    err->retry_after_ms = CLOCK_SECOND_MS;
    return E_UNAVAILABLE;
}

static enum status charge(struct call_body *b, size_t length, struct err *err)
{
    long long more = MAX((long long)length - CALL_BODY_SHORT, 0) - b->charged;
    if (!(b->share ? share_take(b->share, more) : shares_take(&in_memory, more)))
        return overloaded(err);
    b->charged += more;
    return OK;
}

static size_t add_to_spool(struct call_body *b, struct str piece)
{
    size_t n = spool_write(&b->spool, piece);
    if (!b->spool.err)
        return n;
    b->fault = *b->spool.err;
    call_body_drop(b);
    return piece.n;
}

size_t call_body_add(struct call_body *b, struct str piece)
{
    if (b->fault.status != OK)
        return piece.n;
    if (b->spooled)
        return add_to_spool(b, piece);
    if (!b->share)
        piece = str_to(piece, CALL_BODY_SHORT - buf_len(&b->whole));
    if (charge(b, buf_len(&b->whole) + piece.n, &b->fault) == OK)
        buf_add(&b->whole, piece);
    else
        call_body_drop(b);
    return piece.n;
}

void call_body_admit(struct call_body *b, int64_t user_id)
{
    b->share = share_hold(&in_memory, user_id);
}

bool call_body_end(struct call_body *b)
{
    b->ended = true;
    if (!b->spooled || b->fault.status != OK)
        return true;
    bool ready = spool_end(&b->spool);
    if (b->spool.err) {
        b->fault = *b->spool.err;
        call_body_drop(b);
    }
    return ready;
}

enum status call_body_load(struct call_body *b, struct str *ret, struct err *err)
{
    if (b->spooled) {
        size_t length = (size_t)b->spool.length;
        TRY(charge(b, length, err));
        b->whole.cap = length + 1;
        char *room = buf_reserve(&b->whole, length + 1);
        if (!room)
            return err_set(err, E_NO_MEMORY, "overloaded");
        TRY(spool_copy(&b->spool, room, err));
        buf_commit(&b->whole, length);
    }
    *ret = buf_str(&b->whole);
    return OK;
}

void call_body_drop(struct call_body *b)
{
    buf_release(&b->whole);
    spool_release(&b->spool);
    if (b->share)
        share_take(b->share, -b->charged);
    else
        shares_take(&in_memory, -b->charged);
    b->charged = 0;
    share_drop(b->share);
    b->share = NULL;
}
