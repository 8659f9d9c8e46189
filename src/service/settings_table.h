/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* settings_table — the one table of all settings: name, kind, bounds, first value, secrecy.
 * For service/settings and service/secrets alone.
 *
 * Every setting has a text form, which is what the database keeps; `read` makes it from
 * what came in a request, `load` checks it and puts it into a snapshot. */
#include "service/settings.h"

struct setting;

struct setting_kind {
    /* E_INVALID names the setting.  *ret lives in the arena or in the document. */
    enum status (*read)(const struct setting *s, struct json value, struct arena *a,
                        struct str *ret, struct err *err);
    /* *into keeps views of the arena. */
    enum status (*load)(const struct setting *s, struct str text, struct arena *a,
                        struct settings *into, struct err *err);
    void (*write)(const struct setting *s, const struct settings *from, struct json_out *j);
};

struct setting {
    const char *key;
    const struct setting_kind *kind;
    const char *first;        /* its text at first */
    size_t offset;            /* in struct settings */
    size_t count_offset;      /* of a list's length */
    int64_t min, max;         /* a number's bounds, or a text's length in characters */
    const char *const *words; /* of a choice, NULL-ended */
    /* A text's own rule; *text may be made canonical.  NULL: any printable text. */
    enum status (*check)(const struct setting *s, struct str *text, struct arena *a,
                         struct err *err);
    /* What could only be a mistake is not kept; asked of a change alone, so that a row which an
     * earlier version took is still read.  NULL: nothing. */
    enum status (*keep)(const struct setting *s, struct str text, struct arena *a, struct err *err);
    bool secret; /* sealed at rest, never shown */
};

/* A `read` for what is kept as the JSON text of an array. */
enum status setting_read_array(const struct setting *s, struct json value, struct arena *a,
                               struct str *ret, struct err *err);
/* settings_models.c */
extern const struct setting_kind setting_models;
/* settings_uploads.c */
extern const struct setting_kind setting_upload_rules, setting_upload_extras;

const struct setting *settings_table(size_t *ret_count);
/* NULL when there is no such setting. */
const struct setting *settings_table_find(struct str key);
/* *text as the row has it becomes what was sealed, in the arena; service/settings.c. */
enum status settings_open_secret(const struct key_ring *keys, const struct setting *s,
                                 struct arena *a, struct str *text, struct err *err);
