/* SPDX-License-Identifier: Apache-2.0 */
#include "service/accounts.h"

#include "base/clock.h"
#include "base/log.h"
#include "pool/pool.h"
#include "service/events.h"
#include "service/settings.h"
#include "store/accounts.h"
#include "store/groups.h"

static void note_fields(struct deed *deed, unsigned set)
{
    static const char *const names[] = {"name",          "platform",
                                        "type",          "dialect",
                                        "base_url",      "api_key",
                                        "priority",      "concurrency",
                                        "group_ids",     "models",
                                        "model_mapping", "proxy_url",
                                        "ca_pem",        "honours_idempotency",
                                        "status",        "http2"};
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (set & (1u << i))
            deed_add_field(deed, names[i]);
    }
}

static enum status finish(const struct account_work *w, struct db_conn *tx, const struct deed *deed,
                          struct err *err)
{
    TRY(audit_note(tx, w->actor, deed, err));
    TRY(events_note(tx, TOPIC_SITE, EVENT_SITE, 0, 0, err)); /* sora_client_enabled */
    TRY(db_notify(tx, "pool", STR("accounts"), err));
    return db_commit(tx, err);
}

/* Now, so that the next call already meets the change.  Should it fail, the notice brings
 * it: what was asked for is done. */
static void take_over(const struct account_work *w, int64_t cleared)
{
    struct err err = {0};
    if (cleared)
        pool_clear(w->app->pool, cleared);
    if (pool_reload(w->app->pool, w->db, &err) != OK)
        log_warn("accounts could not be read anew", LOG_Z("code", err.code),
                 LOG_Z("detail", err.detail));
}

static enum status check_groups(struct db_conn *tx, const struct account_form *form,
                                struct arena *a, struct err *err)
{
    struct group group;
    for (size_t i = 0; form->set & ACCOUNT_GROUPS && i < form->group_count; i++) {
        enum status status = groups_find(tx, form->group_ids[i], a, &group, err);
        if (status == E_NOT_FOUND)
            return err_field(err, "invalid_field", "group_ids", "there is no group %lld",
                             (long long)form->group_ids[i]);
        TRY(status);
    }
    return OK;
}

static enum status need(const struct account_form *form, unsigned member, const char *name,
                        struct err *err)
{
    return form->set & member ? OK : err_field(err, "missing_field", name, "%s is required", name);
}

static enum status check_complete(const struct account_form *form, struct err *err)
{
    TRY(need(form, ACCOUNT_BASE_URL, "base_url", err));
    return need(form, ACCOUNT_API_KEY, "api_key", err);
}

static struct account first_values(void)
{
    return (struct account){
        .platform = STR("sora"),
        .type = ACCOUNT_APIKEY,
        .dialect = STR("chat"),
        .priority = ACCOUNT_PRIORITY_DEFAULT,
        .concurrency = ACCOUNT_CONCURRENCY_DEFAULT,
        .credentials = STR(""),
        .models = STR("[]"),
        .model_mapping = STR("{}"),
        .created_at = clock_wall_ms(),
    };
}

enum status account_create(const struct account_work *w, const struct account_form *form,
                           struct account *ret, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct deed deed = {.action = "account.create", .kind = "account"};
    struct account account = first_values();
    struct account_secrets secrets = {0};

    TRY(need(form, ACCOUNT_NAME, "name", err));
    TRY(check_complete(form, err));
    TRY(account_form_check(form, w->settings, w->arena, err));
    TRY(account_form_apply(form, w->arena, &account, &secrets, err));
    account.updated_at = account.created_at;

    TRY(db_begin(tx, err));
    TRY(check_groups(tx, form, w->arena, err));
    TRY(accounts_insert(tx, &account, err));
    TRY(account_secrets_seal(w->app, &secrets, w->arena, &account, err));
    TRY(accounts_update(tx, &account, err));
    deed.id = account.id;
    note_fields(&deed, form->set);
    TRY(finish(w, tx, &deed, err));
    take_over(w, 0);
    *ret = account;
    return OK;
}

static void clear_marks(struct account *account)
{
    account->rate_limited_until = account->overloaded_until = 0;
    account->failures_in_row = account->auth_failures_in_row = 0;
    account->status_reason = STR_NONE;
    if (account->status == ACCOUNT_ERROR)
        account->status = ACCOUNT_ACTIVE;
}

static bool same(struct str a, struct str b)
{
    return !a.p == !b.p && str_eq(a, b);
}

/* Is it no longer what the marks were earned with, or has an administrator said that all
 * is well?  (Pages send members back as they were.) */
static bool clears(const struct account_form *form, const struct account *before,
                   const struct account *after)
{
    if (form->set & ACCOUNT_API_KEY)
        return true;
    if (form->set & ACCOUNT_STATUS && form->status == ACCOUNT_ACTIVE &&
        before->status != ACCOUNT_ACTIVE)
        return true;
    return !same(before->base_url, after->base_url) || !same(before->dialect, after->dialect) ||
           !same(before->proxy_url, after->proxy_url) || !same(before->ca_pem, after->ca_pem) ||
           before->http2 != after->http2;
}

/* Unreadable secrets are mended by typing them again. */
static enum status open_for_change(const struct account_work *w, const struct account_form *form,
                                   const struct account *account, struct account_secrets *ret,
                                   struct err *err)
{
    enum status status = account_secrets_open(w->app, account, w->arena, ret, err);
    return form->set & ACCOUNT_API_KEY ? OK : status;
}

enum status account_change(const struct account_work *w, int64_t id,
                           const struct account_form *form, struct account *ret, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct deed deed = {.action = "account.update", .kind = "account", .id = id};
    struct account before, account;
    struct account_secrets secrets = {0};

    TRY(account_form_check(form, w->settings, w->arena, err));
    TRY(db_begin(tx, err));
    TRY(accounts_lock(tx, id, w->arena, &before, err));
    account = before;
    TRY(account_form_check_way(form, &before, w->arena, err));
    TRY(check_groups(tx, form, w->arena, err));
    if (form->set & (ACCOUNT_API_KEY | ACCOUNT_PROXY)) {
        TRY(open_for_change(w, form, &account, &secrets, err));
        TRY(account_form_apply(form, w->arena, &account, &secrets, err));
        TRY(account_secrets_seal(w->app, &secrets, w->arena, &account, err));
    } else {
        TRY(account_form_apply(form, w->arena, &account, &secrets, err));
    }
    bool cleared = clears(form, &before, &account);
    if (cleared)
        clear_marks(&account);
    account.updated_at = clock_wall_ms();
    TRY(accounts_update(tx, &account, err));
    note_fields(&deed, form->set);
    TRY(finish(w, tx, &deed, err));
    take_over(w, cleared ? id : 0);
    *ret = account;
    return OK;
}

enum status account_remove(const struct account_work *w, int64_t id, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct deed deed = {.action = "account.delete", .kind = "account", .id = id};
    struct account account;
    int64_t live;
    TRY(db_begin(tx, err));
    TRY(accounts_lock(tx, id, w->arena, &account, err));
    TRY(accounts_live_jobs(tx, id, &live, err));
    if (live > 0) {
        err_set(err, E_CONFLICT, "account_in_use");
        err_number(err, "count", live);
        return E_CONFLICT;
    }
    TRY(accounts_delete(tx, id, err));
    TRY(finish(w, tx, &deed, err));
    take_over(w, 0);
    return OK;
}

enum status account_reset(const struct account_work *w, int64_t id, struct account *ret,
                          struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct deed deed = {.action = "account.reset", .kind = "account", .id = id};
    struct account account;
    TRY(db_begin(tx, err));
    TRY(accounts_lock(tx, id, w->arena, &account, err));
    clear_marks(&account);
    TRY(accounts_update(tx, &account, err));
    TRY(finish(w, tx, &deed, err));
    take_over(w, id);
    *ret = account;
    return OK;
}
