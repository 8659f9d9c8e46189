/* SPDX-License-Identifier: Apache-2.0 */
#include "net/resolve.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/resolve_impl.h"

enum {
    KEEP_MOST_MS = 60 * 1000,
    NAMES_MOST = 256,
    BUCKETS = 64,
    /* resolv.conf may have changed; c-ares 1.18 reads it only when a channel is made. */
    CHANNEL_AGE_MS = 60 * 1000,
};

/* A socket of c-ares's on the loop. */
struct watch {
    struct io io;
    struct list link;
    struct resolver *resolver;
};

/* A name asked about, or whose answer is kept. */
struct name {
    struct list bucket, age;
    struct resolver *resolver; /* NULL: an orphan that goes with its queued task */
    struct list askers;        /* of resolve_query */
    bool asking;
    int64_t fresh_until_ms;
    struct addresses found;
    char why[64];
    struct task deliver;
    char text[];
};

struct resolver {
    struct loop *loop;
    char *servers;
    ares_channel channel;
    int64_t channel_made_ms;
    size_t asking;
    struct timer timer;
    struct list watches;
    struct list buckets[BUCKETS];
    struct list ages; /* oldest first */
    size_t names;
};

/* ---- c-ares on the loop ---- */

static void set_timer(struct resolver *r)
{
    struct timeval left;

    if (!ares_timeout(r->channel, NULL, &left)) {
        timer_unset(r->loop, &r->timer);
        return;
    }
    timer_set_in(r->loop, &r->timer, left.tv_sec * 1000 + left.tv_usec / 1000 + 1);
}

static void on_timer(struct timer *t)
{
    struct resolver *r = CONTAINER_OF(t, struct resolver, timer);
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(r);
}

static void on_socket(struct io *io, uint32_t events)
{
    struct watch *w = CONTAINER_OF(io, struct watch, io);
    struct resolver *r = w->resolver;
    bool readable = events & (EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLRDHUP);

    /* May end the watch. */
    ares_process_fd(r->channel, readable ? io->fd : ARES_SOCKET_BAD,
                    events & EPOLLOUT ? io->fd : ARES_SOCKET_BAD);
    set_timer(r);
}

static struct watch *watch_of(struct resolver *r, int fd)
{
    LIST_EACH(node, &r->watches)
    {
        struct watch *w = CONTAINER_OF(node, struct watch, link);
        if (w->io.fd == fd)
            return w;
    }
    return NULL;
}

static void on_socket_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
    struct resolver *r = ctx;
    struct watch *w = watch_of(r, fd);
    uint32_t events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);

    if (w && events) {
        loop_io_set(r->loop, &w->io, events);
    } else if (w) {
        loop_io_remove(r->loop, &w->io);
        list_remove(&w->link);
        free(w);
    } else if (events) {
        w = mem_zalloc(sizeof(*w));
        w->resolver = r;
        w->io.fn = on_socket;
        list_push_back(&r->watches, &w->link);
        /* One that cannot be watched is asked in vain and times out, or is watched when its state
         * changes again. */
        if (!loop_io_add(r->loop, &w->io, fd, events)) {
            list_remove(&w->link);
            free(w);
        }
    }
}

/* ---- names ---- */

static struct list *bucket_of(struct resolver *r, struct str host)
{
    return &r->buckets[str_hash(host) % BUCKETS];
}

static struct name *name_find(struct resolver *r, struct str host)
{
    LIST_EACH(node, bucket_of(r, host))
    {
        struct name *n = CONTAINER_OF(node, struct name, bucket);
        if (str_eq(str_of(n->text), host))
            return n;
    }
    return NULL;
}

static void name_free(struct name *n)
{
    n->resolver->names--;
    list_remove(&n->bucket);
    list_remove(&n->age);
    free(n);
}

/* Makes room by dropping the oldest kept answer; those being asked for stay. */
static void drop_oldest(struct resolver *r)
{
    LIST_EACH(node, &r->ages)
    {
        struct name *n = CONTAINER_OF(node, struct name, age);
        if (!n->asking && !n->deliver.next) {
            name_free(n);
            return;
        }
    }
}

static void deliver(struct task *t)
{
    struct name *n = CONTAINER_OF(t, struct name, deliver);
    struct list askers;

    if (!n->resolver) {
        free(n);
        return;
    }
    /* Those who ask from inside fn wait for the next answer. */
    list_init(&askers);
    while (!list_empty(&n->askers))
        list_push_back(&askers, list_pop_front(&n->askers));
    struct addresses found = n->found;
    char why[sizeof(n->why)];
    memcpy(why, n->why, sizeof(why));
    if (n->fresh_until_ms <= loop_now_ms(n->resolver->loop) && !n->asking)
        name_free(n);
    struct list *node;
    while ((node = list_pop_front(&askers))) {
        struct resolve_query *q = CONTAINER_OF(node, struct resolve_query, link);
        q->fn(q, found.count ? &found : NULL, why);
    }
}

static void on_answer(void *ctx, int code, int timeouts, struct ares_addrinfo *info)
{
    struct name *n = ctx;
    struct resolver *r = n->resolver;
    int ttl = 0;

    (void)timeouts;
    n->asking = false;
    n->found.count = 0;
    r->asking--;
    if (info)
        ttl = resolve_take(info, &n->found);
    snprintf(n->why, sizeof(n->why), "%s", ares_strerror(code));
    int64_t keep_ms = MIN((int64_t)ttl * 1000, KEEP_MOST_MS);
    n->fresh_until_ms = n->found.count ? loop_now_ms(r->loop) + keep_ms : 0;
    /* Askers run at the end of the turn, out of c-ares's stack. */
    if (code != ARES_EDESTRUCTION)
        loop_defer(r->loop, &n->deliver);
}

static struct name *name_new(struct resolver *r, struct str host)
{
    struct name *n = mem_zalloc(sizeof(*n) + host.n + 1);

    if (r->names >= NAMES_MOST)
        drop_oldest(r);
    r->names++;
    n->resolver = r;
    n->deliver.fn = deliver;
    memcpy(n->text, host.p, host.n);
    list_init(&n->askers);
    list_push_back(bucket_of(r, host), &n->bucket);
    list_push_back(&r->ages, &n->age);
    return n;
}

/* ---- asking ---- */

static void renew_channel(struct resolver *r)
{
    int64_t now = loop_now_ms(r->loop);
    ares_channel fresh;

    if (r->asking || r->servers[0] || now - r->channel_made_ms < CHANNEL_AGE_MS)
        return;
    r->channel_made_ms = now;
    if (resolve_channel_new(STR_NONE, on_socket_state, r, &fresh, NULL) != OK)
        return;
    ares_destroy(r->channel);
    r->channel = fresh;
}

bool resolve_start(struct resolver *r, struct str host, struct resolve_query *q,
                   struct addresses *ret)
{
    list_init(&q->link);
    if (resolve_numeric(host, ret))
        return true;
    struct name *n = name_find(r, host);
    if (n && n->found.count && n->fresh_until_ms > loop_now_ms(r->loop)) {
        *ret = n->found;
        return true;
    }
    if (!n)
        n = name_new(r, host);
    list_push_back(&n->askers, &q->link);
    if (n->asking || n->deliver.next)
        return false;
    renew_channel(r);
    n->asking = true;
    n->found.count = 0;
    r->asking++;
    resolve_ask(r->channel, n->text, on_answer, n);
    set_timer(r);
    return false;
}

void resolve_cancel(struct resolve_query *q)
{
    list_remove(&q->link);
}

/* ---- life ---- */

enum status resolver_new(struct loop *loop, struct str servers, struct resolver **ret,
                         struct err *err)
{
    struct resolver *r = mem_zalloc(sizeof(*r));

    r->loop = loop;
    r->timer.fn = on_timer;
    r->channel_made_ms = loop_now_ms(loop);
    list_init(&r->watches);
    list_init(&r->ages);
    for (size_t i = 0; i < BUCKETS; i++)
        list_init(&r->buckets[i]);
    enum status status = resolve_channel_new(servers, on_socket_state, r, &r->channel, err);
    if (status != OK) {
        free(r);
        return status;
    }
    r->servers = mem_strndup(servers.n ? servers.p : "", servers.n);
    *ret = r;
    return OK;
}

static void name_release(struct name *n)
{
    while (list_pop_front(&n->askers))
        ;
    if (!n->deliver.next) {
        name_free(n);
        return;
    }
    list_remove(&n->bucket);
    list_remove(&n->age);
    n->resolver = NULL;
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    ares_destroy(r->channel);
    LIST_EACH(node, &r->ages)
    {
        name_release(CONTAINER_OF(node, struct name, age));
    }
    timer_unset(r->loop, &r->timer);
    free(r->servers);
    free(r);
}
