/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_out.h"

#include <inttypes.h>
#include <math.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"

void json_out_init(struct json_out *j, struct buf *out)
{
    *j = (struct json_out){.out = out};
}

static void before_value(struct json_out *j)
{
    if (j->after_key) {
        j->after_key = false;
        return;
    }
    if (j->has_items[j->depth])
        buf_add_char(j->out, ',');
    j->has_items[j->depth] = true;
}

static void open_scope(struct json_out *j, char c)
{
    before_value(j);
    buf_add_char(j->out, c);
    if (j->depth + 1 >= JSON_OUT_DEPTH) {
        j->out->failed = true;
        return;
    }
    j->has_items[++j->depth] = false;
}

static void close_scope(struct json_out *j, char c)
{
    if (j->depth)
        j->depth--;
    buf_add_char(j->out, c);
}

void json_object(struct json_out *j)
{
    open_scope(j, '{');
}

void json_object_end(struct json_out *j)
{
    close_scope(j, '}');
}

void json_array(struct json_out *j)
{
    open_scope(j, '[');
}

void json_array_end(struct json_out *j)
{
    close_scope(j, ']');
}

static void add_escaped(struct buf *out, unsigned char c)
{
    static const char *const shorts[] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f",
        ['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\"};
    if (c < ARRAY_SIZE(shorts) && shorts[c])
        buf_add(out, str_of(shorts[c]));
    else
        buf_addf(out, "\\u%04x", c);
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void add_quoted(struct buf *out, struct str s)
{
    buf_add_char(out, '"');
    while (s.n) {
        size_t run = 0;
        while (run < s.n && is_plain((unsigned char)s.p[run]))
            run++;
        buf_add(out, str_to(s, run));
        s = str_from(s, run);
        if (!s.n)
            break;
        uint32_t c;
        size_t n = utf8_decode(s, &c);
        if (n == 0)
            buf_add(out, STR("\xef\xbf\xbd"));
        else if (n == 1)
            add_escaped(out, (unsigned char)c);
        else
            buf_add(out, str_to(s, n));
        s = str_from(s, n ? n : 1);
    }
    buf_add_char(out, '"');
}

void json_key(struct json_out *j, const char *key)
{
    before_value(j);
    add_quoted(j->out, str_of(key));
    buf_add_char(j->out, ':');
    j->after_key = true;
}

void json_str(struct json_out *j, struct str value)
{
    before_value(j);
    add_quoted(j->out, value);
}

void json_int(struct json_out *j, int64_t value)
{
    before_value(j);
    buf_addf(j->out, "%" PRId64, value);
}

void json_real(struct json_out *j, double value)
{
    if (!isfinite(value)) {
        json_null(j);
        return;
    }
    before_value(j);
    buf_addf(j->out, "%.15g", value);
}

void json_bool(struct json_out *j, bool value)
{
    json_raw(j, value ? STR("true") : STR("false"));
}

void json_null(struct json_out *j)
{
    json_raw(j, STR("null"));
}

void json_raw(struct json_out *j, struct str value)
{
    before_value(j);
    buf_add(j->out, value);
}

void json_time(struct json_out *j, int64_t wall_ms)
{
    char text[CLOCK_RFC3339_SIZE];
    if (wall_ms)
        json_str(j, clock_rfc3339(wall_ms, text));
    else
        json_null(j);
}

void json_kv_str(struct json_out *j, const char *key, struct str value)
{
    json_key(j, key);
    json_str(j, value);
}

void json_kv_str_or_null(struct json_out *j, const char *key, struct str value)
{
    json_key(j, key);
    if (value.p)
        json_str(j, value);
    else
        json_null(j);
}

void json_kv_z(struct json_out *j, const char *key, const char *value)
{
    json_kv_str_or_null(j, key, str_of(value));
}

void json_kv_int(struct json_out *j, const char *key, int64_t value)
{
    json_key(j, key);
    json_int(j, value);
}

void json_kv_bool(struct json_out *j, const char *key, bool value)
{
    json_key(j, key);
    json_bool(j, value);
}

void json_kv_null(struct json_out *j, const char *key)
{
    json_key(j, key);
    json_null(j);
}

void json_kv_time(struct json_out *j, const char *key, int64_t wall_ms)
{
    json_key(j, key);
    json_time(j, wall_ms);
}
