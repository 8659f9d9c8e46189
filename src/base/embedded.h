/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* embedded — files that are part of the binary: the page, the migrations, the API's description.
 *
 * The tables are written by cmake/embed.py at build time and are sorted by path.
 * Thread: any.  Owner: the program image; nothing is ever freed.
 * Invariant: raw is always there and is followed by a NUL byte that n does not
 * count; gzip and br are there (p not NULL) only where they are smaller than raw. */
#include <stdbool.h>
#include <stddef.h>

struct embedded_bytes {
    const unsigned char *p;
    size_t n;
};

struct embedded_file {
    const char *path; /* relative to the folder it came from: "assets/index-3f2a.js" */
    const char *type; /* the value of Content-Type */
    const char *etag; /* of raw, quotes included: "\"9f86d0…\"" (SHA-256, first half) */
    struct embedded_bytes raw, gzip, br;
    bool immutable; /* its name holds a hash of its content: cache for ever */
};

/* web/dist: the page. Empty when the page was not built. */
extern const struct embedded_file embedded_web[];
extern const size_t embedded_web_count;

/* sql/migrations: "0001_name.sql", in the order in which they are applied. */
extern const struct embedded_file embedded_sql[];
extern const size_t embedded_sql_count;

/* docs: "openapi.json". */
extern const struct embedded_file embedded_docs[];
extern const size_t embedded_docs_count;
