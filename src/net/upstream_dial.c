/* SPDX-License-Identifier: Apache-2.0 */
/* From a name to a connection: look-up, the guard, one address after the other, TLS. */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/upstream_impl.h"

/* An address that says nothing holds the next one up no longer than this: time for one
 * lost SYN (RFC 6298). */
enum { ADDRESS_PATIENCE_MS = 2000 };

static void next_address(struct upstream_conn *c);

static void dialed(struct upstream_conn *c)
{
    dial_release(c);
    c->state = CONN_ACTIVE;
    upstream_conn_send_out(c);
    if (c->call->drain_wanted)
        upstream_conn_go_on_later(c);
}

/* ---- TLS ---- */

static void go_on_with_handshake(struct upstream_conn *c)
{
    char why[128];

    switch (tls_handshake(c->tls)) {
    case TLS_OK:
        dialed(c);
        break;
    case TLS_WANT_READ:
        loop_io_set(c->client->loop, &c->io, EPOLLIN);
        break;
    case TLS_WANT_WRITE:
        loop_io_set(c->client->loop, &c->io, EPOLLIN | EPOLLOUT);
        break;
    case TLS_END:
    case TLS_FAILED:
        tls_describe(c->tls, why, sizeof(why));
        call_fail(c->call, UPSTREAM_TLS, "%s", why);
        break;
    }
}

static void start_handshake(struct upstream_conn *c)
{
    struct origin *origin = c->origin;

    c->state = CONN_HANDSHAKE;
    upstream_conn_set_deadline(c, c->dial->deadline_ms);
    c->tls = tls_new(origin->tls, c->io.fd, origin->host, origin->host_is_ip, &origin->session);
    if (c->tls)
        go_on_with_handshake(c);
    else
        call_fail(c->call, UPSTREAM_TLS, "no TLS connection can be made");
}

/* ---- addresses ---- */

static void connected(struct upstream_conn *c)
{
    int on = 1;

    /* Head and body go out in one write: waiting for more would only delay the last. */
    setsockopt(c->io.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (c->origin->tls)
        start_handshake(c);
    else
        dialed(c);
}

static void attempt_failed(struct upstream_conn *c, int error)
{
    c->dial->last_errno = error;
    upstream_conn_close_socket(c);
    next_address(c);
}

static void give_up(struct upstream_conn *c)
{
    char text[GUARD_TEXT_SIZE];

    guard_address_text(&c->peer.any, text);
    if (c->dial->last_errno == ETIMEDOUT)
        call_fail(c->call, UPSTREAM_CONNECT_TIME, "%s did not answer", text);
    else if (upstream_is_starved(c->dial->last_errno))
        call_fail(c->call, UPSTREAM_STARVED, "%s: %s", text, strerror(c->dial->last_errno));
    else
        call_fail(c->call, UPSTREAM_REFUSED, "%s: %s", text, strerror(c->dial->last_errno));
}

static int64_t attempt_deadline(const struct upstream_conn *c)
{
    const struct dial *d = c->dial;
    int64_t patience = loop_now_ms(c->client->loop) + ADDRESS_PATIENCE_MS;

    if (d->next == d->addresses.count) /* the last has all the time that is left */
        return d->deadline_ms;
    return d->deadline_ms ? MIN(d->deadline_ms, patience) : patience;
}

static void next_address(struct upstream_conn *c)
{
    struct dial *d = c->dial;

    while (d->next < d->addresses.count) {
        c->peer = d->addresses.at[d->next++];
        net_address_set_port(&c->peer, c->origin->port);
        int fd = socket(c->peer.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            d->last_errno = errno;
            continue;
        }
        if (!upstream_conn_watch(c, fd, EPOLLOUT)) {
            d->last_errno = errno;
            upstream_conn_close_socket(c);
            continue;
        }
        if (connect(fd, &c->peer.any, net_address_size(&c->peer)) == 0) {
            connected(c);
            return;
        }
        if (errno == EINPROGRESS) {
            upstream_conn_set_deadline(c, attempt_deadline(c));
            return;
        }
        d->last_errno = errno;
        upstream_conn_close_socket(c);
    }
    give_up(c);
}

/* ---- names ---- */

static void use_addresses(struct upstream_conn *c)
{
    struct dial *d = c->dial;
    struct addresses *all = &d->addresses;
    char text[GUARD_TEXT_SIZE] = "";
    size_t kept = 0;

    for (size_t i = 0; i < all->count; i++) {
        if (guard_allows(&c->call->guard, &all->at[i].any))
            all->at[kept++] = all->at[i];
        else
            guard_address_text(&all->at[i].any, text);
    }
    all->count = kept;
    if (kept)
        next_address(c);
    else
        call_fail(c->call, UPSTREAM_FORBIDDEN, "%.*s leads to %s", STR_ARG(c->origin->host), text);
}

static void on_resolved(struct resolve_query *q, const struct addresses *found, const char *why)
{
    struct dial *d = CONTAINER_OF(q, struct dial, query);
    struct upstream_conn *c = d->conn;

    if (!found) {
        call_fail(c->call, UPSTREAM_NAME, "%.*s: %s", STR_ARG(c->origin->host), why);
        return;
    }
    d->addresses = *found;
    use_addresses(c);
}

void dial_start(struct upstream_call *call)
{
    struct upstream_conn *c = upstream_conn_new(call->client, call->origin);
    struct dial *d = mem_zalloc(sizeof(*d));

    c->dial = d;
    d->conn = c;
    d->query.fn = on_resolved;
    d->last_errno = EHOSTUNREACH;
    d->deadline_ms = call->connect_ms ? loop_now_ms(call->client->loop) + call->connect_ms : 0;
    upstream_conn_attach(c, call);
    upstream_conn_set_deadline(c, d->deadline_ms);
    if (resolve_start(call->client->resolver, call->origin->host, &d->query, &d->addresses))
        use_addresses(c);
}

/* ---- events ---- */

void dial_event(struct upstream_conn *c, uint32_t events)
{
    int error = 0;
    socklen_t size = sizeof(error);

    (void)events;
    if (c->state == CONN_HANDSHAKE) {
        go_on_with_handshake(c);
        return;
    }
    if (getsockopt(c->io.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error)
        attempt_failed(c, error);
    else
        connected(c);
}

void dial_expired(struct upstream_conn *c)
{
    struct dial *d = c->dial;
    bool over = d->deadline_ms && d->deadline_ms <= loop_now_ms(c->client->loop);

    if (!over) {
        attempt_failed(c, ETIMEDOUT);
        return;
    }
    call_fail(c->call, UPSTREAM_CONNECT_TIME, "no connection within %d ms", c->call->connect_ms);
}

void dial_release(struct upstream_conn *c)
{
    if (!c->dial)
        return;
    resolve_cancel(&c->dial->query);
    free(c->dial);
    c->dial = NULL;
}
