/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/upstream_impl.h"

enum {
    SPARE_CONNS = 256,
    HELD_MOST = 1024 * 1024, /* never reached: reading stops while bytes are held */
    TLS_READS = 4,           /* a turn, so that a fast sender starves nobody */
    ONE_RECORD = 16 * 1024,
    STEADY_MS = 10,    /* between two reads of a stream, at most */
    STEADY_READS = 32, /* in a row, before its ACKs are delayed */
};

static void on_timer(struct timer *t);
static void on_event(struct io *io, uint32_t events);
static void on_task(struct task *t);

/* ---- life ---- */

struct upstream_conn *upstream_conn_new(struct upstream_client *client, struct origin *origin)
{
    struct list *node = list_pop_front(&client->spare_conns);
    struct upstream_conn *c = node ? CONTAINER_OF(node, struct upstream_conn, all)
                                   : mem_zalloc(sizeof(*c));

    if (node) {
        client->spare_conn_count--;
        memset(c, 0, sizeof(*c));
    }
    c->client = client;
    c->origin = origin;
    origin->users++;
    c->in = BUF_INIT(HELD_MOST);
    c->io.fd = -1;
    c->io.fn = on_event;
    c->timer.fn = on_timer;
    c->task.fn = on_task;
    c->deadline_ms = INT64_MAX;
    c->steady_wanted = STEADY_READS;
    list_init(&c->link);
    list_init(&c->lru);
    list_push_back(&client->conns, &c->all);
    return c;
}

static void upstream_conn_give_back(struct upstream_conn *c)
{
    struct upstream_client *client = c->client;

    buf_release(&c->in);
    if (client->spare_conn_count < SPARE_CONNS && !client->released) {
        client->spare_conn_count++;
        list_push_front(&client->spare_conns, &c->all);
    } else {
        free(c);
    }
    client_deferred_done(client);
}

void upstream_conn_close_socket(struct upstream_conn *c)
{
    tls_free(c->tls);
    c->tls = NULL;
    if (c->watched)
        loop_io_remove(c->client->loop, &c->io);
    c->watched = false;
    if (c->io.fd >= 0)
        close(c->io.fd);
    c->io.fd = -1;
}

void upstream_conn_close(struct upstream_conn *c)
{
    if (c->state == CONN_CLOSED)
        return;
    if (c->state == CONN_IDLE)
        idle_remove(c);
    if (c->call)
        upstream_conn_detach(c);
    dial_release(c);
    upstream_conn_close_socket(c);
    timer_unset(c->client->loop, &c->timer);
    list_remove(&c->all);
    origin_unref(c->origin);
    c->state = CONN_CLOSED;
    upstream_conn_go_on_later(c);
}

void upstream_conn_attach(struct upstream_conn *c, struct upstream_call *call)
{
    c->call = call;
    call->conn = c;
    if (c->state == CONN_IDLE)
        c->state = CONN_ACTIVE;
    answer_reset(c);
}

void upstream_conn_detach(struct upstream_conn *c)
{
    c->call->conn = NULL;
    c->call = NULL;
}

/* ---- where no event will come ---- */

void upstream_conn_go_on_later(struct upstream_conn *c)
{
    if (c->task.next)
        return;
    c->client->deferred++;
    loop_defer(c->client->loop, &c->task);
}

static void readable(struct upstream_conn *c);

static void tell_drained(struct upstream_conn *c)
{
    if (c->call)
        call_drained(c->call);
}

static void on_task(struct task *t)
{
    struct upstream_conn *c = CONTAINER_OF(t, struct upstream_conn, task);
    struct upstream_client *client = c->client;

    if (c->state == CONN_CLOSED) {
        upstream_conn_give_back(c);
        return;
    }
    if (c->state == CONN_IDLE)
        buf_release(&c->in);
    if (c->state == CONN_ACTIVE)
        tell_drained(c);
    if (c->state == CONN_ACTIVE && !c->paused)
        answer_go_on(c);
    if ((c->state == CONN_ACTIVE && !c->paused) || c->state == CONN_IDLE)
        readable(c);
    client_deferred_done(client);
}

/* ---- time: one timer that is moved only when it would ring too late ---- */

void upstream_conn_set_deadline(struct upstream_conn *c, int64_t at_ms)
{
    c->deadline_ms = at_ms ? at_ms : INT64_MAX;
    if (!at_ms || (timer_is_set(&c->timer) && c->timer.at_ms <= at_ms))
        return;
    timer_set_at(c->client->loop, &c->timer, at_ms);
}

static int64_t in_ms(const struct upstream_conn *c, int ms)
{
    return ms ? loop_now_ms(c->client->loop) + ms : 0;
}

/* What an active connection waits for now, and until when. */
void upstream_conn_arm(struct upstream_conn *c)
{
    const struct upstream_call *call = c->call;

    if (!call) /* it failed a moment ago */
        return;
    if (c->paused)
        upstream_conn_set_deadline(c, 0);
    else if (c->head_done || request_waiting(call))
        upstream_conn_set_deadline(c, in_ms(c, call->idle_ms));
    else
        upstream_conn_set_deadline(c, call->all_given ? in_ms(c, call->first_byte_ms) : 0);
}

static void expired(struct upstream_conn *c)
{
    switch (c->state) {
    case CONN_DIALING:
    case CONN_HANDSHAKE:
        dial_expired(c);
        break;
    case CONN_IDLE:
        upstream_conn_close(c);
        break;
    case CONN_ACTIVE:
        if (c->head_done)
            call_fail(c->call, UPSTREAM_IDLE_TIME, "nothing for %d ms", c->call->idle_ms);
        else if (request_waiting(c->call))
            call_fail(c->call, UPSTREAM_IDLE_TIME, "the request was not taken");
        else
            call_fail(c->call, UPSTREAM_FIRST_BYTE_TIME, "no answer within %d ms",
                      c->call->first_byte_ms);
        break;
    case CONN_CLOSED:
        break;
    }
}

static void on_timer(struct timer *t)
{
    struct upstream_conn *c = CONTAINER_OF(t, struct upstream_conn, timer);

    if (c->deadline_ms <= loop_now_ms(c->client->loop))
        expired(c);
    else if (c->deadline_ms != INT64_MAX)
        timer_set_at(c->client->loop, t, c->deadline_ms);
}

/* ---- events ---- */

bool upstream_conn_watch(struct upstream_conn *c, int fd, uint32_t events)
{
    c->watched = loop_io_add(c->client->loop, &c->io, fd, events);
    return c->watched;
}

void upstream_conn_want(struct upstream_conn *c)
{
    bool writes = (request_waiting(c->call) && !c->write_broken) || c->tls_wants_write;
    uint32_t events = (c->paused ? 0 : EPOLLIN) | (writes ? EPOLLOUT : 0u);

    if (c->watched)
        loop_io_set(c->client->loop, &c->io, events);
    else if (!upstream_conn_watch(c, c->io.fd, events))
        call_fail(c->call, UPSTREAM_BROKEN, "cannot be watched: %s", strerror(errno));
}

static void active_event(struct upstream_conn *c, uint32_t events)
{
    struct upstream_call *call = c->call;

    if (c->paused && (events & (EPOLLHUP | EPOLLERR))) {
        /* It would ring for ever; what it has to say is read after the pause. */
        loop_io_remove(c->client->loop, &c->io);
        c->watched = false;
        return;
    }
    if (events & EPOLLOUT) {
        upstream_conn_send_out(c);
        tell_drained(c);
    }
    bool reads = c->tls || (events & ~(uint32_t)EPOLLOUT);
    if (reads && c->call == call && !c->paused)
        readable(c);
}

static void on_event(struct io *io, uint32_t events)
{
    struct upstream_conn *c = CONTAINER_OF(io, struct upstream_conn, io);

    switch (c->state) {
    case CONN_DIALING:
    case CONN_HANDSHAKE:
        dial_event(c, events);
        break;
    case CONN_ACTIVE:
        active_event(c, events);
        break;
    case CONN_IDLE:
        readable(c);
        break;
    case CONN_CLOSED:
        break;
    }
}

/* ---- writing ---- */

static ssize_t send_plain(struct upstream_conn *c, struct str head, struct str body)
{
    struct iovec parts[2] = {{(void *)(uintptr_t)head.p, head.n},
                             {(void *)(uintptr_t)body.p, body.n}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = body.n ? 2 : 1};
    ssize_t n;

    do {
        n = sendmsg(c->io.fd, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    return n;
}

static ssize_t send_tls(struct upstream_conn *c, struct str bytes)
{
    size_t n = 0;

    switch (tls_write(c->tls, bytes, &n)) {
    case TLS_OK:
        return (ssize_t)n;
    case TLS_WANT_WRITE:
        /* A part of the record may be on its way. */
        c->call->may_have_left = true;
        return 0;
    case TLS_WANT_READ:
        return 0;
    default:
        return -1;
    }
}

static void account(struct upstream_call *call, size_t n)
{
    size_t of_out = MIN(n, request_unsent(call).n);

    request_sent(call, of_out);
    if (n > of_out)
        call->may_have_left = true;
    call->lent = str_from(call->lent, n - of_out);
}

static ssize_t send_some(struct upstream_conn *c)
{
    struct upstream_call *call = c->call;
    struct str out = request_unsent(call);

    if (!c->tls)
        return send_plain(c, out, call->lent);
    return send_tls(c, out.n ? out : call->lent);
}

void upstream_conn_send_out(struct upstream_conn *c)
{
    struct upstream_call *call = c->call;

    if (c->tls && call->lent.n <= ONE_RECORD)
        request_copy_lent(call); /* one record for both */
    while (!c->write_broken && request_waiting(call)) {
        ssize_t n = send_some(c);
        account(call, n > 0 ? (size_t)n : 0);
        if (n == 0)
            break;
        if (n < 0) {
            /* An answer may have come before the end: reading will tell. */
            c->write_broken = true;
            upstream_conn_go_on_later(c);
        }
    }
    upstream_conn_want(c);
    /* A head that has begun has its time already. */
    if (c->head_done || !buf_len(&c->in))
        upstream_conn_arm(c);
}

/* ---- reading ---- */

/* False: it is over, or there is nothing more now. */
static bool read_plain(struct upstream_conn *c)
{
    struct upstream_client *client = c->client;
    ssize_t n = recv(c->io.fd, client->scratch, client->read_size, 0);

    if (n > 0)
        answer_bytes(c, (struct str){client->scratch, (size_t)n});
    else if (n == 0)
        answer_eof(c, true, "the connection was closed");
    else if (errno != EAGAIN && errno != EINTR)
        answer_eof(c, false, strerror(errno));
    return false; /* the event comes again if there is more */
}

static bool read_tls(struct upstream_conn *c)
{
    struct upstream_client *client = c->client;
    char why[96];
    size_t n = 0;
    enum tls_result result = tls_read(c->tls, client->scratch, client->read_size, &n);

    c->tls_wants_write = result == TLS_WANT_WRITE;
    if (result == TLS_OK) {
        answer_bytes(c, (struct str){client->scratch, n});
        return true;
    }
    if (result == TLS_END) {
        answer_eof(c, true, "the connection was closed");
    } else if (result == TLS_FAILED) {
        tls_describe(c->tls, why, sizeof(why));
        answer_eof(c, false, why);
    } else {
        upstream_conn_want(c);
    }
    return false;
}

/* The kernel answers each small piece with an ACK of its own as soon as it is read, which is a fifth
 * of all that passing a piece on costs.  While pieces come close upon each other, one ACK for two
 * will do (RFC 9293, 3.8.6.3).  A sender that holds small pieces back until they are acknowledged
 * (Nagle's algorithm) waits 40 ms once: then the kernel acknowledges at once again by itself, and
 * is asked again only after twice as many. */
static void delay_acks(struct upstream_conn *c)
{
    int64_t now_ms = loop_now_ms(c->client->loop);
    bool steady = now_ms - c->read_ms <= STEADY_MS;

    c->read_ms = now_ms;
    c->steady_reads = steady ? c->steady_reads + 1 : 0;
    if (c->steady_reads < c->steady_wanted)
        return;
    setsockopt(c->io.fd, IPPROTO_TCP, TCP_QUICKACK, &(int){0}, sizeof(int));
    c->steady_reads = 0;
    if (c->steady_wanted < INT_MAX / 2)
        c->steady_wanted *= 2;
}

static void readable(struct upstream_conn *c)
{
    struct upstream_call *call = c->call;
    int reads = c->tls ? TLS_READS : 1; /* left */

    if (c->state == CONN_IDLE) {
        if (!idle_is_quiet(c))
            upstream_conn_close(c);
        return;
    }
    if (c->task.next) /* what is held comes first */
        return;
    delay_acks(c);
    while (reads && (c->tls ? read_tls(c) : read_plain(c))) {
        reads--;
        if (c->call != call || c->state != CONN_ACTIVE || c->paused)
            return;
    }
    /* Only when it was us who stopped: half a record is pending too, and the rest of it
     * comes with an event. */
    if (!reads && tls_pending(c->tls))
        upstream_conn_go_on_later(c);
}

/* ---- what a call asks of it ---- */

static void send_more(struct upstream_call *call)
{
    if (call->conn && call->conn->state == CONN_ACTIVE)
        upstream_conn_send_out(call->conn);
}

static void resume(struct upstream_call *call)
{
    struct upstream_conn *c = call->conn;

    if (!c)
        return;
    if (!c->paused) {
        c->resume_asked = true; /* from inside on_body, before it said that it pauses */
        return;
    }
    c->paused = false;
    upstream_conn_go_on_later(c);
}

static void leave(struct upstream_call *call)
{
    struct upstream_conn *c = call->conn;

    if (!c)
        return;
    bool nothing_else = buf_len(&c->in) == c->payload_left;
    if (c->body_done && !c->reading && nothing_else && answer_reusable(c)) {
        upstream_conn_detach(c);
        idle_put(c);
    } else {
        upstream_conn_close(c);
    }
}

const struct transport upstream_own_transport = {send_more, resume, leave};
