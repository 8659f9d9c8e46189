/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* jobs — what was ordered, in its time: queued → in_progress → completed | failed | cancelled.
 *
 * Thread: the loop's.  Jobs are counted: the list holds one reference as long as the
 * job is known, every open answer another.  At most JOBS_MAX_ACTIVE run and
 * JOBS_MAX_ENDED are remembered after their end. */
#include "base/json_out.h"
#include "demo/fault.h"
#include "demo/media.h"
#include "demo/settings.h"

enum { JOBS_MAX_ACTIVE = 1000, JOBS_MAX_ENDED = 500, JOB_MAX_COUNT = 10, JOB_ID_SIZE = 48 };

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED };

/* What is wanted; texts are copied by jobs_make(). */
struct wish {
    struct spec spec;
    struct str model, prompt, seconds, size; /* the last two as given */
    struct str remixed_from, bearer, idempotency_key, path;
    struct str digest; /* of the request's body */
    int64_t count;     /* of videos or images */
    int64_t input_images;
};

struct jobs;
struct job;

struct job_watch {
    struct list link;
    /* State or progress changed, or a ready link may have: look. */
    void (*fn)(struct job_watch *w);
};

struct job {
    struct list link;
    struct jobs *jobs;
    int refs;
    struct arena *arena;
    char id[JOB_ID_SIZE], shown_id[JOB_ID_SIZE];
    enum route_id route;
    struct wish wish;
    enum job_state state;
    int64_t progress;
    bool pinned;                  /* progress was set by hand */
    bool due;                     /* its time is up, only the drawing is awaited */
    struct str error;             /* JSON; failed ones */
    int64_t created_ms, ended_ms; /* wall */
    int64_t started, duration;    /* monotonic */
    struct fault *fault;          /* may be NULL */
    struct job_plan plan;         /* texts belong to fault */
    bool links_dead;
    struct list watches;
    struct timer tick;
    struct media *media[JOB_MAX_COUNT];
    size_t media_count;
    struct media_waiter waits[JOB_MAX_COUNT];
};

struct jobs {
    struct loop *loop;
    struct media_store *store;
    const struct settings *settings;
    uint64_t seed;
    struct list list; /* oldest first */
    size_t known, active;
    uint64_t made, completed, failed, cancelled;
};

void jobs_init(struct jobs *all, struct loop *loop, struct media_store *store,
               const struct settings *settings, uint64_t seed);
/* Ends and forgets all. */
void jobs_clear(struct jobs *all);
/* A running job with a reference for the caller.  E_LIMIT: too many are active. */
enum status jobs_make(struct jobs *all, enum route_id route, const struct wish *wish,
                      struct fault *fault, struct job **ret, struct err *err);
/* By either of its ids, or NULL; no reference. */
struct job *jobs_find(const struct jobs *all, struct str id);
/* The job that this key made on this path for this bearer, or NULL. */
struct job *jobs_find_key(const struct jobs *all, const struct wish *wish);
struct job *job_ref(struct job *job);
void job_unref(struct job *job); /* NULL is fine */

void job_watch(struct job *job, struct job_watch *w);
bool job_ended(const struct job *job);
/* The word that polls show. */
struct str job_word(const struct job *job);
int64_t job_shown_progress(const struct job *job);
/* Do its links still open? */
bool job_links_live(const struct job *job);

/* Nothing happens to a job that has ended. */
void job_cancel(struct job *job);
void job_finish(struct job *job);
void job_fail(struct job *job, struct str error_json);
void job_pin(struct job *job, int64_t progress);
/* Cancels if need be, and nobody finds it any more. */
void job_forget(struct job *job);
