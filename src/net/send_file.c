/* SPDX-License-Identifier: Apache-2.0 */
/* A transfer is shared by its exchange and by the slices that workers are reading; it goes
 * when neither is left.  Slices are used in turn: while one is on its way to the client,
 * the other is being read. */
#include "net/send_file.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"

enum { SLICE_SIZE = 256 * 1024, SLICES = 2, MAX_HEADERS = 24, RETRY_MS = 50, RANGE_TEXT = 80 };

enum slice_state { SLICE_FREE, SLICE_READING, SLICE_READY };

struct slice {
    struct work work; /* on a worker: fills bytes */
    struct task task; /* back on the loop */
    struct transfer *transfer;
    enum slice_state state;
    uint64_t offset;
    size_t want;
    ssize_t got;
    char *bytes;
};

struct transfer {
    struct exchange *x; /* NULL once it has ended */
    struct loop *loop;
    struct workers *readers;
    int fd;
    int reading;            /* slices at the workers */
    uint64_t next, end;     /* still to be read: [next, end) */
    unsigned writes, reads; /* slices so far: the number modulo SLICES is the place */
    bool blocked;           /* until on_drain */
    struct timer retry;     /* the workers' queue was full */
    void (*on_done)(void *ctx);
    void *ctx;
    struct slice slices[SLICES];
};

static void transfer_free(struct transfer *t)
{
    for (int i = 0; i < SLICES; i++)
        free(t->slices[i].bytes);
    close(t->fd);
    free(t);
}

/* ---- reading, on a worker ---- */

static void read_slice(struct work *work, void *thread_state)
{
    struct slice *s = CONTAINER_OF(work, struct slice, work);
    struct transfer *t = s->transfer;
    size_t done = 0;
    (void)thread_state;
    while (done < s->want) {
        ssize_t n = pread(t->fd, s->bytes + done, s->want - done, (off_t)(s->offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* shorter than it was: the answer cannot be finished */
        done += (size_t)n;
    }
    s->got = done == s->want ? (ssize_t)done : -1;
    loop_post(t->loop, &s->task);
}

/* ---- the rest, on the loop ---- */

/* False when the workers' queue is full. */
static bool read_ahead(struct transfer *t)
{
    while (t->next < t->end) {
        struct slice *s = &t->slices[t->reads % SLICES];
        if (s->state != SLICE_FREE)
            return true;
        s->offset = t->next;
        s->want = (size_t)MIN(t->end - t->next, (uint64_t)SLICE_SIZE);
        if (!s->bytes)
            s->bytes = mem_calloc(1, s->want);
        if (!workers_submit(t->readers, &s->work))
            return false;
        s->state = SLICE_READING;
        t->next += s->want;
        t->reads++;
        t->reading++;
    }
    return true;
}

/* Hands over what is ready, in order. */
static void write_ready(struct transfer *t)
{
    for (;;) {
        struct slice *s = &t->slices[t->writes % SLICES];
        if (t->blocked || s->state != SLICE_READY)
            return;
        if (s->got < 0) {
            exchange_abort(t->x);
            return;
        }
        t->blocked = !exchange_write(t->x, (struct str){s->bytes, (size_t)s->got});
        s->state = SLICE_FREE;
        t->writes++;
        if (t->next == t->end && t->writes == t->reads) {
            exchange_end(t->x);
            return;
        }
    }
}

static void advance(struct transfer *t)
{
    write_ready(t);
    if (t->x && !read_ahead(t) && !timer_is_set(&t->retry))
        timer_set_in(t->loop, &t->retry, RETRY_MS);
}

static void slice_task(struct task *task)
{
    struct slice *s = CONTAINER_OF(task, struct slice, task);
    struct transfer *t = s->transfer;
    s->state = SLICE_READY;
    t->reading--;
    if (t->x)
        advance(t);
    else if (t->reading == 0)
        transfer_free(t);
}

static void retry_timer(struct timer *timer)
{
    advance(CONTAINER_OF(timer, struct transfer, retry));
}

static void on_drain(struct exchange *x)
{
    struct transfer *t = exchange_ctx(x);
    t->blocked = false;
    advance(t);
}

static void on_exchange_done(struct exchange *x, bool complete)
{
    struct transfer *t = exchange_ctx(x);
    (void)complete;
    t->x = NULL;
    timer_unset(t->loop, &t->retry);
    if (t->on_done)
        t->on_done(t->ctx);
    if (t->reading == 0)
        transfer_free(t);
}

static const struct exchange_handler file_handler = {
    .on_drain = on_drain, .on_done = on_exchange_done, .serves_half_closed = true};

static struct transfer *transfer_new(struct exchange *x, struct workers *readers, int fd,
                                     void (*on_done)(void *ctx), void *ctx)
{
    struct transfer *t = mem_zalloc(sizeof(*t));
    t->x = x;
    t->loop = exchange_loop(x);
    t->readers = readers;
    t->fd = fd;
    t->on_done = on_done;
    t->ctx = ctx;
    t->retry.fn = retry_timer;
    for (int i = 0; i < SLICES; i++) {
        t->slices[i].transfer = t;
        t->slices[i].work.run = read_slice;
        t->slices[i].task.fn = slice_task;
    }
    exchange_handle(x, &file_handler, t);
    return t;
}

/* ---- the head ---- */

struct headers {
    struct http_header list[MAX_HEADERS];
    size_t count;
};

static void add_header(struct headers *h, struct str name, struct str value)
{
    if (value.p && h->count < MAX_HEADERS)
        h->list[h->count++] = (struct http_header){name, value};
}

static bool not_modified(const struct http_head *head, struct str etag)
{
    struct str list = http_head_get(head, STR("if-none-match"));
    return etag.p && list.p && http_etag_matches(list, etag);
}

/* If-Range holds only for the very same bytes: a strong ETag (RFC 9110 13.1.5). */
static enum http_range choose_range(const struct http_head *head, struct str etag, uint64_t size,
                                    uint64_t *ret_first, uint64_t *ret_last)
{
    struct str range = http_head_get(head, STR("range"));
    struct str condition = http_head_get(head, STR("if-range"));
    if (!range.p || head->method != HTTP_GET)
        return HTTP_RANGE_NONE;
    if (condition.p && (!str_eq(condition, etag) || str_starts(etag, STR("W/"))))
        return HTTP_RANGE_NONE;
    return http_range_parse(range, size, ret_first, ret_last);
}

struct plan {
    int status;
    uint64_t first, length; /* of the bytes that follow the head */
    char range[RANGE_TEXT]; /* Content-Range's value, or empty */
};

static struct plan make_plan(const struct http_head *head, uint64_t size, struct str etag)
{
    struct plan p = {.status = 200, .length = size};
    uint64_t last;
    unsigned long long whole = size;

    if (not_modified(head, etag)) {
        p.status = 304;
        p.length = 0;
        return p;
    }
    switch (choose_range(head, etag, size, &p.first, &last)) {
    case HTTP_RANGE_OK:
        p.status = 206;
        p.length = last - p.first + 1;
        snprintf(p.range, sizeof(p.range), "bytes %llu-%llu/%llu", (unsigned long long)p.first,
                 (unsigned long long)last, whole);
        break;
    case HTTP_RANGE_UNSATISFIABLE:
        p.status = 416;
        p.length = 0;
        snprintf(p.range, sizeof(p.range), "bytes */%llu", whole);
        break;
    case HTTP_RANGE_NONE:
        break;
    }
    return p;
}

static void send_head(struct exchange *x, const struct plan *p, const struct send_file_options *o)
{
    struct headers h = {.count = 0};
    add_header(&h, STR("ETag"), o->etag);
    add_header(&h, STR("Cache-Control"), o->cache_control);
    if (p->status != 304) {
        add_header(&h, STR("Accept-Ranges"), STR("bytes"));
        add_header(&h, STR("Content-Range"), p->range[0] ? str_of(p->range) : STR_NONE);
        add_header(&h, STR("Content-Disposition"), o->disposition);
    }
    if (p->status == 200 || p->status == 206)
        add_header(&h, STR("Content-Type"), o->type);
    for (size_t i = 0; i < o->extra_count; i++)
        add_header(&h, o->extra[i].name, o->extra[i].value);
    exchange_start(x, p->status, h.list, h.count, (int64_t)p->length);
}

static void refuse_busy(struct exchange *x)
{
    const struct http_header headers[] = {{STR("Content-Type"), STR("application/json")},
                                          {STR("Retry-After"), STR("1")}};
    exchange_reply(x, 503, headers, ARRAY_SIZE(headers),
                   STR("{\"error\":{\"message\":\"The server is busy reading files.\","
                       "\"type\":\"server_error\",\"param\":null,\"code\":\"overloaded\"}}"));
}

void send_file(struct exchange *x, struct workers *readers, int fd, uint64_t size,
               const struct send_file_options *options, void (*on_done)(void *ctx), void *ctx)
{
    const struct http_head *head = exchange_head(x);
    struct transfer *t = transfer_new(x, readers, fd, on_done, ctx);
    struct plan p = make_plan(head, size, options->etag);

    if (head->method != HTTP_HEAD) {
        t->next = p.first;
        t->end = p.first + p.length;
    }
    /* The slices come back by the loop, so never before the head has been sent. */
    if (!read_ahead(t) && t->reading == 0) {
        refuse_busy(x);
        return;
    }
    send_head(x, &p, options);
    if (t->next == t->end && t->reading == 0)
        exchange_end(x);
    else
        advance(t);
}
