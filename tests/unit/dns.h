/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* dns — a small name server on loopback for tests: A records from a table. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct dns_name {
    const char *name;
    /* "1.2.3.4 5.6.7.8"; NULL: never answered.  May change while it is asked. */
    const char *_Atomic addresses;
    uint32_t ttl;
};

struct dns {
    int fd;
    char text[32]; /* "127.0.0.1:port" */
    pthread_t thread;
    const struct dns_name *names; /* ends with a NULL name; others do not exist */
    atomic_int asked;             /* for A records */
};

static inline size_t dns_read_name(const uint8_t *at, const uint8_t *end, char *out, size_t size)
{
    const uint8_t *p = at;
    size_t n = 0;
    while (p < end && *p && p + *p < end && n + *p + 2 < size) {
        if (n)
            out[n++] = '.';
        memcpy(out + n, p + 1, *p);
        n += *p;
        p += *p + 1;
    }
    out[n] = '\0';
    return (size_t)(p - at) + 1;
}

static inline size_t dns_add_answers(uint8_t *packet, size_t n, const struct dns_name *name)
{
    char list[256];
    char *rest = NULL;
    snprintf(list, sizeof(list), "%s", name->addresses);
    for (char *one = strtok_r(list, " ", &rest); one; one = strtok_r(NULL, " ", &rest)) {
        const uint8_t head[] = {0xc0, 12, 0, 1, 0, 1};
        uint32_t ttl = htonl(name->ttl);
        memcpy(packet + n, head, sizeof(head));
        memcpy(packet + n + 6, &ttl, 4);
        packet[n + 10] = 0;
        packet[n + 11] = 4;
        inet_pton(AF_INET, one, packet + n + 12);
        n += 16;
        packet[7]++;
    }
    return n;
}

/* Returns the size of the answer made in place; 0: none is given. */
static inline size_t dns_answer(struct dns *d, uint8_t *packet, size_t n)
{
    char asked[256];
    size_t end = 12 + dns_read_name(packet + 12, packet + n, asked, sizeof(asked)) + 4;
    const struct dns_name *name = d->names;

    if (end > n)
        return 0;
    bool is_a = packet[end - 3] == 1;
    if (is_a)
        atomic_fetch_add(&d->asked, 1);
    while (name->name && strcasecmp(name->name, asked) != 0)
        name++;
    if (name->name && !name->addresses)
        return 0;
    packet[2] |= 0x84;
    packet[3] = name->name ? 0x80 : 0x83;
    memset(packet + 6, 0, 6);
    return name->name && is_a ? dns_add_answers(packet, end, name) : end;
}

static inline void *dns_thread(void *arg)
{
    struct dns *d = arg;
    uint8_t packet[1500];
    struct sockaddr_in from;

    for (;;) {
        socklen_t size = sizeof(from);
        ssize_t n = recvfrom(d->fd, packet, 512, 0, (struct sockaddr *)&from, &size);
        if (n <= 1)
            return NULL; /* the end is one byte */
        size_t out = n > 16 ? dns_answer(d, packet, (size_t)n) : 0;
        if (out)
            sendto(d->fd, packet, out, 0, (struct sockaddr *)&from, size);
    }
}

static inline struct dns *dns_new(const struct dns_name *names)
{
    struct dns *d = calloc(1, sizeof(*d));
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);

    d->names = names;
    d->fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(d->fd, (struct sockaddr *)&at, sizeof(at)))
        abort();
    getsockname(d->fd, (struct sockaddr *)&at, &size);
    snprintf(d->text, sizeof(d->text), "127.0.0.1:%u", ntohs(at.sin_port));
    pthread_create(&d->thread, NULL, dns_thread, d);
    return d;
}

static inline void dns_free(struct dns *d)
{
    struct sockaddr_in at;
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    getsockname(d->fd, (struct sockaddr *)&at, &size);
    sendto(fd, "x", 1, 0, (struct sockaddr *)&at, size);
    close(fd);
    pthread_join(d->thread, NULL);
    close(d->fd);
    free(d);
}
