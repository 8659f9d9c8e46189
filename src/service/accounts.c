/* SPDX-License-Identifier: Apache-2.0 */
#include "service/accounts.h"

#include "base/clock.h"
#include "base/log.h"
#include "pool/pool.h"
#include "service/accounts_impl.h"
#include "service/events.h"
#include "service/oauth_flow.h"
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
                                        "status",        "http2",
                                        "issuer",        "authorize_url",
                                        "token_url",     "client_id",
                                        "client_secret", "scopes",
                                        "redirect_uri",  "access_token",
                                        "refresh_token", "expires_at",
                                        "grant"};
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
    if (cleared)
        pool_set_tokenless(w->app->pool, cleared, 0);
    if (pool_reload(w->app->pool, w->db, &err) != OK)
        log_warn("accounts could not be read anew", LOG_Z("code", err.code),
                 LOG_Z("detail", err.detail));
}

static enum status check_groups(struct db_conn *tx, const struct account_form *form,
                                struct arena *a, struct err *err)
{
    struct group group;
    for (size_t i = 0; form->set & ACCOUNT_GROUPS && i < form->group_count; i++) {
        enum status status = groups_lock(tx, form->group_ids[i], a, &group, err);
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

static enum status check_complete(const struct account_form *form, enum account_type type,
                                  struct err *err)
{
    TRY(need(form, ACCOUNT_BASE_URL, "base_url", err));
    return type == ACCOUNT_OAUTH ? OK : need(form, ACCOUNT_API_KEY, "api_key", err);
}

/* A member of the other type would be kept and never used. */
static enum status check_type(const struct account_form *form, enum account_type type,
                              struct err *err)
{
    if (type == ACCOUNT_OAUTH && form->set & ACCOUNT_API_KEY)
        return err_field(err, "invalid_field", "api_key", "an oauth account has no api_key");
    if (type == ACCOUNT_APIKEY && form->set & ACCOUNT_OAUTH_MEMBERS)
        return err_field(err, "invalid_field", "type", "only an oauth account has tokens");
    return OK;
}

static struct account first_values(const struct account_form *form)
{
    bool oauth = form->set & ACCOUNT_TYPE && form->type == ACCOUNT_OAUTH;
    return (struct account){
        .platform = STR("sora"),
        .type = oauth ? ACCOUNT_OAUTH : ACCOUNT_APIKEY,
        .dialect = oauth ? STR("videos") : STR("chat"), /* AC-4 */
        .priority = ACCOUNT_PRIORITY_DEFAULT,
        .concurrency = ACCOUNT_CONCURRENCY_DEFAULT,
        .credentials = STR(""),
        .models = STR("[]"),
        .model_mapping = STR("{}"),
        .created_at = clock_wall_ms(),
    };
}

/* Before the transaction: asks the issuer for what is missing.  A grant has all of it. */
static enum status find_client(const struct account_work *w, const struct account *account,
                               const struct account_secrets *secrets,
                               const struct account_form *form, struct oauth_client *ret,
                               struct err *err)
{
    if (account->type != ACCOUNT_OAUTH || form->set & ACCOUNT_GRANT)
        return OK;
    struct str proxy = account_proxy_with_auth(account->proxy_url, secrets->proxy_auth, w->arena);
    return account_oauth_client(w, account->oauth, form, proxy, account->ca_pem, ret, err);
}

/* In the transaction: client and tokens as they will be. */
static enum status settle_oauth(const struct account_work *w, struct db_conn *tx,
                                struct account_form *form, struct oauth_client *client,
                                struct account *account, struct account_secrets *secrets,
                                struct err *err)
{
    struct oauth_client before;
    if (account->type != ACCOUNT_OAUTH)
        return OK;
    if (form->set & ACCOUNT_GRANT) {
        TRY(oauth_flow_take(w, tx, form, err));
        TRY(account_form_apply(form, w->arena, account, secrets, err));
        *client = form->oauth;
    }
    if (account->oauth.p) {
        TRY(oauth_client_read(account->oauth, w->arena, &before, err));
        TRY(account_oauth_check_way(&before, client, form, w->arena, err));
    }
    TRY(account_oauth_check_complete(client, secrets, err));
    account->oauth = oauth_client_write(client, w->arena);
    return account->oauth.p ? OK : err_set(err, E_NO_MEMORY, "no_memory");
}

enum status account_create(const struct account_work *w, const struct account_form *form,
                           struct account *ret, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct deed deed = {.action = "account.create", .kind = "account"};
    struct account account = first_values(form);
    struct account_form full = *form;
    struct account_secrets secrets = {0};
    struct oauth_client client = {0};

    TRY(need(form, ACCOUNT_NAME, "name", err));
    TRY(check_complete(form, account.type, err));
    TRY(check_type(form, account.type, err));
    TRY(account_form_check(form, w->settings, w->arena, err));
    TRY(account_form_apply(form, w->arena, &account, &secrets, err));
    TRY(find_client(w, &account, &secrets, form, &client, err));
    account.updated_at = account.created_at;

    TRY(db_begin(tx, err));
    TRY(check_groups(tx, form, w->arena, err));
    TRY(settle_oauth(w, tx, &full, &client, &account, &secrets, err));
    TRY(accounts_insert(tx, &account, err));
    TRY(account_secrets_seal(w->app->keys, &secrets, w->arena, &account, err));
    TRY(accounts_update(tx, &account, err));
    if (account.type == ACCOUNT_OAUTH)
        TRY(account_oauth_write_token(tx, &account, &full, &secrets, false, w->arena, err));
    deed.id = account.id;
    deed.name = account.name;
    note_fields(&deed, form->set);
    TRY(finish(w, tx, &deed, err));
    take_over(w, 0);
    return accounts_find(w->db, account.id, w->arena, ret, err);
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
    if (form->set & (ACCOUNT_API_KEY | ACCOUNT_TOKENS | ACCOUNT_CLIENT_SECRET))
        return true;
    if (form->set & ACCOUNT_STATUS && form->status == ACCOUNT_ACTIVE &&
        before->status != ACCOUNT_ACTIVE)
        return true;
    return !same(before->base_url, after->base_url) || !same(before->dialect, after->dialect) ||
           !same(before->proxy_url, after->proxy_url) || !same(before->ca_pem, after->ca_pem) ||
           !same(before->oauth, after->oauth) || before->http2 != after->http2;
}

/* Unreadable secrets are mended by typing them again. */
static enum status open_for_change(const struct account_work *w, const struct account_form *form,
                                   const struct account *account, struct account_secrets *ret,
                                   struct err *err)
{
    enum status status = account_secrets_open(w->app->keys, account, w->arena, ret, err);
    return form->set & (ACCOUNT_API_KEY | ACCOUNT_TOKENS) ? OK : status;
}

/* Outside of the transaction, because an issuer may have to be asked. */
static enum status prepare_change(const struct account_work *w, int64_t id,
                                  const struct account_form *form, struct oauth_client *ret,
                                  struct err *err)
{
    struct account account;
    struct account_secrets secrets = {0};
    TRY(accounts_find(w->db, id, w->arena, &account, err));
    TRY(check_type(form, account.type, err));
    TRY(account_form_check_way(form, &account, w->arena, err));
    if (account.type != ACCOUNT_OAUTH)
        return OK;
    TRY(open_for_change(w, form, &account, &secrets, err));
    TRY(account_form_apply(form, w->arena, &account, &secrets, err));
    return find_client(w, &account, &secrets, form, ret, err);
}

/* The form over the account as it is, its secrets sealed anew where the form has some. */
static enum status apply_change(const struct account_work *w, struct db_conn *tx,
                                struct account_form *form, struct oauth_client *client,
                                struct account *account, struct account_secrets *secrets,
                                struct err *err)
{
    const unsigned secret = ACCOUNT_API_KEY | ACCOUNT_PROXY | ACCOUNT_TOKENS |
                            ACCOUNT_CLIENT_SECRET;
    bool oauth = account->type == ACCOUNT_OAUTH;
    if (oauth || form->set & secret)
        TRY(open_for_change(w, form, account, secrets, err));
    TRY(account_form_apply(form, w->arena, account, secrets, err));
    TRY(settle_oauth(w, tx, form, client, account, secrets, err));
    if (!(form->set & secret))
        return OK;
    return account_secrets_seal(w->app->keys, secrets, w->arena, account, err);
}

enum status account_change(const struct account_work *w, int64_t id,
                           const struct account_form *form, struct account *ret, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct deed deed = {.action = "account.update", .kind = "account", .id = id};
    struct account before, account;
    struct account_form full = *form;
    struct account_secrets secrets = {0};
    struct oauth_client client = {0};

    TRY(account_form_check(form, w->settings, w->arena, err));
    TRY(prepare_change(w, id, form, &client, err));
    TRY(db_begin(tx, err));
    TRY(accounts_lock(tx, id, w->arena, &before, err));
    account = before;
    TRY(account_form_check_way(form, &before, w->arena, err));
    TRY(check_groups(tx, form, w->arena, err));
    TRY(apply_change(w, tx, &full, &client, &account, &secrets, err));
    bool cleared = clears(form, &before, &account);
    if (cleared)
        clear_marks(&account);
    account.updated_at = clock_wall_ms();
    TRY(accounts_update(tx, &account, err));
    if (account.type == ACCOUNT_OAUTH)
        TRY(account_oauth_write_token(tx, &account, &full, &secrets, cleared, w->arena, err));
    deed.name = account.name;
    note_fields(&deed, form->set);
    TRY(finish(w, tx, &deed, err));
    take_over(w, cleared ? id : 0);
    return accounts_find(w->db, id, w->arena, ret, err);
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
    deed.name = account.name;
    TRY(finish(w, tx, &deed, err));
    take_over(w, 0);
    return OK;
}

enum status account_reset(const struct account_work *w, int64_t id, struct account *ret,
                          struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct deed deed = {.action = "account.reset", .kind = "account", .id = id};
    const struct account_form no_form = {0};
    struct account account;
    TRY(db_begin(tx, err));
    TRY(accounts_lock(tx, id, w->arena, &account, err));
    clear_marks(&account);
    TRY(accounts_update(tx, &account, err));
    if (account.type == ACCOUNT_OAUTH)
        TRY(account_oauth_write_token(tx, &account, &no_form, NULL, true, w->arena, err));
    deed.name = account.name;
    TRY(finish(w, tx, &deed, err));
    take_over(w, id);
    return accounts_find(w->db, id, w->arena, ret, err);
}
