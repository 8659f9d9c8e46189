/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* scan_json — reads the few fields that a gateway needs out of a request body as its bytes
 * pass by (SPEC GW-2, GW-13), without holding the body.
 *
 * Incremental and pure: any split of the bytes gives the same result.  The grammar is
 * RFC 8259's; whether text is valid UTF-8 is left to the upstream.  Only members of the
 * outermost object are looked at, their names with escapes undone, and of equal names the
 * last one wins, as JSON.parse has it.
 *
 * Memory: the struct alone, whatever the body's size; nothing to release. */
#include "base/str.h"

enum scan_field {
    SCAN_MODEL,
    SCAN_STREAM,
    SCAN_MESSAGES,
    SCAN_IMAGE,
    SCAN_VIDEO,
    SCAN_REMIX_TARGET_ID,
    SCAN_VIDEO_COUNT,
    SCAN_FIELDS, /* how many; also: a member nobody asked for */
};

enum scan_kind {
    SCAN_ABSENT,
    SCAN_NULL,
    SCAN_FALSE,
    SCAN_TRUE,
    SCAN_NUMBER,
    SCAN_STRING,
    SCAN_ARRAY,
    SCAN_OBJECT,
};

enum {
    SCAN_MODEL_MAX = 256, /* bytes, unescaped */
    SCAN_NAME_MAX = 24,
    SCAN_DEPTH_MAX = 512,
};

struct scan_json {
    /* Valid once scan_json_end() was true. */
    unsigned char kinds[SCAN_FIELDS]; /* enum scan_kind */
    bool messages_filled;             /* an array with at least one item */
    bool model_too_long;
    uint16_t model_length;
    char model[SCAN_MODEL_MAX];

    /* The scanner's own. */
    unsigned char state, number, escape_left;
    unsigned char field; /* of the member being read */
    bool is_name;        /* the string being read is a member's name */
    bool captures;       /* … and its text matters */
    bool name_too_long;
    uint16_t depth, name_length, unit, high_surrogate;
    const char *word_left; /* of true, false, null */
    uint64_t in_object[SCAN_DEPTH_MAX / 64];
    char name[SCAN_NAME_MAX];
};

void scan_json_init(struct scan_json *s);
/* False once the bytes cannot be JSON any more. */
bool scan_json_feed(struct scan_json *s, struct str bytes);
/* After the last byte: true when it was one whole JSON object. */
bool scan_json_end(const struct scan_json *s);

static inline enum scan_kind scan_json_kind(const struct scan_json *s, enum scan_field f)
{
    return (enum scan_kind)s->kinds[f];
}

/* The model's name; empty when it is absent, no string, or too long. */
struct str scan_json_model(const struct scan_json *s);
