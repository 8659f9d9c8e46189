/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* arena — memory that lives as long as one request or one job step.
 *
 * Thread: one at a time.  Owner: whoever made it; everything taken from it goes
 * with arena_free() or arena_reset().  The cap is stated when it is made; past
 * it every call returns NULL (or STR_NONE), never more memory.  Freed memory is
 * poisoned under AddressSanitizer. */
#include <stdarg.h>

#include "base/mem.h"
#include "base/str.h"

struct arena;

/* cap: total bytes it may hand out. */
struct arena *arena_new(size_t cap);
void arena_free(struct arena *a);
DEFINE_CLEANUP(struct arena, arena_free)
/* Forgets everything taken; keeps the first block. */
void arena_reset(struct arena *a);

/* Zeroed, aligned for any type; NULL when the cap is reached. */
void *arena_alloc(struct arena *a, size_t size);
/* Copies with a NUL behind the last byte (not counted); p is NULL at the cap. */
struct str arena_str(struct arena *a, struct str s);
char *arena_strz(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct str arena_vprintf(struct arena *a, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Bytes handed out so far. */
size_t arena_used(const struct arena *a);
