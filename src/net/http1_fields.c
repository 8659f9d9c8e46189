/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into heads, and the parts of addresses and fields. */
#include "base/hex.h"
#include "base/mem.h"
#include "net/http1.h"
#include "net/http1_impl.h"

struct str http_head_get(const struct http_head *h, struct str name)
{
    for (size_t i = 0; i < h->header_count; i++) {
        if (str_eq_ci(h->headers[i].name, name))
            return h->headers[i].value;
    }
    return STR_NONE;
}

bool http_list_has(struct str list, struct str token)
{
    while (list.n) {
        if (str_eq_ci(str_trim(str_cut(&list, ',')), token))
            return true;
    }
    return false;
}

bool http_is_hop(struct str name)
{
    static const struct str hop[] = {
        STR("connection"),
        STR("content-length"),
        STR("keep-alive"),
        STR("proxy-authenticate"),
        STR("proxy-authorization"),
        STR("proxy-connection"),
        STR("te"),
        STR("trailer"),
        STR("transfer-encoding"),
        STR("upgrade"),
    };
    for (size_t i = 0; i < ARRAY_SIZE(hop); i++) {
        if (str_eq_ci(name, hop[i]))
            return true;
    }
    return false;
}

bool http_is_clients(struct str name)
{
    return http_is_hop(name) || str_eq_ci(name, STR("host")) || str_eq_ci(name, STR("expect"));
}

/* ---- percent-encoding ---- */

/* Takes one byte from the front of s; false on a bad escape or NUL. */
static bool decode_one(struct str *s, bool form, char *ret)
{
    char c = s->p[0];
    size_t used = 1;
    if (c == '%') {
        int high = s->n >= 3 ? hex_value(s->p[1]) : -1;
        int low = s->n >= 3 ? hex_value(s->p[2]) : -1;
        if (high < 0 || low < 0)
            return false;
        c = (char)(high << 4 | low);
        used = 3;
    } else if (c == '+' && form) {
        c = ' ';
    }
    *s = str_from(*s, used);
    *ret = c;
    return c != '\0';
}

bool http_percent_decode(struct str s, bool form, struct buf *out)
{
    char *to = buf_reserve(out, s.n);
    size_t n = 0;
    if (!to)
        return false;
    while (s.n) {
        if (!decode_one(&s, form, &to[n++]))
            return false;
    }
    buf_commit(out, n);
    return true;
}

static bool decoded_equals(struct str raw, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c;
        if (!raw.n || !decode_one(&raw, true, &c) || c != text.p[i])
            return false;
    }
    return raw.n == 0;
}

bool http_query_get(struct str query, struct str name, struct buf *out)
{
    while (query.n) {
        struct str value = str_cut(&query, '&');
        struct str key = str_cut(&value, '=');
        if (decoded_equals(key, name))
            return http_percent_decode(value, true, out);
    }
    return false;
}

/* ---- fields ---- */

struct str http_cookie_get(struct str cookie_header, struct str name)
{
    while (cookie_header.n) {
        struct str value = str_trim(str_cut(&cookie_header, ';'));
        if (!str_has_char(value, '='))
            continue;
        if (str_eq(str_cut(&value, '='), name))
            return value.p ? value : STR("");
    }
    return STR_NONE;
}

/* Digits; a number past 64 bits is as good as the largest. */
static bool range_number(struct str s, uint64_t *ret)
{
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    if (!str_to_u64(s, ret))
        *ret = UINT64_MAX;
    return true;
}

static enum http_range suffix_range(struct str digits, uint64_t size, uint64_t *ret_first,
                                    uint64_t *ret_last)
{
    uint64_t length;
    if (!range_number(digits, &length))
        return HTTP_RANGE_NONE;
    if (length == 0 || size == 0)
        return HTTP_RANGE_UNSATISFIABLE;
    *ret_first = length < size ? size - length : 0;
    *ret_last = size - 1;
    return HTTP_RANGE_OK;
}

enum http_range http_range_parse(struct str value, uint64_t size, uint64_t *ret_first,
                                 uint64_t *ret_last)
{
    uint64_t first, last = UINT64_MAX;
    if (!str_eq_ci(str_to(value, 6), STR("bytes=")))
        return HTTP_RANGE_NONE;
    struct str to = str_trim(str_from(value, 6));
    if (!str_has_char(to, '-'))
        return HTTP_RANGE_NONE;
    struct str from = str_cut(&to, '-');
    if (from.n == 0)
        return suffix_range(to, size, ret_first, ret_last);
    if (!range_number(from, &first) || (to.n && !range_number(to, &last)) || first > last)
        return HTTP_RANGE_NONE;
    if (first >= size)
        return HTTP_RANGE_UNSATISFIABLE;
    *ret_first = first;
    *ret_last = MIN(last, size - 1);
    return HTTP_RANGE_OK;
}

static struct str etag_opaque(struct str etag)
{
    return str_starts(etag, STR("W/")) ? str_from(etag, 2) : etag;
}

bool http_etag_matches(struct str list, struct str etag)
{
    struct str wanted = etag_opaque(etag);
    if (str_eq(str_trim(list), STR("*")))
        return true;
    while (list.n) {
        if (list.p[0] == ',' || list.p[0] == ' ' || list.p[0] == '\t') {
            list = str_from(list, 1);
            continue;
        }
        struct str one = etag_opaque(list);
        if (one.n == 0 || one.p[0] != '"')
            return false;
        /* A comma may stand inside the quotes. */
        ptrdiff_t close = str_find_char(str_from(one, 1), '"');
        if (close < 0)
            return false;
        if (str_eq(str_to(one, (size_t)close + 2), wanted))
            return true;
        list = str_from(one, (size_t)close + 2);
    }
    return false;
}

bool http_coding_accepted(struct str list, struct str coding)
{
    while (list.n) {
        struct str weight = str_cut(&list, ',');
        struct str name = str_trim(str_cut(&weight, ';'));
        if (!str_eq_ci(name, coding))
            continue;
        weight = str_trim(weight);
        if (!str_eq_ci(str_to(weight, 3), STR("q=0")))
            return true;
        for (size_t i = 3; i < weight.n; i++) {
            if (weight.p[i] >= '1' && weight.p[i] <= '9')
                return true;
        }
        return false;
    }
    return false;
}
