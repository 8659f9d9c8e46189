/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/resolve_impl.h"

enum { LOOK_UP_EVERY_MS = 200, HOST_SIZE = 256 };

struct waiting {
    bool done;
    int code;
    struct addresses found;
};

static void answered(void *ctx, int code, int timeouts, struct ares_addrinfo *info)
{
    struct waiting *w = ctx;

    (void)timeouts;
    w->done = true;
    w->code = code;
    if (info)
        resolve_take(info, &w->found);
}

/* One wait for the channel's sockets or its next time-out, whichever is first. */
static void turn(ares_channel channel)
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    struct pollfd polled[ARES_GETSOCK_MAXNUM];
    struct timeval most = {0, LOOK_UP_EVERY_MS * 1000}, left;
    unsigned mask = (unsigned)ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
    nfds_t count = 0;

    for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        /* c-ares's own macros shift into the sign. */
        bool readable = mask >> i & 1, writable = mask >> (i + ARES_GETSOCK_MAXNUM) & 1;
        if (readable || writable)
            polled[count++] = (struct pollfd){
                .fd = sockets[i],
                .events = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0)),
            };
    }
    struct timeval *wait = ares_timeout(channel, &most, &left);
    poll(polled, count, (int)(wait->tv_sec * 1000 + wait->tv_usec / 1000) + 1);
    for (nfds_t i = 0; i < count; i++) {
        bool readable = polled[i].revents & (POLLIN | POLLERR | POLLHUP);
        bool writable = polled[i].revents & POLLOUT;
        ares_process_fd(channel, readable ? polled[i].fd : ARES_SOCKET_BAD,
                        writable ? polled[i].fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

enum status resolve_wait(struct str servers, struct str host, int64_t timeout_ms,
                         const atomic_bool *cancelled, struct addresses *ret, struct err *err)
{
    struct waiting w = {0};
    ares_channel channel;
    char name[HOST_SIZE];
    int64_t deadline = timeout_ms ? clock_mono_ms() + timeout_ms : INT64_MAX;

    if (resolve_numeric(host, ret))
        return OK;
    if (host.n >= sizeof(name))
        return err_set(err, E_UPSTREAM, "name_not_found");
    memcpy(name, host.p, host.n);
    name[host.n] = '\0';
    TRY(resolve_channel_new(servers, NULL, NULL, &channel, err));
    resolve_ask(channel, name, answered, &w);
    bool stop = false;
    while (!w.done && !stop && clock_mono_ms() < deadline) {
        turn(channel);
        stop = cancelled && atomic_load(cancelled);
    }
    bool in_time = w.done;
    ares_destroy(channel);
    if (stop && !in_time)
        return err_set(err, E_UNAVAILABLE, "cancelled");
    if (!in_time)
        return err_set(err, E_TIMEOUT, "connect_timeout");
    if (w.code != ARES_SUCCESS || !w.found.count) {
        err_set(err, E_UPSTREAM, "name_not_found");
        err_detail(err, "%s: %s", name, ares_strerror(w.code));
        return E_UPSTREAM;
    }
    *ret = w.found;
    return OK;
}
