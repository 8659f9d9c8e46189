/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* like — what a person typed into a search box, as a pattern for LIKE … ESCAPE '!'. */
#include "base/arena.h"

/* SQL: the column holds what was typed, whatever the case; param ("$1") is bound to
 * like_pattern().  Of letters beyond ASCII PostgreSQL knows the two cases, SQLite does not. */
#define LIKE_TYPED(column, param) "LOWER(" column ") LIKE LOWER(CAST(" param " AS TEXT)) ESCAPE '!'"
#define LIKE_EITHER(one, other, param)                                                             \
    "(" LIKE_TYPED(one, param) " OR " LIKE_TYPED(other, param) ")"

/* "%typed%" with LIKE's own signs escaped; "%" for an empty search. */
struct str like_pattern(struct arena *a, struct str typed);
