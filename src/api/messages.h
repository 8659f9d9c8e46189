/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* messages — every stable error code with its sentence in both languages (ST-10).
 * docs/errors.md is written from the same table. */
#include "base/arena.h"
#include "base/err.h"
#include "model/job.h"
#include "service/settings.h"

/* The sentence of a code, or NULL when the code is not in the table. */
const char *message_of(const char *code, enum language language);
/* What failed and why, in one sentence: the code's, or its class's, with the upstream's
 * words behind it.  In the arena. */
struct str message_of_failure(const struct failure *f, enum language language, struct arena *a);
/* For the document and its test. */
struct message {
    const char *code;
    int http_status; /* the usual one */
    const char *zh, *en;
};
const struct message *message_table(size_t *ret_count);
/* zh or en from an Accept-Language header; `fallback` without one or with "*". */
enum language language_of(struct str accept_language, enum language fallback);
