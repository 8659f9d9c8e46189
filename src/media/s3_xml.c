/* SPDX-License-Identifier: Apache-2.0 */
/* The few texts that are wanted out of a store's answers, which are small documents of one
 * known shape: an element is found by its name, wherever it stands. */
#include <stdio.h>
#include <string.h>

#include "media/s3_impl.h"

enum { TEXT_MAX = 64 << 10 };

/* Offset behind "<name>" or "<name …>", or -1; *ret_empty for "<name/>". */
static ptrdiff_t find_open(struct str xml, struct str name, bool *ret_empty)
{
    for (size_t at = 0; at < xml.n; at++) {
        ptrdiff_t left = str_find_char(str_from(xml, at), '<');
        if (left < 0)
            return -1;
        at += (size_t)left;
        struct str rest = str_from(xml, at + 1);
        if (!str_starts(rest, name) || rest.n == name.n || !strchr("> /\t\r\n", rest.p[name.n]))
            continue;
        ptrdiff_t end = str_find_char(rest, '>');
        if (end < 0)
            return -1;
        *ret_empty = rest.p[end - 1] == '/';
        return (ptrdiff_t)at + 1 + end + 1;
    }
    return -1;
}

bool s3_xml_next(struct str *xml, const char *name, struct str *ret)
{
    char closing[64];
    bool empty = false;
    ptrdiff_t start = find_open(*xml, str_of(name), &empty);
    if (start < 0)
        return false;
    struct str rest = str_from(*xml, (size_t)start);
    *ret = str_to(rest, 0);
    *xml = rest;
    if (empty)
        return true;
    int n = snprintf(closing, sizeof(closing), "</%s>", name);
    ptrdiff_t end = str_find(rest, (struct str){closing, (size_t)n});
    if (end < 0)
        return false;
    *ret = str_to(rest, (size_t)end);
    *xml = str_from(rest, (size_t)end + (size_t)n);
    return true;
}

struct str s3_xml_raw(struct str xml, const char *name)
{
    struct str inside;
    return s3_xml_next(&xml, name, &inside) ? inside : STR_NONE;
}

static const struct {
    struct str text;
    char c;
} entities[] = {
    {{"&amp;", 5}, '&'},   {{"&lt;", 4}, '<'},   {{"&gt;", 4}, '>'},   {{"&quot;", 6}, '"'},
    {{"&apos;", 6}, '\''}, {{"&#34;", 5}, '"'},  {{"&#39;", 5}, '\''}, {{"&#xD;", 5}, '\r'},
    {{"&#13;", 5}, '\r'},  {{"&#10;", 5}, '\n'}, {{"&#xA;", 5}, '\n'},
};

static size_t entity_at(struct str text, char *ret)
{
    for (size_t i = 0; i < ARRAY_SIZE(entities); i++) {
        if (str_starts(text, entities[i].text)) {
            *ret = entities[i].c;
            return entities[i].text.n;
        }
    }
    return 0;
}

struct str s3_xml_text(struct str xml, const char *name, struct arena *a)
{
    struct str raw = s3_xml_raw(xml, name);
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(TEXT_MAX);
    if (!raw.p)
        return STR_NONE;
    while (raw.n) {
        char c = raw.p[0];
        size_t used = c == '&' ? entity_at(raw, &c) : 1;
        buf_add_char(&out, c);
        raw = str_from(raw, MAX(used, 1));
    }
    return buf_failed(&out) ? STR_NONE : arena_str(a, buf_str(&out));
}

bool s3_xml_add(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        size_t k = 0;
        while (k < 5 && entities[k].c != text.p[i])
            k++;
        if (!(k < 5 ? buf_add(out, entities[k].text) : buf_add_char(out, text.p[i])))
            return false;
    }
    return true;
}
