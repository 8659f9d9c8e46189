/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* journal — the last requests and their answers, byte for byte, so that a test can
 * assert that what was relayed is what was sent.
 *
 * Bounded: JOURNAL_RECORDS records, the first JOURNAL_BODY bytes of each body,
 * JOURNAL_BYTES of bodies together (the oldest go first; lengths and SHA-256 stay). */
#include "base/json_out.h"
#include "base/list.h"
#include "demo/counts.h"
#include "net/http1.h"

enum {
    JOURNAL_RECORDS = 400,
    JOURNAL_BODY = 1024 * 1024,
    JOURNAL_BYTES = 64 * 1024 * 1024,
};

struct journal {
    struct list records;
    size_t count;
    size_t bytes; /* of bodies kept */
    uint64_t last;
};

enum record_end { END_OPEN, END_COMPLETE, END_LEFT, END_CUT };
struct record;

void journal_init(struct journal *j);
void journal_clear(struct journal *j);
/* A new record with a reference for the caller; the head is copied. */
struct record *journal_begin(struct journal *j, enum route_id route, const struct http_head *head,
                             struct str peer);
void record_unref(struct record *r); /* NULL is fine */

/* All of these take NULL for the record: nothing is written then. */
void record_request_bytes(struct record *r, struct str bytes);
void record_request_end(struct record *r);
void record_note(struct record *r, struct str rule, struct str job);
void record_held(struct record *r, bool held);
void record_answer_head(struct record *r, int status, const struct http_header *headers, size_t n);
void record_answer_bytes(struct record *r, struct str bytes);
void record_end(struct record *r, enum record_end end);

/* What record_request_bytes() has digested, as 64 hex characters and NUL. */
void record_request_digest(const struct record *r, char out[65]);

/* One record, or false when n is not there (any more). */
bool journal_write_one(const struct journal *j, uint64_t n, struct json_out *out);
/* At most limit records after number n, of the route (ROUTE_COUNT: any). */
void journal_write(const struct journal *j, uint64_t after, size_t limit, unsigned route,
                   struct json_out *out);
