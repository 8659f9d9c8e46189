/* SPDX-License-Identifier: Apache-2.0 */
#include "net/url.h"

#include <arpa/inet.h>
#include <string.h>

enum { URL_MAX = 8192, HOST_MAX = 253, LABEL_MAX = 63 };

static enum status bad(struct err *err, const char *sentence)
{
    return err_say(err, E_INVALID, "url_invalid", "%s", sentence);
}

static enum status no_room(struct err *err)
{
    return err_set(err, E_NO_MEMORY, "no_memory");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* ---- reading ---- */

/* What RFC 3986 does not know but servers hand out in links ([ ] { } | ^) may stand in
 * a path or query: no two readers take them for something else. */
static enum status check_bytes(struct str s, struct err *err)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c >= 0x7f)
            return bad(err, "The address has a space, a control or a non-ASCII character.");
        if (c == '\\' || c == '"' || c == '<' || c == '>' || c == '`')
            return bad(err, "The address has a character that is not allowed in one.");
        if (c == '%' && (i + 2 >= s.n || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2])))
            return bad(err, "The address has a broken percent escape.");
    }
    return OK;
}

static enum status read_scheme(struct str *text, bool *ret_https, struct err *err)
{
    ptrdiff_t colon = str_find_char(*text, ':');
    struct str scheme = str_to(*text, colon < 0 ? 0 : (size_t)colon);

    *ret_https = str_eq_ci(scheme, STR("https"));
    if (!*ret_https && !str_eq_ci(scheme, STR("http")))
        goto refuse;
    *text = str_from(*text, (size_t)colon + 1);
    if (!str_starts(*text, STR("//")))
        goto refuse;
    *text = str_from(*text, 2);
    return OK;
refuse:
    return err_say(err, E_INVALID, "url_scheme",
                   "The address must begin with http:// or https://.");
}

static enum status read_port(struct str s, struct url *u, struct err *err)
{
    uint64_t port;
    if (s.n == 0 || s.n > 5 || s.p[0] == '0' || !str_to_u64(s, &port) || port > 65535)
        return bad(err, "The address has a port that is not between 1 and 65535.");
    u->port = (uint16_t)port;
    u->port_given = true;
    return OK;
}

/* Canonical text, so that one address has one spelling in pools and comparisons. */
static enum status read_ipv6(struct str s, struct arena *a, struct url *u, struct err *err)
{
    unsigned char bytes[16];
    char text[INET6_ADDRSTRLEN + 1], canonical[INET6_ADDRSTRLEN];

    if (s.n == 0 || s.n >= sizeof(text))
        return bad(err, "The address has a bad IPv6 literal.");
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (strlen(text) != s.n || inet_pton(AF_INET6, text, bytes) != 1)
        return bad(err, "The address has a bad IPv6 literal.");
    inet_ntop(AF_INET6, bytes, canonical, sizeof(canonical));
    u->host = arena_str(a, str_of(canonical));
    u->host_is_ip = true;
    return u->host.p ? OK : no_room(err);
}

static bool is_ipv4(struct str s)
{
    char text[INET_ADDRSTRLEN];
    unsigned char bytes[4];

    if (s.n == 0 || s.n >= sizeof(text))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(AF_INET, text, bytes) == 1;
}

static bool label_valid(struct str label)
{
    if (label.n == 0 || label.n > LABEL_MAX || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];
        if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '_')
            return false;
    }
    return true;
}

/* What inet_aton(3) would take for the last part of an address: digits or 0x…. */
static bool label_is_number(struct str label)
{
    bool hex = label.n >= 2 && label.p[0] == '0' && lower(label.p[1]) == 'x';

    for (size_t i = hex ? 2 : 0; i < label.n; i++) {
        if (hex ? !is_hex(label.p[i]) : !is_digit(label.p[i]))
            return false;
    }
    return true;
}

static enum status read_name(struct str s, struct arena *a, struct url *u, struct err *err)
{
    if (s.n == 0)
        return bad(err, "The address has no host.");
    if (s.n > HOST_MAX)
        return bad(err, "The address has a host name that is too long.");
    struct str rest = s, last = STR_NONE;
    do {
        last = str_cut(&rest, '.');
        if (!label_valid(last))
            return bad(err, "The address has a bad host name.");
    } while (rest.p);
    if (label_is_number(last)) {
        if (!is_ipv4(s))
            return bad(err, "The address has an IPv4 address that is not four decimal numbers.");
        u->host_is_ip = true;
    }
    char *copy = arena_strz(a, s);
    if (!copy)
        return no_room(err);
    for (size_t i = 0; i < s.n; i++)
        copy[i] = lower(copy[i]);
    u->host = (struct str){copy, s.n};
    return OK;
}

static enum status read_authority(struct str s, struct arena *a, struct url *u, struct err *err)
{
    if (str_has_char(s, '@'))
        return bad(err, "The address must not carry a user name or password.");
    if (str_starts(s, STR("["))) {
        ptrdiff_t end = str_find_char(s, ']');
        if (end < 0)
            return bad(err, "The address has a bad IPv6 literal.");
        TRY(read_ipv6((struct str){s.p + 1, (size_t)end - 1}, a, u, err));
        s = str_from(s, (size_t)end + 1);
        if (s.n == 0)
            return OK;
        if (s.p[0] != ':')
            return bad(err, "The address has a bad IPv6 literal.");
        return read_port(str_from(s, 1), u, err);
    }
    struct str host = str_cut(&s, ':');
    TRY(read_name(host, a, u, err));
    return s.p ? read_port(s, u, err) : OK;
}

/* Drops the last segment of to[0, n), with its slash. */
static size_t drop_segment(const char *to, size_t n)
{
    while (n > 0 && to[n - 1] != '/')
        n--;
    return n > 0 ? n - 1 : 0;
}

/* RFC 3986 5.2.4, in place; the path begins with '/'. */
static size_t remove_dots(char *path, size_t n)
{
    size_t in = 0, out = 0;

    while (in < n) {
        size_t end = in + 1; /* path[in] is '/' */
        while (end < n && path[end] != '/')
            end++;
        size_t length = end - in;
        bool dot = length == 2 && path[in + 1] == '.';
        bool dots = length == 3 && path[in + 1] == '.' && path[in + 2] == '.';
        if (dots)
            out = drop_segment(path, out);
        if (!dot && !dots) {
            memmove(path + out, path + in, length);
            out += length;
        } else if (end == n) {
            path[out++] = '/';
        }
        in = end;
    }
    return out;
}

static enum status read_path(struct str s, struct arena *a, struct url *u, struct err *err)
{
    ptrdiff_t mark = str_find_char(s, '?');
    struct str path = mark < 0 ? s : str_to(s, (size_t)mark);
    char *copy = arena_strz(a, path.n ? path : STR("/"));

    if (!copy)
        return no_room(err);
    u->path = (struct str){copy, remove_dots(copy, path.n ? path.n : 1)};
    if (mark < 0)
        return OK;
    u->query = arena_str(a, str_from(s, (size_t)mark + 1));
    return u->query.p ? OK : no_room(err);
}

enum status url_parse(struct str text, struct arena *a, struct url *ret, struct err *err)
{
    struct url u = {0};

    if (text.n > URL_MAX)
        return bad(err, "The address is too long.");
    TRY(check_bytes(text, err));
    TRY(read_scheme(&text, &u.https, err));
    ptrdiff_t fragment = str_find_char(text, '#');
    if (fragment >= 0)
        text = str_to(text, (size_t)fragment);
    size_t end = 0;
    while (end < text.n && text.p[end] != '/' && text.p[end] != '?')
        end++;
    u.port = u.https ? 443 : 80;
    TRY(read_authority(str_to(text, end), a, &u, err));
    TRY(read_path(str_from(text, end), a, &u, err));
    *ret = u;
    return OK;
}

/* ---- writing ---- */

struct str url_authority(const struct url *u, struct arena *a)
{
    bool brackets = str_has_char(u->host, ':');
    const char *open = brackets ? "[" : "", *close = brackets ? "]" : "";

    if (u->port == (u->https ? 443 : 80))
        return arena_printf(a, "%s%.*s%s", open, STR_ARG(u->host), close);
    return arena_printf(a, "%s%.*s%s:%u", open, STR_ARG(u->host), close, u->port);
}

struct str url_origin(const struct url *u, struct arena *a)
{
    struct str authority = url_authority(u, a);
    if (!authority.p)
        return STR_NONE;
    return arena_printf(a, "%s://%.*s", u->https ? "https" : "http", STR_ARG(authority));
}

struct str url_text(const struct url *u, struct arena *a)
{
    struct str origin = url_origin(u, a);
    if (!origin.p)
        return STR_NONE;
    return arena_printf(a, "%.*s%.*s%s%.*s", STR_ARG(origin), STR_ARG(u->path),
                        u->query.p ? "?" : "", STR_ARG(u->query));
}

bool url_same_origin(const struct url *a, const struct url *b)
{
    return a->https == b->https && a->port == b->port && str_eq(a->host, b->host);
}

bool url_percent_encode(struct str s, bool keep_slash, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool keep = is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~' ||
                    (c == '/' && keep_slash);
        char escape[3] = {'%', digits[((unsigned char)c) >> 4], digits[c & 15]};
        if (!buf_add(out, keep ? (struct str){&s.p[i], 1} : (struct str){escape, 3}))
            return false;
    }
    return true;
}
