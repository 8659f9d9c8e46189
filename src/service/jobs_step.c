/* SPDX-License-Identifier: Apache-2.0 */
/* One claim in one worker: load the row, check that it is still ours and still in time,
 * do what its state asks for, and write the outcome under the fence. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "pool/tokens.h"
#include "service/events.h"
#include "service/jobs_impl.h"
#include "service/quota.h"
#include "store/generations.h"

enum { SAVE_TRIES = 10, SAVE_PAUSE_S = 1, RESUBMIT_MS = 1000, STARVED_RETRY_MS = 1000 };

/* ---- outcomes */

enum status step_note(struct step *s, struct db_conn *tx)
{
    const struct job *j = &s->job;
    TRY(events_note(tx, TOPIC_JOB, EVENT_JOB, j->id, 0, &s->err));
    if (!j->generation_id)
        return OK;
    return events_note(tx, TOPIC_USER, EVENT_GENERATION, j->user_id, j->generation_id, &s->err);
}

/* The record follows the job: it starts when the job leaves the line, and fails with it. */
static enum status move_generation(struct step *s, struct db_conn *tx, enum job_state from)
{
    const struct job *j = &s->job;
    int64_t now = clock_wall_ms();
    bool changed;
    if (!j->generation_id)
        return OK;
    if (from == JOB_QUEUED && (j->state == JOB_SUBMITTING || j->state == JOB_STREAMING)) {
        enum status status = generation_move(tx, j->generation_id, GENERATION_GENERATING, now,
                                             &s->err);
        /* A job that changes accounts has started before. */
        if (status != OK && status != E_CONFLICT)
            return status;
    }
    if (j->state == JOB_ENDED && j->failure.class != FAILURE_NONE) {
        TRY(generation_move(tx, j->generation_id, GENERATION_FAILED, now, &s->err));
        return generation_set_failure(tx, j->generation_id, &j->failure, &s->err);
    }
    return generation_set_progress(tx, j->generation_id, j->progress, &changed, &s->err);
}

/* GW-10: what a direct call brought is kept until the upstream has it, or none will. */
static enum status drop_input(struct step *s, struct db_conn *tx)
{
    const struct job *j = &s->job;
    bool needed = j->state == JOB_QUEUED || j->state == JOB_SUBMITTING || j->state == JOB_STREAMING;
    if (j->kind == JOB_STUDIO || !j->input_object_id || needed)
        return OK;
    return job_drop_input(tx, j->id, clock_wall_ms(), &s->err);
}

static enum status save_once(struct step *s, enum job_state from, bool keep_lease)
{
    _cleanup_(db_tx_end) struct db_conn *tx = s->w->db;
    TRY(db_begin(tx, &s->err));
    if (step_has_results(s))
        TRY(quota_lock_user(tx, s->job.user_id, &s->err));
    if (from == JOB_QUEUED && (s->job.state == JOB_SUBMITTING || s->job.state == JOB_STREAMING))
        TRY(job_take_place(tx, s->job.account_id, &s->err));
    TRY(job_save(tx, &s->job, from, keep_lease, &s->err));
    TRY(drop_input(s, tx));
    TRY(step_settle_results(s, tx));
    TRY(move_generation(s, tx, from));
    TRY(step_note(s, tx));
    return db_commit(tx, &s->err);
}

static bool may_pass(enum status status)
{
    return status == E_UNAVAILABLE || status == E_IO || status == E_NO_SPACE;
}

/* After a commit whose answer was lost: the row stands as we left it, under our number. */
static bool was_kept(struct step *s)
{
    struct job now;
    struct err err;
    return job_load(s->w->db, s->job.id, s->arena, &now, &err) == OK && now.fence == s->job.fence &&
           now.state == s->job.state;
}

enum status step_save(struct step *s, enum job_state from, bool keep_lease)
{
    enum status status = save_once(s, from, keep_lease);
    bool unsure = status == E_IO;
    /* An id that the upstream has given must not be lost to a passing fault of ours; the
     * fence keeps a late try harmless. */
    for (int i = 0; i < SAVE_TRIES && may_pass(status); i++) {
        struct timespec pause = {.tv_sec = SAVE_PAUSE_S};
        nanosleep(&pause, NULL);
        status = save_once(s, from, keep_lease);
        if (status == E_CONFLICT && unsure && was_kept(s))
            return OK;
        unsure |= status == E_IO;
    }
    return status;
}

enum status step_again_in(struct step *s, int64_t delay_ms)
{
    return job_release(s->w->db, s->job.id, s->job.fence, clock_wall_ms() + delay_ms, &s->err);
}

enum status step_fail(struct step *s, const struct failure *failure)
{
    enum job_state from = s->job.state;
    s->job.state = JOB_ENDED;
    s->job.failure = *failure;
    s->job.ended_at = clock_wall_ms();
    enum status status = step_save(s, from, false);
    if (status != OK)
        s->job.state = from;
    return status;
}

enum status step_fail_as(struct step *s, enum failure_class class, const char *code)
{
    return step_fail(s, &(struct failure){.class = class, .code = str_of(code)});
}

enum status step_gives_back(struct step *s, enum status kept)
{
    if (kept == OK)
        hold_release_slot(s->jobs, s->hold, POOL_NEUTRAL, 0);
    return kept;
}

/* What came as bytes is nowhere else. */
static enum status keep_results(struct step *s, const struct dialect_outcome *outcome,
                                struct job_media *media)
{
    enum status status = step_keep_results(s, outcome, media);
    for (int i = 0; i < SAVE_TRIES && may_pass(status); i++) {
        struct timespec pause = {.tv_sec = SAVE_PAUSE_S};
        log_warn("a result cannot be kept yet", LOG_I("job", s->job.id), LOG_Z("code", s->err.code),
                 LOG_Z("why", s->err.detail));
        nanosleep(&pause, NULL);
        status = step_keep_results(s, outcome, media);
    }
    return status;
}

enum status step_delivered(struct step *s, enum job_state from,
                           const struct dialect_outcome *outcome)
{
    struct job_media media[DIALECT_MAX_MEDIA];
    size_t n = outcome->media_count;
    if (n == 0)
        return step_fail_as(s, FAILURE_UPSTREAM, "no_result");
    enum status status = keep_results(s, outcome, media);
    /* What was made and cannot be kept is lost: nobody gives it twice. */
    if (status == E_UPSTREAM || may_pass(status))
        return step_fail_as(s, status == E_UPSTREAM ? FAILURE_UPSTREAM : FAILURE_INTERNAL,
                            s->err.code);
    TRY(status);
    s->job.result = jobs_write_media(media, n, s->arena);
    if (!s->job.result.p)
        return step_fail_as(s, FAILURE_UPSTREAM, "bad_answer");
    bool more = step_must_fetch(s, media, n);
    s->job.state = more ? JOB_STORING : JOB_ENDED;
    s->job.progress = more ? MAX(s->job.progress, 99) : 100;
    s->job.attempts = 0;
    s->job.next_at = clock_wall_ms();
    if (s->job.state == JOB_ENDED)
        s->job.ended_at = s->job.next_at;
    status = step_save(s, from, false);
    if (status != OK)
        s->job.state = from;
    TRY(status);
    jobs_wake(s->jobs);
    return OK;
}

/* ---- tokens */

bool step_token(struct step *s)
{
    struct pool_slot *slot = &s->hold->slot;
    pool_renew(s->app->pool, slot, s->job.model);
    if (!token_is_spent(slot->account))
        return true;
    bool renewed = tokens_await(s->app->tokens, slot->account, TOKENS_WAIT_MS);
    pool_renew(s->app->pool, slot, s->job.model);
    return renewed;
}

bool step_renew_token(struct step *s)
{
    struct pool_slot *slot = &s->hold->slot;
    if (!slot->held || !token_may_renew(slot->account) ||
        !tokens_await(s->app->tokens, slot->account, TOKENS_WAIT_MS))
        return false;
    pool_renew(s->app->pool, slot, s->job.model);
    return true;
}

/* ---- what a refusal leads to */

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
    r.message = dialect_error_message(in, s->arena, &r.code);
    r.model_missing = in->status == 404 && dialect_lacks_model(r.code, r.message);
    /* Some upstreams repeat the key they did not like. */
    if (key.n && str_find(r.message, key) >= 0)
        r.message = STR_NONE;
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

/* ---- running */

/* Found in submitting or streaming: whoever sent it is dead, and so is its connection.  An
 * account that honours the key may be asked again, by the same words.  Its place there is its own,
 * as the rows say: in line for another it could wait for ever behind direct calls. */
static enum status step_orphan(struct step *s)
{
    struct pool_want want = {.platform = STR("sora"),
                             .model = s->job.model,
                             .only_account = s->job.account_id,
                             .running = true};
    if (!s->hold->slot.account)
        pool_take(s->app->pool, &want, &s->hold->slot, NULL);
    return may_resubmit(s) ? step_resubmit(s) : step_unknown(s, s->job.state, POOL_NEUTRAL);
}

/* GW-6: all cool down for 429, or are full, or there is none; and, in next_at, when to come
 * back.  What an account has said comes before that there is no other. */
static struct failure why_no_account(struct step *s)
{
    struct failure late = {.class = FAILURE_TIMEOUT, .code = STR("no_account")};
    struct pool_want want;
    struct pool_slot slot;
    int64_t retry_ms = 0;
    struct job_due due = step_due(s);
    jobs_want(&due, &want);
    enum pool_result got = pool_take(s->app->pool, &want, &slot, &retry_ms);
    pool_slot_end(&slot);
    s->job.next_at = clock_wall_ms() + retry_ms;
    if (got == POOL_LIMITED)
        late.code = STR("rate_limited");
    else if (got == POOL_FULL || got == POOL_GOT)
        late.code = STR("no_free_account");
    else if (s->job.failure.class != FAILURE_NONE)
        return s->job.failure;
    return late;
}

static enum status step_late(struct step *s)
{
    bool pending = s->job.state == JOB_QUEUED && s->job.submitted_at == 0;
    struct failure failure = {.class = FAILURE_TIMEOUT, .code = STR("job_too_long")};
    if (pending)
        failure = why_no_account(s);
    upstream_forget(s);
    return step_gives_back(s, step_fail(s, &failure));
}

static bool is_late(const struct job *j)
{
    int64_t now = clock_wall_ms();
    if (j->state == JOB_QUEUED)
        return now >= j->pending_until;
    /* What has been made is not thrown away for being slow to fetch, and of a submission
     * that nobody knows of there is more to say. */
    return j->state == JOB_POLLING && now >= j->deadline_at;
}

static enum status dispatch(struct step *s)
{
    if (is_late(&s->job))
        return step_late(s);
    switch (s->job.state) {
    case JOB_QUEUED:
        return step_queued(s);
    case JOB_SUBMITTING:
    case JOB_STREAMING:
        return step_orphan(s);
    case JOB_POLLING:
        return step_polling(s);
    case JOB_STORING:
        return s->job.kind == JOB_STUDIO ? step_storing(s) : step_fetching(s);
    case JOB_ENDED:
        break;
    }
    return OK;
}

void step_report(struct step *s, enum status status)
{
    if (status == OK || (status == E_CONFLICT && str_eq(str_of(s->err.code), STR("lease_lost"))))
        return;
    log_warn("a job's step failed and will be taken up again", LOG_I("job", s->claim.id),
             LOG_Z("state", job_state_name(s->job.state)), LOG_Z("code", s->err.code),
             LOG_Z("why", s->err.detail));
}

static void run(struct step *s)
{
    enum status status = job_load(s->w->db, s->claim.id, s->arena, &s->job, &s->err);
    bool mine = status == OK && s->job.fence == s->claim.fence;
    if (mine && !step_is_cut(s))
        status = dispatch(s);
    db_rollback(s->w->db);
    step_report(s, status);
    /* Others go on at once. */
    if (mine && s->hold && step_is_cut(s))
        step_again_in(s, 0);
    if (status == E_NOT_FOUND && s->hold)
        atomic_store(&s->hold->cancelled, true);
}

bool step_is_cut(const struct step *s)
{
    return atomic_load(&s->jobs->cut);
}

void step_free(struct step *s)
{
    pthread_mutex_lock(&s->jobs->lock);
    list_remove(&s->link);
    pthread_mutex_unlock(&s->jobs->lock);
    jobs_freed(s->jobs, false);
    if (s->claim.state == JOB_QUEUED)
        jobs_freed(s->jobs, true);
    step_free_request(s);
    arena_free(s->arena);
    free(s);
}

static void step_run(struct work *work, void *thread_state)
{
    struct step *s = CONTAINER_OF(work, struct step, work);
    s->w = thread_state;
    s->app = s->w->app;
    s->hold = hold_take(s->jobs, s->claim.id);
    /* Busy: a stale step of our own began again since the scheduler looked; it will see. */
    if (s->hold) {
        run(s);
        if (s->hold)
            step_done(s);
    }
    step_free(s);
}

/* An ended job holds nothing; a cancelled one tells the upstream. */
void step_done(struct step *s)
{
    if (s->job.upstream_id.n && !s->hold->upstream_id) {
        struct str ref = s->job.upstream_ref;
        s->hold->upstream_id = mem_strndup(s->job.upstream_id.p, s->job.upstream_id.n);
        s->hold->upstream_ref = mem_strndup(ref.n ? ref.p : "", ref.n);
    }
    if (step_is_cut(s)) {
        hold_release_slot(s->jobs, s->hold, POOL_NEUTRAL, 0);
    } else if (atomic_load(&s->hold->cancelled)) {
        upstream_forget(s);
        hold_release_slot(s->jobs, s->hold, POOL_NEUTRAL, 0);
    } else if (s->job.state == JOB_ENDED || s->job.state == JOB_STORING) {
        hold_release_slot(s->jobs, s->hold, POOL_SUCCESS, 0);
    } else if (s->job.state == JOB_QUEUED) {
        hold_release_slot(s->jobs, s->hold, POOL_NEUTRAL, 0);
    }
    hold_put(s->jobs, s->hold);
    s->hold = NULL;
}

struct workers *jobs_workers_for(const struct app *app, enum job_state state)
{
    /* Found in submitting or streaming, it may be sent again. */
    if (state == JOB_QUEUED || state == JOB_SUBMITTING || state == JOB_STREAMING)
        return app->submit_workers;
    return state == JOB_STORING ? app->transfer_workers : app->step_workers;
}

bool jobs_submit_step(struct jobs *j, const struct job_claim *claim)
{
    struct workers *workers = jobs_workers_for(j->app, claim->state);
    struct step *s = mem_zalloc(sizeof(*s));
    s->work.run = step_run;
    s->jobs = j;
    s->claim = *claim;
    s->arena = arena_new(JOBS_STEP_ARENA);
    step_keep(s);
    if (workers_submit(workers, &s->work))
        return true;
    step_free(s);
    return false;
}
