/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing an account for a queued job and sending its submission.
 *
 * The account and the state are committed before the first byte can leave, so that a death
 * at any moment is found in the row; and whatever answer comes is committed before the next
 * thing begins. */
#include <string.h>

#include "base/clock.h"
#include "net/fetch.h"
#include "platform/json_in.h"
#include "service/account_request.h"
#include "service/jobs_impl.h"
#include "service/settings.h"

enum {
    CONNECT_MS = 10000,
    SUBMIT_MS = 120000,
    ANSWER_BYTES = 32 << 20,
    NOT_READY_MS = 1000, /* then another account may take it */
};

/* ---- the request, out of the row */

enum status step_read_request(struct step *s, struct dialect_request *ret)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    TRY(json_parse(s->job.request, &doc, &s->err));
    struct json j = json_root(doc);
    memset(ret, 0, sizeof(*ret));
    media_type_parse(json_str_or(json_get(j, "media_type"), STR("video")), &ret->media_type);
    ret->count = json_int_or(json_get(j, "count"), 1);
    ret->seconds = json_int_or(json_get(j, "seconds"), 0);
    s->hop = json_int_or(json_get(j, "hop"), 0);
    struct {
        const char *key;
        struct str *to;
    } texts[] = {{"prompt", &ret->prompt},
                 {"orientation", &ret->orientation},
                 {"size", &ret->size},
                 {"remix_of", &ret->remix_of}};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct str value = json_str_or(json_get(j, texts[i].key), STR_NONE);
        if (value.p)
            *texts[i].to = arena_str(s->arena, value);
    }
    ret->size_said = json_bool_or(json_get(j, "size_said"), false);
    step_read_inputs(s, j);
    struct str extra = STR_NONE;
    if (json_is_object(json_get(j, "extra")) && json_dump(json_get(j, "extra"), &extra)) {
        ret->extra = arena_str(s->arena, extra);
        free((char *)extra.p);
    }
    return OK;
}

void jobs_want(const struct job_due *due, struct pool_want *ret)
{
    struct str tried = due->tried_accounts;
    *ret = (struct pool_want){.platform = STR("sora"),
                              .group_id = due->group_id,
                              .ungrouped = due->ungrouped,
                              .model = due->model,
                              .only_account = due->pinned_to,
                              .to_begin = due->pinned_to != 0,
                              .again = tried.n > 0,
                              .reserved = true};
    while (tried.n && ret->tried_count < POOL_MAX_TRIED) {
        int64_t id;
        if (str_to_i64(str_cut(&tried, ','), &id))
            ret->tried[ret->tried_count++] = id;
    }
}

/* ---- sending */

size_t step_own_headers(struct step *s, struct http_header *ret)
{
    ret[0] = (struct http_header){STR("Idempotency-Key"), s->job.idempotency_key};
    ret[1] = (struct http_header){STR("x-kinora-hop"),
                                  arena_printf(s->arena, "%lld", (long long)s->hop + 1)};
    return STEP_OWN_HEADERS;
}

/* The setting may change meanwhile: the step has its own copy. */
struct guard step_guard(struct step *s)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(s->app);
    size_t n = settings->allowed_private_network_count;
    struct cidr *copy = arena_alloc(s->arena, (n + 1) * sizeof(*copy));
    if (!copy)
        return (struct guard){.level = GUARD_ADMIN};
    memcpy(copy, settings->allowed_private_networks, n * sizeof(*copy));
    return (struct guard){GUARD_ADMIN, copy, n};
}

void step_fetch_from(struct step *s, const struct pool_account *account,
                     const struct dialect_http *http, struct fetch_request *ret)
{
    struct arena *a = s->arena;
    struct http_header *headers =
        arena_alloc(a, (http->header_count + STEP_OWN_HEADERS) * sizeof(struct http_header));
    account_request_build(account, http, headers, a, ret);
    ret->guard = step_guard(s);
    ret->connect_timeout_ms = CONNECT_MS;
    ret->total_timeout_ms = SUBMIT_MS;
    ret->max_body = ANSWER_BYTES;
}

void step_fetch_request(struct step *s, const struct dialect_http *http, struct fetch_request *ret)
{
    step_fetch_from(s, s->hold->slot.account, http, ret);
    ret->cancelled = &s->hold->cancelled;
}

static enum status accepted(struct step *s, const struct dialect_outcome *outcome)
{
    s->job.upstream_id = outcome->task_id;
    s->job.upstream_ref = outcome->ref;
    s->job.progress = MAX(s->job.progress, outcome->progress);
    if (!dialect_goes_on(outcome->state))
        return step_finished(s, JOB_SUBMITTING, outcome);
    pool_proven(s->app->pool, &s->hold->slot);
    s->job.state = JOB_POLLING;
    s->job.attempts = 0;
    s->job.next_at = clock_wall_ms() + 1000;
    return step_save(s, JOB_SUBMITTING, false);
}

/* ---- the two forms of a request */

static bool knows_other_form(struct jobs *j, int64_t account_id)
{
    bool found = false;
    pthread_mutex_lock(&j->lock);
    for (size_t i = 0; i < MIN(j->other_form_count, (size_t)JOBS_OTHER_FORMS); i++)
        found |= j->other_forms[i] == account_id;
    pthread_mutex_unlock(&j->lock);
    return found;
}

/* Lives as long as the process: learned anew at the cost of one refused request. */
static void note_other_form(struct jobs *j, int64_t account_id)
{
    if (knows_other_form(j, account_id))
        return;
    pthread_mutex_lock(&j->lock);
    j->other_forms[j->other_form_count++ % JOBS_OTHER_FORMS] = account_id;
    pthread_mutex_unlock(&j->lock);
}

static void forget_other_form(struct jobs *j, int64_t account_id)
{
    pthread_mutex_lock(&j->lock);
    for (size_t i = 0; i < JOBS_OTHER_FORMS; i++) {
        if (j->other_forms[i] == account_id)
            j->other_forms[i] = 0;
    }
    pthread_mutex_unlock(&j->lock);
}

/* Only what was taken in the other form shows that the account wants it: words of a refusal
 * may as well be about this one caller's image.  And a server may have become another. */
static void learn_form(struct step *s, int status)
{
    int64_t account_id = s->hold->slot.account->id;
    if (!s->other_form)
        return;
    if (status / 100 == 2)
        note_other_form(s->jobs, account_id);
    else if (status == 400 || status == 415 || status == 422)
        forget_other_form(s->jobs, account_id);
}

/* Puts it into the account's words; what cannot be said there ends the job. */
static enum status build(struct step *s, bool other_form, struct dialect_http *ret)
{
    const struct pool_account *account = s->hold->slot.account;
    struct dialect_request request;
    TRY(step_read_request(s, &request));
    step_free_request(s);
    s->request = arena_new(JOBS_REQUEST_ARENA);
    TRY(step_load_inputs(s, &request));
    request.model = s->hold->slot.model;
    request.asked_model = s->job.model;
    request.other_form = s->other_form = other_form;
    request.secret = s->job.idempotency_key;
    return account->dialect->build_submit(&account->target, &request, s->request, ret, &s->err);
}

static enum status submit(struct step *s, const struct dialect_http *http);

/* Refused for its form alone, before anything was begun: said again, once. */
static bool says_it_otherwise(struct step *s, const struct dialect_http *http,
                              const struct dialect_answer *in, struct dialect_http *ret)
{
    const struct pool_account *account = s->hold->slot.account;
    return http->has_other_form && account->dialect->wants_other_form &&
           account->dialect->wants_other_form(in) && build(s, true, ret) == OK;
}

static enum status refused(struct step *s, const struct dialect_http *http,
                           const struct dialect_answer *in, int64_t retry_after_ms)
{
    struct dialect_http otherwise;
    if (says_it_otherwise(s, http, in, &otherwise))
        return submit(s, &otherwise);
    struct refusal r = step_read_refusal(s, in, retry_after_ms);
    return step_refused(s, JOB_SUBMITTING, &r);
}

static enum status submit(struct step *s, const struct dialect_http *http)
{
    const struct pool_account *account = s->hold->slot.account;
    struct fetch_request request;
    struct fetch_answer answer;
    struct dialect_outcome outcome = {.progress = -1};

    step_fetch_request(s, http, &request);
    /* A cancellation waits for the answer: only with its id can the upstream be told. */
    request.cancelled = &s->jobs->cut;
    struct http_header *headers = (struct http_header *)request.headers;
    request.header_count += step_own_headers(s, headers + request.header_count);
    if (fetch_run(s->w->fetcher, &request, s->arena, &answer, &s->err) != OK) {
        if (step_is_cut(s))
            return OK;
        /* A refusal is received with its head, whatever becomes of its words (ST-2). */
        bool refused = answer.status != 0 && answer.status / 100 != 2;
        if (answer.request_sent && !refused)
            return step_unknown(s, JOB_SUBMITTING, POOL_UNAVAILABLE);
        if (!refused)
            return step_refused(
                s, JOB_SUBMITTING,
                &(struct refusal){.reason = arena_str(s->arena, str_of(s->err.code))});
    }
    struct dialect_answer in = {answer.status, answer.type, answer.body};
    learn_form(s, answer.status);
    if (answer.status / 100 != 2)
        return refused(s, http, &in, answer.retry_after_ms);
    if (account->dialect->read_submit(&account->target, &in, s->arena, &outcome, &s->err) != OK)
        return step_unknown(s, JOB_SUBMITTING, POOL_UNAVAILABLE);
    return accepted(s, &outcome);
}

/* Another node has the account's last place. */
static enum status crowded_out(struct step *s)
{
    s->job.state = JOB_QUEUED;
    jobs_account_full(s->jobs, s->hold->slot.account->id);
    return step_gives_back(s, step_again_in(s, 0));
}

/* Its account cools down until its token is tried again, or its input cannot be read now. */
static enum status wait_without_slot(struct step *s)
{
    hold_release_slot(s->jobs, s->hold, POOL_NEUTRAL, 0);
    return step_again_in(s, NOT_READY_MS);
}

static enum status start(struct step *s, enum job_state from)
{
    struct dialect_http http;
    if (!step_token(s))
        return wait_without_slot(s);
    bool other_form = knows_other_form(s->jobs, s->hold->slot.account->id);
    enum status status = build(s, other_form, &http);
    if (s->resubmission && (status == E_INVALID || status == E_NOT_FOUND))
        return step_unknown(s, from, POOL_NEUTRAL);
    if (status == E_INVALID)
        return step_not_said(s, from);
    if (status == E_NOT_FOUND)
        return step_gives_back(s, step_fail_as(s, FAILURE_INTERNAL, "input_lost"));
    if (status == E_UNAVAILABLE)
        return wait_without_slot(s);
    TRY(status);
    bool streams = http.answer_is_job;
    s->job.state = streams ? JOB_STREAMING : JOB_SUBMITTING;
    s->job.account_id = s->hold->slot.account->id;
    s->job.submitted_at = clock_wall_ms();
    s->job.attempts++;
    s->job.failure = (struct failure){0};
    status = step_save(s, from, true);
    if (status == E_LIMIT)
        return crowded_out(s);
    if (status != OK) {
        s->job.state = from;
        return status;
    }
    return streams ? stream_start(s, &http) : submit(s, &http);
}

enum status step_resubmit(struct step *s)
{
    s->resubmission = true;
    return start(s, s->job.state);
}

static enum status no_account(struct step *s)
{
    struct failure earlier = s->job.failure;
    if (earlier.class != FAILURE_NONE)
        return step_fail(s, &earlier);
    return step_fail_as(s, FAILURE_ACCOUNT, "model_not_served");
}

struct job_due step_due(const struct step *s)
{
    return (struct job_due){.group_id = s->job.group_id,
                            .ungrouped = s->job.ungrouped,
                            .model = s->job.model,
                            .tried_accounts = s->job.tried_accounts,
                            .pinned_to = s->job.pinned_to};
}

/* The scheduler has taken a slot for it, or has found that no account serves it. */
enum status step_queued(struct step *s)
{
    struct job_due due = step_due(s);
    struct pool_want want;
    enum pool_result got = POOL_GOT;
    jobs_want(&due, &want);
    if (!s->hold->slot.account)
        got = pool_take(s->app->pool, &want, &s->hold->slot, NULL);
    if (got == POOL_GOT)
        return start(s, JOB_QUEUED);
    return got == POOL_NONE ? no_account(s) : step_again_in(s, 0);
}
