/* SPDX-License-Identifier: Apache-2.0 */
/* The setting `models`: an administrator's own list in place of the built-in one (SPEC ST-11). */
#include <stdio.h>

#include "base/utf8.h"
#include "model/job.h"
#include "model/words.h"
#include "service/models.h"
#include "service/settings_table.h"

enum { MAX_MODELS = 200, MAX_TEXT = 256 << 10, MAX_SECONDS = 120, MAX_SIDE = 16384 };

/* --- what comes in a request: all of it is looked at, so that no slip is kept unseen ------ */

static enum status wrong(struct err *err, const char *sentence)
{
    return err_say(err, E_INVALID, "invalid_field", "%s", sentence);
}

static enum status check_members(struct json entry, struct err *err)
{
    static const char *const known[] = {"id",          "name",        "media_type",
                                        "description", "orientation", "seconds",
                                        "size",        "image_input", NULL};
    for (size_t i = 0; i < json_size(entry); i++) {
        struct str key;
        json_member(entry, i, &key);
        if (word_index(known, key) < 0)
            return err_say(err, E_INVALID, "invalid_field", "A model has no %.*s.",
                           STR_ARG(str_to(key, 40)));
    }
    return OK;
}

/* "1280x720" */
static bool is_size(struct str text)
{
    int64_t side;
    struct str width = str_cut(&text, 'x');
    return str_to_i64(width, &side) && side > 0 && side <= MAX_SIDE && str_to_i64(text, &side) &&
           side > 0 && side <= MAX_SIDE;
}

static enum status check_texts(struct json entry, struct err *err)
{
    static const char *const media[] = {"video", "image", NULL};
    static const char *const orientations[] = {"landscape", "portrait", NULL};
    struct str text = STR_NONE, size = STR_NONE;
    int place;
    bool image_input;
    TRY(json_field_str(entry, "name", JSON_OPTIONAL, 0, 128, &text, err));
    TRY(json_field_str(entry, "description", JSON_OPTIONAL, 0, 256, &text, err));
    TRY(json_field_word(entry, "media_type", JSON_OPTIONAL, media, &place, err));
    TRY(json_field_word(entry, "orientation", JSON_OPTIONAL, orientations, &place, err));
    TRY(json_field_bool(entry, "image_input", JSON_OPTIONAL, &image_input, err));
    TRY(json_field_str(entry, "size", JSON_OPTIONAL, 1, 16, &size, err));
    return !size.p || is_size(size) ? OK : wrong(err, "size must be like 1280x720");
}

static enum status check_seconds(struct json entry, struct err *err)
{
    struct json seconds = json_get(entry, "seconds");
    if (json_is_absent(seconds) || json_is_null(seconds))
        return OK;
    bool fine = json_is_array(seconds) && json_size(seconds) <= MODEL_MAX_SECONDS;
    for (size_t i = 0; fine && i < json_size(seconds); i++) {
        int64_t value = json_int_or(json_at(seconds, i), 0);
        fine = json_is_int(json_at(seconds, i)) && value >= 1 && value <= MAX_SECONDS;
    }
    return fine ? OK : wrong(err, "seconds must be at most 8 whole numbers from 1 to 120");
}

static enum status check_id(struct json models, size_t i, struct err *err)
{
    struct str id = STR_NONE;
    TRY(json_field_str(json_at(models, i), "id", JSON_REQUIRED, 1, 128, &id, err));
    for (size_t k = 0; k < i; k++) {
        if (str_eq(id, json_str_or(json_get(json_at(models, k), "id"), STR(""))))
            return err_say(err, E_INVALID, "invalid_field", "there is another %.*s", STR_ARG(id));
    }
    return OK;
}

static enum status check_model(struct json models, size_t i, struct err *err)
{
    struct json entry = json_at(models, i);
    if (!json_is_object(entry))
        return wrong(err, "must be an object");
    TRY(check_members(entry, err));
    TRY(check_id(models, i, err));
    TRY(check_texts(entry, err));
    return check_seconds(entry, err);
}

static enum status models_read(const struct setting *s, struct json value, struct arena *a,
                               struct str *ret, struct err *err)
{
    for (size_t i = 0; i < json_size(value) && i < MAX_MODELS; i++) {
        struct err why = {0};
        if (json_is_array(value) && check_model(value, i, &why) != OK)
            return err_field(err, "invalid_field", s->key, "%s[%zu]: %s", s->key, i, why.text);
    }
    return setting_read_array(s, value, a, ret, err);
}

/* --- what is kept ------------------------------------------------------------------------ */

static bool is_id(struct str id)
{
    for (size_t i = 0; i < id.n; i++) {
        if ((unsigned char)id.p[i] < ' ' || id.p[i] == 0x7f)
            return false;
    }
    return id.n > 0 && id.n <= 128 && utf8_valid(id);
}

/* "[]" is no list of models at all, which would leave the studio empty: it is refused. */
static enum status models_load(const struct setting *s, struct str text, struct arena *a,
                               struct settings *into, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    into->models = STR("");
    if (text.n == 0)
        return OK;
    if (text.n > MAX_TEXT || json_parse(text, &doc, NULL) != OK)
        return err_field(err, "invalid_field", s->key, "%s must be an array of models", s->key);
    size_t count = json_size(json_root(doc));
    if (!json_is_array(json_root(doc)) || count == 0 || count > MAX_MODELS)
        return err_field(err, "invalid_field", s->key, "%s must have 1 to %d entries", s->key,
                         MAX_MODELS);
    for (size_t i = 0; i < count; i++) {
        if (!is_id(json_str_or(json_get(json_at(json_root(doc), i), "id"), STR(""))))
            return err_field(err, "invalid_field", s->key,
                             "%s must hold objects with an id of 1 to 128 characters", s->key);
    }
    into->models = arena_str(a, text);
    return into->models.p ? OK : err_set(err, E_NO_MEMORY, "no_memory");
}

static void models_write(const struct setting *s, const struct settings *from, struct json_out *j)
{
    json_key(j, s->key);
    if (from->models.n)
        json_raw(j, from->models);
    else
        json_null(j);
    json_key(j, "models_built_in");
    models_write_built_in(j);
}

const struct setting_kind setting_models = {models_read, models_load, models_write};
