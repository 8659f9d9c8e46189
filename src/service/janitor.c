/* SPDX-License-Identifier: Apache-2.0 */
#include "service/janitor.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "pool/pool.h"
#include "pool/tokens.h"
#include "service/identity.h"
#include "service/model_lists.h"
#include "service/outside.h"
#include "service/settings.h"
#include "service/stats.h"
#include "service/tus.h"
#include "service/upload_shelf.h"
#include "store/idempotency.h"
#include "store/job_history.h"
#include "store/jobs.h"
#include "store/oauth_flows.h"
#include "store/stores.h"

enum { TICK_MS = 50, LEAVING_MS = 5000 };

struct janitor {
    struct app *app;
    struct db_conn *db;
    pthread_t thread;
    atomic_bool stopping, leaving, changed, seen, reload_pool, reload_settings;
    struct outside_mark outside;
    int64_t next_reload, next_second, next_ten, next_minute; /* mono ms */
};

static void report(const char *what, enum status status, const struct err *err)
{
    if (status != OK)
        log_warn("periodic work failed", LOG_Z("what", what), LOG_Z("code", err->code),
                 LOG_Z("why", err->detail));
}

/* ---- rounds */

static void look_outside(struct janitor *j)
{
    struct err err;
    bool changed;
    enum status status = outside_look(j->db, &j->outside, &changed, &err);
    report("changes by commands", status, &err);
    if (status == OK && changed)
        db_missed(j->app->db);
}

static void every_second(struct janitor *j)
{
    struct err err;
    report("pool marks", pool_flush(j->app->pool, j->db, &err), &err);
    db_rollback(j->db);
    report("tokens", tokens_tick(j->app->tokens, j->db, &err), &err);
    look_outside(j);
}

static void tell_newcomer(struct janitor *j)
{
    struct err err;
    if (!atomic_exchange(&j->changed, false))
        return;
    enum status status = outside_note(j->db, &err);
    report("telling the newcomer", status, &err);
    if (status != OK)
        atomic_store(&j->changed, true);
}

static void every_second_leaving(struct janitor *j)
{
    struct err err;
    report("pool marks", pool_flush(j->app->pool, j->db, &err), &err);
    db_rollback(j->db);
    tell_newcomer(j);
    db_rollback(j->db);
}

static void every_ten(struct janitor *j)
{
    struct err err;
    report("model lists", model_lists_tick(j->app, j->db, &err), &err);
    db_rollback(j->db);
    report("unused references", upload_sweep_references(j->db, clock_wall_ms(), &err), &err);
    db_rollback(j->db);
}

static enum status work_sign_ins(struct janitor *j, int64_t now, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = j->db;
    TRY(db_begin(tx, err));
    TRY(oauth_flows_remove_old(tx, now, err));
    return db_commit(tx, err);
}

/* A job's transfer, which may end in a bucket that the settings named when it began, is over in an
 * hour; a day is for whoever puts them back. */
static enum status drop_unused_keys(struct janitor *j, int64_t now, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = j->db;
    int64_t dropped;
    TRY(db_begin(tx, err));
    TRY(store_drop_unused(tx, now, now - CLOCK_DAY_MS, &dropped, err));
    TRY(db_commit(tx, err));
    if (dropped)
        log_info("keys of unused buckets were dropped", LOG_I("buckets", dropped));
    return OK;
}

static void every_minute(struct janitor *j)
{
    struct err err;
    int64_t now = clock_wall_ms();
    report("old sign-ins", work_sign_ins(j, now, &err), &err);
    report("old jobs", job_remove_old(j->db, now, &err), &err);
    report("old sessions", identity_sweep(j->db, NULL, &err), &err);
    report("old idempotency keys", idempotency_remove_old(j->db, now - CLOCK_DAY_MS, &err), &err);
    report("old history of jobs", job_history_prune(j->db, now, &err), &err);
    report("old uploads", tus_sweep(j->db, now, &err), &err);
    report("keys of unused buckets", drop_unused_keys(j, now, &err), &err);
    report("bytes stored", stats_refresh_stored(j->db, CLOCK_HOUR_MS, &err), &err);
    db_rollback(j->db);
}

/* Nobody says a second time that it has changed: what could not be read is read later. */
static void reloaded(struct janitor *j, const char *what, atomic_bool *wanted, enum status status,
                     const struct err *err)
{
    report(what, status, err);
    if (status == OK)
        return;
    atomic_store(wanted, true);
    j->next_reload = clock_mono_ms() + CLOCK_SECOND_MS;
}

static void reload(struct janitor *j)
{
    struct err err;
    if (clock_mono_ms() < j->next_reload)
        return;
    if (atomic_exchange(&j->reload_settings, false))
        reloaded(j, "settings", &j->reload_settings, settings_reload(j->app, j->db, &err), &err);
    if (atomic_exchange(&j->reload_pool, false))
        reloaded(j, "accounts", &j->reload_pool, pool_reload(j->app->pool, j->db, &err), &err);
}

static bool is_due(int64_t *next, int64_t every_ms)
{
    int64_t now = clock_mono_ms();
    if (now < *next)
        return false;
    *next = now + every_ms;
    return true;
}

static void leave(struct janitor *j)
{
    /* The newcomer reads everything for it: not with each word of a stream. */
    if (is_due(&j->next_ten, LEAVING_MS) && atomic_exchange(&j->seen, false))
        atomic_store(&j->changed, true);
    if (is_due(&j->next_second, CLOCK_SECOND_MS))
        every_second_leaving(j);
}

static void work(struct janitor *j)
{
    if (is_due(&j->next_second, CLOCK_SECOND_MS))
        every_second(j);
    if (is_due(&j->next_ten, 10 * CLOCK_SECOND_MS))
        every_ten(j);
    if (is_due(&j->next_minute, CLOCK_MINUTE_MS))
        every_minute(j);
}

static void *janitor_main(void *arg)
{
    struct janitor *j = arg;
    struct timespec pause = {.tv_nsec = TICK_MS * 1000000L};
    struct err err;
    bool changed;
    /* What was marked before has been read at the start. */
    outside_look(j->db, &j->outside, &changed, &err);
    while (!atomic_load(&j->stopping)) {
        nanosleep(&pause, NULL);
        reload(j);
        if (atomic_load(&j->leaving))
            leave(j);
        else
            work(j);
    }
    if (atomic_load(&j->leaving)) {
        atomic_store(&j->changed, true);
        every_second_leaving(j);
    } else {
        every_second(j);
    }
    return NULL;
}

static void free_janitor(struct janitor *j)
{
    db_conn_free(j->db);
    free(j);
}

enum status janitor_start(struct app *app, struct janitor **ret, struct err *err)
{
    struct janitor *j = mem_zalloc(sizeof(*j));
    j->app = app;
    j->db = db_conn_new(app->db);
    enum status status = thread_start(&j->thread, janitor_main, j, "the janitor", err);
    if (status == OK)
        *ret = j;
    else
        free_janitor(j);
    return status;
}

void janitor_leave(struct janitor *j)
{
    atomic_store(&j->leaving, true);
}

void janitor_changed(struct janitor *j, bool known)
{
    atomic_store(known ? &j->changed : &j->seen, true);
}

void janitor_stop(struct janitor *j)
{
    if (!j)
        return;
    atomic_store(&j->stopping, true);
    pthread_join(j->thread, NULL);
    free_janitor(j);
}

void janitor_reload_pool(struct janitor *j)
{
    atomic_store(&j->reload_pool, true);
}

void janitor_reload_settings(struct janitor *j)
{
    atomic_store(&j->reload_settings, true);
}
