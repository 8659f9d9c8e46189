/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/server.h"

enum { BACKLOG = 4096, HOST_SIZE = 256, PORT_SIZE = 6 };

struct place {
    char host[HOST_SIZE]; /* empty: every address */
    char port[PORT_SIZE];
};

static bool copy_z(struct str from, char *to, size_t size)
{
    if (from.n >= size || str_has_char(from, '\0'))
        return false;
    if (from.n)
        memcpy(to, from.p, from.n);
    to[from.n] = '\0';
    return true;
}

static bool split_place(struct str text, struct place *ret)
{
    struct str host, port = text;
    uint64_t number;
    if (text.n && text.p[0] == '[') {
        port = str_from(text, 1);
        host = str_cut(&port, ']');
        if (!port.n || port.p[0] != ':' || !host.n)
            return false;
        port = str_from(port, 1);
    } else {
        host = str_cut(&port, ':');
    }
    return str_to_u64(port, &number) && number <= 65535 &&
           copy_z(host, ret->host, sizeof(ret->host)) && copy_z(port, ret->port, sizeof(ret->port));
}

static int bind_address(const struct addrinfo *a, bool reuse_port)
{
    const int on = 1, off = 0;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (reuse_port)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* Every address: "::" takes IPv4 too; machines without IPv6 have 0.0.0.0. */
static int bind_place(const struct place *place, bool reuse_port, const char **why)
{
    static const char *const every[] = {"::", "0.0.0.0"};
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    int fd = -1;

    for (size_t i = 0; fd < 0 && i < (place->host[0] ? 1 : ARRAY_SIZE(every)); i++) {
        struct addrinfo *found = NULL;
        const char *host = place->host[0] ? place->host : every[i];
        int failed = getaddrinfo(host, place->port, &hints, &found);
        if (failed) {
            *why = gai_strerror(failed);
            continue;
        }
        for (const struct addrinfo *a = found; fd < 0 && a; a = a->ai_next) {
            fd = bind_address(a, reuse_port);
            if (fd < 0)
                *why = errno == EADDRINUSE ? "address in use" : strerror(errno);
        }
        freeaddrinfo(found);
    }
    return fd;
}

int server_bind(struct str host_port, bool reuse_port, struct err *err)
{
    struct place place;
    const char *why = "no such address";
    if (!split_place(host_port, &place)) {
        err_say(err, E_INVALID, "bad_listen_address",
                "Cannot listen on %.*s: it is not HOST:PORT, [IPV6]:PORT or :PORT.",
                STR_ARG(str_to(host_port, 200)));
        return -1;
    }
    int fd = bind_place(&place, reuse_port, &why);
    if (fd < 0)
        err_say(err, E_IO, "listen_failed", "Cannot listen on %.*s: %s.",
                STR_ARG(str_to(host_port, 200)), why);
    return fd;
}

enum { FIRST_INHERITED_FD = 3 }; /* SD_LISTEN_FDS_START */

static bool is_tcp_listener(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address), one = sizeof(int);
    int listening = 0;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &one) == 0 && listening &&
           getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
           (address.ss_family == AF_INET || address.ss_family == AF_INET6);
}

int server_inherited(struct err *err)
{
    uint64_t pid = 0, count = 0;
    const char *for_pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    if (!for_pid || !fds || !str_to_u64(str_of(for_pid), &pid) || pid != (uint64_t)getpid())
        return -1;
    str_to_u64(str_of(fds), &count);
    /* Not for the programs that this one starts. */
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (count != 1 || !is_tcp_listener(FIRST_INHERITED_FD)) {
        err_say(err, E_INVALID, "bad_listen_socket",
                "The starter must leave one TCP socket that listens as LISTEN_FDS=1, not %.20s.",
                fds);
        return -1;
    }
    int flags = fcntl(FIRST_INHERITED_FD, F_GETFL);
    fcntl(FIRST_INHERITED_FD, F_SETFL, flags | O_NONBLOCK);
    fcntl(FIRST_INHERITED_FD, F_SETFD, FD_CLOEXEC);
    return FIRST_INHERITED_FD;
}

void server_bound_to(int fd, char ret[SERVER_ADDRESS_SIZE])
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    char host[INET6_ADDRSTRLEN] = "?", port[PORT_SIZE] = "?";
    getsockname(fd, (struct sockaddr *)&address, &size);
    getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port, sizeof(port),
                NI_NUMERICHOST | NI_NUMERICSERV);
    bool ipv6 = address.ss_family == AF_INET6;
    snprintf(ret, SERVER_ADDRESS_SIZE, ipv6 ? "[%s]:%s" : "%s:%s", host, port);
}

bool server_divert(int fd, unsigned place)
{
    struct sock_filter choose[] = {BPF_STMT(BPF_RET | BPF_K, place)};
    struct sock_fprog program = {.len = ARRAY_SIZE(choose), .filter = choose};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) == 0;
}
