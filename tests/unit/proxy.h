/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* proxy — small real proxies on loopback for tests, as what a peer serves: HTTP (CONNECT and
 * absolute addresses) and SOCKS5 (with and without a password). */
#include "peer.h"

/* What the last client said: "user:password" (HTTP: as sent, in base64), the target, and of
 * HTTP the whole head. */
static char proxy_auth[256], proxy_target[256], proxy_seen[256];
static bool proxy_wants_password;

/* A case may have several connections at once, each with a thread of the peer. */
__attribute__((format(printf, 2, 3))) static inline void proxy_note(char to[256],
                                                                    const char *format, ...)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&lock);
    vsnprintf(to, 256, format, args);
    pthread_mutex_unlock(&lock);
    va_end(args);
}

static inline int proxy_dial(const char *host, uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    /* Names are the proxy's to look up: every one of these tests leads to loopback. */
    if (inet_pton(AF_INET, host, &at.sin_addr) != 1)
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    close(fd);
    return -1;
}

static inline bool proxy_send(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Bytes both ways until one side has ended; then the other ends too. */
static inline void proxy_join(struct peer_link *l, int fd)
{
    static _Thread_local char block[64 * 1024];
    struct pollfd ends[2] = {{l->fd, POLLIN, 0}, {fd, POLLIN, 0}};
    bool up = true;

    while (up && poll(ends, 2, -1) > 0) {
        if (ends[0].revents) {
            ssize_t n = peer_recv(l, block, sizeof(block));
            up = n > 0 && proxy_send(fd, block, (size_t)n);
        }
        if (up && ends[1].revents) {
            ssize_t n = recv(fd, block, sizeof(block), 0);
            if (n > 0)
                peer_send_n(l, block, (size_t)n);
            up = n > 0;
        }
    }
    close(fd);
}

/* Takes it out of the head: it is for no one else (RFC 9110 11.7.2). */
static inline void proxy_take_auth(struct peer_link *l)
{
    char *at = strstr(l->in, "Proxy-Authorization: Basic "), *end = l->in + l->have;
    char *next = at ? strchr(at, '\n') + 1 : NULL;

    char auth[sizeof(proxy_auth)] = "";

    if (at)
        sscanf(at + 27, "%255[^\r]", auth);
    proxy_note(proxy_auth, "%s", auth);
    if (!at)
        return;
    memmove(at, next, (size_t)(end - next) + 1);
    l->have -= (size_t)(next - at);
}

/* A request's head and what of the body came with it. */
static inline bool proxy_head(struct peer_link *l)
{
    while (!memmem(l->in, l->have, "\r\n\r\n", 4)) {
        ssize_t n = peer_recv(l, l->in + l->have, PEER_REQUEST - l->have);
        if (n <= 0)
            return false;
        l->have += (size_t)n;
    }
    l->in[l->have] = '\0';
    return true;
}

static inline void serve_http_proxy(struct peer_link *l)
{
    char host[256] = "", path[1024] = "", method[16] = "";
    unsigned port = 80;
    int fd;

    if (!proxy_head(l))
        return;
    proxy_note(proxy_seen, "%s", l->in);
    proxy_take_auth(l);
    if (proxy_wants_password && !proxy_auth[0]) {
        peer_send(l, "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\n"
                     "Content-Length: 2\r\n\r\nno");
        return;
    }
    bool tunnel = sscanf(l->in, "CONNECT %255[^:]:%u", host, &port) == 2;
    if (!tunnel)
        sscanf(l->in, "%15s http://%255[^:/]:%u%1023s", method, host, &port, path);
    proxy_note(proxy_target, "%s:%u", host, port);
    fd = proxy_dial(host, (uint16_t)port);
    if (fd < 0) {
        peer_send(l, "HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    if (tunnel) {
        peer_send(l, "HTTP/1.1 200 OK\r\n\r\n");
    } else {
        char line[2048];
        const char *rest = strchr(l->in, '\n') + 1;
        int n = snprintf(line, sizeof(line), "%s %s HTTP/1.1\r\n", method, path);
        proxy_send(fd, line, (size_t)n);
        proxy_send(fd, rest, l->have - (size_t)(rest - l->in));
    }
    proxy_join(l, fd);
}

static inline bool proxy_read(struct peer_link *l, void *to, size_t n)
{
    char *p = to;
    while (n) {
        ssize_t got = peer_recv(l, p, n);
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

/* RFC 1929 */
static inline bool socks_password(struct peer_link *l)
{
    unsigned char n[2];
    char user[256] = "", word[256] = "";

    peer_send_n(l, "\5\2", 2);
    if (!proxy_read(l, n, 2) || !proxy_read(l, user, n[1]) || !proxy_read(l, n, 1) ||
        !proxy_read(l, word, n[0]))
        return false;
    proxy_note(proxy_auth, "%.100s:%.100s", user, word);
    peer_send_n(l, "\1\0", 2);
    return true;
}

/* RFC 1928 */
static inline void serve_socks5(struct peer_link *l)
{
    unsigned char head[4], methods[256], port[2];
    char host[256] = "";
    unsigned char name_n = 4;

    if (!proxy_read(l, head, 2) || !proxy_read(l, methods, head[1]))
        return;
    proxy_note(proxy_auth, "%s", "");
    if (memchr(methods, 2, head[1])) {
        if (!socks_password(l))
            return;
    } else if (proxy_wants_password) {
        peer_send_n(l, "\5\377", 2);
        return;
    } else {
        peer_send_n(l, "\5\0", 2);
    }
    if (!proxy_read(l, head, 4) || (head[3] == 3 && !proxy_read(l, &name_n, 1)) ||
        !proxy_read(l, host, name_n) || !proxy_read(l, port, 2))
        return;
    if (head[3] == 1) {
        struct in_addr address;
        memcpy(&address, host, 4);
        inet_ntop(AF_INET, &address, host, sizeof(host));
    }
    unsigned number = (unsigned)port[0] << 8 | port[1];
    proxy_note(proxy_target, "%s:%u", host, number);
    int fd = proxy_dial(host, (uint16_t)number);
    peer_send_n(l, fd < 0 ? "\5\5\0\1\0\0\0\0\0\0" : "\5\0\0\1\0\0\0\0\0\0", 10);
    if (fd >= 0)
        proxy_join(l, fd);
}
