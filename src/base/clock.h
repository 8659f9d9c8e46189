/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* clock — time inside is integer milliseconds: since 1970 (UTC) for what is
 * kept or shown, monotonic for waiting.  Outside it is RFC 3339. */
#include <stdint.h>

#include "base/str.h"

#define CLOCK_SECOND_MS 1000LL
#define CLOCK_MINUTE_MS (60 * CLOCK_SECOND_MS)
#define CLOCK_HOUR_MS   (60 * CLOCK_MINUTE_MS)
#define CLOCK_DAY_MS    (24 * CLOCK_HOUR_MS)

/* Milliseconds since 1970-01-01T00:00:00Z. */
int64_t clock_wall_ms(void);
/* Monotonic; only differences mean anything. */
int64_t clock_mono_ms(void);
int64_t clock_mono_ns(void);

enum { CLOCK_RFC3339_SIZE = 32, CLOCK_HTTP_SIZE = 32 };
/* "2026-11-22T08:15:30.123Z" into out; returns a view of it. */
struct str clock_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_SIZE]);
/* RFC 3339 with any offset; false on anything else. */
bool clock_parse_rfc3339(struct str s, int64_t *ret_wall_ms);
/* IMF-fixdate (RFC 9110 5.6.7). */
struct str clock_http_date(int64_t wall_ms, char out[CLOCK_HTTP_SIZE]);
bool clock_parse_http_date(struct str s, int64_t *ret_wall_ms);
