/* SPDX-License-Identifier: Apache-2.0 */
#include "api/image_stream.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/mem.h"

enum {
    RETRY_MS = 20,     /* when every reader is busy */
    SLICE = 192 << 10, /* whole groups of three, so that slices join without padding */
    TEXT_MAX = (SLICE / 3) * 4 + 256,
};

struct image_stream {
    struct work work;
    struct task done;
    struct exchange *x; /* NULL: the client has left */
    struct loop *loop;
    struct timer retry;
    struct workers *readers;
    struct image_stream_order order;
    size_t at;      /* the image being sent */
    int64_t offset; /* bytes of it that have been read */
    bool working, full;
    ssize_t got;
    char *raw;
    struct buf text;
};

static const struct str open_image = {"{\"b64_json\":\"", 13}, close_image = {"\"}", 2},
                        tail = {"]}", 2};

static void stream_free(struct image_stream *s)
{
    for (size_t i = 0; i < s->order.count; i++)
        close(s->order.fds[i]);
    buf_release(&s->text);
    free(s->raw);
    free(s);
}

/* ---- in the worker */

static void run(struct work *work, void *thread_state)
{
    struct image_stream *s = CONTAINER_OF(work, struct image_stream, work);
    int64_t left = s->order.sizes[s->at] - s->offset;
    ssize_t want = (ssize_t)MIN(left, (int64_t)SLICE);
    (void)thread_state;
    s->got = 0;
    while (s->got < want) {
        ssize_t n = pread(s->order.fds[s->at], s->raw + s->got, (size_t)(want - s->got),
                          (off_t)(s->offset + s->got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            s->got = -1; /* shorter than it was: the answer cannot be finished */
            break;
        }
        s->got += n;
    }
    loop_post(s->loop, &s->done);
}

/* ---- on the loop */

static void advance(struct image_stream *s)
{
    if (!s->x || s->working || s->full || timer_is_set(&s->retry))
        return;
    s->working = workers_submit(s->readers, &s->work);
    if (!s->working)
        timer_set_in(s->loop, &s->retry, RETRY_MS);
}

static void on_retry(struct timer *t)
{
    advance(CONTAINER_OF(t, struct image_stream, retry));
}

/* What has been read, and what stands behind it when that was an image's end.  False: the
 * answer is whole. */
static bool write_slice(struct image_stream *s)
{
    buf_reset(&s->text);
    base64_encode(&s->text, (struct str){s->raw, (size_t)s->got}, false);
    s->offset += s->got;
    bool ended = s->offset == s->order.sizes[s->at];
    bool last = ended && s->at + 1 == s->order.count;
    if (ended) {
        buf_add(&s->text, close_image);
        buf_add(&s->text, last ? tail : STR(","));
        s->at++;
        s->offset = 0;
    }
    if (ended && !last)
        buf_add(&s->text, open_image);
    s->full = !exchange_write(s->x, buf_str(&s->text));
    return !last;
}

static void on_read(struct task *t)
{
    struct image_stream *s = CONTAINER_OF(t, struct image_stream, done);
    s->working = false;
    if (!s->x)
        stream_free(s);
    else if (s->got < 0)
        exchange_abort(s->x);
    else if (write_slice(s))
        advance(s);
    else
        exchange_end(s->x);
}

static void on_drain(struct exchange *x)
{
    struct image_stream *s = exchange_ctx(x);
    s->full = false;
    if (s->at < s->order.count)
        advance(s);
}

static void on_done(struct exchange *x, bool complete)
{
    struct image_stream *s = exchange_ctx(x);
    (void)complete;
    s->x = NULL;
    timer_unset(s->loop, &s->retry);
    if (!s->working)
        stream_free(s);
}

static const struct exchange_handler handler = {
    .on_drain = on_drain, .on_done = on_done, .serves_half_closed = true};

static int64_t length_of(const struct image_stream *s)
{
    int64_t n = (int64_t)buf_len(&s->text) - (int64_t)open_image.n + (int64_t)tail.n;
    for (size_t i = 0; i < s->order.count; i++)
        n += (s->order.sizes[i] + 2) / 3 * 4 + (int64_t)(open_image.n + close_image.n);
    return n + (int64_t)s->order.count - 1; /* the commas */
}

void image_stream_start(struct exchange *x, struct workers *readers,
                        const struct image_stream_order *order)
{
    static const struct http_header type = HTTP_HEADER("Content-Type", "application/json");
    struct image_stream *s = mem_zalloc(sizeof(*s));
    s->x = x;
    s->loop = exchange_loop(x);
    s->readers = readers;
    s->order = *order;
    s->work.run = run;
    s->done.fn = on_read;
    s->retry.fn = on_retry;
    s->raw = mem_calloc(1, SLICE);
    buf_init(&s->text, TEXT_MAX);
    exchange_handle(x, &handler, s);
    buf_addf(&s->text, "{\"created\":%lld,\"data\":[%.*s", (long long)order->created_s,
             STR_ARG(open_image));
    exchange_start(x, 200, &type, 1, length_of(s));
    exchange_write(x, buf_str(&s->text));
    advance(s);
}
