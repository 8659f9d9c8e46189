/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's life: events, phases, deadlines. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/server_impl.h"

enum { HEAD_READ = 4096 };

/* ---- input ---- */

struct str server_conn_input(const struct server_conn *c)
{
    return c->scratch.n ? c->scratch : buf_str(&c->in);
}

void server_conn_consume(struct server_conn *c, size_t n)
{
    if (c->scratch.n)
        c->scratch = str_from(c->scratch, n);
    else
        buf_take(&c->in, n);
}

/* Before the scratch buffer goes to the next connection. */
static void stash(struct server_conn *c)
{
    if (c->scratch.n && !c->closed && !buf_add(&c->in, c->scratch))
        c->broken = true;
    c->scratch = STR_NONE;
    if (buf_len(&c->in) == 0 && c->in.p)
        buf_release(&c->in);
}

static bool wants_input(const struct server_conn *c)
{
    if (c->eof)
        return false;
    /* While an exchange is open one read ahead is kept (a pipelined request, or a body
     * that its handler does not take yet); never more. */
    return c->phase != PHASE_EXCHANGE || server_conn_input(c).n == 0;
}

static bool serves_half_closed(const struct server_conn *c)
{
    return c->phase == PHASE_EXCHANGE && c->x.handler && c->x.handler->serves_half_closed;
}

/* ---- events and deadlines ---- */

void server_conn_update(struct server_conn *c)
{
    uint32_t events = 0;
    if (c->closed)
        return;
    if (wants_input(c))
        events |= EPOLLIN | EPOLLRDHUP;
    /* The rest of the body, or a pipelined request, may lie before the end of their side:
     * who is served all the same is not asked for it before that is read. */
    else if (!c->eof && !serves_half_closed(c))
        events |= EPOLLRDHUP;
    if (buf_len(&c->out) || c->lasting.n)
        events |= EPOLLOUT;
    loop_io_set(c->server->loop, &c->io, events);
    /* Only ever earlier: a timer that fires before the deadline is set again then. */
    int64_t at = MIN(c->read_deadline, c->write_deadline);
    if (at != NO_DEADLINE && (!timer_is_set(&c->timer) || c->timer.at_ms > at))
        timer_set_at(c->server->loop, &c->timer, at);
}

void server_conn_kick(struct server_conn *c)
{
    if (!c->busy && !c->closed)
        loop_defer(c->server->loop, &c->task);
}

void server_conn_enter(struct server_conn *c, enum server_phase phase, int timeout_ms)
{
    c->phase = phase;
    c->dropped = 0;
    c->read_deadline = timeout_ms ? loop_now_ms(c->server->loop) + timeout_ms : NO_DEADLINE;
}

/* ---- the end ---- */

static void free_task(struct task *t)
{
    free(CONTAINER_OF(t, struct server_conn, task));
}

static void tell_handler_end(struct server_conn *c)
{
    struct exchange *x = &c->x;
    const struct exchange_handler *h = x->handler;
    bool complete = x->answer == ANSWER_ENDED && !x->failed && server_conn_pending(c) == 0;
    if (!h)
        return;
    if (!complete && c->gone && h->on_gone)
        h->on_gone(x);
    h = x->handler;
    x->handler = NULL;
    h->on_done(x, complete);
}

void server_conn_end(struct server_conn *c)
{
    struct server *s = c->server;
    if (c->closed)
        return;
    c->closed = true;
    if (c->phase == PHASE_EXCHANGE)
        tell_handler_end(c);
    cork_forget(c);
    timer_unset(s->loop, &c->timer);
    loop_io_remove(s->loop, &c->io);
    close(c->io.fd);
    list_remove(&c->link);
    buf_release(&c->in);
    buf_release(&c->out);
    free(c->head_block);
    c->task.fn = free_task;
    loop_defer(s->loop, &c->task);
    server_connection_ended(s);
}

/* Nothing is written any more: this one is for the phase as a whole.  What comes of a body has a
 * body's time.  Who was too slow already gets no more than the time to read why. */
static void linger_on(struct server_conn *c)
{
    int ms = c->late ? LINGER_MS : c->server->config.body_timeout_ms;
    c->write_deadline = loop_now_ms(c->server->loop) + ms;
}

/* Shuts our side and reads on, so that unread bytes do not make the kernel send a reset
 * that could overtake the answer (RFC 9112 9.6).  Most clients look for an answer only when
 * they have sent a whole body, so of a large one that was refused all is read. */
static void linger(struct server_conn *c)
{
    if (c->eof || shutdown(c->io.fd, SHUT_WR) != 0) {
        c->broken = true;
        return;
    }
    server_conn_enter(c, PHASE_LINGER, LINGER_MS);
    linger_on(c);
}

/* ---- phases ---- */

static void go_idle(struct server_conn *c)
{
    struct server *s = c->server;
    int64_t patience = s->patient_until_ms - loop_now_ms(s->loop);
    if (c->close_after || c->eof || (s->draining && patience <= 0)) {
        linger(c);
        return;
    }
    /* What was pipelined may hold a whole head. */
    c->head_lf = true;
    server_conn_enter(c, PHASE_IDLE, s->draining ? (int)patience : s->config.idle_timeout_ms);
}

static void finish_exchange(struct server_conn *c)
{
    struct exchange *x = &c->x;
    tell_handler_end(c);
    /* A client that asked for the close and has sent nothing more waits for nothing. */
    if (c->close_after && !x->head->keep_alive && exchange_body_done(x) && !x->failed &&
        server_conn_input(c).n == 0)
        c->broken = true;
    else if (c->close_after || exchange_body_done(x))
        go_idle(c);
    else
        server_conn_enter(c, PHASE_DRAIN, c->server->config.body_timeout_ms);
}

static void client_left(struct server_conn *c)
{
    c->gone = c->broken = true;
}

/* Of a client that has shut its side. */
static bool is_answered(const struct server_conn *c)
{
    const struct exchange *x = &c->x;
    if (c->phase != PHASE_EXCHANGE || !exchange_body_done(x))
        return false;
    return x->answer == ANSWER_ENDED || serves_half_closed(c) ||
           (x->answer == ANSWER_OPEN && !x->chunked && !x->to_eof);
}

static bool step_exchange(struct server_conn *c)
{
    struct exchange *x = &c->x;
    size_t pending = server_conn_pending(c);
    /* Handed over meanwhile to a handler that serves no such client. */
    if (c->eof && !is_answered(c)) {
        client_left(c);
        return true;
    }
    if (x->answer == ANSWER_ENDED) {
        if (pending)
            return false;
        finish_exchange(c);
        return true;
    }
    if (x->want_drain && pending <= c->server->config.out_low) {
        x->want_drain = false;
        if (x->handler && x->handler->on_drain)
            x->handler->on_drain(x);
        return true;
    }
    return exchange_pump_body(x);
}

static bool step_drain(struct server_conn *c)
{
    struct exchange *x = &c->x;
    bool changed = exchange_drop_body(x);
    if (c->broken)
        return true;
    if (exchange_body_done(x) && !x->failed)
        go_idle(c);
    else if (x->failed || c->dropped > DRAIN_MAX)
        linger(c);
    else
        return changed;
    return true;
}

static bool step_linger(struct server_conn *c)
{
    size_t n = server_conn_input(c).n, steps = c->dropped / BODY_STEP;
    server_conn_consume(c, n);
    c->dropped += n;
    if (!c->late && c->dropped / BODY_STEP > steps)
        linger_on(c);
    if (n)
        c->read_deadline = loop_now_ms(c->server->loop) + LINGER_MS;
    if (c->dropped > LINGER_MAX)
        c->broken = true;
    return c->broken;
}

/* True when something changed and another look is due. */
static bool step(struct server_conn *c)
{
    if (c->closed)
        return false;
    if (c->broken) {
        server_conn_end(c);
        return false;
    }
    switch (c->phase) {
    case PHASE_IDLE:
    case PHASE_HEAD:
        return server_head_step(c);
    case PHASE_EXCHANGE:
        return step_exchange(c);
    case PHASE_DRAIN:
        return step_drain(c);
    case PHASE_LINGER:
        return step_linger(c);
    }
    return false;
}

void server_conn_advance(struct server_conn *c)
{
    if (c->busy || c->closed)
        return;
    c->busy = true;
    while (step(c))
        ;
    stash(c);
    c->busy = false;
    if (c->broken && !c->closed)
        server_conn_end(c);
    server_conn_update(c);
}

static void advance_task(struct task *t)
{
    server_conn_advance(CONTAINER_OF(t, struct server_conn, task));
}

/* ---- what wakes it ---- */

static void half_closed(struct server_conn *c)
{
    c->eof = true;
    c->close_after = true;
    if (!is_answered(c))
        client_left(c);
}

static void read_some(struct server_conn *c)
{
    struct server *s = c->server;
    /* Only an incomplete head is added to. */
    char *to = buf_len(&c->in) ? buf_reserve(&c->in, HEAD_READ) : s->scratch;
    size_t room = to == s->scratch ? SCRATCH_SIZE : HEAD_READ;
    if (!to) {
        c->broken = true;
        return;
    }
    ssize_t n = read(c->io.fd, to, room);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            client_left(c);
        return;
    }
    if (n == 0) {
        half_closed(c);
        return;
    }
    if (to == s->scratch)
        c->scratch = (struct str){to, (size_t)n};
    else
        buf_commit(&c->in, (size_t)n);
    c->head_lf |= memchr(to, '\n', (size_t)n) != NULL;
}

static void on_event(struct io *io, uint32_t events)
{
    struct server_conn *c = CONTAINER_OF(io, struct server_conn, io);
    if (events & (EPOLLERR | EPOLLHUP)) {
        client_left(c);
    } else {
        if (events & EPOLLOUT)
            server_conn_flush(c);
        if ((events & (EPOLLIN | EPOLLRDHUP)) && wants_input(c))
            read_some(c);
        else if ((events & EPOLLRDHUP) && !serves_half_closed(c))
            half_closed(c);
    }
    server_conn_advance(c);
}

static void deadline_passed(struct server_conn *c, int64_t now)
{
    bool slow_reader = now >= c->write_deadline;
    c->read_deadline = NO_DEADLINE;
    c->late = true;
    if (slow_reader) {
        client_left(c);
    } else if (c->phase == PHASE_HEAD) {
        server_head_refuse(c, 408, "its head took too long");
    } else if (c->phase == PHASE_EXCHANGE) {
        exchange_fail(&c->x, 408, "its body took too long");
    } else if (c->phase == PHASE_DRAIN) {
        linger(c);
    } else {
        c->broken = true;
    }
}

static void on_timer(struct timer *t)
{
    struct server_conn *c = CONTAINER_OF(t, struct server_conn, timer);
    int64_t now = loop_now_ms(c->server->loop);
    if (now >= MIN(c->read_deadline, c->write_deadline)) {
        deadline_passed(c, now);
        server_conn_advance(c);
    } else {
        server_conn_update(c);
    }
}

void server_conn_refuse(struct server_conn *c, int status, const char *reason)
{
    server_head_refuse(c, status, reason);
    server_conn_advance(c);
}

void server_conn_drain(struct server_conn *c, int grace_ms)
{
    if (c->phase != PHASE_IDLE)
        return;
    int64_t now = loop_now_ms(c->server->loop);
    if (c->server->patient_until_ms > now)
        c->read_deadline = c->server->patient_until_ms;
    else if (c->served)
        c->broken = true;
    else
        c->read_deadline = now + grace_ms;
    server_conn_update(c);
    server_conn_kick(c);
}

struct server_conn *server_conn_open(struct server *s, int fd)
{
    struct server_conn *c = mem_zalloc(sizeof(*c));
    if (!loop_io_add(s->loop, &c->io, fd, EPOLLIN | EPOLLRDHUP)) {
        free(c);
        return NULL;
    }
    c->server = s;
    c->timer.fn = on_timer;
    c->task.fn = advance_task;
    c->io.fn = on_event;
    buf_init(&c->in, s->config.limits.head_bytes + SCRATCH_SIZE + HEAD_READ);
    buf_init(&c->out, s->config.out_high + OUT_EXTRA);
    c->write_deadline = NO_DEADLINE;
    server_conn_enter(c, PHASE_IDLE, s->config.head_timeout_ms);
    list_push_back(&s->connections, &c->link);
    s->count++;
    server_conn_update(c);
    return c;
}
