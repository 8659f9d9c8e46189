/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/caption.h"

#include "base/utf8.h"

enum { WIDE = 1000, NARROW = 560 };

/* The blocks that CJK type draws as full squares; no need to be exact here. */
static bool is_wide(uint32_t c)
{
    return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
           (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
           (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) || c >= 0x1f000;
}

static bool is_space(uint32_t c)
{
    return c <= ' ' || c == 0x7f || c == 0x3000 || c == 0xa0;
}

/* The next unbreakable piece: a wide character or a run of narrow ones. */
static struct str next_word(struct str *rest, unsigned *ret_width)
{
    struct str word = {rest->p, 0};
    uint32_t c = 0;

    *ret_width = 0;
    while (rest->n) {
        size_t n = utf8_decode(*rest, &c);
        if (n == 0 || is_space(c) || (is_wide(c) && word.n))
            break;
        word.n += n;
        *rest = str_from(*rest, n);
        *ret_width += is_wide(c) ? WIDE : NARROW;
        if (is_wide(c))
            break;
    }
    return word;
}

static bool skip_space(struct str *rest)
{
    bool any = false;
    uint32_t c = 0;

    while (rest->n) {
        size_t n = utf8_decode(*rest, &c);
        if (n && !is_space(c))
            break;
        *rest = str_from(*rest, n ? n : 1); /* a byte that is no text counts as space */
        any = true;
    }
    return any;
}

bool caption_wrap(struct str prompt, unsigned width, unsigned max_lines, struct buf *out)
{
    struct str rest = prompt;
    unsigned used = 0, lines = 1;

    skip_space(&rest);
    while (rest.n) {
        unsigned wide = 0;
        struct str word = next_word(&rest, &wide);
        bool gap = skip_space(&rest);

        if (used && used + wide > width) {
            if (lines == max_lines)
                return buf_add(out, STR("\u2026"));
            buf_add_char(out, '\n');
            lines++;
            used = 0;
        }
        if (wide > width) /* longer than a line: what fits of it */
            word = utf8_prefix(word, width / NARROW);
        buf_add(out, word);
        if (gap && rest.n)
            buf_add_char(out, ' ');
        used += wide + (gap ? NARROW / 2 : 0);
    }
    return !buf_failed(out);
}
