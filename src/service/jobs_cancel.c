/* SPDX-License-Identifier: Apache-2.0 */
/* What follows when its owner ends a job: the slot comes back, and the upstream is told
 * where it can be.  Late results find a raised fence and change nothing. */
#include <time.h>

#include "base/log.h"
#include "net/fetch.h"
#include "service/jobs_impl.h"

enum { CANCEL_MS = 10000, CANCEL_TRIES = 3, CANCEL_PAUSE_S = 1 };

void upstream_forget(struct step *s)
{
    const struct pool_slot *slot = &s->hold->slot;
    struct dialect_task task = {s->job.upstream_id, s->job.upstream_ref};
    struct dialect_http http;
    struct fetch_request request;
    struct fetch_answer answer;
    struct err err;

    if (!slot->account || !slot->account->dialect->build_cancel || s->job.upstream_id.n == 0 ||
        !step_token(s))
        return;
    const struct pool_account *account = slot->account;
    if (account->dialect->build_cancel(&account->target, &task, s->arena, &http, &err) != OK)
        return;
    step_fetch_request(s, &http, &request);
    request.total_timeout_ms = CANCEL_MS;
    request.cancelled = NULL;
    /* 409: it is at it already, or not yet where it can be cancelled. */
    for (int i = 0; i < CANCEL_TRIES; i++) {
        struct timespec pause = {.tv_sec = CANCEL_PAUSE_S};
        if (fetch_run(s->w->fetcher, &request, s->arena, &answer, &err) != OK) {
            log_info("the upstream could not be told of a cancellation", LOG_I("job", s->job.id),
                     LOG_Z("code", err.code));
            return;
        }
        if (answer.status != 409)
            return;
        nanosleep(&pause, NULL);
    }
}

/* In a worker: the hold was idle when the job was ended.  An upstream that has not ended it
 * itself is told; the row may be gone, or have ended before the id was in it. */
static void drop_run(struct work *work, void *thread_state)
{
    struct step *s = CONTAINER_OF(work, struct step, work);
    s->w = thread_state;
    s->app = s->w->app;
    s->hold = hold_take(s->jobs, s->claim.id);
    if (s->hold) {
        enum status status = job_load(s->w->db, s->claim.id, s->arena, &s->job, &s->err);
        bool ended = status == E_NOT_FOUND || (status == OK && s->job.state == JOB_ENDED);
        if (!s->job.upstream_id.n && s->hold->upstream_id) {
            s->job.upstream_id = arena_str(s->arena, str_of(s->hold->upstream_id));
            s->job.upstream_ref = arena_str(s->arena, str_of(s->hold->upstream_ref));
        }
        if (ended && s->job.failure.class == FAILURE_NONE && !s->job.result.n)
            upstream_forget(s);
        if (ended)
            hold_release_slot(s->jobs, s->hold, POOL_NEUTRAL, 0);
        hold_put(s->jobs, s->hold);
    }
    step_free(s);
}

bool jobs_drop_hold(struct jobs *j, int64_t job_id)
{
    struct step *s = mem_zalloc(sizeof(*s));
    s->work.run = drop_run;
    s->jobs = j;
    s->claim.id = job_id;
    s->arena = arena_new(JOBS_STEP_ARENA);
    list_init(&s->link);
    if (workers_submit(j->app->step_workers, &s->work))
        return true;
    step_free(s);
    return false;
}

void jobs_after_cancel(struct jobs *j, int64_t job_id)
{
    pthread_mutex_lock(&j->lock);
    bool idle = false;
    LIST_EACH(node, &j->holds)
    {
        struct hold *h = CONTAINER_OF(node, struct hold, link);
        if (h->job_id != job_id)
            continue;
        atomic_store(&h->cancelled, true);
        idle = !h->busy;
        if (h->stream)
            stream_wake(h->stream);
    }
    pthread_mutex_unlock(&j->lock);
    if (idle && !jobs_drop_hold(j, job_id))
        log_warn("a cancelled job's slot waits for a free worker", LOG_I("job", job_id));
}
