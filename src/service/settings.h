/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* settings — what an administrator may change while the server runs (SPEC section 7).
 *
 * One table says name, type, bounds, first value and secrecy of each.  A snapshot is
 * immutable and counted; loops and workers hold one as long as they look at it.  A
 * change is committed, announced on the channel "settings" and in force on every node
 * within a second. */
#include "base/json_out.h"
#include "model/user.h"
#include "net/guard.h"
#include "platform/json_in.h"
#include "service/app.h"
#include "service/audit.h"
#include "service/upload_tiers.h"

enum language { LANG_ZH, LANG_EN };

enum { SETTINGS_MAX_CIDRS = 32 };

struct settings {
    struct str site_name;
    struct str public_url; /* "" : the request's host */
    enum language language;
    bool registration_enabled, simple_mode;
    struct cidr trusted_proxies[SETTINGS_MAX_CIDRS];
    size_t trusted_proxy_count;
    struct cidr allowed_private_networks[SETTINGS_MAX_CIDRS];
    size_t allowed_private_network_count;
    /* GW-8: whether stream=false is collected or refused. */
    bool collect_non_streamed;
    bool hide_prompt_enhance;
    struct str models; /* JSON array that replaces the built-in list, or "" */
    int64_t sora_default_storage_quota_bytes; /* 0: unlimited */
    bool sora_s3_enabled, sora_s3_force_path_style;
    struct str sora_s3_endpoint, sora_s3_region, sora_s3_bucket, sora_s3_access_key_id,
        sora_s3_secret_access_key, sora_s3_prefix, sora_s3_cdn_url, sora_s3_ca_pem;
    int64_t sora_s3_store; /* the number of that bucket (store/stores); 0: it has none yet */
    bool local_storage_enabled;
    struct upload_settings uploads; /* named upload_… outside */
    struct str metrics_token;       /* "" : /metrics answers loopback only */
};

/* Reads all; E_INVALID names a stored value that no longer fits. */
enum status settings_open(struct app *app, struct db_conn *db, struct err *err);
void settings_close(struct app *app);

/* Any thread, also loops: no database, no lock but a reference count. */
const struct settings *settings_hold(struct app *app);
void settings_drop(const struct settings *s);
static inline void settings_dropp(const struct settings **s)
{
    if (*s)
        settings_drop(*s);
}

/* All settings as one JSON object; secrets as `<key>_set`. */
void settings_write(struct app *app, struct json_out *j);
/* Applies the members of an object, all or none; null restores the first value.
 * E_INVALID names the field; unknown keys are refused.  In force here when it returns,
 * told to the others on the channel "settings" and as an event of the site. */
enum status settings_change(struct app *app, struct db_conn *db, const struct actor *actor,
                            struct json body, struct err *err);
/* What the settings would be with the members of an object, kept nowhere; to be dropped like a
 * held one.  A secret that the object leaves out is the one that is stored. */
enum status settings_try(struct app *app, struct json body, const struct settings **ret,
                         struct err *err);
/* Another node, or the command line, has changed them.  Outside of a transaction. */
enum status settings_reload(struct app *app, struct db_conn *db, struct err *err);
