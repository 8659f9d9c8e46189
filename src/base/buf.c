/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 256 };

void buf_init(struct buf *b, size_t cap)
{
    *b = BUF_INIT(cap);
}

void buf_release(struct buf *b)
{
    free(b->p);
    *b = BUF_INIT(b->cap);
}

void buf_reset(struct buf *b)
{
    b->start = b->end = 0;
    b->failed = false;
}

static bool grow(struct buf *b, size_t need)
{
    size_t size = b->size ? b->size : FIRST_SIZE;
    while (size < need)
        size *= 2;
    if (size > b->cap)
        size = b->cap;
    char *p = realloc(b->p, size);
    if (!p)
        return false;
    b->p = p;
    b->size = size;
    return true;
}

char *buf_reserve(struct buf *b, size_t n)
{
    size_t len = buf_len(b);
    if (b->failed || n > b->cap || len > b->cap - n) {
        b->failed = true;
        return NULL;
    }
    if (b->size - b->end >= n && b->p)
        return b->p + b->end;
    if (b->p && b->start) {
        memmove(b->p, b->p + b->start, len);
        b->start = 0;
        b->end = len;
    }
    if ((b->size - b->end < n || !b->p) && !grow(b, len + n)) {
        b->failed = true;
        return NULL;
    }
    return b->p + b->end;
}

void buf_commit(struct buf *b, size_t n)
{
    b->end += n;
}

bool buf_add(struct buf *b, struct str s)
{
    char *to = buf_reserve(b, s.n);
    if (!to)
        return false;
    if (s.n)
        memcpy(to, s.p, s.n);
    b->end += s.n;
    return true;
}

bool buf_add_char(struct buf *b, char c)
{
    return buf_add(b, (struct str){&c, 1});
}

bool buf_add_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t i = sizeof(digits);
    do {
        digits[--i] = (char)('0' + value % 10);
    } while (value /= 10);
    return buf_add(b, (struct str){digits + i, sizeof(digits) - i});
}

bool buf_vaddf(struct buf *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    char *to = n < 0 ? NULL : buf_reserve(b, (size_t)n + 1);
    if (to) {
        vsnprintf(to, (size_t)n + 1, format, again);
        b->end += (size_t)n;
    } else {
        b->failed = true;
    }
    va_end(again);
    return to != NULL;
}

bool buf_addf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool ok = buf_vaddf(b, format, args);
    va_end(args);
    return ok;
}

void buf_take(struct buf *b, size_t n)
{
    size_t len = buf_len(b);
    b->start += n < len ? n : len;
    if (b->start == b->end)
        b->start = b->end = 0;
}
