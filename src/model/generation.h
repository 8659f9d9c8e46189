/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* generation — a user's record of one studio job (SPEC ST-2, ST-4). */
#include "base/str.h"
#include "model/job.h"

enum generation_status {
    GENERATION_PENDING,
    GENERATION_GENERATING,
    GENERATION_COMPLETED,
    GENERATION_FAILED,
    GENERATION_CANCELLED,
};

enum storage_type { STORAGE_NONE, STORAGE_UPSTREAM, STORAGE_LOCAL, STORAGE_S3 };

struct generation {
    int64_t id, user_id;
    struct str model, prompt, params; /* params: JSON object */
    enum media_type media_type;
    enum generation_status status;
    int64_t progress; /* 0–100 */
    enum storage_type storage_type;
    struct str media_url;   /* the upstream's own link, for STORAGE_UPSTREAM */
    struct str media_urls;  /* JSON array of the upstream's links */
    struct str object_keys; /* JSON array of store keys */
    int64_t file_size_bytes, width, height, duration_ms;
    struct failure failure;
    struct str storage_reason;
    int64_t account_id; /* STORAGE_UPSTREAM: whose link it is; 0: not known */
    int64_t created_at, started_at, completed_at, expires_at; /* wall ms; 0: none */
    /* Derived at load time from the job, for a pending one. */
    int64_t queue_position, eta_seconds; /* -1: unknown */
};

/* ST-2: pending → generating | failed | cancelled; generating → completed | failed |
 * cancelled; no others. */
bool generation_may_move(enum generation_status from, enum generation_status to);
bool generation_is_final(enum generation_status s);
const char *generation_status_name(enum generation_status s);
bool generation_status_parse(struct str s, enum generation_status *ret);
const char *storage_type_name(enum storage_type t);
bool storage_type_parse(struct str s, enum storage_type *ret);
