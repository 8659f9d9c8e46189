/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* buf — a growing byte buffer that must state its maximum when it is made.
 *
 * Bytes are added at the end and taken from the front; taking is O(1).  The
 * first addition past the cap fails and marks the buffer: later additions fail
 * too, so a chain of writes needs one check at its end (buf_failed). */
#include <stdarg.h>

#include "base/str.h"

struct buf {
    char *p;
    size_t start, end, size; /* live bytes are p[start, end) */
    size_t cap;
    bool failed;
};

#define BUF_INIT(maximum) ((struct buf){.cap = (maximum)})

void buf_init(struct buf *b, size_t cap);
/* Gives the memory back; the buffer stays usable. */
void buf_release(struct buf *b);
/* Keeps the memory, forgets the bytes and the failure. */
void buf_reset(struct buf *b);

static inline size_t buf_len(const struct buf *b)
{
    return b->end - b->start;
}

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p ? b->p + b->start : "", b->end - b->start};
}

static inline bool buf_failed(const struct buf *b)
{
    return b->failed;
}

/* Room for at least n more bytes at the end, or NULL past the cap; the writer
 * then says how many it used with buf_commit(). */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);

bool buf_add(struct buf *b, struct str s);
bool buf_add_char(struct buf *b, char c);
/* In decimal; what a hot path uses instead of buf_addf(). */
bool buf_add_u64(struct buf *b, uint64_t value);
bool buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool buf_vaddf(struct buf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Drops n bytes from the front. */
void buf_take(struct buf *b, size_t n);

static inline void buf_cleanup(struct buf *b)
{
    buf_release(b);
}
