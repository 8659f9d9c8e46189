/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* query — what several lists read from an address' query.
 *
 * An absent parameter, or an empty one, leaves *ret as it is; a bad one is E_INVALID, code
 * "invalid_field", and named. */
#include "api/call.h"

/* The id of something. */
enum status query_id(struct call *c, const char *name, int64_t *ret, struct err *err);
/* RFC 3339 → wall ms. */
enum status query_time(struct call *c, const char *name, int64_t *ret, struct err *err);
/* One of a NULL-ended table of words: its place in it. */
enum status query_word(struct call *c, const char *name, const char *const *words, int *ret,
                       struct err *err);
/* A whole number. */
enum status query_number(struct call *c, const char *name, int64_t min, int64_t max, int64_t *ret,
                         struct err *err);
/* Text of at most max bytes. */
enum status query_text(struct call *c, const char *name, size_t max, struct str *ret,
                       struct err *err);
