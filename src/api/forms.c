/* SPDX-License-Identifier: Apache-2.0 */
#include "api/forms.h"

#include "base/clock.h"

bool form_has(struct json body, const char *key)
{
    struct json value = json_get(body, key);
    return !json_is_absent(value) && !json_is_null(value);
}

enum status form_line(struct json body, const char *key, enum json_need need, size_t min,
                      size_t max, struct str *ret, struct err *err)
{
    struct str text = STR_NONE;
    TRY(json_field_str(body, key, need, min, max, &text, err));
    bool blank = text.n && str_trim(text).n == 0;
    text = str_trim(text);
    if (blank && min > 0)
        return err_field(err, "invalid_field", key, "%s must not be blank", key);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < ' ' || c == 0x7f)
            return err_field(err, "invalid_field", key, "%s must be one line of text", key);
    }
    if (text.p)
        *ret = text;
    return OK;
}

enum status form_quota(struct json body, const char *key, bool *ret_set, int64_t *ret,
                       struct err *err)
{
    int64_t bytes = 0;
    *ret_set = !json_is_absent(json_get(body, key));
    TRY(json_field_int(body, key, JSON_OPTIONAL, 0, FORM_BYTES_MAX, &bytes, err));
    if (*ret_set)
        *ret = bytes;
    return OK;
}

enum status form_expiry(struct json body, const char *key, bool *ret_set, int64_t *ret,
                        struct err *err)
{
    struct json value = json_get(body, key);
    int64_t at = 0;
    *ret_set = !json_is_absent(value);
    if (form_has(body, key) &&
        (!clock_parse_rfc3339(json_str_or(value, STR("")), &at) || at <= clock_wall_ms()))
        return err_field(err, "invalid_field", key,
                         "%s must be a time to come, such as 2030-01-31T12:00:00Z, or null", key);
    if (*ret_set)
        *ret = at;
    return OK;
}
