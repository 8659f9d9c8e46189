/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* respond — the one place where an outcome becomes HTTP.
 *
 * `/api/…`: {"error":{"code","message",…}} in the caller's language (api/messages);
 * `/v1`, `/sora/v1`: OpenAI's shape in English (GW-12). */
#include "api/call.h"

/* HTTP status of an outcome. */
int respond_status(enum status status);
/* Writes the error answer of /api routes into out. */
void respond_error(struct buf *out, enum language language, const struct err *err);
/* An error's headers: JSON, Retry-After, and for what may have been paid for already the word by
 * which the official `openai` packages do not make the call again.  `seconds` is their storage. */
enum { RESPOND_HEADERS = 3 };
size_t respond_headers(const struct err *err, char seconds[24],
                       struct http_header ret[RESPOND_HEADERS]);
/* The member "message" of an error. */
void respond_message(struct json_out *j, enum language language, const struct err *err);
/* OpenAI's shape. */
void respond_openai_error(struct buf *out, int http_status, const struct err *err);
