/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* forms — what several request bodies have in common, beyond platform/json_in. */
#include "platform/json_in.h"

/* What a JSON number carries exactly everywhere: 2^53. */
#define FORM_BYTES_MAX (INT64_C(1) << 53)

/* Is the member there and not null? */
bool form_has(struct json body, const char *key);
/* One line of text: no control characters.  Blanks at its ends do not count. */
enum status form_line(struct json body, const char *key, enum json_need need, size_t min,
                      size_t max, struct str *ret, struct err *err);
/* A quota in bytes; null and 0 inherit.  *ret_set: it is there. */
enum status form_quota(struct json body, const char *key, bool *ret_set, int64_t *ret,
                       struct err *err);
/* RFC 3339 in the future, or null for never (0).  *ret_set: it is there. */
enum status form_expiry(struct json body, const char *key, bool *ret_set, int64_t *ret,
                        struct err *err);
