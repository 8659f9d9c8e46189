/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* job — the engine's record of one submission to an upstream, and its states.
 *
 *   queued ──▶ submitting ──▶ polling ──▶ storing ──▶ ended
 *     ▲  │         │  └─────▶ streaming ──┘   (dialects whose stream is the job)
 *     └──┴─────────┘  back to queued only when another account may take it
 *
 * Every state may go to `ended`.  `submitting` and `streaming` are committed before the
 * first byte can leave; found there after a death, the submission may have been
 * accepted.  All moves go through job_may_move(). */
#include "base/str.h"

enum job_kind { JOB_STUDIO, JOB_CHAT, JOB_VIDEO, JOB_IMAGE };
enum job_state { JOB_QUEUED, JOB_SUBMITTING, JOB_STREAMING, JOB_POLLING, JOB_STORING, JOB_ENDED };

/* ST-8. */
enum failure_class {
    FAILURE_NONE,
    FAILURE_UPSTREAM,
    FAILURE_CONTENT_POLICY,
    FAILURE_TIMEOUT,
    FAILURE_QUOTA,
    FAILURE_ACCOUNT,
    FAILURE_SUBMISSION_UNKNOWN,
    FAILURE_INTERNAL,
};

/* Why something failed, as data: people read the sentence of the code (api/messages) in
 * their language, with the words behind it. */
struct failure {
    enum failure_class class;
    struct str code;  /* what happened exactly; STR_NONE: failure_class_code() says it */
    struct str words; /* the upstream's own, for the public; STR_NONE: none */
};

enum media_type { MEDIA_VIDEO, MEDIA_IMAGE };

struct job {
    int64_t id;
    struct str public_id; /* "video_…", also the Idempotency-Key's stem */
    enum job_kind kind;
    int64_t generation_id, user_id, api_key_id, group_id; /* 0: none */
    bool ungrouped;                                       /* GW-1: accounts of no group */
    int64_t pinned_to;         /* the only account that may take it; 0: any */
    struct str model, request; /* request: JSON, see service/jobs.h */
    int64_t input_object_id;
    struct str idempotency_key;
    enum job_state state;
    int64_t account_id;
    struct str tried_accounts; /* "3,7" */
    struct str upstream_id, upstream_ref;
    int64_t progress;       /* 0–100 */
    struct str result;      /* JSON: what the upstream delivered */
    struct failure failure; /* also of a job that is back in line */
    int64_t attempts, fence;
    int64_t missing_since; /* polls have been answered with "no such task" since then; 0: no */
    int64_t next_at, pending_until, deadline_at, submitted_at, created_at, ended_at;
};

bool job_may_move(enum job_state from, enum job_state to);
const char *job_state_name(enum job_state s);
bool job_state_parse(struct str s, enum job_state *ret);
const char *job_kind_name(enum job_kind k);
bool job_kind_parse(struct str s, enum job_kind *ret);
const char *failure_class_name(enum failure_class c); /* "" for none */
const char *failure_class_code(enum failure_class c); /* of api/messages; "" for none */
bool failure_class_parse(struct str s, enum failure_class *ret);
const char *media_type_name(enum media_type t);
bool media_type_parse(struct str s, enum media_type *ret);
