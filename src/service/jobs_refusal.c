/* SPDX-License-Identifier: Apache-2.0 */
/* What a submission leads to that was refused, could not be said, or is not known to have arrived:
 * another account, the same one again, or the job's end (ST-2, ST-3, GW-5). */
#include "base/clock.h"
#include "service/jobs_impl.h"

enum { RESUBMIT_MS = 1000, STARVED_RETRY_MS = 1000 };

/* ---- refused */

static size_t count_tried(struct str tried)
{
    size_t n = tried.n > 0;
    for (size_t i = 0; i < tried.n; i++)
        n += tried.p[i] == ',';
    return n;
}

static void add_tried(struct step *s)
{
    struct job *j = &s->job;
    j->tried_accounts = arena_printf(s->arena, "%.*s%s%lld", STR_ARG(j->tried_accounts),
                                     j->tried_accounts.n ? "," : "", (long long)j->account_id);
}

static enum failure_class refusal_class(const struct refusal *r)
{
    if (r->status == 401 || r->status == 402 || r->status == 403)
        return FAILURE_ACCOUNT;
    if (r->status == 0 || r->status == 408 || r->status == 429 || r->status >= 500)
        return FAILURE_UPSTREAM;
    return dialect_failure_class(r->code, r->message);
}

struct refusal step_read_refusal(struct step *s, const struct dialect_answer *in,
                                 int64_t retry_after_ms)
{
    struct str key = s->hold->slot.account->target.credential;
    struct refusal r = {.status = in->status, .retry_after_ms = retry_after_ms};
    r.message = dialect_error_message(in, key, s->arena, &r.code);
    r.model_missing = in->status == 404 && dialect_lacks_model(r.code, r.message);
    return r;
}

static struct failure refusal_failure(struct step *s, const struct refusal *r)
{
    struct failure f = {.class = refusal_class(r), .code = r->reason, .words = r->message};
    if (!f.code.n && r->status == 0)
        f.code = STR("upstream_unreachable");
    else if (!f.code.n && !f.words.n)
        f.words = arena_printf(s->arena, "HTTP %d", r->status);
    /* What the caller asked for, and no account's fault. */
    if (!f.code.n && f.class == FAILURE_UPSTREAM && r->status / 100 == 4 && r->status != 408 &&
        r->status != 429 && !r->model_missing)
        f.code = STR("request_refused");
    return f;
}

/* When the retry budget lets it be sent again. */
static int64_t retry_in(struct step *s)
{
    struct pool_want want = {
        .platform = STR("sora"), .group_id = s->job.group_id, .ungrouped = s->job.ungrouped};
    return pool_retry_in(s->app->pool, &want);
}

/* Back into the line: a cool-down keeps it from the same account after a 429, `tried`
 * after anything else but a token that has been renewed and our own want of connections. */
static enum status requeue(struct step *s, enum job_state from, const struct refusal *r,
                           bool same_again, int64_t delay_ms)
{
    if (r->status != 429 && !same_again)
        add_tried(s);
    s->job.state = JOB_QUEUED;
    s->job.failure = refusal_failure(s, r);
    s->job.account_id = 0;
    s->job.submitted_at = 0;
    /* Never past the moment that ends its waiting: that answer is due then. */
    s->job.next_at = MIN(clock_wall_ms() + delay_ms, s->job.pending_until);
    TRY(step_save(s, from, false));
    jobs_wake(s->jobs);
    return OK;
}

enum status step_refused(struct step *s, enum job_state from, const struct refusal *r)
{
    enum pool_outcome outcome = r->status ? pool_outcome_of_status(r->status) : POOL_UNAVAILABLE;
    /* ST-2: a 408 says that nothing whole was received, but not that nothing was. */
    bool may_switch = r->status == 0 ||
                      (r->status != 408 && pool_may_switch(r->status, r->model_missing));
    bool renewed = r->status == 401 && step_renew_token(s);
    if (r->model_missing || renewed || r->starved)
        outcome = POOL_NEUTRAL;
    /* The first time it may have been accepted, whatever is said now. */
    if (s->resubmission)
        return step_unknown(s, from, outcome);
    hold_note(s->jobs, s->hold, outcome, r->retry_after_ms);
    if (r->starved)
        return step_gives_back(s, requeue(s, from, r, true, STARVED_RETRY_MS));
    if (may_switch && count_tried(s->job.tried_accounts) < JOBS_MAX_SWITCHES)
        return step_gives_back(s, requeue(s, from, r, renewed, renewed ? 0 : retry_in(s)));
    struct failure failure = refusal_failure(s, r);
    return step_gives_back(s, step_fail(s, &failure));
}

enum status step_not_said(struct step *s, enum job_state from)
{
    struct refusal r = {.status = 400,
                        .reason = arena_str(s->arena, str_of(s->err.code)),
                        .message = arena_str(s->arena, str_of(s->err.text))};
    struct failure failure = refusal_failure(s, &r);
    s->job.account_id = s->hold->slot.account->id;
    if (count_tried(s->job.tried_accounts) < JOBS_MAX_SWITCHES)
        return step_gives_back(s, requeue(s, from, &r, false, 0)); /* nobody was asked */
    return step_gives_back(s, step_fail(s, &failure));
}

/* ---- not known to have arrived */

/* step_orphan() sends it again then. */
static bool may_resubmit(const struct step *s)
{
    return s->hold->slot.account && s->hold->slot.account->honours_idempotency &&
           s->job.attempts < JOBS_RESUBMITS && clock_wall_ms() < s->job.deadline_at;
}

enum status step_unknown(struct step *s, enum job_state from, enum pool_outcome outcome)
{
    bool again = may_resubmit(s);
    hold_note(s->jobs, s->hold, outcome, 0);
    s->job.state = from;
    if (again) {
        int64_t pause = RESUBMIT_MS << s->job.attempts, budget = retry_in(s);
        int64_t left = MAX(s->job.deadline_at - clock_wall_ms(), 0);
        return step_gives_back(s, step_again_in(s, MIN(MAX(pause, budget), left)));
    }
    return step_gives_back(s, step_fail_as(s, FAILURE_SUBMISSION_UNKNOWN, "submission_unknown"));
}

/* Found in submitting or streaming: whoever sent it is dead, and so is its connection.  An
 * account that honours the key may be asked again, by the same words.  Its place there is its own,
 * as the rows say: in line for another it could wait for ever behind direct calls. */
enum status step_orphan(struct step *s)
{
    step_retake_slot(s);
    return may_resubmit(s) ? step_resubmit(s) : step_unknown(s, s->job.state, POOL_NEUTRAL);
}
