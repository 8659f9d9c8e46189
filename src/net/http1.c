/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http1.h"

#include <string.h>

#include "base/mem.h"
#include "net/http1_impl.h"

const struct http_limits http_default_limits = {
    .line_bytes = 8 * 1024,
    .head_bytes = 32 * 1024,
    .header_count = HTTP_MAX_HEADERS,
};

/* 1: token; 2: request target (visible ASCII without '#'); 4: host.  From 0x80 on: 0. */
const unsigned char http1_char_class[256] = {
    /* clang-format off */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 7, 2, 1, 7, 7, 7, 7, 6, 6, 7, 7, 6, 7, 7, 2,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 2, 6, 2, 6, 2, 2,
    2, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 2, 2, 2, 3, 7,
    3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 2, 3, 2, 7, 0,
    /* clang-format on */
};

bool http1_is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!http1_char_is(s.p[i], CHAR_TOKEN))
            return false;
    }
    return s.n > 0;
}

static bool is_text_char(unsigned char c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

bool http1_is_text(struct str s)
{
    const uint64_t ones = ~UINT64_C(0) / 255, tops = ones * 128;
    size_t i = 0;

    /* Eight bytes at a time: none below 0x20, none 0x7f.  A tab takes the slow way. */
    for (; i + 8 <= s.n; i += 8) {
        uint64_t w, del;
        memcpy(&w, s.p + i, 8);
        del = w ^ (ones * 0x7f);
        if ((((w - ones * 0x20) & ~w) | ((del - ones) & ~del)) & tops)
            break;
    }
    for (; i < s.n; i++) {
        if (!is_text_char((unsigned char)s.p[i]))
            return false;
    }
    return true;
}

const struct str http1_method_names[] = {
    [HTTP_GET] = STR("GET"),         [HTTP_HEAD] = STR("HEAD"),   [HTTP_POST] = STR("POST"),
    [HTTP_PUT] = STR("PUT"),         [HTTP_PATCH] = STR("PATCH"), [HTTP_DELETE] = STR("DELETE"),
    [HTTP_OPTIONS] = STR("OPTIONS"), [HTTP_OTHER] = STR("OTHER"),
};

const char *http_method_name(enum http_method m)
{
    return http1_method_names[m].p;
}

/* ---- writing ---- */

struct status_line {
    struct str line;
    const char *reason;
};

#define STATUS(code, text) [code - 100] = {STR("HTTP/1.1 " #code " " text "\r\n"), text}
static const struct status_line status_lines[500] = {
    STATUS(100, "Continue"),
    STATUS(101, "Switching Protocols"),
    STATUS(103, "Early Hints"),
    STATUS(200, "OK"),
    STATUS(201, "Created"),
    STATUS(202, "Accepted"),
    STATUS(203, "Non-Authoritative Information"),
    STATUS(204, "No Content"),
    STATUS(205, "Reset Content"),
    STATUS(206, "Partial Content"),
    STATUS(207, "Multi-Status"),
    STATUS(300, "Multiple Choices"),
    STATUS(301, "Moved Permanently"),
    STATUS(302, "Found"),
    STATUS(303, "See Other"),
    STATUS(304, "Not Modified"),
    STATUS(307, "Temporary Redirect"),
    STATUS(308, "Permanent Redirect"),
    STATUS(400, "Bad Request"),
    STATUS(401, "Unauthorized"),
    STATUS(402, "Payment Required"),
    STATUS(403, "Forbidden"),
    STATUS(404, "Not Found"),
    STATUS(405, "Method Not Allowed"),
    STATUS(406, "Not Acceptable"),
    STATUS(407, "Proxy Authentication Required"),
    STATUS(408, "Request Timeout"),
    STATUS(409, "Conflict"),
    STATUS(410, "Gone"),
    STATUS(411, "Length Required"),
    STATUS(412, "Precondition Failed"),
    STATUS(413, "Content Too Large"),
    STATUS(414, "URI Too Long"),
    STATUS(415, "Unsupported Media Type"),
    STATUS(416, "Range Not Satisfiable"),
    STATUS(417, "Expectation Failed"),
    STATUS(421, "Misdirected Request"),
    STATUS(422, "Unprocessable Content"),
    STATUS(423, "Locked"),
    STATUS(425, "Too Early"),
    STATUS(426, "Upgrade Required"),
    STATUS(428, "Precondition Required"),
    STATUS(429, "Too Many Requests"),
    STATUS(431, "Request Header Fields Too Large"),
    STATUS(451, "Unavailable For Legal Reasons"),
    STATUS(460, "Checksum Mismatch"),
    STATUS(499, "Client Closed Request"),
    STATUS(500, "Internal Server Error"),
    STATUS(501, "Not Implemented"),
    STATUS(502, "Bad Gateway"),
    STATUS(503, "Service Unavailable"),
    STATUS(504, "Gateway Timeout"),
    STATUS(505, "HTTP Version Not Supported"),
    STATUS(507, "Insufficient Storage"),
    STATUS(511, "Network Authentication Required"),
};

static const struct status_line *status_line_of(int status)
{
    if (status < 100 || status > 599 || !status_lines[status - 100].reason)
        return NULL;
    return &status_lines[status - 100];
}

const char *http_reason(int status)
{
    const struct status_line *known = status_line_of(status);
    return known ? known->reason : "Unknown";
}

bool http1_write_status_line(struct buf *out, int status)
{
    const struct status_line *known = status_line_of(status);
    if (known)
        return buf_add(out, known->line);
    if (status < 100 || status > 999)
        return false;
    return buf_addf(out, "HTTP/1.1 %d Unknown\r\n", status);
}

bool http1_write_request_line(struct buf *out, struct str method, struct str target)
{
    bool clean = http1_is_token(method) && target.n > 0;
    for (size_t i = 0; clean && i < target.n; i++)
        clean = http1_char_is(target.p[i], CHAR_TARGET);
    return clean && buf_add(out, method) && buf_add(out, STR(" ")) && buf_add(out, target) &&
           buf_add(out, STR(" HTTP/1.1\r\n"));
}

bool http1_write_header(struct buf *out, struct str name, struct str value)
{
    char *to;
    if (!http1_is_token(name) || !http1_is_text(value))
        return false;
    to = buf_reserve(out, name.n + value.n + 4);
    if (!to)
        return false;
    memcpy(to, name.p, name.n);
    memcpy(to + name.n, ": ", 2);
    if (value.n)
        memcpy(to + name.n + 2, value.p, value.n);
    memcpy(to + name.n + 2 + value.n, "\r\n", 2);
    buf_commit(out, name.n + value.n + 4);
    return true;
}

size_t http1_chunk_prefix(size_t n, char out[HTTP_CHUNK_PREFIX])
{
    size_t digits = 1;
    for (size_t rest = n >> 4; rest; rest >>= 4)
        digits++;
    for (size_t i = digits; i-- > 0; n >>= 4)
        out[i] = "0123456789abcdef"[n & 15];
    out[digits] = '\r';
    out[digits + 1] = '\n';
    return digits + 2;
}
