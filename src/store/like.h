/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* like — what a person typed into a search box, as a pattern for LIKE … ESCAPE '!'. */
#include "base/arena.h"

/* "%typed%" in lower case (ASCII) with LIKE's own signs escaped; "%" for an empty
 * search.  Compare with LOWER(column). */
struct str like_pattern(struct arena *a, struct str typed);
