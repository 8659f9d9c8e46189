/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* words — closed sets of names, as NULL-ended tables in the order of their enum. */
#include "base/str.h"

/* Place of s in the table, -1 if it is not there. */
int word_index(const char *const *words, struct str s);
