/* SPDX-License-Identifier: Apache-2.0 */
/* Listening, accepting, draining; the date and the request ids. */
#include "net/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/server_impl.h"

enum { ACCEPTS_PER_EVENT = 64, ACCEPT_RETRY_MS = 100, FRESH_GRACE_MS = 1000 };

/* ---- what every answer carries ---- */

struct str server_date(struct server *s)
{
    int64_t now = loop_now_ms(s->loop);
    if (now < s->date_until_ms)
        return s->date;
    char text[CLOCK_HTTP_SIZE];
    int64_t wall = clock_wall_ms();
    struct str date = clock_http_date(wall, text);
    int n = snprintf(s->date_line, sizeof(s->date_line), "Date: %.*s\r\n", STR_ARG(date));
    s->date = (struct str){s->date_line, (size_t)n};
    s->date_until_ms = now + CLOCK_SECOND_MS - wall % CLOCK_SECOND_MS;
    return s->date;
}

/* xoroshiro128+ (Blackman, Vigna 2018): ids need to be unlike each other, not secret. */
static uint64_t next_random(struct server *s)
{
    uint64_t a = s->random[0], b = s->random[1], sum = a + b;
    b ^= a;
    s->random[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
    s->random[1] = (b << 37) | (b >> 27);
    return sum;
}

size_t server_make_id(struct server *s, char out[REQUEST_ID_MAX])
{
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    uint64_t bits = 0;
    memcpy(out, "req_", 4);
    for (int i = 0; i < REQUEST_ID_RANDOM; i++, bits >>= 5) {
        if (i % (REQUEST_ID_RANDOM / 2) == 0)
            bits = next_random(s) >> 4;
        out[4 + i] = alphabet[bits & 31];
    }
    return 4 + REQUEST_ID_RANDOM;
}

/* ---- accepting ---- */

static void write_peer(struct server_conn *c, const struct sockaddr_storage *address)
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    const void *bytes = &v6->sin6_addr;
    int family = address->ss_family;

    if (family == AF_INET) {
        bytes = &((const struct sockaddr_in *)address)->sin_addr;
    } else if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        family = AF_INET;
        bytes = &v6->sin6_addr.s6_addr[12];
    }
    if (!inet_ntop(family, bytes, c->peer, sizeof(c->peer)))
        c->peer[0] = '\0';
}

static void take_connection(struct server *s, int fd, const struct sockaddr_storage *address)
{
    bool full = s->count >= s->config.max_connections;
    if (full && s->count >= s->config.max_connections + REFUSED_EXTRA) {
        close(fd);
        return;
    }
    struct server_conn *c = server_conn_open(s, fd);
    if (!c) {
        close(fd);
        return;
    }
    write_peer(c, address);
    if (full)
        server_conn_refuse(c, 503, "there are too many connections");
}

static void accept_some(struct listener *listener, int most)
{
    struct server *s = listener->server;
    while (most-- > 0) {
        struct sockaddr_storage address = {0};
        socklen_t size = sizeof(address);
        int fd = accept4(listener->io.fd, (struct sockaddr *)&address, &size,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take_connection(s, fd, &address);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            /* Level-triggered events would spin until a descriptor is free. */
            loop_io_remove(s->loop, &listener->io);
            timer_set_in(s->loop, &listener->retry, ACCEPT_RETRY_MS);
            return;
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

static void on_listener(struct io *io, uint32_t events)
{
    (void)events;
    accept_some(CONTAINER_OF(io, struct listener, io), ACCEPTS_PER_EVENT);
}

static void listener_watch(struct listener *listener)
{
    struct loop *loop = listener->server->loop;
    /* Several servers may wait on one inherited socket: each connection wakes one of them. */
    if (!loop_io_add(loop, &listener->io, listener->io.fd, EPOLLIN | EPOLLEXCLUSIVE))
        timer_set_in(loop, &listener->retry, ACCEPT_RETRY_MS);
}

static void on_retry(struct timer *t)
{
    listener_watch(CONTAINER_OF(t, struct listener, retry));
}

void server_listen(struct server *s, int fd)
{
    const int on = 1, probe_after_s = 60;
    struct listener *listener = mem_zalloc(sizeof(*listener));
    listener->server = s;
    listener->io.fd = fd;
    listener->io.fn = on_listener;
    listener->retry.fn = on_retry;
    /* Accepted sockets inherit these: no call per connection. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &probe_after_s, sizeof(probe_after_s));
    list_push_back(&s->listeners, &listener->link);
    listener_watch(listener);
}

static void listener_close(struct listener *listener)
{
    struct server *s = listener->server;
    timer_unset(s->loop, &listener->retry);
    loop_io_remove(s->loop, &listener->io);
    close(listener->io.fd);
    list_remove(&listener->link);
    free(listener);
}

/* ---- making and ending ---- */

static void flush_task(struct task *t)
{
    cork_flush(CONTAINER_OF(t, struct server, flush_task));
}

static void empty_task(struct task *t)
{
    struct server *s = CONTAINER_OF(t, struct server, empty_task);
    void (*on_empty)(struct server *, void *) = s->on_empty;
    s->on_empty = NULL;
    if (on_empty)
        on_empty(s, s->empty_ctx);
}

static void free_task(struct task *t)
{
    struct server *s = CONTAINER_OF(t, struct server, free_task);
    buf_release(&s->compose);
    free(s);
}

static void fill_defaults(struct server_config *c)
{
    static const struct server_config defaults = {
        .head_timeout_ms = 15 * 1000,
        .body_timeout_ms = 60 * 1000,
        .idle_timeout_ms = 75 * 1000,
        .write_timeout_ms = 60 * 1000,
        .max_connections = 10000,
        .out_high = 256 * 1024,
        .out_low = 64 * 1024,
    };
    c->limits = c->limits.line_bytes ? c->limits : http_default_limits;
    c->head_timeout_ms = c->head_timeout_ms ? c->head_timeout_ms : defaults.head_timeout_ms;
    c->body_timeout_ms = c->body_timeout_ms ? c->body_timeout_ms : defaults.body_timeout_ms;
    c->idle_timeout_ms = c->idle_timeout_ms ? c->idle_timeout_ms : defaults.idle_timeout_ms;
    c->write_timeout_ms = c->write_timeout_ms ? c->write_timeout_ms : defaults.write_timeout_ms;
    c->max_connections = c->max_connections ? c->max_connections : defaults.max_connections;
    c->out_high = c->out_high ? c->out_high : defaults.out_high;
    c->out_low = c->out_low ? c->out_low : defaults.out_low;
}

struct server *server_new(const struct server_config *config)
{
    struct server *s = mem_zalloc(sizeof(*s));
    s->config = *config;
    fill_defaults(&s->config);
    s->loop = config->loop;
    list_init(&s->listeners);
    list_init(&s->connections);
    buf_init(&s->compose, COMPOSE_MAX);
    s->flush_task.fn = flush_task;
    s->empty_task.fn = empty_task;
    s->free_task.fn = free_task;
    if (getrandom(s->random, sizeof(s->random), 0) != (ssize_t)sizeof(s->random)) {
        perror("kinora: getrandom");
        abort();
    }
    return s;
}

void server_connection_ended(struct server *s)
{
    s->count--;
    if (s->count == 0 && s->on_empty)
        loop_defer(s->loop, &s->empty_task);
}

void server_stop_listening(struct server *s)
{
    LIST_EACH(node, &s->listeners)
    {
        struct listener *listener = CONTAINER_OF(node, struct listener, link);
        accept_some(listener, (int)s->config.max_connections);
        listener_close(listener);
    }
}

void server_drain(struct server *s, int patience_ms, void (*on_empty)(struct server *s, void *ctx),
                  void *ctx)
{
    s->on_empty = on_empty;
    s->empty_ctx = ctx;
    server_stop_listening(s);
    s->draining = true;
    s->patient_until_ms = loop_now_ms(s->loop) + patience_ms;
    LIST_EACH(node, &s->connections)
    {
        struct server_conn *c = CONTAINER_OF(node, struct server_conn, link);
        server_conn_drain(c, FRESH_GRACE_MS);
    }
    if (s->count == 0)
        loop_defer(s->loop, &s->empty_task);
}

void server_abort(struct server *s)
{
    LIST_EACH(node, &s->connections)
    {
        struct server_conn *c = CONTAINER_OF(node, struct server_conn, link);
        c->broken = true;
        /* One that is in a callback right now ends when that returns. */
        if (!c->busy)
            server_conn_end(c);
    }
}

void server_free(struct server *s)
{
    if (!s)
        return;
    LIST_EACH(node, &s->listeners)
    listener_close(CONTAINER_OF(node, struct listener, link));
    s->on_empty = NULL;
    server_abort(s);
    /* Behind the tasks that are queued already and still look at the server. */
    loop_defer(s->loop, &s->free_task);
}

size_t server_connection_count(const struct server *s)
{
    return s->count;
}
