/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* jobs — the engine: rows that become results, whatever dies on the way (SPEC ST-2, ST-3).
 *
 * A scheduler thread claims due rows that can be worked on, under a lease with a fencing number,
 * and hands one step to a worker; a step writes its outcome, under that number, before the next
 * begins.  Nothing about a job lives only in memory but the slot it holds in the pool, which is
 * taken again after a restart.  Shared by the studio, chat answers (GW-8) and the OpenAI
 * surface. */
#include <stdatomic.h>

#include "base/err.h"
#include "dialect/dialect.h"
#include "model/job.h"
#include "platform/db.h"
#include "service/app.h"

/* An input image: an address, or bytes that are stored as a free object.  Neither: none. */
struct job_input {
    struct str url; /* http(s) */
    int64_t object_id;
};

/* What is asked for; views are copied into the row. */
struct job_spec {
    enum job_kind kind;
    int64_t user_id, api_key_id, group_id, generation_id; /* 0: none */
    bool ungrouped;                                       /* GW-1: accounts without a group */
    int hop; /* GW-14: how many Kinoras the request has passed */
    enum media_type media_type;
    struct str model, prompt, orientation, size;
    struct str remix_of, remixed_from; /* the upstream's id of a work, and our own */
    int64_t pinned_to;                 /* the only account that may take it; 0: any */
    int64_t count, seconds;
    bool as_base64;   /* an image's bytes are asked for, not its address */
    struct str extra; /* JSON object of whatever else the caller said; or STR_NONE */
    bool size_said;   /* size is the caller's own word, not the model's */
    struct job_input images[DIALECT_MAX_IMAGES], mask;
    size_t image_count;
    int64_t pending_ms, total_ms; /* how long it may wait, and last in all */
};

/* Inside an open transaction; call jobs_wake() after its commit. */
enum status jobs_add(struct db_conn *tx, const struct job_spec *spec, struct arena *a,
                     struct job *ret, struct err *err);
void jobs_wake(struct jobs *j);
/* Inside an open transaction: ends a live job as cancelled by its owner; the upstream is told
 * afterwards where it can be, if need be by the next process.  E_CONFLICT, code
 * "already_finished". */
enum status jobs_cancel(struct db_conn *tx, int64_t job_id, struct err *err);

/* Starts the scheduler and the lease keeper.  What has begun before a failure is taken down as all
 * of it would be: jobs_drain(), jobs_cut(), jobs_free(). */
enum status jobs_start(struct app *app, struct err *err);
/* Takes up what an ended process of the same data folder held, without waiting for its leases'
 * end.  Not while that process may still work: its steps would be done twice. */
enum status jobs_take_up(struct app *app, struct err *err);
/* The end, in this order, with the workers stopped between cut and free: no new claims
 * (steps and streams may end by themselves meanwhile: jobs_busy_count); what is left is
 * cut, and goes on at the next start or on another node. */
void jobs_drain(struct app *app);
int jobs_busy_count(struct app *app);
void jobs_cut(struct app *app);
/* True from jobs_cut() on: who blocks for long looks at it. */
const atomic_bool *jobs_are_cut(struct app *app);
void jobs_free(struct app *app);

/* The result column, one JSON object:
 *   {"media":[{"url","needs_credential","type":"video"|"image","object_id"}]}
 * What came as bytes is a free object, which goes with the job's row. */
struct job_media {
    struct str url; /* STR_NONE: object_id */
    bool needs_credential;
    enum media_type type;
    int64_t object_id; /* 0: url */
};
enum status jobs_read_media(struct str result, struct arena *a, struct job_media *ret, size_t max,
                            size_t *ret_count, struct err *err);
/* Whether two say the same: PostgreSQL writes JSON in its own way. */
bool jobs_same_media(struct str one, struct str other, struct arena *a);
/* STR_NONE when the arena is full. */
struct str jobs_write_media(const struct job_media *media, size_t n, struct arena *a);
/* The same of a poll's, as links. */
struct str jobs_write_links(const struct dialect_outcome *outcome, struct arena *a);
