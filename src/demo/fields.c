/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/fields.h"

#include <stdlib.h>

#include "base/mem.h"

struct str fields_dump(struct json value, struct arena *a)
{
    struct str text = STR_NONE;

    if (!json_dump(value, &text))
        return STR_NONE;
    struct str copy = arena_str(a, text);
    free((char *)(uintptr_t)text.p);
    return copy;
}

static enum status read_word(struct json value, const struct field *f, int *out, struct err *err)
{
    struct str word = json_str_or(value, STR_NONE);

    for (int i = 0; f->words[i]; i++) {
        if (str_eq(word, str_of(f->words[i]))) {
            *out = i;
            return OK;
        }
    }
    return err_field(err, "invalid_field", f->key, "%s is not one of its words", f->key);
}

static enum status read_number(struct json value, const struct field *f, void *out, struct err *err)
{
    double real = json_real_or(value, 0);
    bool right = f->type == FIELD_INT ? json_is_int(value) : json_is_number(value);

    if (!right || real < (double)f->min || real > (double)f->max)
        return err_field(err, "invalid_field", f->key, "%s must be a number from %lld to %lld",
                         f->key, (long long)f->min, (long long)f->max);
    if (f->type == FIELD_INT)
        *(int64_t *)out = json_int_or(value, 0);
    else
        *(double *)out = real;
    return OK;
}

static enum status read_text(struct json value, const struct field *f, struct str *out,
                             struct arena *a, struct err *err)
{
    if (f->type == FIELD_TEXT && !json_is_string(value))
        return err_field(err, "invalid_field", f->key, "%s must be a string", f->key);
    *out = f->type == FIELD_TEXT ? arena_str(a, json_str_or(value, STR_NONE))
                                 : fields_dump(value, a);
    if (!out->p)
        return err_field(err, "invalid_field", f->key, "%s is too long", f->key);
    return OK;
}

static enum status read_one(struct json value, const struct field *f, char *base, struct arena *a,
                            struct err *err)
{
    switch (f->type) {
    case FIELD_BOOL:
        if (!json_is_bool(value))
            return err_field(err, "invalid_field", f->key, "%s must be true or false", f->key);
        *(bool *)(base + f->at) = json_bool_or(value, false);
        return OK;
    case FIELD_INT:
    case FIELD_REAL:
        return read_number(value, f, base + f->at, err);
    case FIELD_TEXT:
    case FIELD_JSON:
        return read_text(value, f, (struct str *)(void *)(base + f->at), a, err);
    case FIELD_WORD:
        return read_word(value, f, (int *)(void *)(base + f->at), err);
    case FIELD_OTHER:
        return OK;
    }
    return OK;
}

static const struct field *find(const struct field *fields, size_t n, struct str key)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(key, str_of(fields[i].key)))
            return &fields[i];
    return NULL;
}

enum status fields_read(struct json object, const struct field *fields, size_t n, void *out,
                        struct arena *a, struct err *err)
{
    TRY(json_need_object(object, err));
    for (size_t i = 0; i < json_size(object); i++) {
        struct str key = STR_NONE;
        struct json value = json_member(object, i, &key);
        const struct field *f = find(fields, n, key);

        if (!f)
            return err_say(err, E_INVALID, "unknown_field", "there is no field \"%.*s\"",
                           (int)MIN(key.n, (size_t)60), key.p);
        TRY(read_one(value, f, out, a, err));
    }
    return OK;
}
