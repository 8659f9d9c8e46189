/* SPDX-License-Identifier: Apache-2.0 */
#include "net/scan_json.h"

#include <string.h>

#include "base/hex.h"
#include "base/mem.h"

enum state {
    AT_VALUE,
    AT_FIRST_ITEM, /* behind '[': a value or the end */
    AT_FIRST_NAME, /* behind '{': a name or the end */
    AT_NAME,       /* behind ',' in an object */
    AT_COLON,
    AFTER_VALUE,
    IN_STRING,
    IN_ESCAPE, /* behind the backslash */
    IN_UNIT,   /* the four digits of \u */
    IN_NUMBER,
    IN_WORD,
    AT_END, /* only white space may follow */
    BAD,
};

/* Where in a number (RFC 8259, 6). */
enum number { NUM_SIGN, NUM_ZERO, NUM_INT, NUM_DOT, NUM_FRACTION, NUM_E, NUM_E_SIGN, NUM_EXPONENT };

static const struct str names[SCAN_FIELDS] = {
    [SCAN_MODEL] = {"model", 5},
    [SCAN_STREAM] = {"stream", 6},
    [SCAN_MESSAGES] = {"messages", 8},
    [SCAN_IMAGE] = {"image", 5},
    [SCAN_VIDEO] = {"video", 5},
    [SCAN_REMIX_TARGET_ID] = {"remix_target_id", 15},
    [SCAN_VIDEO_COUNT] = {"video_count", 11},
};

void scan_json_init(struct scan_json *s)
{
    /* Texts are bounded by their lengths and levels by the depth: no need to clear them. */
    memset(s->kinds, SCAN_ABSENT, sizeof(s->kinds));
    s->messages_filled = s->model_too_long = false;
    s->model_length = s->depth = 0;
    s->field = SCAN_FIELDS;
    s->state = AT_VALUE;
    s->is_name = s->captures = false;
    s->high_surrogate = 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool inside_object(const struct scan_json *s)
{
    unsigned level = s->depth - 1u;
    return s->depth > 0 && (s->in_object[level / 64] >> (level % 64) & 1);
}

static void value_done(struct scan_json *s)
{
    s->state = s->depth ? AFTER_VALUE : AT_END;
}

/* ---- fields */

static void note_kind(struct scan_json *s, enum scan_kind kind)
{
    if (s->depth == 2 && s->field == SCAN_MESSAGES && s->kinds[SCAN_MESSAGES] == SCAN_ARRAY)
        s->messages_filled = true;
    if (s->depth != 1 || s->field == SCAN_FIELDS)
        return;
    s->kinds[s->field] = (unsigned char)kind;
    if (s->field == SCAN_MESSAGES)
        s->messages_filled = false;
    if (s->field == SCAN_MODEL) {
        s->model_length = 0;
        s->model_too_long = false;
    }
}

static enum scan_field find_field(const struct scan_json *s)
{
    struct str name = {s->name, s->name_length};
    for (unsigned i = 0; i < SCAN_FIELDS && !s->name_too_long; i++) {
        if (str_eq(names[i], name))
            return (enum scan_field)i;
    }
    return SCAN_FIELDS;
}

static void capture(struct scan_json *s, const char *p, size_t n)
{
    if (s->is_name) {
        s->name_too_long |= n > (size_t)(SCAN_NAME_MAX - s->name_length);
        if (!s->name_too_long) {
            memcpy(s->name + s->name_length, p, n);
            s->name_length = (uint16_t)(s->name_length + n);
        }
        return;
    }
    s->model_too_long |= n > (size_t)(SCAN_MODEL_MAX - s->model_length);
    if (!s->model_too_long) {
        memcpy(s->model + s->model_length, p, n);
        s->model_length = (uint16_t)(s->model_length + n);
    }
}

static void capture_point(struct scan_json *s, uint32_t point)
{
    char out[4];
    size_t n = 0;
    if (point < 0x80) {
        out[n++] = (char)point;
    } else if (point < 0x800) {
        out[n++] = (char)(0xc0 | point >> 6);
        out[n++] = (char)(0x80 | (point & 0x3f));
    } else {
        if (point < 0x10000) {
            out[n++] = (char)(0xe0 | point >> 12);
        } else {
            out[n++] = (char)(0xf0 | point >> 18);
            out[n++] = (char)(0x80 | (point >> 12 & 0x3f));
        }
        out[n++] = (char)(0x80 | (point >> 6 & 0x3f));
        out[n++] = (char)(0x80 | (point & 0x3f));
    }
    capture(s, out, n);
}

enum { REPLACEMENT = 0xfffd };

/* Half a pair that found no other half reads as U+FFFD. */
static void end_surrogate(struct scan_json *s)
{
    if (s->high_surrogate && s->captures)
        capture_point(s, REPLACEMENT);
    s->high_surrogate = 0;
}

/* ---- strings */

static void begin_string(struct scan_json *s, bool is_name)
{
    s->is_name = is_name;
    s->state = IN_STRING;
    s->captures = s->depth == 1 && (is_name || s->field == SCAN_MODEL);
    if (is_name && s->captures) {
        s->name_length = 0;
        s->name_too_long = false;
    }
}

static void end_string(struct scan_json *s)
{
    end_surrogate(s);
    if (!s->is_name) {
        value_done(s);
        return;
    }
    if (s->depth == 1)
        s->field = (unsigned char)find_field(s);
    s->state = AT_COLON;
}

/* Bytes of eight at once: is any of them a quote, a backslash or a control character? */
static bool any_special(const char *p)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t v, quote, slash;
    memcpy(&v, p, sizeof(v));
    quote = v ^ (ones * '"');
    slash = v ^ (ones * '\\');
    uint64_t found = ((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
                     ((v - ones * 0x20) & ~v);
    return found & tops;
}

static size_t plain_length(struct str in)
{
    size_t n = 0;
    while (n + 8 <= in.n && !any_special(in.p + n))
        n += 8;
    while (n < in.n && in.p[n] != '"' && in.p[n] != '\\' && (unsigned char)in.p[n] >= 0x20)
        n++;
    return n;
}

/* Returns the bytes dealt with. */
static size_t take_string(struct scan_json *s, struct str in)
{
    size_t n = plain_length(in);
    if (n && s->captures) {
        end_surrogate(s);
        capture(s, in.p, n);
    }
    if (n == in.n)
        return n;
    if (in.p[n] == '"')
        end_string(s);
    else if (in.p[n] == '\\')
        s->state = IN_ESCAPE;
    else
        s->state = BAD;
    return n + 1;
}

static void take_escape(struct scan_json *s, char c)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at = c ? strchr(from, c) : NULL;
    if (c == 'u') {
        s->state = IN_UNIT;
        s->escape_left = 4;
        s->unit = 0;
        return;
    }
    s->state = at ? IN_STRING : BAD;
    if (at && s->captures) {
        end_surrogate(s);
        capture(s, to + (at - from), 1);
    }
}

static void end_unit(struct scan_json *s)
{
    uint32_t high = s->high_surrogate, unit = s->unit;
    s->state = IN_STRING;
    if (!s->captures)
        return;
    if (high && unit >= 0xdc00 && unit < 0xe000) {
        s->high_surrogate = 0;
        capture_point(s, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
        return;
    }
    end_surrogate(s);
    if (unit >= 0xd800 && unit < 0xdc00)
        s->high_surrogate = s->unit;
    else
        capture_point(s, unit >= 0xdc00 && unit < 0xe000 ? (uint32_t)REPLACEMENT : unit);
}

static void take_unit(struct scan_json *s, char c)
{
    int value = hex_value(c);
    if (value < 0) {
        s->state = BAD;
        return;
    }
    s->unit = (uint16_t)(s->unit << 4 | value);
    if (--s->escape_left == 0)
        end_unit(s);
}

/* ---- numbers and words */

static int number_after_digit(int at, char c)
{
    switch (at) {
    case NUM_SIGN:
        return c == '0' ? NUM_ZERO : NUM_INT;
    case NUM_INT:
        return NUM_INT;
    case NUM_DOT:
    case NUM_FRACTION:
        return NUM_FRACTION;
    case NUM_E:
    case NUM_E_SIGN:
    case NUM_EXPONENT:
        return NUM_EXPONENT;
    default:
        return -1; /* a digit behind a leading zero */
    }
}

static bool number_may_end(int at)
{
    return at == NUM_ZERO || at == NUM_INT || at == NUM_FRACTION || at == NUM_EXPONENT;
}

/* The next place, or -1 when c does not belong to the number. */
static int number_next(int at, char c)
{
    if (is_digit(c))
        return number_after_digit(at, c);
    if (c == '.')
        return at == NUM_ZERO || at == NUM_INT ? NUM_DOT : -1;
    if (c == 'e' || c == 'E')
        return number_may_end(at) && at != NUM_EXPONENT ? NUM_E : -1;
    if (c == '+' || c == '-')
        return at == NUM_E ? NUM_E_SIGN : -1;
    return -1;
}

/* Returns the bytes dealt with: none when the number ended before this one. */
static size_t take_number(struct scan_json *s, char c)
{
    int next = number_next(s->number, c);
    if (next >= 0) {
        s->number = (unsigned char)next;
        return 1;
    }
    if (number_may_end(s->number))
        value_done(s);
    else
        s->state = BAD;
    return 0;
}

static void take_word(struct scan_json *s, char c)
{
    if (c != *s->word_left)
        s->state = BAD;
    else if (*++s->word_left == '\0')
        value_done(s);
}

static void begin_word(struct scan_json *s, enum scan_kind kind, const char *rest)
{
    note_kind(s, kind);
    s->state = IN_WORD;
    s->word_left = rest;
}

/* ---- structure */

static void open_level(struct scan_json *s, bool object)
{
    uint64_t bit = UINT64_C(1) << (s->depth % 64);
    if (s->depth == SCAN_DEPTH_MAX) {
        s->state = BAD;
        return;
    }
    note_kind(s, object ? SCAN_OBJECT : SCAN_ARRAY);
    uint64_t *levels = &s->in_object[s->depth / 64];
    *levels = object ? *levels | bit : *levels & ~bit;
    s->depth++;
    s->state = object ? AT_FIRST_NAME : AT_FIRST_ITEM;
}

static void close_level(struct scan_json *s)
{
    s->depth--;
    value_done(s);
}

static void begin_value(struct scan_json *s, char c)
{
    if (c == '{') {
        open_level(s, true);
    } else if (s->depth == 0) {
        s->state = BAD; /* only an object is a request */
    } else if (c == '[') {
        open_level(s, false);
    } else if (c == '"') {
        note_kind(s, SCAN_STRING);
        begin_string(s, false);
    } else if (c == 't') {
        begin_word(s, SCAN_TRUE, "rue");
    } else if (c == 'f') {
        begin_word(s, SCAN_FALSE, "alse");
    } else if (c == 'n') {
        begin_word(s, SCAN_NULL, "ull");
    } else if (c == '-' || is_digit(c)) {
        note_kind(s, SCAN_NUMBER);
        s->state = IN_NUMBER;
        s->number = c == '-' ? NUM_SIGN : c == '0' ? NUM_ZERO : NUM_INT;
    } else {
        s->state = BAD;
    }
}

static void after_value(struct scan_json *s, char c)
{
    bool object = inside_object(s);
    if (c == ',')
        s->state = object ? AT_NAME : AT_VALUE;
    else if (c == (object ? '}' : ']'))
        close_level(s);
    else
        s->state = BAD;
}

static void take_structure(struct scan_json *s, char c)
{
    if (is_space(c))
        return;
    if (s->state == AT_VALUE || (s->state == AT_FIRST_ITEM && c != ']'))
        begin_value(s, c);
    else if ((s->state == AT_NAME || s->state == AT_FIRST_NAME) && c == '"')
        begin_string(s, true);
    else if ((s->state == AT_FIRST_ITEM && c == ']') || (s->state == AT_FIRST_NAME && c == '}'))
        close_level(s);
    else if (s->state == AT_COLON && c == ':')
        s->state = AT_VALUE;
    else if (s->state == AFTER_VALUE)
        after_value(s, c);
    else
        s->state = BAD;
}

/* Returns the bytes dealt with. */
static size_t take(struct scan_json *s, struct str in)
{
    switch (s->state) {
    case IN_STRING:
        return take_string(s, in);
    case IN_NUMBER:
        return take_number(s, in.p[0]);
    case IN_ESCAPE:
        take_escape(s, in.p[0]);
        return 1;
    case IN_UNIT:
        take_unit(s, in.p[0]);
        return 1;
    case IN_WORD:
        take_word(s, in.p[0]);
        return 1;
    default:
        take_structure(s, in.p[0]);
        return 1;
    }
}

bool scan_json_feed(struct scan_json *s, struct str bytes)
{
    while (bytes.n && s->state != BAD)
        bytes = str_from(bytes, take(s, bytes));
    return s->state != BAD;
}

bool scan_json_end(const struct scan_json *s)
{
    return s->state == AT_END;
}

struct str scan_json_model(const struct scan_json *s)
{
    if (s->kinds[SCAN_MODEL] != SCAN_STRING || s->model_too_long)
        return STR("");
    return (struct str){s->model, s->model_length};
}
