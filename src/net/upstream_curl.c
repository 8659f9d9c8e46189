/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl on the loop.
 *
 * A connection's descriptor stays registered when libcurl loses interest in it, because it
 * mostly comes back to it; only an event that nobody wants takes it out.  That needs word of
 * every close, and libcurl (7.88) closes a socket that never became a connection in silence:
 * so such a one goes when libcurl says so, and a number that comes anew is registered anew. */
#include "net/upstream_curl.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/mem.h"

enum { SPARE_CALLS = 64, IDLE_CONNECTIONS = 64 };

struct curl_socket {
    struct list link;
    struct curl_side *side;
    struct io io;
    bool registered, wanted;
    bool kept; /* we shall hear of its close */
};

/* ---- what has ended ---- */

static void reap(struct curl_side *side)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(side->multi, &left))) {
        struct curl_call *cc = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&cc);
        curl_call_done(cc, code);
    }
}

static void go_on(struct curl_side *side, curl_socket_t fd, int events)
{
    int running;

    curl_multi_socket_action(side->multi, fd, events, &running);
    reap(side);
}

/* ---- sockets ---- */

static struct list *bucket_of(struct curl_side *side, int fd)
{
    return &side->sockets[(size_t)fd % ARRAY_SIZE(side->sockets)];
}

static struct curl_socket *socket_find(struct curl_side *side, int fd)
{
    LIST_EACH(node, bucket_of(side, fd))
    {
        struct curl_socket *s = CONTAINER_OF(node, struct curl_socket, link);
        if (s->io.fd == fd)
            return s;
    }
    return NULL;
}

static void socket_unregister(struct curl_socket *s)
{
    if (s->registered)
        loop_io_remove(s->side->client->loop, &s->io);
    s->registered = false;
}

static void socket_free(struct curl_socket *s)
{
    socket_unregister(s);
    list_remove(&s->link);
    free(s);
}

static void on_event(struct io *io, uint32_t events)
{
    struct curl_socket *s = CONTAINER_OF(io, struct curl_socket, io);
    int bits = 0;

    if (!s->wanted) {
        socket_unregister(s);
        return;
    }
    if (events & (EPOLLIN | EPOLLHUP))
        bits |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        bits |= CURL_CSELECT_OUT;
    if (events & EPOLLERR)
        bits |= CURL_CSELECT_ERR;
    go_on(s->side, io->fd, bits);
}

static struct curl_socket *socket_new(struct curl_side *side, int fd)
{
    struct curl_socket *s = mem_zalloc(sizeof(*s));

    s->side = side;
    s->io.fd = fd;
    s->io.fn = on_event;
    list_push_back(bucket_of(side, fd), &s->link);
    return s;
}

static bool socket_watch(struct curl_socket *s, uint32_t events)
{
    struct loop *loop = s->side->client->loop;

    s->wanted = true;
    if (s->registered)
        loop_io_set(loop, &s->io, events);
    else
        s->registered = loop_io_add(loop, &s->io, s->io.fd, events);
    return s->registered;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *unused)
{
    struct curl_side *side = ctx;
    struct curl_socket *s = socket_find(side, fd);
    struct curl_call *cc = NULL;

    (void)unused;
    if (what == CURL_POLL_REMOVE) {
        if (s && s->kept)
            s->wanted = false;
        else if (s)
            socket_free(s);
        return 0;
    }
    if (!s)
        s = socket_new(side, fd);
    if (socket_watch(s,
                     (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u)))
        return 0;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&cc);
    if (cc && cc->call)
        call_fail(cc->call, cc->connected ? UPSTREAM_BROKEN : UPSTREAM_REFUSED,
                  "cannot be watched: %s", strerror(errno));
    return 0;
}

void curl_side_opens(struct curl_side *side, int fd)
{
    struct curl_socket *s = socket_find(side, fd);

    if (!s)
        return;
    s->kept = false;
    socket_unregister(s);
    if (s->wanted) /* libcurl will not say so again: to it the number is the same */
        socket_watch(s, s->io.events);
}

void curl_side_keeps(struct curl_side *side, int fd)
{
    struct curl_socket *s = socket_find(side, fd);

    if (s)
        s->kept = true;
}

int curl_side_closes(void *ctx, curl_socket_t fd)
{
    struct curl_socket *s = socket_find(ctx, fd);

    if (s)
        socket_free(s);
    return close(fd);
}

/* ---- time ---- */

static void on_timer(struct timer *t)
{
    go_on(CONTAINER_OF(t, struct curl_side, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wish(CURLM *multi, long timeout_ms, void *ctx)
{
    struct curl_side *side = ctx;

    (void)multi;
    if (timeout_ms < 0)
        timer_unset(side->client->loop, &side->timer);
    else
        timer_set_in(side->client->loop, &side->timer, timeout_ms);
    return 0;
}

/* ---- life ---- */

static struct curl_side *curl_side_new(struct upstream_client *client)
{
    struct curl_side *side = mem_zalloc(sizeof(*side));

    libcurl_init();
    side->client = client;
    side->timer.fn = on_timer;
    list_init(&side->spare);
    for (size_t i = 0; i < ARRAY_SIZE(side->sockets); i++)
        list_init(&side->sockets[i]);
    side->multi = curl_multi_init();
    if (!side->multi)
        abort(); /* no memory for a small struct */
    curl_multi_setopt(side->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(side->multi, CURLMOPT_SOCKETDATA, side);
    curl_multi_setopt(side->multi, CURLMOPT_TIMERFUNCTION, on_timer_wish);
    curl_multi_setopt(side->multi, CURLMOPT_TIMERDATA, side);
    curl_multi_setopt(side->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(side->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
    return side;
}

struct curl_side *curl_side_of(struct upstream_client *client)
{
    if (!client->curl)
        client->curl = curl_side_new(client);
    return client->curl;
}

void curl_side_free(struct curl_side *side)
{
    struct list *node;

    if (!side)
        return;
    while ((node = list_pop_front(&side->spare))) {
        struct curl_call *cc = CONTAINER_OF(node, struct curl_call, link);
        curl_easy_cleanup(cc->easy);
        free(cc);
    }
    curl_multi_cleanup(side->multi);
    timer_unset(side->client->loop, &side->timer);
    free(side);
}

struct curl_call *curl_call_new(struct curl_side *side)
{
    struct list *node = list_pop_front(&side->spare);
    struct curl_call *cc = node ? CONTAINER_OF(node, struct curl_call, link)
                                : mem_zalloc(sizeof(*cc));
    CURL *easy = cc->easy;

    if (node)
        side->spare_count--;
    else
        easy = curl_easy_init();
    if (!easy)
        abort(); /* no memory for a small struct */
    memset(cc, 0, sizeof(*cc));
    cc->side = side;
    cc->easy = easy;
    list_init(&cc->link);
    return cc;
}

void curl_call_give_back(struct curl_call *cc)
{
    struct curl_side *side = cc->side;

    buf_release(&cc->head);
    curl_slist_free_all(cc->headers);
    curl_slist_free_all(cc->pins);
    for (size_t i = 0; i < ARRAY_SIZE(cc->looks); i++)
        free(cc->looks[i].host);
    if (side->spare_count < SPARE_CALLS && !side->client->released) {
        curl_easy_reset(cc->easy);
        side->spare_count++;
        list_push_front(&side->spare, &cc->link);
    } else {
        curl_easy_cleanup(cc->easy);
        free(cc);
    }
}
