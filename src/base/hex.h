/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* hex — base 16 and base 64 text of bytes (RFC 4648). */
#include "base/buf.h"

/* Of one digit of either case; -1: it is none. */
static inline int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Lower-case hex of n bytes into out (2n + 1 with the NUL). */
void hex_encode(const void *bytes, size_t n, char *out);
/* False on odd length or any other character; out takes s.n / 2 bytes. */
bool hex_decode(struct str s, void *out);

/* url: the URL-safe alphabet without padding; else the standard with padding. */
bool base64_encode(struct buf *out, struct str bytes, bool url);
/* Accepts both alphabets, with or without padding; nothing else, no spaces. */
bool base64_decode(struct buf *out, struct str text);
