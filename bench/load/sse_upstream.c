/* SPDX-License-Identifier: Apache-2.0 */
/* sse_upstream PORT: an upstream that streams. The request says how, in fields that every gateway
 * passes on: "max_tokens" chunks, one each millisecond; with "seed":0 only the first comes, and the
 * stream stays open. A tick that comes late is not made up for: what a proxy is given never comes
 * in a heap because this program was slow. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { REQUEST_MAX = 8192, EVENTS = 256, TICK_NS = 1000000 };

#define HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
/* The client counts the '~'. */
#define EVENT                                                                                      \
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,"             \
    "\"model\":\"sora2-landscape-10s\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"          \
    "\"~ 0123456789\"},\"finish_reason\":null}]}\n\n"
#define LAST "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"

struct stream {
    int fd;
    long left; /* chunks still to come */
    bool paced;
    size_t length; /* of the request as far as it is here */
    char request[REQUEST_MAX];
    struct stream *next, **link; /* in the list of paced ones */
};

static int epoll_fd;
static struct stream *paced;
static char chunk[512];
static size_t chunk_length;

static void pace(struct stream *s)
{
    s->next = paced;
    s->link = &paced;
    if (paced)
        paced->link = &s->next;
    paced = s;
    s->paced = true;
}

static void rest(struct stream *s)
{
    if (!s->paced)
        return;
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    s->paced = false;
}

static void stream_close(struct stream *s)
{
    rest(s);
    close(s->fd);
    free(s);
}

/* All or nothing but for a reader that is far behind, which ends its stream. */
static bool say(struct stream *s, const char *text, size_t n)
{
    return send(s->fd, text, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* False: the stream cannot go on. */
static bool say_chunk(struct stream *s)
{
    if (!say(s, chunk, chunk_length))
        return false;
    if (--s->left > 0)
        return true;
    rest(s);
    return say(s, LAST, sizeof(LAST) - 1);
}

static long field(const char *text, const char *name, long otherwise)
{
    const char *at = strcasestr(text, name);
    return at ? strtol(at + strlen(name), NULL, 10) : otherwise;
}

static bool answer(struct stream *s, const char *body)
{
    s->left = field(body, "\"max_tokens\":", 1);
    bool stays_open = field(body, "\"seed\":", 1) == 0;
    if (!say(s, HEAD, sizeof(HEAD) - 1))
        return false;
    if (stays_open)
        return say(s, chunk, chunk_length);
    if (s->left > 1)
        pace(s);
    return say_chunk(s);
}

/* Whether the body is whole, by its length; a body in chunks ends with an empty one. */
static bool is_whole(const struct stream *s, const char *body)
{
    size_t have = s->length - (size_t)(body - s->request);
    long length = field(s->request, "\r\ncontent-length:", -1);
    if (length >= 0)
        return have >= (size_t)length;
    if (!strcasestr(s->request, "\r\ntransfer-encoding:"))
        return true;
    return have >= 5 && memcmp(s->request + s->length - 5, "0\r\n\r\n", 5) == 0;
}

static bool receive(struct stream *s)
{
    size_t room = sizeof(s->request) - 1 - s->length;
    ssize_t n = recv(s->fd, s->request + s->length, room, 0);
    if (n < 0)
        return errno == EAGAIN;
    if (n == 0)
        return false;
    s->length += (size_t)n;
    s->request[s->length] = '\0';
    const char *end = strstr(s->request, "\r\n\r\n");
    if (!end || !is_whole(s, end + 4))
        return s->length < sizeof(s->request) - 1;
    s->length = 0;
    return answer(s, end + 4);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        struct stream *s = calloc(1, sizeof(*s));
        if (!s)
            abort();
        s->fd = fd;
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = s};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev);
    }
}

static void tick(int timer)
{
    uint64_t missed;
    if (read(timer, &missed, sizeof(missed)) < 0)
        return;
    for (struct stream *s = paced, *next; s; s = next) {
        next = s->next;
        if (!say_chunk(s))
            shutdown(s->fd, SHUT_RDWR);
    }
}

static int listen_on(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4096) != 0) {
        perror("sse_upstream: listen");
        exit(1);
    }
    return fd;
}

static int watch(int fd, int *tag)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = tag};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    epoll_fd = epoll_create1(0);
    int listener = listen_on(atoi(argv[1]));
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec every = {{0, TICK_NS}, {0, TICK_NS}};
    timerfd_settime(timer, 0, &every, NULL);
    watch(listener, &listener);
    watch(timer, &timer);
    chunk_length = (size_t)snprintf(chunk, sizeof(chunk), "%zx\r\n" EVENT "\r\n", strlen(EVENT));

    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll_fd, events, EVENTS, -1);
        bool ticked = false;
        for (int i = 0; i < n; i++) {
            void *who = events[i].data.ptr;
            if (who == &listener)
                accept_all(listener);
            else if (who == &timer)
                ticked = true;
            else if (!receive(who))
                stream_close(who);
        }
        if (ticked)
            tick(timer);
    }
}
