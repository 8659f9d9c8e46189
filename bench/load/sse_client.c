/* SPDX-License-Identifier: Apache-2.0 */
/* Opens event streams through a proxy and counts what comes.
 *
 *   sse_client paced PORT HEADERS STREAMS CHUNKS   all at once, to the end
 *   sse_client first PORT HEADERS STREAMS          one after another on one connection, a chunk each
 *   sse_client idle  PORT HEADERS STREAMS          opens all, says "ready", holds them until killed
 *
 * HEADERS is a file: path in the first line, then header lines. paced prints "chunks reads seconds",
 * first prints the median and the 90th percentile of the time to the first chunk in microseconds. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* OPENING: streams that may wait for their first chunk at once. */
enum { EVENTS = 256, OPENING = 128, PATIENCE_MS = 20000 };

struct stream {
    int fd;
    bool begun, ended;
    int64_t asked_us;
    char tail[5]; /* the last bytes, to see the end of a chunked answer */
};

static int epoll_fd, port;
static char request[8192];
static size_t request_length;
static struct stream *streams;
static size_t begun, ended, chunks, reads;

static void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("sse_client: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void make_request(const char *file, long count, bool stays_open)
{
    char path[256] = "", headers[4096] = "", body[512];
    FILE *f = fopen(file, "r");
    if (!f || !fgets(path, sizeof(path), f))
        fail("cannot read %s", file);
    path[strcspn(path, "\n")] = '\0';
    for (size_t n = 0; fgets(headers + n, (int)(sizeof(headers) - n), f);) {
        n += strcspn(headers + n, "\n");
        n += (size_t)snprintf(headers + n, sizeof(headers) - n, "\r\n");
    }
    fclose(f);
    int length = snprintf(body, sizeof(body),
                          "{\"model\":\"sora2-landscape-10s\",\"messages\":[{\"role\":\"user\","
                          "\"content\":\"A lighthouse in fog, seen from a small boat at dusk\"}],"
                          "\"stream\":true,\"max_tokens\":%ld,\"seed\":%d}",
                          count, stays_open ? 0 : 1);
    request_length = (size_t)snprintf(request, sizeof(request),
                                      "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s"
                                      "Content-Type: application/json\r\n"
                                      "Content-Length: %d\r\n\r\n%s",
                                      path, port, headers, length, body);
}

static void ask(struct stream *s)
{
    s->begun = s->ended = false;
    s->asked_us = now_us();
    if (send(s->fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length)
        fail("cannot send: %s", strerror(errno));
}

static void stream_open(struct stream *s)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&at, sizeof(at)) != 0)
        fail("cannot connect: %s", strerror(errno));
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = s};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, s->fd, &ev);
    ask(s);
}

static void remember_tail(struct stream *s, const char *data, size_t n)
{
    size_t size = sizeof(s->tail), keep = n < size ? size - n : 0;
    memmove(s->tail, s->tail + size - keep, keep);
    memcpy(s->tail + keep, data + n - (size - keep), size - keep);
}

/* The upstream puts one '~' into each chunk. */
static void take(struct stream *s, const char *data, size_t n)
{
    size_t before = chunks;
    for (const char *p = data; (p = memchr(p, '~', (size_t)(data + n - p))); p++)
        chunks++;
    if (chunks > before)
        reads++;
    if (chunks > before && !s->begun) {
        s->begun = true;
        begun++;
    }
    remember_tail(s, data, n);
    if (!s->ended && s->begun && memcmp(s->tail, "0\r\n\r\n", 5) == 0) {
        s->ended = true;
        ended++;
    }
}

static void receive(struct stream *s)
{
    char data[65536];
    ssize_t n = recv(s->fd, data, sizeof(data) - 1, 0);
    if (n <= 0)
        fail("a stream broke off after %zu chunks of all: %s", chunks,
             n ? strerror(errno) : "closed");
    data[n] = '\0';
    if (!s->begun && strncmp(data, "HTTP/1.1 ", 9) == 0 && strncmp(data + 9, "200", 3) != 0)
        fail("refused: %.300s", data);
    take(s, data, (size_t)n);
}

static void wait_and_receive(int patience_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(epoll_fd, events, EVENTS, patience_ms);
    if (n == 0)
        fail("nothing came for %d ms; %zu begun, %zu ended", patience_ms, begun, ended);
    for (int i = 0; i < n; i++)
        receive(events[i].data.ptr);
}

static void open_all(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        stream_open(&streams[i]);
        while (i + 1 - begun >= OPENING)
            wait_and_receive(PATIENCE_MS);
    }
    while (begun < count)
        wait_and_receive(PATIENCE_MS);
}

static void run_paced(size_t count)
{
    int64_t since = now_us();
    open_all(count);
    while (ended < count)
        wait_and_receive(PATIENCE_MS);
    printf("%zu %zu %.3f\n", chunks, reads, (double)(now_us() - since) / 1e6);
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void run_first(size_t count)
{
    int64_t *took = calloc(count, sizeof(*took));
    if (!took)
        fail("no memory");
    for (size_t i = 0; i < count; i++) {
        if (i == 0)
            stream_open(streams);
        else
            ask(streams);
        while (!streams->begun)
            wait_and_receive(PATIENCE_MS);
        took[i] = now_us() - streams->asked_us;
        while (!streams->ended)
            wait_and_receive(PATIENCE_MS);
    }
    qsort(took, count, sizeof(*took), by_size);
    printf("%ld %ld\n", (long)took[count / 2], (long)took[count * 9 / 10]);
    free(took);
}

static void run_idle(size_t count)
{
    open_all(count);
    puts("ready");
    fflush(stdout);
    wait_and_receive(-1); /* nothing may come, not even an end */
    fail("something came on an idle stream");
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    port = atoi(argv[2]);
    size_t count = strtoul(argv[4], NULL, 10);
    bool idle = strcmp(argv[1], "idle") == 0;
    epoll_fd = epoll_create1(0);
    streams = calloc(count ? count : 1, sizeof(*streams));
    if (!streams)
        fail("no memory");
    make_request(argv[3], argc > 5 ? strtol(argv[5], NULL, 10) : 1, idle);
    if (idle)
        run_idle(count);
    else if (strcmp(argv[1], "first") == 0)
        run_first(count);
    else
        run_paced(count);
    return 0;
}
