/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* sse — server-sent events, reading and writing (WHATWG HTML, 9.2).
 *
 * The reader takes any split of the bytes, all three line endings, a leading BOM,
 * comments, and bounds one event's data. */
#include "base/buf.h"

struct sse_event {
    struct str event; /* "message" when not named */
    struct str data;  /* lines joined by LF */
    struct str id;    /* the last one given, also by an earlier event */
};

struct sse_reader {
    struct buf line, data, event, id;
    bool started, skip_lf, overflow;
    void (*on_event)(const struct sse_event *e, void *ctx);
    void *ctx;
};

/* max_bytes: of one line and of one event's data. */
void sse_reader_init(struct sse_reader *r, size_t max_bytes,
                     void (*on_event)(const struct sse_event *e, void *ctx), void *ctx);
/* Views in the event are valid during on_event only, which must not feed or release the
 * reader.  False once an event was over the bound (the rest is ignored). */
bool sse_reader_feed(struct sse_reader *r, struct str bytes);
void sse_reader_release(struct sse_reader *r);

/* One event; data may have several lines.  event and id may be STR_NONE; false, and nothing
 * written, when one has a line break. */
bool sse_write(struct buf *out, struct str event, struct str id, struct str data);
/* ": text\n\n" */
bool sse_write_comment(struct buf *out, struct str text);
