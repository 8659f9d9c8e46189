/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"

void hex_encode(const void *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = '\0';
}

bool hex_decode(struct str s, void *out)
{
    unsigned char *to = out;
    if (s.n % 2)
        return false;
    for (size_t i = 0; i < s.n; i += 2) {
        int high = hex_value(s.p[i]), low = hex_value(s.p[i + 1]);
        if (high < 0 || low < 0)
            return false;
        *to++ = (unsigned char)(high << 4 | low);
    }
    return true;
}

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool base64_encode(struct buf *out, struct str bytes, bool url)
{
    const char *digits = url ? url_safe : standard;
    const unsigned char *p = (const unsigned char *)bytes.p;
    char *to = buf_reserve(out, (bytes.n + 2) / 3 * 4);
    if (!to)
        return false;
    char *begin = to;
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t left = bytes.n - i;
        uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                     (left > 2 ? (uint32_t)p[i + 2] : 0);
        *to++ = digits[v >> 18];
        *to++ = digits[v >> 12 & 63];
        if (left > 1)
            *to++ = digits[v >> 6 & 63];
        else if (!url)
            *to++ = '=';
        if (left > 2)
            *to++ = digits[v & 63];
        else if (!url)
            *to++ = '=';
    }
    buf_commit(out, (size_t)(to - begin));
    return true;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

bool base64_decode(struct buf *out, struct str text)
{
    size_t whole = text.n;
    while (whole - text.n < 2 && str_ends(text, STR("=")))
        text.n--;
    if (text.n % 4 == 1 || (whole != text.n && whole % 4 != 0))
        return false;
    char *to = buf_reserve(out, text.n / 4 * 3 + 3);
    if (!to)
        return false;
    char *begin = to;
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < text.n; i++) {
        int v = base64_value(text.p[i]);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *to++ = (char)(bits >> have & 255);
        }
    }
    buf_commit(out, (size_t)(to - begin));
    return true;
}
