/* SPDX-License-Identifier: Apache-2.0 */
#include "service/model_lists.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/pool.h"
#include "service/account_request.h"
#include "service/settings.h"
#include "store/account_models.h"

enum {
    AT_A_TIME = 4,
    NAMES_MAX = 100,
    NAME_MAX_BYTES = 128,
    BODY_BYTES = 1 << 20,
    ARENA_BYTES = 8 << 20,
    CONNECT_MS = 5000,
    TOTAL_MS = 10000,
    BACK_OFF_DOUBLINGS = 9,
};
#define QUIET_MS    (15 * CLOCK_MINUTE_MS)
#define AGAIN_MS    CLOCK_HOUR_MS
#define BACK_OFF_MS CLOCK_MINUTE_MS
#define LONGEST_MS  (6 * CLOCK_HOUR_MS)

/* One round at a time in this process. */
static atomic_bool busy;

struct round {
    struct work work;
};

/* ---- one account */

static struct str write_names(const struct str *names, size_t n, struct arena *a)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(64 << 10);
    struct json_out j;
    json_out_init(&j, &out);
    json_array(&j);
    for (size_t i = 0; i < n; i++) {
        if (names[i].n <= NAME_MAX_BYTES)
            json_str(&j, names[i]);
    }
    json_array_end(&j);
    return buf_failed(&out) ? STR_NONE : arena_str(a, buf_str(&out));
}

static enum status ask(struct worker *w, const struct pool_account *account, struct arena *a,
                       struct str *ret_names, struct err *err)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(w->app);
    struct str *names = arena_alloc(a, NAMES_MAX * sizeof(*names));
    struct http_header headers[DIALECT_MAX_HEADERS];
    struct dialect_http http;
    struct fetch_request request;
    struct fetch_answer answer;
    size_t n;
    TRY(account->dialect->build_models(&account->target, a, &http, err));
    account_request_build(account, &http, headers, a, &request);
    request.guard = (struct guard){GUARD_ADMIN, settings->allowed_private_networks,
                                   settings->allowed_private_network_count};
    request.connect_timeout_ms = CONNECT_MS;
    request.total_timeout_ms = TOTAL_MS;
    request.max_body = BODY_BYTES;
    TRY(fetch_run(w->fetcher, &request, a, &answer, err));
    struct dialect_answer in = {answer.status, answer.type, answer.body};
    if (!names || answer.status / 100 != 2)
        return err_set(err, E_UPSTREAM, "upstream_error");
    TRY(account->dialect->read_models(&in, a, names, NAMES_MAX, &n, err));
    *ret_names = write_names(names, n, a);
    return ret_names->p ? OK : err_set(err, E_UPSTREAM, "bad_answer");
}

static enum status keep(struct db_conn *db, int64_t account_id, struct str names, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    int64_t now = clock_wall_ms();
    TRY(db_begin(tx, err));
    TRY(account_models_save(tx, account_id, names, now, now + AGAIN_MS, err));
    TRY(db_notify(tx, "pool", STR("accounts"), err)); /* every node reads it */
    return db_commit(tx, err);
}

static enum status put_off(struct db_conn *db, const struct account_asking *of, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    int64_t pause = MIN(BACK_OFF_MS << MIN(of->failures, BACK_OFF_DOUBLINGS), LONGEST_MS);
    TRY(db_begin(tx, err));
    TRY(account_models_fail(tx, of->account_id, clock_wall_ms() + pause, err));
    return db_commit(tx, err);
}

static enum status ask_one(struct worker *w, const struct account_asking *of, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(ARENA_BYTES);
    struct pool_ref ref = {0};
    struct str names;
    pool_hold(w->app->pool, of->account_id, &ref);
    enum status status = ref.account ? ask(w, ref.account, a, &names, err)
                                     : err_set(err, E_NOT_FOUND, "account_not_found");
    pool_drop(&ref);
    if (status == OK)
        return keep(w->db, of->account_id, names, err);
    log_debug("an account's models were not told", LOG_I("account", of->account_id),
              LOG_Z("code", err->code));
    return put_off(w->db, of, err);
}

/* ---- rounds */

static enum status claim(struct db_conn *db, struct account_asking *ret, size_t *ret_count,
                         struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    int64_t now = clock_wall_ms();
    TRY(db_begin(tx, err));
    TRY(account_models_claim(tx, now, now - QUIET_MS, now + AGAIN_MS, ret, AT_A_TIME, ret_count,
                             err));
    return db_commit(tx, err);
}

static void run(struct work *work, void *thread_state)
{
    struct round *r = CONTAINER_OF(work, struct round, work);
    struct worker *w = thread_state;
    struct account_asking due[AT_A_TIME];
    struct err err;
    size_t n = 0;
    enum status status = claim(w->db, due, &n, &err);
    for (size_t i = 0; i < n && status == OK; i++)
        status = ask_one(w, &due[i], &err);
    db_rollback(w->db);
    if (status != OK)
        log_warn("model lists could not be kept", LOG_Z("code", err.code),
                 LOG_Z("why", err.detail));
    free(r);
    atomic_store(&busy, false);
}

enum status model_lists_tick(struct app *app, struct db_conn *db, struct err *err)
{
    int64_t now = clock_wall_ms();
    bool due;
    TRY(account_models_any_due(db, now, now - QUIET_MS, &due, err));
    if (!due || atomic_exchange(&busy, true))
        return OK;
    struct round *r = mem_zalloc(sizeof(*r));
    r->work.run = run;
    if (workers_submit(app->step_workers, &r->work))
        return OK;
    free(r);
    atomic_store(&busy, false);
    return err_set(err, E_UNAVAILABLE, "overloaded");
}
