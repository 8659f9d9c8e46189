/* SPDX-License-Identifier: Apache-2.0 */
/* The reader works on a window: the bytes just fed or, where the last feed ended inside
 * something that must be seen whole (a header line, what may be a boundary), those kept
 * bytes with a few new ones behind them.  A step consumes some of the window or asks for
 * more; new bytes it did not consume are given back, so the kept part stays small. */
#include "net/multipart.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { MAX_BOUNDARY = 70, MAX_HEADERS = 8 * 1024, TOP_UP = 256 };

enum multipart_state { IN_PREAMBLE, AFTER_BOUNDARY, IN_HEADERS, IN_DATA, IN_EPILOGUE };

struct multipart {
    struct multipart_handler handler;
    void *ctx;
    size_t max_parts, parts;
    enum multipart_state state;
    bool failed;
    struct buf kept;
    size_t header_bytes; /* of this part */
    bool has_name, has_filename, has_type;
    struct buf name, filename, type;
    size_t delimiter_length;
    char delimiter[4 + MAX_BOUNDARY]; /* CRLF, two hyphens, the boundary */
};

static enum status malformed(struct err *err, const char *why)
{
    return err_say(err, E_INVALID, "bad_multipart", "The multipart body is malformed: %s.", why);
}

/* ---- Content-Type and Content-Disposition ---- */

/* A quoted string at the front of s, unquoted into out; *s becomes what follows. */
static bool take_quoted(struct str *s, struct buf *out)
{
    for (size_t i = 1; i < s->n; i++) {
        char c = s->p[i], next = i + 1 < s->n ? s->p[i + 1] : '\0';
        if (c == '"') {
            *s = str_from(*s, i + 1);
            return true;
        }
        /* Only before these is it an escape: some clients send paths with backslashes. */
        if (c == '\\' && (next == '"' || next == '\\')) {
            c = next;
            i++;
        }
        if (!buf_add_char(out, c))
            return false;
    }
    return false;
}

/* The next `; name=value` of a field; value is unquoted into out.  False at the end (rest
 * becomes STR_NONE) or when it is none. */
static bool next_parameter(struct str *rest, struct str *ret_name, struct buf *out)
{
    struct str s = str_trim(*rest);
    if (!s.n) {
        *rest = STR_NONE;
        return false;
    }
    if (s.p[0] != ';')
        return false;
    s = str_trim(str_from(s, 1));
    ptrdiff_t equals = str_find_char(s, '=');
    if (equals <= 0)
        return false;
    *ret_name = str_trim(str_to(s, (size_t)equals));
    s = str_from(s, (size_t)equals + 1);
    buf_reset(out);
    if (s.n && s.p[0] == '"') {
        *rest = s;
        return take_quoted(rest, out);
    }
    ptrdiff_t semicolon = str_find_char(s, ';');
    size_t n = semicolon < 0 ? s.n : (size_t)semicolon;
    *rest = str_from(s, n);
    return buf_add(out, str_trim(str_to(s, n)));
}

/* RFC 2046 5.1.1. */
static bool boundary_is_valid(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!letter && (c < '0' || c > '9') && !str_has_char(STR("'()+_,-./:=? "), s.p[i]))
            return false;
    }
    return s.n > 0 && s.n <= MAX_BOUNDARY && s.p[s.n - 1] != ' ';
}

static bool find_boundary(struct str content_type, struct buf *out)
{
    ptrdiff_t semicolon = str_find_char(content_type, ';');
    struct str name;
    if (semicolon < 0 ||
        !str_eq_ci(str_trim(str_to(content_type, (size_t)semicolon)), STR("multipart/form-data")))
        return false;
    struct str rest = str_from(content_type, (size_t)semicolon);
    while (next_parameter(&rest, &name, out)) {
        if (str_eq_ci(name, STR("boundary")))
            return boundary_is_valid(buf_str(out));
    }
    return false;
}

enum status multipart_new(struct str content_type, size_t max_parts,
                          const struct multipart_handler *h, void *ctx, struct multipart **ret,
                          struct err *err)
{
    _cleanup_(buf_cleanup) struct buf boundary = BUF_INIT(1024);
    if (!find_boundary(content_type, &boundary))
        return err_say(err, E_INVALID, "bad_multipart",
                       "The Content-Type is not multipart/form-data with a good boundary.");
    struct multipart *m = mem_zalloc(sizeof(*m));
    m->handler = *h;
    m->ctx = ctx;
    m->max_parts = max_parts;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, buf_str(&boundary).p, buf_len(&boundary));
    m->delimiter_length = 4 + buf_len(&boundary);
    buf_init(&m->kept, MAX_HEADERS + TOP_UP);
    buf_init(&m->name, MAX_HEADERS);
    buf_init(&m->filename, MAX_HEADERS);
    buf_init(&m->type, MAX_HEADERS);
    /* The first boundary may stand at the very beginning, without its CRLF. */
    buf_add(&m->kept, STR("\r\n"));
    *ret = m;
    return OK;
}

void multipart_free(struct multipart *m)
{
    if (!m)
        return;
    buf_release(&m->kept);
    buf_release(&m->name);
    buf_release(&m->filename);
    buf_release(&m->type);
    free(m);
}

/* ---- steps: each consumes *ret_used bytes of the window; 0: more is needed ---- */

/* The payload before the delimiter, or before what may become one. */
static enum status step_data(struct multipart *m, struct str window, size_t *ret_used,
                             struct err *err)
{
    const struct str delimiter = {m->delimiter, m->delimiter_length};
    ptrdiff_t found = str_find(window, delimiter);
    size_t n = found >= 0 ? (size_t)found : window.n;

    if (found < 0) {
        size_t tail = window.n >= delimiter.n ? window.n - delimiter.n + 1 : 0;
        for (size_t i = tail; i < window.n; i++) {
            if (str_starts(delimiter, str_from(window, i))) {
                n = i;
                break;
            }
        }
    }
    *ret_used = n + (found >= 0 ? delimiter.n : 0);
    if (n && m->state == IN_DATA)
        TRY(m->handler.on_data(str_to(window, n), m->ctx, err));
    if (found < 0)
        return OK;
    if (m->state == IN_DATA)
        TRY(m->handler.on_part_end(m->ctx, err));
    m->state = AFTER_BOUNDARY;
    return OK;
}

/* "--" ends it all; CRLF, maybe behind blanks, begins a part. */
static enum status step_after_boundary(struct multipart *m, struct str window, size_t *ret_used,
                                       struct err *err)
{
    if (window.p[0] == ' ' || window.p[0] == '\t') {
        *ret_used = 1;
        return OK;
    }
    if (window.n < 2)
        return OK;
    *ret_used = 2;
    if (str_starts(window, STR("--"))) {
        m->state = IN_EPILOGUE;
        return OK;
    }
    if (!str_starts(window, STR("\r\n")))
        return malformed(err, "a boundary is followed by something else");
    if (m->parts++ >= m->max_parts)
        return err_say(err, E_INVALID, "bad_multipart", "The multipart body has too many parts.");
    m->header_bytes = 0;
    m->has_name = m->has_filename = m->has_type = false;
    m->state = IN_HEADERS;
    return OK;
}

static enum status take_disposition(struct multipart *m, struct str value, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf text = BUF_INIT(MAX_HEADERS);
    struct str name, rest;
    size_t n = 0;
    while (n < value.n && value.p[n] != ';')
        n++;
    rest = str_from(value, n);
    if (m->has_name || !str_eq_ci(str_trim(str_to(value, n)), STR("form-data")))
        return malformed(err, "Content-Disposition is doubled or not form-data");
    while (next_parameter(&rest, &name, &text)) {
        bool is_name = str_eq_ci(name, STR("name")), is_file = str_eq_ci(name, STR("filename"));
        struct buf *to = is_name ? &m->name : &m->filename;
        bool *has = is_name ? &m->has_name : &m->has_filename;
        if (!is_name && !is_file)
            continue;
        if (*has || !utf8_valid(buf_str(&text)) || str_has_char(buf_str(&text), '\0'))
            return malformed(err, "a part's name is doubled or not UTF-8");
        *has = true;
        buf_reset(to);
        buf_add(to, buf_str(&text));
    }
    return rest.p ? malformed(err, "Content-Disposition cannot be read") : OK;
}

static enum status take_header(struct multipart *m, struct str line, struct err *err)
{
    struct str value = line, name = str_cut(&value, ':');
    if (!value.p || !name.n || str_has_char(line, '\n') || str_has_char(line, '\r'))
        return malformed(err, "a part has a bad header");
    value = str_trim(value);
    if (str_eq_ci(name, STR("content-disposition")))
        return take_disposition(m, value, err);
    if (str_eq_ci(name, STR("content-type"))) {
        m->has_type = true;
        buf_reset(&m->type);
        buf_add(&m->type, value);
    }
    return OK;
}

static enum status end_headers(struct multipart *m, struct err *err)
{
    if (!m->has_name)
        return malformed(err, "a part has no name");
    const struct multipart_part part = {
        .name = buf_str(&m->name),
        .filename = m->has_filename ? buf_str(&m->filename) : STR_NONE,
        .type = m->has_type ? buf_str(&m->type) : STR_NONE,
    };
    m->state = IN_DATA;
    return m->handler.on_part(&part, m->ctx, err);
}

static enum status step_headers(struct multipart *m, struct str window, size_t *ret_used,
                                struct err *err)
{
    ptrdiff_t end = str_find(window, STR("\r\n"));
    size_t n = end < 0 ? window.n : (size_t)end + 2;
    if (m->header_bytes + n > MAX_HEADERS)
        return malformed(err, "a part's headers are too long");
    if (end < 0)
        return OK;
    m->header_bytes += n;
    *ret_used = n;
    if (end > 0)
        return take_header(m, str_to(window, (size_t)end), err);
    return end_headers(m, err);
}

static enum status step(struct multipart *m, struct str window, size_t *ret_used, struct err *err)
{
    *ret_used = 0;
    switch (m->state) {
    case IN_PREAMBLE:
    case IN_DATA:
        return step_data(m, window, ret_used, err);
    case AFTER_BOUNDARY:
        return step_after_boundary(m, window, ret_used, err);
    case IN_HEADERS:
        return step_headers(m, window, ret_used, err);
    case IN_EPILOGUE:
        break;
    }
    *ret_used = window.n;
    return OK;
}

/* ---- feeding ---- */

/* One step on the kept bytes with some new ones behind; *bytes loses those dealt with. */
static enum status feed_kept(struct multipart *m, struct str *bytes, struct err *err)
{
    size_t old = buf_len(&m->kept), added = MIN(bytes->n, (size_t)TOP_UP), used;
    if (!buf_add(&m->kept, str_to(*bytes, added)))
        return malformed(err, "a part's headers are too long");
    TRY(step(m, buf_str(&m->kept), &used, err));
    if (used == 0) {
        *bytes = str_from(*bytes, added);
        return OK;
    }
    if (used >= old) {
        buf_reset(&m->kept);
        *bytes = str_from(*bytes, used - old);
        return OK;
    }
    m->kept.end -= added;
    buf_take(&m->kept, used);
    return OK;
}

static enum status feed_all(struct multipart *m, struct str bytes, struct err *err)
{
    while (bytes.n) {
        if (buf_len(&m->kept)) {
            TRY(feed_kept(m, &bytes, err));
            continue;
        }
        size_t used;
        TRY(step(m, bytes, &used, err));
        if (used == 0) {
            if (!buf_add(&m->kept, bytes))
                return malformed(err, "a part's headers are too long");
            return OK;
        }
        bytes = str_from(bytes, used);
    }
    return OK;
}

enum status multipart_feed(struct multipart *m, struct str bytes, struct err *err)
{
    if (m->failed)
        return malformed(err, "it was refused before");
    enum status status = feed_all(m, bytes, err);
    m->failed = status != OK;
    return status;
}

enum status multipart_finish(struct multipart *m, struct err *err)
{
    if (m->failed || m->state != IN_EPILOGUE)
        return malformed(err, "it ends before its last boundary");
    return OK;
}
