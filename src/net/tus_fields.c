/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tus_fields.h"

#include "base/hex.h"
#include "base/mem.h"

enum { VALUE_MAX = 32 << 10 }; /* as long as a whole head may be */

static struct str next_pair(struct str *rest, struct str *ret_value)
{
    *ret_value = str_trim(str_cut(rest, ','));
    return str_cut(ret_value, ' ');
}

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
            return false;
    }
    return s.n > 0;
}

static bool is_base64(struct str s)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(VALUE_MAX);
    return base64_decode(&out, s);
}

static bool has_name(struct str field, struct str name)
{
    struct str value;
    while (field.p) {
        if (str_eq(next_pair(&field, &value), name))
            return true;
    }
    return false;
}

bool tus_metadata_is_valid(struct str field)
{
    struct str rest = field.n ? field : STR_NONE, value;
    while (rest.p) {
        struct str name = next_pair(&rest, &value);
        if (!is_name(name) || !is_base64(value) || has_name(rest, name))
            return false;
    }
    return true;
}

bool tus_metadata_get(struct str field, struct str name, struct buf *out)
{
    struct str value;
    while (field.p) {
        if (str_eq(next_pair(&field, &value), name))
            return base64_decode(out, value);
    }
    return false;
}

bool tus_checksum_read(struct str field, struct str *ret_name, struct buf *out)
{
    *ret_name = str_cut(&field, ' ');
    return is_name(*ret_name) && field.n && base64_decode(out, field);
}

bool tus_number_read(struct str field, int64_t *ret)
{
    return field.n && field.p[0] >= '0' && field.p[0] <= '9' && str_to_i64(field, ret);
}
