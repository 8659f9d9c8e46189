/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* loopback — a server on a free port of 127.0.0.1, and connections to it.  Include it behind
 * cmocka.h. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/err.h"
#include "net/server.h"

/* Returns the port. */
static inline uint16_t loopback_listen(struct server *server)
{
    struct err err;
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    int fd = server_bind(STR("127.0.0.1:0"), false, &err);
    assert_true(fd >= 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    server_listen(server, fd);
    return ntohs(address.sin_port);
}

/* A blocking socket, the caller's. */
static inline int loopback_dial(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}
