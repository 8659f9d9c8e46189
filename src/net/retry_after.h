/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* retry_after — when an upstream that refuses wants to be asked again.
 *
 *   Retry-After           seconds or a date (RFC 9110 10.2.3), whatever the status
 *   Retry-After-Ms        milliseconds (Azure)
 *   RateLimit-Reset       seconds (draft-ietf-httpapi-ratelimit-headers, to version 07)
 *   X-RateLimit-Reset     seconds, or seconds or milliseconds since 1970
 *   X-RateLimit-Reset-Requests, …-Tokens    "20ms", "1s", "6m0s" (OpenAI); the later one
 *
 * The last three say when a window ends, which says something of a 429 alone.
 *
 * Thread: any. */
#include "net/http1.h"

enum { RETRY_AFTER_MAX_MS = 7 * 24 * 3600 * 1000 };
/* Milliseconds from now, at most RETRY_AFTER_MAX_MS; 0: it does not say.  What has passed
 * already, or is 0, is a second. */
int64_t retry_after_ms(const struct http_head *head);
