/* SPDX-License-Identifier: Apache-2.0 */
/* Asking an upstream how a task stands.
 *
 * What is running there goes on until its hour is over, however long nobody answers: only
 * the upstream itself can say that it has ended, or that it is not there (ST-2, ST-3). */
#include "base/clock.h"
#include "base/log.h"
#include "net/fetch.h"
#include "service/jobs_impl.h"

enum {
    POLL_MS = 30000,
    FIRST_PAUSE_MS = 1000, /* after a failure; doubled with each further one */
    MAX_PAUSE_MS = 30000,
    MAX_RETRY_AFTER_MS = 300000,
    /* A task that is not known may be on its way through the upstream's own servers. */
    MISSING_MS = 30000,
    MISSING_PAUSE_MS = 5000,
};

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
    s->job.missing_since = 0;
    s->job.next_at = clock_wall_ms() + (outcome->at_once ? 0 : poll_delay(&s->job));
    return step_save(s, JOB_POLLING, false);
}

/* Half of it is chance, so that jobs that failed together do not come back together. */
static int64_t back_off(int64_t failures, int64_t max)
{
    int64_t pause = MIN((int64_t)FIRST_PAUSE_MS << MIN(failures, 10), max);
    uint32_t chance;
    crypto_random(&chance, sizeof(chance));
    return pause / 2 + (int64_t)chance % (pause / 2);
}

/* Not beyond the job's own end, which is looked at when it is due. */
static enum status ask_again_in(struct step *s, int64_t delay_ms)
{
    s->job.attempts++;
    s->job.next_at = MIN(clock_wall_ms() + delay_ms, s->job.deadline_at);
    return step_save(s, JOB_POLLING, false);
}

/* Nothing is known of the task: it goes on, and we ask again. */
static enum status ask_again(struct step *s, int64_t retry_after_ms)
{
    s->job.missing_since = 0;
    return ask_again_in(
        s, MAX(back_off(s->job.attempts, MAX_PAUSE_MS), MIN(retry_after_ms, MAX_RETRY_AFTER_MS)));
}

static enum status read_state(struct step *s, const struct dialect_outcome *outcome)
{
    if (dialect_goes_on(outcome->state))
        return still_running(s, outcome);
    return step_finished(s, JOB_POLLING, outcome);
}

static enum status is_missing(struct step *s, bool for_ever)
{
    int64_t now = clock_wall_ms();
    if (!s->job.missing_since)
        s->job.missing_since = now;
    if (!for_ever && now - s->job.missing_since < MISSING_MS)
        return ask_again_in(s, back_off(s->job.attempts, MISSING_PAUSE_MS));
    return step_gives_back(s, step_fail_as(s, FAILURE_UPSTREAM, "task_forgotten"));
}

static bool has_one_of(struct str text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_find_ci(text, str_of(words[i])) >= 0)
            return true;
    }
    return false;
}

/* That it is not there, and that "it" is the task: a user, a model or a route may be missing
 * too, which says nothing of what runs. */
static bool is_about_missing_task(struct str text, struct str task_id)
{
    static const char *const absent[] = {"not_exist", "not exist", "not_found", "not found",
                                         "notfound"};
    static const char *const things[] = {"task", "video", "job", "generation"};
    return has_one_of(text, absent, ARRAY_SIZE(absent)) &&
           (has_one_of(text, things, ARRAY_SIZE(things)) || str_find(text, task_id) >= 0);
}

/* Some have no 404: new-api says "task_not_exist" with 400. */
static bool says_missing(struct step *s, const struct dialect_answer *in)
{
    struct str code, message;
    if (in->status == 404 || in->status == 410)
        return true;
    if (in->status != 400)
        return false;
    message = dialect_error_message(in, STR_NONE, s->arena, &code);
    return is_about_missing_task(code, s->job.upstream_id) ||
           is_about_missing_task(message, s->job.upstream_id);
}

static enum status read_answer(struct step *s, const struct fetch_answer *answer)
{
    const struct pool_account *account = s->hold->slot.account;
    struct dialect_answer in = {answer->status, answer->type, answer->body};
    struct dialect_task task = {s->job.upstream_id, s->job.upstream_ref};
    struct dialect_outcome outcome = {.progress = -1};
    if (account->dialect->read_poll(&account->target, &task, &in, s->arena, &outcome, &s->err) ==
        OK)
        return read_state(s, &outcome);
    if (answer->status == 401 && step_renew_token(s))
        return step_again_in(s, 0);
    if (answer->status / 100 != 2)
        pool_mark(s->app->pool, account->id, pool_outcome_of_status(answer->status),
                  answer->retry_after_ms);
    if (says_missing(s, &in))
        return is_missing(s, answer->status == 410);
    return ask_again(s, answer->retry_after_ms);
}

static enum status not_answered(struct step *s)
{
    if (step_is_cut(s) || atomic_load(&s->hold->cancelled))
        return OK;
    log_debug("a poll was not answered", LOG_I("job", s->job.id), LOG_Z("code", s->err.code));
    pool_mark(s->app->pool, s->hold->slot.account->id, POOL_UNAVAILABLE, 0);
    return ask_again(s, 0);
}

enum status step_polling(struct step *s)
{
    struct dialect_task task = {s->job.upstream_id, s->job.upstream_ref};
    struct dialect_http http;
    struct fetch_request request;
    struct fetch_answer answer;

    if (!s->hold->slot.account && !s->job.account_id)
        return step_fail_as(s, FAILURE_ACCOUNT, "account_gone");
    /* Not known here yet, or not usable until somebody has mended it. */
    if (!step_retake_slot(s) || !step_token(s))
        return ask_again(s, 0);
    const struct pool_account *account = s->hold->slot.account;
    TRY(account->dialect->build_poll(&account->target, &task, s->arena, &http, &s->err));
    step_fetch_request(s, &http, &request);
    request.total_timeout_ms = POLL_MS;
    if (fetch_run(s->w->fetcher, &request, s->arena, &answer, &s->err) != OK)
        return not_answered(s);
    return read_answer(s, &answer);
}

enum status step_look(struct step *s, struct dialect_outcome *ret)
{
    struct dialect_task task = {s->job.upstream_id, s->job.upstream_ref};
    struct dialect_http http;
    struct fetch_request request;
    struct fetch_answer answer;

    if (!step_retake_slot(s) || !step_token(s))
        return err_set(&s->err, E_UNAVAILABLE, "account_gone");
    const struct pool_account *account = s->hold->slot.account;
    if (account->dialect->streams)
        return err_set(&s->err, E_GONE, "link_gone");
    TRY(account->dialect->build_poll(&account->target, &task, s->arena, &http, &s->err));
    step_fetch_request(s, &http, &request);
    request.total_timeout_ms = POLL_MS;
    TRY(fetch_run(s->w->fetcher, &request, s->arena, &answer, &s->err));
    struct dialect_answer in = {answer.status, answer.type, answer.body};
    return account->dialect->read_poll(&account->target, &task, &in, s->arena, ret, &s->err);
}
