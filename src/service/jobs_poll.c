/* SPDX-License-Identifier: Apache-2.0 */
/* Asking an upstream how a task stands. */
#include "base/clock.h"
#include "net/fetch.h"
#include "service/jobs_impl.h"

enum { POLL_MS = 30000, POLL_MAX_FAILURES = 20 };

/* Often at first, when short jobs end; then calmly. */
static int64_t poll_delay(const struct job *j)
{
    int64_t age = clock_wall_ms() - j->submitted_at;
    if (age < CLOCK_MINUTE_MS)
        return 1500;
    return age < 5 * CLOCK_MINUTE_MS ? 3000 : 5000;
}

static enum status still_running(struct step *s, const struct dialect_outcome *outcome)
{
    /* 100 is kept for what is stored. */
    if (outcome->progress >= 0)
        s->job.progress = MIN(MAX(s->job.progress, outcome->progress), 99);
    if (outcome->ref.p)
        s->job.upstream_ref = outcome->ref;
    s->job.attempts = 0;
    s->job.next_at = clock_wall_ms() + poll_delay(&s->job);
    return step_save(s, JOB_POLLING, false);
}

/* Nothing is known of the task: it goes on, and we ask again. */
static enum status ask_again(struct step *s)
{
    s->job.attempts++;
    if (s->job.attempts > POLL_MAX_FAILURES) {
        hold_release_slot(s->jobs, s->hold, POOL_UNAVAILABLE, 0);
        return step_fail_as(s, FAILURE_UPSTREAM, "task_silent");
    }
    s->job.next_at = clock_wall_ms() + MIN(1000 * s->job.attempts, 15000);
    return step_save(s, JOB_POLLING, false);
}

static enum status read_state(struct step *s, const struct dialect_answer *in)
{
    const struct pool_account *account = s->hold->slot.account;
    struct dialect_outcome outcome = {.progress = -1};
    if (account->dialect->read_poll(&account->target, s->job.upstream_id, in, s->arena, &outcome,
                                    &s->err) != OK)
        return step_is_cut(s) ? OK : ask_again(s);
    switch (outcome.state) {
    case DIALECT_DONE:
        hold_release_slot(s->jobs, s->hold, POOL_SUCCESS, 0);
        return step_delivered(s, JOB_POLLING, &outcome);
    case DIALECT_FAILED:
    case DIALECT_CANCELLED:
        hold_release_slot(s->jobs, s->hold, POOL_SUCCESS, 0);
        return step_fail(s, &outcome.failure);
    case DIALECT_PENDING:
    case DIALECT_RUNNING:
        break;
    }
    return still_running(s, &outcome);
}

/* After a restart the slot is taken again, whatever the account's marks say: the task is
 * there, and it is this account that knows it. */
static enum status take_slot(struct step *s, bool *ret_ready)
{
    struct pool_want want = {
        .platform = STR("sora"), .model = s->job.model, .only_account = s->job.account_id};
    int64_t retry;
    *ret_ready = true;
    if (s->hold->slot.account)
        return OK;
    switch (pool_take(s->app->pool, &want, &s->hold->slot, &retry)) {
    case POOL_GOT:
        return OK;
    case POOL_NONE:
        *ret_ready = false;
        return step_fail_as(s, FAILURE_ACCOUNT, "account_gone");
    default:
        *ret_ready = false;
        return step_again_in(s, 1000);
    }
}

enum status step_polling(struct step *s)
{
    struct dialect_http http;
    struct fetch_request request;
    struct fetch_answer answer;
    bool ready;

    TRY(take_slot(s, &ready));
    if (!ready)
        return OK;
    const struct pool_account *account = s->hold->slot.account;
    TRY(account->dialect->build_poll(&account->target, s->job.upstream_id, s->job.upstream_ref,
                                     s->arena, &http, &s->err));
    step_fetch_request(s, &http, &request);
    request.total_timeout_ms = POLL_MS;
    if (fetch_run(s->w->fetcher, &request, s->arena, &answer, &s->err) != OK)
        return ask_again(s);
    struct dialect_answer in = {answer.status, answer.type, answer.body};
    if (answer.status / 100 == 2)
        return read_state(s, &in);
    pool_mark(s->app->pool, account->id, pool_outcome_of_status(answer.status),
              answer.retry_after_ms);
    /* Some servers answer the poll of a failed job with the job's own error status; a dialect
     * that can read it as a failure says so. */
    if (answer.status == 404 || answer.status == 410) {
        if (s->job.attempts < 3)
            return ask_again(s);
        hold_release_slot(s->jobs, s->hold, POOL_NEUTRAL, 0);
        return step_fail_as(s, FAILURE_UPSTREAM, "task_forgotten");
    }
    return answer.status == 401 || answer.status == 429 || answer.status >= 500
               ? ask_again(s)
               : read_state(s, &in);
}
