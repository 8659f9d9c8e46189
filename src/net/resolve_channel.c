/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "net/guard.h"
#include "net/resolve_impl.h"

enum { QUESTION_TIMEOUT_MS = 2000, QUESTION_TRIES = 3, SERVERS_MAX = 512 };

socklen_t net_address_size(const union net_address *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

void net_address_set_port(union net_address *a, uint16_t port)
{
    if (a->any.sa_family == AF_INET6)
        a->v6.sin6_port = htons(port);
    else
        a->v4.sin_port = htons(port);
}

static void library_init(void)
{
    ares_library_init(ARES_LIB_INIT_ALL);
}

void resolve_library_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, library_init);
}

static enum status set_servers(ares_channel channel, struct str servers)
{
    char text[SERVERS_MAX];

    if (servers.n >= sizeof(text))
        return E_INVALID;
    memcpy(text, servers.p, servers.n);
    text[servers.n] = '\0';
    return ares_set_servers_ports_csv(channel, text) == ARES_SUCCESS ? OK : E_INVALID;
}

enum status resolve_channel_new(struct str servers, ares_sock_state_cb state_fn, void *ctx,
                                ares_channel *ret, struct err *err)
{
    struct ares_options options = {
        .timeout = QUESTION_TIMEOUT_MS,
        .tries = QUESTION_TRIES,
        .sock_state_cb = state_fn,
        .sock_state_cb_data = ctx,
    };
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | (state_fn ? ARES_OPT_SOCK_STATE_CB : 0);
    ares_channel channel;

    resolve_library_init();
    int code = ares_init_options(&channel, &options, mask);
    if (code != ARES_SUCCESS) {
        err_set(err, E_IO, "resolver_failed");
        err_detail(err, "c-ares: %s", ares_strerror(code));
        return E_IO;
    }
    if (servers.n && set_servers(channel, servers) != OK) {
        ares_destroy(channel);
        return err_say(err, E_INVALID, "bad_resolver",
                       "The resolver must be a list of addresses: ip:port,ip:port.");
    }
    *ret = channel;
    return OK;
}

void resolve_ask(ares_channel channel, const char *host, ares_addrinfo_callback fn, void *ctx)
{
    const struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
    };
    ares_getaddrinfo(channel, host, NULL, &hints, fn, ctx);
}

static bool holds(const struct addresses *list, const struct ares_addrinfo_node *node)
{
    for (size_t i = 0; i < list->count; i++) {
        if (memcmp(&list->at[i], node->ai_addr, node->ai_addrlen) == 0)
            return true;
    }
    return false;
}

int resolve_take(struct ares_addrinfo *info, struct addresses *ret)
{
    int ttl = INT32_MAX;

    ret->count = 0;
    for (const struct ares_addrinfo_node *n = info->nodes; n; n = n->ai_next) {
        bool known = n->ai_family == AF_INET || n->ai_family == AF_INET6;
        if (!known || ret->count == RESOLVE_MAX || holds(ret, n))
            continue;
        memset(&ret->at[ret->count], 0, sizeof(ret->at[0]));
        memcpy(&ret->at[ret->count++], n->ai_addr, MIN((size_t)n->ai_addrlen, sizeof(ret->at[0])));
        ttl = MIN(ttl, n->ai_ttl);
    }
    ares_freeaddrinfo(info);
    return ret->count ? ttl : 0;
}

bool resolve_numeric(struct str host, struct addresses *ret)
{
    struct sockaddr_storage address;
    socklen_t size;

    if (!guard_parse_address(host, 0, &address, &size))
        return false;
    memcpy(&ret->at[0], &address, sizeof(ret->at[0]));
    ret->count = 1;
    return true;
}
