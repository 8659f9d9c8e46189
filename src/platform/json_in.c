/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
/* jansson's macros; ours are functions over struct json. */
#undef json_is_object
#undef json_is_array
#undef json_is_string
#undef json_is_number
#undef json_is_null

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "platform/json_in.h"

enum { DEPTH_MAX = 32, VALUES_MAX = 1000000 };

struct json_doc {
    json_t *root;
};

static const json_t *node_of(struct json j)
{
    return j.node;
}

/* --- parsing ------------------------------------------------------------- */

/* Before the parser, which would descend 2048 levels, and which takes forty bytes for each value
 * of two: brackets and commas outside of strings. */
static bool is_within_bounds(struct str text)
{
    unsigned depth = 0, values = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '"')
            in_string = !in_string;
        else if (in_string)
            i += c == '\\';
        else if (c == '[' || c == '{')
            depth++, values++;
        else if (c == ']' || c == '}')
            depth -= depth > 0;
        else
            values += c == ',';
        if (depth > DEPTH_MAX || values > VALUES_MAX)
            return false;
    }
    return true;
}

static enum status fail_parse(const json_error_t *error, struct err *err)
{
    err_say(err, E_INVALID, "invalid_json", "the JSON is not valid at line %d, column %d",
            MAX(error->line, 1), MAX(error->column, 1));
    err_detail(err, "%s", error->text);
    return E_INVALID;
}

enum status json_parse(struct str text, struct json_doc **ret, struct err *err)
{
    json_error_t error = {.line = 1, .column = 1};
    if (!is_within_bounds(text))
        return err_say(err, E_INVALID, "invalid_json",
                       "the JSON is nested deeper than %d levels, or has more than %d values",
                       DEPTH_MAX, VALUES_MAX);
    /* jansson 2.14 skips a NUL that ends a number or a literal. */
    if (str_has_char(text, '\0'))
        return err_say(err, E_INVALID, "invalid_json", "the JSON holds a NUL byte");
    /* An integer beyond 64 bits is an error, since JSON_DECODE_INT_AS_REAL is not
     * given; so is NUL in a string, without JSON_ALLOW_NUL. */
    json_t *root = json_loadb(text.p ? text.p : "", text.n,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!root)
        return fail_parse(&error, err);
    struct json_doc *doc = mem_zalloc(sizeof(*doc));
    doc->root = root;
    *ret = doc;
    return OK;
}

void json_doc_free(struct json_doc *doc)
{
    if (!doc)
        return;
    json_decref(doc->root);
    free(doc);
}

struct json json_root(const struct json_doc *doc)
{
    return (struct json){doc->root};
}

/* --- kinds --------------------------------------------------------------- */

static bool is_kind(struct json j, json_type type)
{
    return j.node && json_typeof(node_of(j)) == type;
}

bool json_is_absent(struct json j)
{
    return !j.node;
}

bool json_is_null(struct json j)
{
    return is_kind(j, JSON_NULL);
}

bool json_is_object(struct json j)
{
    return is_kind(j, JSON_OBJECT);
}

bool json_is_array(struct json j)
{
    return is_kind(j, JSON_ARRAY);
}

bool json_is_string(struct json j)
{
    return is_kind(j, JSON_STRING);
}

bool json_is_int(struct json j)
{
    return is_kind(j, JSON_INTEGER);
}

bool json_is_number(struct json j)
{
    return is_kind(j, JSON_INTEGER) || is_kind(j, JSON_REAL);
}

bool json_is_bool(struct json j)
{
    return is_kind(j, JSON_TRUE) || is_kind(j, JSON_FALSE);
}

/* --- walking ------------------------------------------------------------- */

struct json json_get(struct json object, const char *key)
{
    return (struct json){json_is_object(object) ? json_object_get(node_of(object), key) : NULL};
}

struct json json_at(struct json array, size_t i)
{
    return (struct json){json_is_array(array) ? json_array_get(node_of(array), i) : NULL};
}

size_t json_size(struct json container)
{
    if (json_is_object(container))
        return json_object_size(node_of(container));
    return json_is_array(container) ? json_array_size(node_of(container)) : 0;
}

/* jansson takes its iterator from a mutable object, but does not change it. */
static json_t *mutable_of(struct json j)
{
    return (json_t *)(uintptr_t)j.node;
}

struct json json_member(struct json object, size_t i, struct str *ret_key)
{
    if (!json_is_object(object))
        return (struct json){NULL};
    json_t *node = mutable_of(object);
    void *at = json_object_iter(node);
    while (at && i--)
        at = json_object_iter_next(node, at);
    if (!at)
        return (struct json){NULL};
    *ret_key = (struct str){json_object_iter_key(at), json_object_iter_key_len(at)};
    return (struct json){json_object_iter_value(at)};
}

/* --- values -------------------------------------------------------------- */

static struct str text_of(struct json j)
{
    return (struct str){json_string_value(node_of(j)), json_string_length(node_of(j))};
}

/* A real without a fraction that 64 bits hold exactly, as 1e3 or 5.0. */
static bool integer_of(struct json j, int64_t *ret)
{
    if (json_is_int(j)) {
        *ret = json_integer_value(node_of(j));
        return true;
    }
    if (!is_kind(j, JSON_REAL))
        return false;
    double value = json_real_value(node_of(j));
    if (trunc(value) != value || fabs(value) > 9007199254740992.0)
        return false;
    *ret = (int64_t)value;
    return true;
}

struct str json_str_or(struct json j, struct str fallback)
{
    return json_is_string(j) ? text_of(j) : fallback;
}

int64_t json_int_or(struct json j, int64_t fallback)
{
    int64_t value;
    return integer_of(j, &value) ? value : fallback;
}

double json_real_or(struct json j, double fallback)
{
    return json_is_number(j) ? json_number_value(node_of(j)) : fallback;
}

bool json_bool_or(struct json j, bool fallback)
{
    return json_is_bool(j) ? is_kind(j, JSON_TRUE) : fallback;
}

bool json_dump(struct json j, struct str *ret_owned)
{
    char *text = j.node ? json_dumps(node_of(j), JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_malloc_t take;
    json_free_t give_back;
    if (!text)
        return false;
    /* Its allocator need not be ours: under some sanitizers it is not. */
    json_get_alloc_funcs(&take, &give_back);
    *ret_owned = str_of(mem_strdup(text));
    give_back(text);
    return true;
}

/* --- checked fields ------------------------------------------------------ */

/* *ret_value absent: an optional field that is not there. */
static enum status need_field(struct json object, const char *key, enum json_need need,
                              struct json *ret_value, struct err *err)
{
    struct json value = json_get(object, key);
    if (json_is_null(value))
        value.node = NULL;
    if (json_is_absent(value) && need == JSON_REQUIRED)
        return err_field(err, "missing_field", key, "%s is required", key);
    *ret_value = value;
    return OK;
}

static enum status refuse_str(const char *key, size_t min, size_t max, struct err *err)
{
    if (max >= SIZE_MAX / 2)
        return err_field(err, "invalid_field", key,
                         min ? "%s must be a string that is not empty" : "%s must be a string",
                         key);
    if (min == 0)
        return err_field(err, "invalid_field", key, "%s must be a string of at most %zu characters",
                         key, max);
    return err_field(err, "invalid_field", key, "%s must be a string of %zu to %zu characters", key,
                     min, max);
}

enum status json_field_str(struct json object, const char *key, enum json_need need, size_t min,
                           size_t max, struct str *ret, struct err *err)
{
    struct json value = {NULL};
    TRY(need_field(object, key, need, &value, err));
    if (json_is_absent(value))
        return OK;
    if (!json_is_string(value))
        return refuse_str(key, min, max, err);
    struct str text = text_of(value);
    size_t length = utf8_length(text);
    if (length < min || length > max)
        return refuse_str(key, min, max, err);
    *ret = text;
    return OK;
}

enum status json_field_int(struct json object, const char *key, enum json_need need, int64_t min,
                           int64_t max, int64_t *ret, struct err *err)
{
    struct json value = {NULL};
    int64_t number;
    TRY(need_field(object, key, need, &value, err));
    if (json_is_absent(value))
        return OK;
    if (!integer_of(value, &number) || number < min || number > max) {
        if (max == INT64_MAX)
            return err_field(err, "invalid_field", key,
                             "%s must be a whole number of at least %" PRId64, key, min);
        return err_field(err, "invalid_field", key,
                         "%s must be a whole number from %" PRId64 " to %" PRId64, key, min, max);
    }
    *ret = number;
    return OK;
}

enum status json_field_bool(struct json object, const char *key, enum json_need need, bool *ret,
                            struct err *err)
{
    struct json value = {NULL};
    TRY(need_field(object, key, need, &value, err));
    if (json_is_absent(value))
        return OK;
    if (!json_is_bool(value))
        return err_field(err, "invalid_field", key, "%s must be true or false", key);
    *ret = is_kind(value, JSON_TRUE);
    return OK;
}

/* "a, b or c", cut where the sentence would become too long. */
static void list_words(const char *const *words, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; words[i] && n < size; i++) {
        const char *before = i == 0 ? "" : words[i + 1] ? ", " : " or ";
        int added = snprintf(out + n, size - n, "%s%s", before, words[i]);
        n += added > 0 ? (size_t)added : 0;
    }
}

enum status json_field_word(struct json object, const char *key, enum json_need need,
                            const char *const *words, int *ret_index, struct err *err)
{
    struct json value = {NULL};
    TRY(need_field(object, key, need, &value, err));
    if (json_is_absent(value))
        return OK;
    struct str text = json_str_or(value, STR_NONE);
    for (int i = 0; words[i] && text.p; i++) {
        if (str_eq(text, str_of(words[i]))) {
            *ret_index = i;
            return OK;
        }
    }
    char list[ERR_TEXT_MAX / 2];
    list_words(words, list, sizeof(list));
    return err_field(err, "invalid_field", key, "%s must be one of: %s", key, list);
}

enum status json_need_object(struct json j, struct err *err)
{
    if (!json_is_object(j))
        return err_say(err, E_INVALID, "invalid_json", "the body must be a JSON object");
    return OK;
}
