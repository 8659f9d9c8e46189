/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* generations — the user's side of studio jobs (SPEC ST-1, ST-4, ST-5). */
#include "model/generation.h"
#include "model/object.h"
#include "service/app.h"
#include "service/request_key.h"
#include "service/settings.h"

enum { GENERATIONS_LIVE_MAX = 3 };

struct generation_order {
    int64_t user_id;
    struct str model, prompt, orientation; /* orientation: STR_NONE if the model says it */
    enum media_type media_type;
    int64_t count, seconds;
    struct str image_url;   /* http(s), or STR_NONE */
    struct str image_name;  /* may name an upload of one's own (service/upload_shelf) */
    struct str image_bytes; /* decoded data URL, or STR_NONE */
    const char *image_type;
    struct str params; /* JSON: what was asked beside model and prompt */
    struct request_key once;
};

/* ST-1, in its order and exactly under concurrency: quota (429 quota_exceeded), at most
 * three live (429 too_many_jobs), a pending row with its job.
 * With a key (GW-11) an equal order is answered with the id of the first one, whatever has
 * become of it; E_UNPROCESSABLE idempotency_mismatch for another order, E_GONE result_gone
 * when the record has been deleted. */
enum status generation_create(struct worker *w, const struct generation_order *order,
                              struct arena *a, int64_t *ret_id, struct err *err);
/* ST-5. */
enum status generation_cancel(struct worker *w, int64_t user_id, int64_t id, struct err *err);
/* A running one is cancelled first; bytes are given back at once. */
enum status generation_remove(struct worker *w, int64_t user_id, int64_t id, struct err *err);
/* ST-6, for works that are an upstream's link: into the bucket, in one transaction with the
 * record.  Blocks as long as that takes.  Whoever asks while somebody else is saving waits for
 * him.  E_CONFLICT not_saveable, saving; E_GONE link_expired; E_UNAVAILABLE
 * storage_not_configured, storage_unavailable; E_LIMIT quota_exceeded. */
enum status generation_save(struct worker *w, int64_t user_id, int64_t id, struct arena *a,
                            struct err *err);
/* Inside a transaction: cancels a user's jobs and queues all its objects for deletion. */
enum status generations_forget_user(struct db_conn *tx, int64_t user_id, struct err *err);
/* queue_position and eta_seconds of a live one. */
enum status generation_estimate(struct worker *w, struct generation *g, struct err *err);
