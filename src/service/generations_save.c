/* SPDX-License-Identifier: Apache-2.0 */
/* ST-6: what is an upstream's link becomes an object in the bucket.
 *
 * The claim on the record is a time, prolonged with the room of what is being written, so that
 * a dead process keeps nobody out for long; one transaction, under the owner's lock, then
 * settles the objects and changes the record, if it still is what was claimed. */
#include <time.h>

#include "base/clock.h"
#include "platform/json_in.h"
#include "pool/tokens.h"
#include "service/events.h"
#include "service/generations.h"
#include "service/library.h"
#include "service/quota.h"
#include "service/relay_link.h"
#include "service/storage.h"
#include "store/generations.h"
#include "store/objects.h"

enum { WAIT_MS = 60000, LOOK_MS = 200, WAITERS_MAX = 2 };

/* Of the threads that move media, so many at most wait for others of them. */
static atomic_int waiters;

/* ---- the claim */

static enum status check_storage(struct app *app, struct err *err)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(app);
    return storage_is_wanted(settings) ? OK : err_set(err, E_UNAVAILABLE, "storage_not_configured");
}

static enum status check_room(struct worker *w, int64_t user_id, struct err *err)
{
    struct quota q;
    TRY(quota_read(w->app, w->db, user_id, &q, err));
    return q.limit && q.available <= 0 ? quota_refuse(&q, err) : OK;
}

static enum status claim(struct worker *w, const struct generation *g, bool *ret_claimed,
                         struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    int64_t now = clock_wall_ms();
    TRY(db_begin(tx, err));
    TRY(quota_lock_user(tx, g->user_id, err));
    TRY(generation_claim_saving(tx, g->id, now, now + LIBRARY_SAVING_MS, ret_claimed, err));
    return db_commit(tx, err);
}

static void end_claim(struct worker *w, const struct generation *g)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct err ignored; /* it ends by itself then */
    if (db_begin(tx, &ignored) == OK && quota_lock_user(tx, g->user_id, &ignored) == OK &&
        generation_end_saving(tx, g->id, &ignored) == OK)
        db_commit(tx, &ignored);
}

/* Until the other one has saved it (*ret_claimed false), or has given up; not while the process
 * ends. */
static enum status wait_for_other(struct worker *w, struct generation *g, struct arena *a,
                                  bool *ret_claimed, struct err *err)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    int64_t until = clock_mono_ms() + WAIT_MS;
    while (clock_mono_ms() < until && !atomic_load(jobs_are_cut(w->app))) {
        nanosleep(&pause, NULL);
        TRY(generation_load_owned(w->db, g->user_id, g->id, a, g, err));
        if (g->storage_type != STORAGE_UPSTREAM)
            return OK;
        TRY(claim(w, g, ret_claimed, err));
        if (*ret_claimed)
            return OK;
    }
    return err_set(err, E_CONFLICT, "saving");
}

static enum status claim_or_wait(struct worker *w, struct generation *g, struct arena *a,
                                 bool *ret_claimed, struct err *err)
{
    TRY(claim(w, g, ret_claimed, err));
    if (*ret_claimed)
        return OK;
    enum status status = err_set(err, E_CONFLICT, "saving");
    if (atomic_fetch_add(&waiters, 1) < WAITERS_MAX)
        status = wait_for_other(w, g, a, ret_claimed, err);
    atomic_fetch_sub(&waiters, 1);
    return status;
}

/* ---- the links */

struct links {
    struct job_media media[LIBRARY_MAX_FILES];
    size_t count;
    struct pool_ref account;
};

/* What only an account's credential opens has gone with the account. */
static enum status read_link(struct links *l, struct str address, enum media_type type,
                             struct app *app, struct arena *a, struct err *err)
{
    struct job_media *m = &l->media[l->count++];
    struct relay_link link;
    struct url target;
    *m = (struct job_media){.url = arena_str(a, address), .type = type};
    if (relay_link_read_object(m->url, &m->object_id) || !relay_link_read(m->url, &link))
        return OK;
    m->needs_credential = true;
    if (!l->account.account)
        tokens_hold(app->tokens, link.account_id, &l->account);
    if (!l->account.account)
        return err_set(err, E_GONE, "link_expired");
    TRY(url_resolve(&l->account.account->target.base, link.target, a, &target, err));
    m->url = url_text(&target, a);
    return OK;
}

static enum status read_links(struct worker *w, const struct generation *g, struct links *ret,
                              struct arena *a, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    *ret = (struct links){0};
    TRY(json_parse(g->media_urls, &doc, err));
    if (g->account_id)
        tokens_hold(w->app->tokens, g->account_id, &ret->account);
    for (size_t i = 0; i < json_size(json_root(doc)) && i < LIBRARY_MAX_FILES; i++) {
        struct str address = json_str_or(json_at(json_root(doc), i), STR(""));
        TRY(read_link(ret, address, g->media_type, w->app, a, err));
    }
    return ret->count ? OK : err_set(err, E_GONE, "link_expired");
}

/* ---- saving */

/* The bytes that were kept for want of room (SG-9) are in the bucket now. */
static enum status release_kept(struct db_conn *tx, const struct generation *g, struct arena *a,
                                struct err *err)
{
    struct object objects[2 * (LIBRARY_MAX_FILES + 1)];
    size_t n;
    TRY(object_list_of_generation(tx, g->id, a, objects, ARRAY_SIZE(objects), &n, err));
    for (size_t i = 0; i < n; i++) {
        if (objects[i].state == OBJECT_STORED && objects[i].lease_until)
            TRY(quota_release(tx, &objects[i], clock_wall_ms(), err));
    }
    return OK;
}

static enum status settle(struct worker *w, const struct generation *g,
                          const struct library_take *take, struct arena *a, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    bool mine;
    int64_t now = clock_wall_ms();
    TRY(db_begin(tx, err));
    TRY(quota_lock_user(tx, g->user_id, err));
    /* Deleted meanwhile, or saved by somebody who took this one for dead; else it is ours,
     * whatever time the claim still has. */
    TRY(generation_claim_saving(tx, g->id, INT64_MAX, now, &mine, err));
    if (!mine)
        return err_set(err, E_CONFLICT, "not_saveable");
    TRY(library_settle(tx, take, err));
    TRY(release_kept(tx, g, a, err));
    TRY(generation_set_result(tx, g, err));
    TRY(generation_end_saving(tx, g->id, err));
    TRY(events_note(tx, TOPIC_USER, EVENT_GENERATION, g->user_id, g->id, err));
    TRY(events_note(tx, TOPIC_USER, EVENT_QUOTA, g->user_id, 0, err));
    return db_commit(tx, err);
}

/* AC-3: a token that is not good any more says nothing of the link. */
static enum status fetch(struct worker *w, const struct generation *g, struct links *links,
                         struct arena *a, struct library_take *ret, struct err *err)
{
    bool refused = false;
    struct library_source source = {.media = links->media,
                                    .count = links->count,
                                    .account = links->account.account,
                                    .cancelled = jobs_are_cut(w->app),
                                    .ret_token_refused = &refused,
                                    .saving = true};
    enum status status = library_fetch(w, g, &source, a, ret, err);
    if (library_was_lost(status, err)) /* a dead one's upload, swept as we went on with it */
        status = library_fetch(w, g, &source, a, ret, err);
    if (!refused || !tokens_hold_another(w->app->tokens, &links->account))
        return status;
    source.account = links->account.account;
    return library_fetch(w, g, &source, a, ret, err);
}

static enum status take(struct worker *w, struct generation *g, struct arena *a, struct err *err)
{
    struct library_take taken;
    struct links links;
    enum status status = read_links(w, g, &links, a, err);
    if (status == OK)
        status = fetch(w, g, &links, a, &taken, err);
    pool_drop(&links.account);
    TRY(status);
    library_describe(&taken, a, g);
    g->storage_reason = STR_NONE;
    g->expires_at = g->account_id = 0;
    status = settle(w, g, &taken, a, err);
    if (status != OK && status != E_IO)
        library_discard(w, &taken);
    return status;
}

/* A bucket that will not have it is, to the owner of the work, one that is not there now. */
static enum status explain(enum status status, struct err *err)
{
    bool bucket = status == E_FORBIDDEN && str_eq(str_of(err->code), STR("storage_refused"));
    return bucket ? err_set(err, E_UNAVAILABLE, "storage_unavailable") : status;
}

enum status generation_save(struct worker *w, int64_t user_id, int64_t id, struct arena *a,
                            struct err *err)
{
    struct generation g;
    bool claimed = false;
    TRY(generation_load_owned(w->db, user_id, id, a, &g, err));
    if (g.storage_type != STORAGE_UPSTREAM)
        return err_set(err, E_CONFLICT, "not_saveable");
    TRY(check_storage(w->app, err));
    TRY(claim_or_wait(w, &g, a, &claimed, err));
    if (!claimed)
        return OK;
    enum status status = check_room(w, user_id, err);
    if (status == OK)
        status = take(w, &g, a, err);
    if (status != OK)
        end_claim(w, &g);
    return explain(status, err);
}
