/* SPDX-License-Identifier: Apache-2.0 */
#include "api/upload_kind.h"

enum status upload_kind_read(struct str type, struct str sub_type, const char *where,
                             enum upload_sub_type *ret, struct err *err)
{
    if (!type.p)
        return err_field(err, "missing_field", "type", "type is required%s", where);
    if (!str_eq(type, STR("user_upload")))
        return err_field(err, "invalid_field", "type", "type must be user_upload");
    if (!sub_type.p)
        return err_field(err, "missing_field", "sub_type", "sub_type is required%s", where);
    if (!upload_sub_type_parse(sub_type, ret))
        return err_field(err, "invalid_field", "sub_type", "sub_type is none that is known");
    return OK;
}
