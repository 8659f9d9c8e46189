/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of uploads that are lists: upload_rules, upload_extra_sub_types. */
#include "base/mem.h"
#include "model/words.h"
#include "service/settings_table.h"

/* What a JSON number carries exactly everywhere. */
#define MAX_FIGURE (INT64_C(1) << 53)

static enum status parse_array(const struct setting *s, struct str text, struct json_doc **ret,
                               struct err *err)
{
    TRY(json_parse(text, ret, err));
    if (json_is_array(json_root(*ret)))
        return OK;
    json_doc_free(*ret);
    *ret = NULL;
    return err_field(err, "invalid_field", s->key, "%s must be an array", s->key);
}

/* --- upload_rules -------------------------------------------------------- */

static enum status read_figures(struct json entry, struct upload_rule *r, struct err *err)
{
    r->max_bytes = r->max_pixels = r->quota_bytes = -1;
    TRY(json_field_int(entry, "group_id", JSON_OPTIONAL, 1, MAX_FIGURE, &r->group_id, err));
    TRY(json_field_int(entry, "max_bytes", JSON_OPTIONAL, 1, MAX_FIGURE, &r->max_bytes, err));
    TRY(json_field_int(entry, "max_pixels", JSON_OPTIONAL, 1, MAX_FIGURE, &r->max_pixels, err));
    return json_field_int(entry, "quota_bytes", JSON_OPTIONAL, 0, MAX_FIGURE, &r->quota_bytes, err);
}

static enum status read_rule(struct json entry, struct upload_rule *ret, struct err *err)
{
    static const char *const known[] = {"group_id",   "sub_type",    "max_bytes",
                                        "max_pixels", "quota_bytes", NULL};
    struct upload_rule rule = {.sub_type = -1};
    struct str name = STR_NONE;
    enum upload_sub_type type;
    for (size_t i = 0; i < json_size(entry); i++) {
        struct str key;
        json_member(entry, i, &key);
        if (word_index(known, key) < 0)
            return err_say(err, E_INVALID, "invalid_field", "A rule has no %.*s.",
                           STR_ARG(str_to(key, 40)));
    }
    TRY(read_figures(entry, &rule, err));
    TRY(json_field_str(entry, "sub_type", JSON_OPTIONAL, 1, 40, &name, err));
    if (name.p && !upload_sub_type_parse(name, &type))
        return err_say(err, E_INVALID, "invalid_field", "There is no sub_type %.*s.",
                       STR_ARG(name));
    if (name.p)
        rule.sub_type = (int)type;
    if (rule.sub_type >= 0 && rule.quota_bytes >= 0)
        return err_say(err, E_INVALID, "invalid_field", "A quota is a tier's, not a sub_type's.");
    *ret = rule;
    return OK;
}

static enum status rules_load(const struct setting *s, struct str text, struct arena *a,
                              struct settings *into, struct err *err)
{
    (void)a;
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct upload_settings *uploads = &into->uploads;
    TRY(parse_array(s, text, &doc, err));
    size_t count = json_size(json_root(doc));
    if (count > UPLOAD_RULES_MAX)
        return err_field(err, "invalid_field", s->key, "%s must have at most %d entries", s->key,
                         UPLOAD_RULES_MAX);
    for (size_t i = 0; i < count; i++) {
        struct json entry = json_at(json_root(doc), i);
        struct err why = {0};
        if (!json_is_object(entry))
            return err_field(err, "invalid_field", s->key, "%s must hold objects", s->key);
        if (read_rule(entry, &uploads->rules[i], &why) != OK)
            return err_field(err, "invalid_field", s->key, "%s[%zu]: %s", s->key, i, why.text);
    }
    uploads->rule_count = count;
    return OK;
}

static void write_figure(struct json_out *j, const char *key, int64_t value)
{
    if (value >= 0)
        json_kv_int(j, key, value);
}

static void rules_write(const struct setting *s, const struct settings *from, struct json_out *j)
{
    json_key(j, s->key);
    json_array(j);
    for (size_t i = 0; i < from->uploads.rule_count; i++) {
        const struct upload_rule *r = &from->uploads.rules[i];
        json_object(j);
        if (r->group_id)
            json_kv_int(j, "group_id", r->group_id);
        if (r->sub_type >= 0)
            json_kv_z(j, "sub_type", upload_sub_type_name((enum upload_sub_type)r->sub_type));
        write_figure(j, "max_bytes", r->max_bytes);
        write_figure(j, "max_pixels", r->max_pixels);
        write_figure(j, "quota_bytes", r->quota_bytes);
        json_object_end(j);
    }
    json_array_end(j);
}

const struct setting_kind setting_upload_rules = {setting_read_array, rules_load, rules_write};

/* --- upload_extra_sub_types ---------------------------------------------- */

static const enum upload_sub_type extras[] = {UPLOAD_SCENE, UPLOAD_OTHER};

static enum status extras_load(const struct setting *s, struct str text, struct arena *a,
                               struct settings *into, struct err *err)
{
    (void)a;
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    unsigned set = 0;
    TRY(parse_array(s, text, &doc, err));
    for (size_t i = 0; i < json_size(json_root(doc)); i++) {
        struct str name = json_str_or(json_at(json_root(doc), i), STR(""));
        enum upload_sub_type type;
        if (!upload_sub_type_parse(name, &type) || type < UPLOAD_SCENE)
            return err_field(err, "invalid_field", s->key, "%s may hold scene and other", s->key);
        set |= 1u << type;
    }
    into->uploads.extra = set;
    return OK;
}

static void extras_write(const struct setting *s, const struct settings *from, struct json_out *j)
{
    json_key(j, s->key);
    json_array(j);
    for (size_t i = 0; i < ARRAY_SIZE(extras); i++) {
        if (from->uploads.extra & (1u << extras[i]))
            json_str(j, str_of(upload_sub_type_name(extras[i])));
    }
    json_array_end(j);
}

const struct setting_kind setting_upload_extras = {setting_read_array, extras_load, extras_write};
