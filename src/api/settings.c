/* SPDX-License-Identifier: Apache-2.0 */
/* settings — what the page needs before sign-in, and what administrators change
 * (SPEC ID-5, SG-1, AD-1). */
#include "service/settings.h"

#include "api/handlers.h"
#include "api/session.h"
#include "kinora_version.h"
#include "store/accounts.h"

enum status settings_get_public(struct call *c, struct err *err)
{
    bool sora, setup;
    TRY(accounts_any_active_sora(c->db, &sora, err));
    TRY(identity_setup_required(c->db, &setup, err));
    struct json_out *j = call_json(c, 200);
    json_object(j);
    json_kv_str(j, "site_name", c->settings->site_name);
    json_kv_z(j, "language", c->settings->language == LANG_ZH ? "zh" : "en");
    json_kv_bool(j, "sora_client_enabled", sora);
    json_kv_bool(j, "simple_mode", c->settings->simple_mode);
    json_kv_bool(j, "registration_enabled", c->settings->registration_enabled);
    json_kv_bool(j, "setup_required", setup);
    json_kv_z(j, "version", KINORA_VERSION);
    json_object_end(j);
    return OK;
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
