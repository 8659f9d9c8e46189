/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* upload_kind — what a file is said to be for: type and sub_type, in whatever way they come (SPEC
 * UP-1). */
#include "base/err.h"
#include "model/upload.h"

/* STR_NONE: not said.  where: stands behind "type is required". */
enum status upload_kind_read(struct str type, struct str sub_type, const char *where,
                             enum upload_sub_type *ret, struct err *err);
