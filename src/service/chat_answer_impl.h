/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* chat_answer_impl — what its files share; nobody else includes it.
 *
 *   chat_answer.c          following a job on the loop
 *   chat_answer_job.c      the worker's side: making the job, reading its row
 *   chat_answer_request.c  the chat request's words (pure)
 *   chat_answer_write.c    chunks and completions (pure) */
#include "base/buf.h"
#include "platform/json_in.h"
#include "service/chat_answer.h"
#include "service/jobs.h"

enum { CHAT_MEDIA_MAX = DIALECT_MAX_MEDIA, CHAT_ID_MAX = 64 };

/* ---- the request */

struct chat_request {
    struct str model, prompt, image, remix_of;
    struct str size, orientation; /* STR_NONE: not said */
    int64_t count, seconds;       /* seconds 0: not said */
};
/* Views into the document, or the arena.  Top-level fields win over parts (GW-2). */
enum status chat_request_read(struct json body, struct arena *a, struct chat_request *ret,
                              struct err *err);

/* ---- the worker's side */

/* Given to the worker, and read by the loop when it comes back. */
struct chat_job {
    /* Asked for. */
    const struct relay_caller *caller;
    struct spool *body;
    struct str path, idempotency_key, origin;
    struct arena *arena; /* of the whole answer */
    /* Made. */
    int64_t id;
    char public_id[CHAT_ID_MAX];
    struct str model;
    /* As of the last look. */
    bool ended;
    int64_t progress;
    struct failure failure;
    int64_t next_at;
    struct str links[CHAT_MEDIA_MAX];
    enum media_type types[CHAT_MEDIA_MAX];
    size_t link_count;
};
/* E_UNPROCESSABLE idempotency_mismatch; E_INVALID and the like name the field. */
enum status chat_job_make(struct chat_job *j, struct worker *w, struct err *err);
enum status chat_job_look(struct chat_job *j, struct worker *w, struct err *err);

/* ---- the answer's words */

/* Each adds one server-sent event. */
void chat_write_role(struct buf *out, const struct chat_job *j, int64_t created_s);
void chat_write_progress(struct buf *out, const struct chat_job *j, int64_t created_s);
void chat_write_content(struct buf *out, const struct chat_job *j, int64_t created_s);
/* The finish chunk and [DONE]. */
void chat_write_finish(struct buf *out, const struct chat_job *j, int64_t created_s);
/* One chat.completion. */
void chat_write_completion(struct buf *out, const struct chat_job *j, int64_t created_s);
