/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/upstream_impl.h"

enum {
    BUCKETS = 256,
    ORIGINS_KEPT = 512,
    AUTHORITY_EXTRA = 32, /* "Host: []:65535\r\n" */
};

/* ---- origins ---- */

static struct list *bucket_of(struct upstream_client *client, struct str host, uint16_t port)
{
    if (!client->origins) {
        client->origins = mem_calloc(BUCKETS, sizeof(*client->origins));
        for (size_t i = 0; i < BUCKETS; i++)
            list_init(&client->origins[i]);
    }
    return &client->origins[(str_hash(host) ^ port) % BUCKETS];
}

static void origin_free(struct origin *origin)
{
    origin->client->origin_count--;
    list_remove(&origin->bucket);
    list_remove(&origin->age);
    tls_session_release(&origin->session);
    tls_context_unref(origin->tls);
    free(origin);
}

/* Origins nobody uses are kept for their TLS session, up to a number. */
static void drop_unused(struct upstream_client *client)
{
    LIST_EACH(node, &client->origin_ages)
    {
        struct origin *origin = CONTAINER_OF(node, struct origin, age);
        if (client->origin_count <= ORIGINS_KEPT)
            return;
        if (!origin->users)
            origin_free(origin);
    }
}

static struct origin *origin_new(struct upstream_client *client, const struct url *url,
                                 struct tls_context *tls)
{
    size_t room = url->host.n + AUTHORITY_EXTRA;
    struct origin *origin = mem_zalloc(sizeof(*origin) + url->host.n + room);
    char *field = origin->text + url->host.n;
    bool brackets = str_has_char(url->host, ':');
    char port[8] = "";

    memcpy(origin->text, url->host.p, url->host.n);
    if (url->port != (url->https ? 443 : 80))
        snprintf(port, sizeof(port), ":%u", url->port);
    int n = snprintf(field, room, "Host: %s%.*s%s%s\r\n", brackets ? "[" : "", STR_ARG(url->host),
                     brackets ? "]" : "", port);
    origin->client = client;
    origin->tls = tls;
    origin->host = (struct str){origin->text, url->host.n};
    origin->host_is_ip = url->host_is_ip;
    origin->host_field = (struct str){field, (size_t)n};
    origin->port = url->port;
    list_init(&origin->idle);
    list_push_back(bucket_of(client, origin->host, origin->port), &origin->bucket);
    list_push_back(&client->origin_ages, &origin->age);
    client->origin_count++;
    return origin;
}

enum status origin_get(struct upstream_client *client, const struct url *url, struct str ca_pem,
                       struct origin **ret, struct err *err)
{
    struct tls_context *tls = NULL;

    if (url->https)
        TRY(tls_context_get(client->tls, ca_pem, &tls, err));
    LIST_EACH(node, bucket_of(client, url->host, url->port))
    {
        struct origin *origin = CONTAINER_OF(node, struct origin, bucket);
        if (origin->port == url->port && origin->tls == tls && str_eq(origin->host, url->host)) {
            tls_context_unref(tls);
            origin->users++;
            *ret = origin;
            return OK;
        }
    }
    *ret = origin_new(client, url, tls);
    (*ret)->users++;
    drop_unused(client);
    return OK;
}

void origin_unref(struct origin *origin)
{
    if (--origin->users)
        return;
    list_remove(&origin->age);
    list_push_back(&origin->client->origin_ages, &origin->age);
    drop_unused(origin->client);
}

void origins_release(struct upstream_client *client)
{
    LIST_EACH(node, &client->origin_ages)
    {
        origin_free(CONTAINER_OF(node, struct origin, age));
    }
    free(client->origins);
}

/* ---- idle connections ---- */

void idle_remove(struct upstream_conn *c)
{
    list_remove(&c->link);
    list_remove(&c->lru);
    c->origin->idle_count--;
    c->client->idle_count--;
}

bool idle_is_quiet(struct upstream_conn *c)
{
    char byte;
    size_t n;

    /* A record need not be data: a new session is taken here. */
    if (c->tls)
        return tls_read(c->tls, &byte, 1, &n) == TLS_WANT_READ;
    return recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

struct upstream_conn *idle_take(struct origin *origin, const struct guard *guard)
{
    LIST_EACH(node, &origin->idle)
    {
        struct upstream_conn *c = CONTAINER_OF(node, struct upstream_conn, link);
        /* It was opened for another guard, or for other settings. */
        if (!guard_allows(guard, &c->peer.any))
            continue;
        /* Looked at each time, for no event may have come yet: this may be inside the very
         * callback that ended the last call, and what lies behind that call's answer must
         * not be read as the next one's. */
        if (!idle_is_quiet(c)) {
            upstream_conn_close(c);
            continue;
        }
        idle_remove(c);
        return c;
    }
    return NULL;
}

void idle_put(struct upstream_conn *c)
{
    struct upstream_client *client = c->client;
    int64_t now = loop_now_ms(client->loop);

    c->state = CONN_IDLE;
    c->reused = true;
    /* A view into it may be in a callback's hands: its memory goes later. */
    buf_reset(&c->in);
    list_push_front(&c->origin->idle, &c->link);
    list_push_back(&client->idle, &c->lru);
    c->origin->idle_count++;
    client->idle_count++;
    loop_io_set(client->loop, &c->io, EPOLLIN);
    upstream_conn_set_deadline(c, now + c->keep_ms);
    /* Ticket or farewell that came with the last record. */
    if (c->in.size || (c->tls && tls_pending(c->tls)))
        upstream_conn_go_on_later(c);
    if (c->origin->idle_count > client->idle_per_origin)
        upstream_conn_close(CONTAINER_OF(c->origin->idle.prev, struct upstream_conn, link));
    else if (client->idle_count > client->idle_most)
        upstream_conn_close(CONTAINER_OF(client->idle.next, struct upstream_conn, lru));
}
