/* SPDX-License-Identifier: Apache-2.0 */
/* Moving what an upstream delivered into the store, and completing the record.
 *
 * The files are on disk before the transaction that turns their rows to stored, charges
 * them, completes the record and ends the job: all of it or nothing.  What cannot be kept
 * here is kept as the upstream's own link, with the reason (SG-5, SG-9). */
#include "base/clock.h"
#include "base/json_out.h"
#include "base/log.h"
#include "pool/tokens.h"
#include "service/events.h"
#include "service/jobs_impl.h"
#include "service/library.h"
#include "service/quota.h"
#include "service/relay_link.h"
#include "store/generations.h"

/* UI-4: how long an upstream's own link is promised to live. */
#define UPSTREAM_LINK_MS (15 * CLOCK_MINUTE_MS)
/* SG-9: what came as bytes is nobody's but ours to keep until there is room; a signed link of
 * ours lives as long. */
#define KEPT_BYTES_MS CLOCK_DAY_MS

static struct str write_strings(struct step *s, const struct str *items, size_t n)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(1 << 20);
    struct json_out j;
    json_out_init(&j, &out);
    json_array(&j);
    for (size_t i = 0; i < n; i++)
        json_str(&j, items[i]);
    json_array_end(&j);
    return arena_str(s->arena, buf_str(&out));
}

static struct str address_of(struct step *s, const struct job_media *m)
{
    if (m->object_id)
        return relay_link_refer_object(s->arena, m->object_id);
    return m->needs_credential ? relay_link_refer(s->arena, s->job.account_id, m->url) : m->url;
}

static void fill_links(struct step *s, struct generation *g, const struct job_media *media,
                       size_t n)
{
    struct str urls[LIBRARY_MAX_FILES];
    for (size_t i = 0; i < n; i++)
        urls[i] = address_of(s, &media[i]);
    g->media_url = n ? urls[0] : STR_NONE;
    g->media_urls = write_strings(s, urls, n);
    g->object_keys = STR("[]");
}

/* One transaction; take is NULL when only the link is kept. */
static enum status complete(struct step *s, const struct generation *g,
                            const struct library_take *take)
{
    _cleanup_(db_tx_end) struct db_conn *tx = s->w->db;
    TRY(db_begin(tx, &s->err));
    TRY(quota_lock_user(tx, g->user_id, &s->err));
    s->job.state = JOB_ENDED;
    s->job.progress = 100;
    s->job.ended_at = clock_wall_ms();
    TRY(job_save(tx, &s->job, JOB_STORING, false, &s->err));
    if (take)
        TRY(library_settle(tx, take, &s->err));
    else
        TRY(job_hand_results(tx, s->job.id, g->id, g->expires_at, &s->err));
    TRY(generation_set_result(tx, g, &s->err));
    TRY(generation_move(tx, g->id, GENERATION_COMPLETED, s->job.ended_at, &s->err));
    TRY(step_note(s, tx));
    TRY(events_note(tx, TOPIC_USER, EVENT_QUOTA, g->user_id, 0, &s->err));
    return db_commit(tx, &s->err);
}

static enum status finish(struct step *s, const struct generation *g,
                          const struct library_take *take)
{
    enum status status = complete(s, g, take);
    if (status == OK)
        return OK;
    db_rollback(s->w->db);
    s->job.state = JOB_STORING;
    /* E_IO: it may have been kept.  If not, the next step fetches anew, and the janitor
     * removes this take when its lease has ended. */
    if (take && status != E_IO)
        library_discard(s->w, take);
    return status;
}

static int64_t link_life(const struct generation *g)
{
    int64_t object_id;
    bool bytes = relay_link_read_object(g->media_url, &object_id);
    return bytes ? KEPT_BYTES_MS : UPSTREAM_LINK_MS;
}

static enum status keep_link(struct step *s, struct generation *g, const char *reason)
{
    TRY(library_give_up(s->w, g, s->arena, &s->err));
    g->storage_type = STORAGE_UPSTREAM;
    g->storage_reason = str_of(reason);
    g->account_id = s->job.account_id;
    g->expires_at = clock_wall_ms() + link_life(g);
    return finish(s, g, NULL);
}

static enum status fetch_again(struct step *s)
{
    s->job.next_at = clock_wall_ms() + (1000LL << s->job.attempts);
    return step_save(s, JOB_STORING, false);
}

enum status step_renew_links(struct step *s)
{
    struct dialect_outcome outcome = {.progress = -1};
    struct str before = s->job.result;
    bool last = ++s->job.attempts >= JOBS_STORE_TRIES;
    enum status status = step_look(s, &outcome);
    if (step_is_cut(s))
        return OK;
    if ((status == E_UNAVAILABLE || status == E_TIMEOUT || outcome.at_once) && !last)
        return fetch_again(s);
    bool fresh = status == OK && outcome.state == DIALECT_DONE && outcome.media_count && !last;
    struct str result = fresh ? jobs_write_links(&outcome, s->arena) : STR_NONE;
    if (!result.p || jobs_same_media(result, before, s->arena))
        return step_fail_as(s, FAILURE_UPSTREAM, "link_gone");
    log_info("an upstream's links were renewed", LOG_I("job", s->job.id));
    s->job.result = result;
    s->job.next_at = clock_wall_ms();
    TRY(step_save(s, JOB_STORING, false));
    jobs_wake(s->jobs);
    return OK;
}

/* What cannot be kept now: is it worth another try, is the link enough, or is it gone? */
static enum status not_stored(struct step *s, struct generation *g, enum status why)
{
    if (why == E_LIMIT || why == E_NO_SPACE || why == E_FORBIDDEN ||
        (why == E_UNAVAILABLE && str_eq(str_of(s->err.code), STR("storage_off"))))
        return keep_link(s, g, s->err.code);
    if (why == E_GONE)
        return step_renew_links(s);
    if (++s->job.attempts < JOBS_STORE_TRIES) {
        log_info("media will be fetched again", LOG_I("job", s->job.id), LOG_Z("code", s->err.code),
                 LOG_I("attempt", s->job.attempts));
        return fetch_again(s);
    }
    return keep_link(s, g, s->err.code);
}

static enum status fetch(struct step *s, const struct generation *g, const struct job_media *media,
                         size_t n, struct library_take *ret)
{
    struct pool_ref account;
    bool refused = false;
    tokens_hold(s->app->tokens, s->job.account_id, &account);
    struct library_source source = {.media = media,
                                    .count = n,
                                    .account = account.account,
                                    .cancelled = &s->hold->cancelled,
                                    .kept_when_cut = &s->jobs->cut,
                                    .ret_token_refused = &refused};
    enum status status = library_fetch(s->w, g, &source, s->arena, ret, &s->err);
    if (refused && tokens_hold_another(s->app->tokens, &account)) {
        source.account = account.account;
        status = library_fetch(s->w, g, &source, s->arena, ret, &s->err);
    }
    pool_drop(&account);
    return status;
}

enum status step_storing(struct step *s)
{
    struct job_media media[LIBRARY_MAX_FILES];
    struct library_take take;
    struct generation g;
    size_t n;

    TRY(jobs_read_media(s->job.result, s->arena, media, ARRAY_SIZE(media), &n, &s->err));
    TRY(generation_load(s->w->db, s->job.generation_id, s->arena, &g, &s->err));
    TRY(library_discard_dead(s->w, &g, s->arena, &s->err));
    fill_links(s, &g, media, n);
    enum status status = fetch(s, &g, media, n, &take);
    if (status != OK)
        return step_is_cut(s) ? OK : not_stored(s, &g, status);
    library_describe(&take, s->arena, &g);
    status = finish(s, &g, &take);
    if (library_was_lost(status, &s->err))
        return not_stored(s, &g, status);
    return status;
}
