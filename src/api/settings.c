/* SPDX-License-Identifier: Apache-2.0 */
/* settings — what the page needs before sign-in, and what administrators change
 * (SPEC ID-5, SG-1, AD-1). */
#include "service/settings.h"

#include "api/handlers.h"
#include "api/messages.h"
#include "api/public.h"
#include "api/session.h"
#include "base/clock.h"
#include "kinora_version.h"
#include "service/storage.h"
#include "store/accounts.h"

enum status public_settings_write(struct worker *w, struct json_out *j, struct err *err)
{
    _cleanup_(settings_dropp) const struct settings *now = settings_hold(w->app);
    bool sora, setup;
    TRY(accounts_any_active_sora(w->db, &sora, err));
    TRY(identity_setup_required(w->db, &setup, err));
    json_object(j);
    json_kv_str(j, "site_name", now->site_name);
    json_kv_z(j, "language", now->language == LANG_ZH ? "zh" : "en");
    json_kv_bool(j, "sora_client_enabled", sora);
    json_kv_bool(j, "simple_mode", now->simple_mode);
    json_kv_bool(j, "registration_enabled", now->registration_enabled);
    json_kv_bool(j, "setup_required", setup);
    json_kv_z(j, "version", KINORA_VERSION);
    json_object_end(j);
    return OK;
}

enum status settings_get_public(struct call *c, struct err *err)
{
    return public_settings_write(c->worker, call_json(c, 200), err);
}

enum status settings_get(struct call *c, struct err *err)
{
    (void)err;
    settings_write(c->app, call_json(c, 200));
    return OK;
}

enum status settings_patch(struct call *c, struct err *err)
{
    const struct actor actor = call_actor(c);
    TRY(settings_change(c->app, c->db, &actor, c->json, err));
    return settings_get(c, err);
}

/* With the members of the form, as far as there are any, in place of what is stored. */
static enum status open_draft(struct call *c, struct storage_bucket *ret, struct err *err)
{
    const struct settings *draft;
    if (c->body.n)
        TRY(settings_try(c->app, c->json, &draft, err));
    else
        draft = settings_hold(c->app);
    return storage_open_with(c->app, draft, c->worker->store_fetcher, ret, err);
}

enum status settings_test_s3(struct call *c, struct err *err)
{
    struct storage_bucket bucket = {0};
    struct err why = {0};
    int64_t began = clock_mono_ms();
    enum status status = open_draft(c, &bucket, &why);
    if (status != OK && status != E_UNAVAILABLE) {
        *err = why;
        return status;
    }
    bool good = status == OK && storage_try(&bucket, &why) == OK;
    storage_close(&bucket);
    struct json_out *j = call_json(c, 200);
    json_object(j);
    json_kv_bool(j, "ok", good);
    json_kv_int(j, "latency_ms", clock_mono_ms() - began);
    if (!good) {
        const char *sentence = message_of(why.code, c->language);
        json_kv_z(j, "code", why.code);
        json_kv_z(j, "message", sentence ? sentence : why.code);
    }
    json_object_end(j);
    return OK;
}
