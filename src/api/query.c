/* SPDX-License-Identifier: Apache-2.0 */
#include "api/query.h"

#include "base/clock.h"
#include "model/words.h"

enum status query_number(struct call *c, const char *name, int64_t min, int64_t max, int64_t *ret,
                         struct err *err)
{
    struct str text = call_query(c, name);
    int64_t value;
    if (text.n == 0)
        return OK;
    if (!str_to_i64(text, &value) || value < min || value > max)
        return err_field(err, "invalid_field", name, "%s must be a whole number from %lld to %lld",
                         name, (long long)min, (long long)max);
    *ret = value;
    return OK;
}

enum status query_id(struct call *c, const char *name, int64_t *ret, struct err *err)
{
    return query_number(c, name, 1, INT64_MAX, ret, err);
}

enum status query_time(struct call *c, const char *name, int64_t *ret, struct err *err)
{
    struct str text = call_query(c, name);
    if (text.n > 0 && !clock_parse_rfc3339(text, ret))
        return err_field(err, "invalid_field", name,
                         "%s must be a time, such as 2030-01-31T12:00:00Z", name);
    return OK;
}

enum status query_word(struct call *c, const char *name, const char *const *words, int *ret,
                       struct err *err)
{
    struct str text = call_query(c, name);
    int place = text.n ? word_index(words, text) : -1;
    if (text.n > 0 && place < 0)
        return err_field(err, "invalid_field", name, "%s does not know \"%.*s\"", name,
                         STR_ARG(str_to(text, MIN(text.n, 40))));
    if (text.n > 0)
        *ret = place;
    return OK;
}

enum status query_text(struct call *c, const char *name, size_t max, struct str *ret,
                       struct err *err)
{
    struct str text = call_query(c, name);
    if (text.n > max)
        return err_field(err, "invalid_field", name, "%s may have %zu bytes at most", name, max);
    if (text.n > 0)
        *ret = text;
    return OK;
}
