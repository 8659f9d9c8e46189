/* SPDX-License-Identifier: Apache-2.0 */
#include "service/direct_links.h"

#include "base/clock.h"
#include "base/log.h"
#include "pool/tokens.h"
#include "service/account_request.h"
#include "service/library.h"
#include "service/link_askers.h"
#include "service/settings.h"
#include "store/jobs.h"

/* LOOKS: some say in one answer that it is done, and in the next with what. */
enum {
    TRY_MS = 5000,
    LOOK_MS = 5000,
    LOOKS = 2,
    ANSWER_BYTES = 4 << 20,
    RETRY_MS = 5000,
    ROW_ARENA = 8 << 20,
};
#define FRESH_MS CLOCK_MINUTE_MS /* so long a link is taken for good */

static struct link_askers askers = LINK_ASKERS_INIT;

struct renewal {
    struct worker *w;
    struct arena *arena;
    struct job *job;
    struct pool_ref account;
};

/* ---- does it open? ---- */

static enum status try_link(struct renewal *r, const struct job_media *m, struct err *err)
{
    bool refused = false;
    struct library_source source = {.media = m,
                                    .count = 1,
                                    .account = r->account.account,
                                    .cancelled = jobs_are_cut(r->w->app),
                                    .ret_token_refused = &refused};
    enum status status = library_try_link(r->w, &source, 0, TRY_MS, r->arena, err);
    if (!refused || !tokens_hold_another(r->w->app->tokens, &r->account))
        return status;
    source.account = r->account.account;
    return library_try_link(r->w, &source, 0, TRY_MS, r->arena, err);
}

/* ---- another look at the task ---- */

static enum status look(struct renewal *r, const struct dialect_task *task,
                        struct dialect_outcome *ret, struct err *err)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(r->w->app);
    const struct pool_account *account = r->account.account;
    struct http_header headers[DIALECT_MAX_HEADERS];
    struct dialect_http http = {0};
    struct fetch_request request;
    struct fetch_answer answer;
    TRY(account->dialect->build_poll(&account->target, task, r->arena, &http, err));
    account_request_build(account, &http, headers, r->arena, &request);
    request.guard = (struct guard){GUARD_ADMIN, settings->allowed_private_networks,
                                   settings->allowed_private_network_count};
    request.connect_timeout_ms = request.total_timeout_ms = LOOK_MS;
    request.max_body = ANSWER_BYTES;
    request.cancelled = jobs_are_cut(r->w->app);
    TRY(fetch_run(r->w->fetcher, &request, r->arena, &answer, err));
    struct dialect_answer in = {answer.status, answer.type, answer.body};
    if (answer.status == 404 || answer.status == 410)
        return err_set(err, E_GONE, "link_expired");
    return account->dialect->read_poll(&account->target, task, &in, r->arena, ret, err);
}

/* E_GONE: it has nothing (any more). */
static enum status look_again(struct renewal *r, struct dialect_outcome *ret, struct err *err)
{
    struct dialect_task task = {r->job->upstream_id, r->job->upstream_ref};
    if (!r->account.account || r->account.account->dialect->streams || !task.id.n)
        return err_set(err, E_GONE, "link_expired");
    for (size_t i = 0; i < LOOKS; i++) {
        *ret = (struct dialect_outcome){.progress = -1};
        TRY(look(r, &task, ret, err));
        if (!ret->at_once)
            break;
        task.ref = ret->ref.p ? ret->ref : task.ref;
    }
    bool found = ret->state == DIALECT_DONE && ret->media_count && ret->media[0].url.n;
    return found ? OK : err_set(err, E_GONE, "link_expired");
}

static enum status renew(struct renewal *r, struct err *err)
{
    struct dialect_outcome outcome;
    enum status status = look_again(r, &outcome, err);
    if (status != OK)
        return status == E_GONE ? status : err_set(err, E_UPSTREAM, "media_unavailable");
    struct str result = jobs_write_links(&outcome, r->arena);
    if (!result.p || jobs_same_media(result, r->job->result, r->arena))
        return err_set(err, E_GONE, "link_expired");
    log_info("a finished job's links were renewed", LOG_I("job", r->job->id));
    r->job->result = result;
    return job_renew_result(r->w->db, r->job->id, result, err);
}

static enum status renew_dead(struct renewal *r, struct err *err)
{
    link_askers_found_dead(&askers, r->job->id);
    return renew(r, err);
}

static enum status check(struct renewal *r, struct err *err)
{
    struct job_media media;
    size_t n;
    TRY(jobs_read_media(r->job->result, r->arena, &media, 1, &n, err));
    if (n == 0 || media.object_id)
        return OK;
    tokens_hold(r->w->app->tokens, r->job->account_id, &r->account);
    bool known = r->account.account || !media.needs_credential;
    bool dead = known && try_link(r, &media, err) == E_GONE;
    enum status status = dead ? renew_dead(r, err) : OK;
    pool_drop(&r->account);
    return status;
}

/* One that is dead for good is not asked about at every look. */
static enum status leave(const struct job *job, enum status status)
{
    link_askers_leave(&askers, job->id, status == E_GONE, clock_mono_ms());
    return status;
}

static enum status come_again(struct err *err)
{
    err_set(err, E_UNAVAILABLE, "overloaded");
    err->retry_after_ms = RETRY_MS;
    return E_UNAVAILABLE;
}

enum status direct_links_renew(struct worker *w, struct job *job, struct arena *a, struct err *err)
{
    struct renewal r = {.w = w, .arena = a, .job = job};
    if (clock_wall_ms() - job->ended_at < FRESH_MS)
        return OK;
    enum link_asking asking = link_askers_enter(&askers, job->id, clock_mono_ms());
    if (asking == LINK_GONE)
        return err_set(err, E_GONE, "link_expired");
    if (asking != LINK_MINE)
        return asking == LINK_DEAD ? come_again(err) : OK;
    return leave(job, check(&r, err));
}

/* ---- one that was given away ---- */

/* E_GONE: the row has nothing, or the refused address still. */
static enum status find_other(const struct job *job, const struct relay_link *link, struct arena *a,
                              struct job_media *ret, struct err *err)
{
    struct job_media media[DIALECT_MAX_MEDIA];
    size_t n = 0, place = (size_t)link->place;
    if (job->state == JOB_ENDED && job->result.n)
        TRY(jobs_read_media(job->result, a, media, DIALECT_MAX_MEDIA, &n, err));
    if (place >= n || !media[place].url.n ||
        str_eq(relay_link_target(a, media[place].url), link->target))
        return err_set(err, E_GONE, "link_expired");
    *ret = media[place];
    return OK;
}

static enum status renew_now(struct worker *w, struct job *job, struct arena *a, struct err *err)
{
    struct renewal r = {.w = w, .arena = a, .job = job};
    if (job->state != JOB_ENDED || !job->result.n)
        return err_set(err, E_GONE, "link_expired");
    enum link_asking asking = link_askers_enter(&askers, job->id, clock_mono_ms());
    if (asking == LINK_GONE)
        return err_set(err, E_GONE, "link_expired");
    if (asking != LINK_MINE)
        return come_again(err);
    tokens_hold(w->app->tokens, job->account_id, &r.account);
    enum status status = renew_dead(&r, err);
    pool_drop(&r.account);
    return leave(job, status);
}

static enum status replace(struct worker *w, const struct relay_link *link, struct arena *a,
                           struct job_media *ret, struct err *err)
{
    struct job job;
    enum status status = job_load(w->db, link->job_id, a, &job, err);
    if (status == E_NOT_FOUND)
        return err_set(err, E_GONE, "link_expired");
    TRY(status);
    status = find_other(&job, link, a, ret, err);
    if (status != E_GONE)
        return status;
    TRY(renew_now(w, &job, a, err));
    return find_other(&job, link, a, ret, err);
}

enum status direct_links_replace(struct worker *w, const struct relay_link *link, struct arena *a,
                                 struct job_media *ret, struct err *err)
{
    _cleanup_(arena_freep) struct arena *row = arena_new(ROW_ARENA);
    struct job_media media;
    TRY(replace(w, link, row, &media, err));
    media.url = arena_str(a, media.url);
    if (!media.url.p)
        return err_set(err, E_NO_MEMORY, "overloaded");
    *ret = media;
    return OK;
}
