/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* json_in — a bounded JSON reader that names the bad field.
 *
 * RFC 8259, strict: valid UTF-8, no duplicate keys, no trailing bytes, depth at most 32, at most
 * 1,000,000 values.  A document lives as long as its struct; views point into it. */
#include "base/err.h"
#include "base/str.h"

struct json_doc;
/* One value inside a document; by value, NULL-like when absent (json_is_absent). */
struct json {
    const void *node;
};

/* E_INVALID, code "invalid_json", with line and column in the sentence. */
enum status json_parse(struct str text, struct json_doc **ret, struct err *err);
void json_doc_free(struct json_doc *doc);
static inline void json_doc_freep(struct json_doc **doc)
{
    json_doc_free(*doc);
}
struct json json_root(const struct json_doc *doc);

bool json_is_absent(struct json j); /* not there; null is not absent */
bool json_is_null(struct json j);
bool json_is_object(struct json j);
bool json_is_array(struct json j);
bool json_is_string(struct json j);
bool json_is_int(struct json j);
bool json_is_number(struct json j);
bool json_is_bool(struct json j);

struct json json_get(struct json object, const char *key); /* absent if not there */
struct json json_at(struct json array, size_t i);
size_t json_size(struct json container); /* members or items; 0 for others */
/* The i-th member in document order. */
struct json json_member(struct json object, size_t i, struct str *ret_key);

/* Value or fallback, for reading what other programs wrote. */
struct str json_str_or(struct json j, struct str fallback);
int64_t json_int_or(struct json j, int64_t fallback); /* integral reals too */
double json_real_or(struct json j, double fallback);
bool json_bool_or(struct json j, bool fallback);

/* Checked fields of a request body: on failure E_INVALID with the field named,
 * code "invalid_field" (or "missing_field"), sentence such as
 * "prompt must be a string of 1 to 4000 characters".  Lengths in code points.  An optional field
 * that is absent, or null, leaves *ret as it was. */
enum json_need { JSON_REQUIRED, JSON_OPTIONAL };
enum status json_field_str(struct json object, const char *key, enum json_need need, size_t min,
                           size_t max, struct str *ret, struct err *err);
enum status json_field_int(struct json object, const char *key, enum json_need need, int64_t min,
                           int64_t max, int64_t *ret, struct err *err);
enum status json_field_bool(struct json object, const char *key, enum json_need need, bool *ret,
                            struct err *err);
/* One of a NULL-ended list of words; *ret_index is its place. */
enum status json_field_word(struct json object, const char *key, enum json_need need,
                            const char *const *words, int *ret_index, struct err *err);
/* The body must be an object. */
enum status json_need_object(struct json j, struct err *err);
/* The value as compact JSON text. */
bool json_dump(struct json j, struct str *ret_owned); /* caller frees ret->p */
