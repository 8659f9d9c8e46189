/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's way out: cork, socket, waiting bytes; in this order of age from the last
 * to the first, so bytes only ever go to the newest place when the older ones are empty. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/server_impl.h"

/* Up to COPY_MAX bytes a copy is cheaper than the kernel's reading of a list of parts. */
enum { MAX_PARTS = 5, COPY_MAX = 2048 };

size_t server_conn_pending(const struct server_conn *c)
{
    const struct server *s = c->server;
    return buf_len(&c->out) + c->lasting.n + (s->corked == c ? s->cork_used : 0);
}

void cork_forget(struct server_conn *c)
{
    struct server *s = c->server;
    if (s->corked == c) {
        s->corked = NULL;
        s->cork_used = 0;
    }
}

static void keep(struct server_conn *c, struct iovec *parts, int count)
{
    bool ok = true;
    if (buf_len(&c->out) == 0)
        c->write_deadline = loop_now_ms(c->server->loop) + c->server->config.write_timeout_ms;
    for (int i = 0; i < count; i++)
        ok = ok && buf_add(&c->out, (struct str){parts[i].iov_base, parts[i].iov_len});
    if (!ok) {
        c->broken = true;
        server_conn_kick(c);
        return;
    }
    server_conn_update(c);
}

/* Drops the first n bytes of the parts; returns how many parts are left, from *first on. */
static int parts_skip(struct iovec *parts, int count, size_t n, int *first)
{
    int i = 0;
    while (i < count && n >= parts[i].iov_len)
        n -= parts[i++].iov_len;
    if (i < count) {
        parts[i].iov_base = (char *)parts[i].iov_base + n;
        parts[i].iov_len -= n;
    }
    *first = i;
    return count - i;
}

/* Bytes the socket took; 0 also when it is full or broken. */
static size_t socket_write(struct server_conn *c, struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t n = count == 1 ? send(c->io.fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)
                           : sendmsg(c->io.fd, &message, MSG_NOSIGNAL);
    if (n >= 0)
        return (size_t)n;
    if (errno != EAGAIN && errno != EINTR) {
        c->broken = c->gone = true;
        server_conn_kick(c);
    }
    return 0;
}

static void write_or_keep(struct server_conn *c, struct iovec *parts, int count)
{
    int first;
    size_t written = socket_write(c, parts, count);
    int left = parts_skip(parts, count, written, &first);
    if (left && !c->broken)
        keep(c, parts + first, left);
}

void cork_flush(struct server *s)
{
    struct server_conn *c = s->corked;
    struct iovec part = {s->cork, s->cork_used};
    if (!c)
        return;
    cork_forget(c);
    if (!c->broken && part.iov_len)
        write_or_keep(c, &part, 1);
}

/* Takes what is small, or may wait for more; false: it has to go as it is. */
static bool cork_take(struct server_conn *c, const struct iovec *parts, int count, bool push)
{
    struct server *s = c->server;
    size_t total = 0;

    for (int i = 0; i < count; i++)
        total += parts[i].iov_len;
    if (buf_len(&c->out) || total > (push ? COPY_MAX : CORK_SIZE) ||
        total > CORK_SIZE - s->cork_used)
        return false;
    for (int i = 0; i < count; i++) {
        if (parts[i].iov_len)
            memcpy(s->cork + s->cork_used, parts[i].iov_base, parts[i].iov_len);
        s->cork_used += parts[i].iov_len;
    }
    s->corked = c;
    if (push)
        cork_flush(s);
    else
        loop_defer(s->loop, &s->flush_task);
    return true;
}

void server_conn_send(struct server_conn *c, const struct iovec *parts, int count, bool push)
{
    struct server *s = c->server;
    struct iovec all[MAX_PARTS + 1];
    int n = 0;

    if (c->broken || c->closed)
        return;
    if (s->corked && s->corked != c)
        cork_flush(s);
    if (cork_take(c, parts, count, push))
        return;
    if (s->corked == c && s->cork_used)
        all[n++] = (struct iovec){s->cork, s->cork_used};
    for (int i = 0; i < count; i++) {
        if (parts[i].iov_len)
            all[n++] = parts[i];
    }
    cork_forget(c);
    if (buf_len(&c->out))
        keep(c, all, n);
    else if (n)
        write_or_keep(c, all, n);
}

void server_conn_send_lasting(struct server_conn *c, const struct iovec *head, struct str body)
{
    struct iovec parts[2] = {*head, part_of(body)};
    int first = 0, left = 2;

    if (c->server->corked)
        cork_flush(c->server);
    if (c->broken || c->closed)
        return;
    if (buf_len(&c->out) == 0)
        left = parts_skip(parts, 2, socket_write(c, parts, 2), &first);
    if (!left || c->broken)
        return;
    c->lasting = (struct str){parts[1].iov_base, parts[1].iov_len};
    keep(c, parts, first == 0 ? 1 : 0);
}

void server_conn_flush(struct server_conn *c)
{
    struct iovec parts[2] = {part_of(buf_str(&c->out)), part_of(c->lasting)};
    if (c->broken || parts[0].iov_len + parts[1].iov_len == 0)
        return;
    size_t written = socket_write(c, parts, c->lasting.n ? 2 : 1);
    if (!written)
        return;
    size_t of_out = MIN(written, parts[0].iov_len);
    buf_take(&c->out, of_out);
    c->lasting = str_from(c->lasting, written - of_out);
    if (buf_len(&c->out) + c->lasting.n == 0) {
        buf_release(&c->out);
        c->write_deadline = NO_DEADLINE;
    } else {
        c->write_deadline = loop_now_ms(c->server->loop) + c->server->config.write_timeout_ms;
    }
}
