/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sse.h"

#include <string.h>

#include "base/mem.h"

void sse_reader_init(struct sse_reader *r, size_t max_bytes,
                     void (*on_event)(const struct sse_event *e, void *ctx), void *ctx)
{
    *r = (struct sse_reader){.on_event = on_event, .ctx = ctx};
    buf_init(&r->line, max_bytes);
    buf_init(&r->data, max_bytes + 1); /* each line of data brings a line feed, the last too */
    buf_init(&r->event, max_bytes);
    buf_init(&r->id, max_bytes);
}

void sse_reader_release(struct sse_reader *r)
{
    buf_release(&r->line);
    buf_release(&r->data);
    buf_release(&r->event);
    buf_release(&r->id);
}

static void dispatch(struct sse_reader *r)
{
    struct str data = buf_str(&r->data);
    if (data.n) {
        const struct sse_event e = {
            .event = buf_len(&r->event) ? buf_str(&r->event) : STR("message"),
            .data = str_to(data, data.n - 1),
            .id = buf_str(&r->id),
        };
        r->on_event(&e, r->ctx);
    }
    buf_reset(&r->data);
    buf_reset(&r->event);
}

static void take_field(struct sse_reader *r, struct str name, struct str value)
{
    if (str_eq(name, STR("data"))) {
        r->overflow |= !buf_add(&r->data, value) || !buf_add_char(&r->data, '\n');
    } else if (str_eq(name, STR("event"))) {
        buf_reset(&r->event);
        buf_add(&r->event, value);
    } else if (str_eq(name, STR("id")) && !str_has_char(value, '\0')) {
        buf_reset(&r->id);
        buf_add(&r->id, value);
    }
}

static void take_line(struct sse_reader *r, struct str line)
{
    if (!r->started && str_starts(line, STR("\xef\xbb\xbf")))
        line = str_from(line, 3);
    r->started = true;
    if (line.n == 0) {
        dispatch(r);
        return;
    }
    struct str name = str_cut(&line, ':');
    if (name.n == 0)
        return; /* a comment */
    take_field(r, name, str_starts(line, STR(" ")) ? str_from(line, 1) : line);
}

/* Bytes before the first CR or LF; s.n without one. */
static size_t line_length(struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] != '\n' && s.p[n] != '\r')
        n++;
    return n;
}

/* Takes a line's bytes; the part of an earlier feed stands in r->line. */
static void end_line(struct sse_reader *r, struct str part)
{
    if (buf_len(&r->line) == 0) {
        if (part.n > r->line.cap)
            r->overflow = true;
        else
            take_line(r, part);
        return;
    }
    r->overflow |= !buf_add(&r->line, part);
    if (!r->overflow)
        take_line(r, buf_str(&r->line));
    buf_reset(&r->line);
}

bool sse_reader_feed(struct sse_reader *r, struct str bytes)
{
    while (bytes.n && !r->overflow) {
        if (r->skip_lf && bytes.p[0] == '\n')
            bytes = str_from(bytes, 1);
        r->skip_lf = false;
        size_t n = line_length(bytes);
        if (n == bytes.n) {
            r->overflow |= !buf_add(&r->line, bytes);
            break;
        }
        r->skip_lf = bytes.p[n] == '\r';
        end_line(r, str_to(bytes, n));
        bytes = str_from(bytes, n + 1);
    }
    return !r->overflow;
}

/* ---- writing ---- */

static bool is_one_line(struct str s)
{
    return line_length(s) == s.n;
}

static bool write_line(struct buf *out, struct str name, struct str value)
{
    return buf_add(out, name) && buf_add(out, value) && buf_add_char(out, '\n');
}

static bool write_data(struct buf *out, struct str data)
{
    for (;;) {
        size_t n = line_length(data);
        if (!write_line(out, STR("data: "), str_to(data, n)))
            return false;
        if (n == data.n)
            return true;
        bool crlf = data.p[n] == '\r' && n + 1 < data.n && data.p[n + 1] == '\n';
        data = str_from(data, n + (crlf ? 2 : 1));
    }
}

bool sse_write(struct buf *out, struct str event, struct str id, struct str data)
{
    if (!is_one_line(event) || !is_one_line(id))
        return false;
    if (event.p && !write_line(out, STR("event: "), event))
        return false;
    if (id.p && !write_line(out, STR("id: "), id))
        return false;
    return write_data(out, data) && buf_add_char(out, '\n');
}

bool sse_write_comment(struct buf *out, struct str text)
{
    return is_one_line(text) && write_line(out, STR(": "), text) && buf_add_char(out, '\n');
}
