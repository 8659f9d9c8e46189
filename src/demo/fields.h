/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* fields — fills a struct from a JSON object by a table; unknown members are refused,
 * so that a misspelt rule fails loudly instead of doing nothing. */
#include "base/arena.h"
#include "platform/json_in.h"

enum field_type {
    FIELD_BOOL,  /* bool */
    FIELD_INT,   /* int64_t, from min to max */
    FIELD_REAL,  /* double, from min to max */
    FIELD_TEXT,  /* struct str */
    FIELD_JSON,  /* struct str: any value as JSON text */
    FIELD_WORD,  /* int: place in words */
    FIELD_OTHER, /* known, read by the caller */
};

struct field {
    const char *key;
    enum field_type type;
    size_t at; /* offsetof */
    int64_t min, max;
    const char *const *words; /* ends with NULL */
};

/* Members that are absent leave their place as it is.  Texts live in the arena. */
enum status fields_read(struct json object, const struct field *fields, size_t n, void *out,
                        struct arena *a, struct err *err);
/* A copy of any value as compact JSON in the arena; STR_NONE when it does not fit. */
struct str fields_dump(struct json value, struct arena *a);
