/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What clang-tidy cannot see from one file: that these makers of an error never return OK.
 * Without this it takes every `return err_say(…)` for a possible success and reports outputs
 * that "may" be unset.  Included before each file that scripts/tidy.sh reads, never by a
 * compiler. */
#include "base/err.h"

#define err_say(err, status, ...) ((err_say)((err), (status), __VA_ARGS__), (status))
#define err_field(...)            ((err_field)(__VA_ARGS__), E_INVALID)
