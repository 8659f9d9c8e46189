/* SPDX-License-Identifier: Apache-2.0 */
#include "api/routes.h"

#include "api/gateway.h"
#include "api/handlers.h"
#include "api/health.h"

enum {
    NO_BODY = 0,
    SMALL = 16 << 10,
    MEDIUM = 512 << 10,
    IMAGE = 29 << 20, /* ST-1: a data URL of 20 MiB in base64, and the prompt */
    FORM = 256 << 20, /* GW-13 */
};
#define FILES ((size_t)64 << 30) /* no more than this goes to a store as one file */

/* A call's endpoint; further members of struct endpoint may follow the body's limit. */
#define CALL(access_, handler, body, ...)                                                          \
    &(const struct target)                                                                         \
    {                                                                                              \
        .endpoint = {.access = access_, .handle = handler, .max_body = body, __VA_ARGS__ }         \
    }
#define ANYONE(handler, body) CALL(ACCESS_ANYONE, handler, body)
#define USER(handler, body)   CALL(ACCESS_USER, handler, body)
#define ADMIN(handler, body)  CALL(ACCESS_ADMIN, handler, body)
/* The OpenAI surface: opened by an API key, its forms as JSON or multipart/form-data. */
#define KEY(handler)      CALL(ACCESS_KEY, handler, NO_BODY)
#define KEY_FORM(handler) CALL(ACCESS_KEY, handler, FORM, .takes_form = true, .spooled = true)
/* Its body is taken as it comes; its own functions say how much of it is right. */
#define STREAM(stream_)                                                                            \
    &(const struct target)                                                                         \
    {                                                                                              \
        .endpoint = {.access = ACCESS_USER, .max_body = FILES}, .stream = &(stream_)               \
    }
/* Answered on the loop itself. */
#define LOOP(access_, handler)                                                                     \
    &(const struct target)                                                                         \
    {                                                                                              \
        .endpoint = {.access = access_}, .loop = handler                                           \
    }
#define GATEWAY(handler) LOOP(ACCESS_KEY, handler)

static const struct route routes[] = {
    /* Sign-in and one's own account (ID-4, ID-5). */
    {HTTP_POST, "/api/v1/auth/login", ANYONE(auth_login, SMALL)},
    {HTTP_POST, "/api/v1/auth/logout", ANYONE(auth_logout, NO_BODY)},
    {HTTP_POST, "/api/v1/auth/register", ANYONE(auth_register, SMALL)},
    {HTTP_POST, "/api/v1/auth/setup", ANYONE(auth_setup, SMALL)},
    {HTTP_GET, "/api/v1/auth/me", USER(auth_get_me, NO_BODY)},
    {HTTP_PATCH, "/api/v1/auth/me", USER(auth_patch_me, SMALL)},
    {HTTP_POST, "/api/v1/auth/password", USER(auth_change_password, SMALL)},
    {HTTP_GET, "/api/v1/settings/public", ANYONE(settings_get_public, NO_BODY)},
    {HTTP_GET, "/api/v1/keys", USER(keys_list, NO_BODY)},
    {HTTP_POST, "/api/v1/keys", USER(keys_create, SMALL)},
    {HTTP_PATCH, "/api/v1/keys/{id}", USER(keys_patch, SMALL)},
    {HTTP_DELETE, "/api/v1/keys/{id}", USER(keys_delete, NO_BODY)},

    /* The studio (section 4). */
    {HTTP_POST, "/api/v1/sora/generate", USER(sora_generate, IMAGE)},
    {HTTP_GET, "/api/v1/sora/generations", USER(sora_list, NO_BODY)},
    {HTTP_GET, "/api/v1/sora/generations/{id}", USER(sora_get, NO_BODY)},
    {HTTP_DELETE, "/api/v1/sora/generations/{id}", USER(sora_delete, NO_BODY)},
    {HTTP_POST, "/api/v1/sora/generations/{id}/cancel",
     CALL(ACCESS_USER, sora_cancel, SMALL, .optional_body = true)},
    {HTTP_POST, "/api/v1/sora/generations/{id}/save",
     CALL(ACCESS_USER, sora_save, SMALL, .optional_body = true, .transfers = true)},
    {HTTP_GET, "/api/v1/sora/quota", USER(sora_quota, NO_BODY)},
    {HTTP_GET, "/api/v1/sora/models", USER(sora_models, NO_BODY)},
    {HTTP_GET, "/api/v1/sora/storage-status", USER(sora_storage_status, NO_BODY)},
    {HTTP_GET, "/api/v1/sora/events", USER(sora_events, NO_BODY)},

    /* What users upload (section 6). */
    {HTTP_POST, "/api/upload", STREAM(upload_form)},
    {HTTP_OPTIONS, "/api/uploads/tus", ANYONE(tus_options, NO_BODY)},
    {HTTP_POST, "/api/uploads/tus", STREAM(tus_stream)},
    {HTTP_OPTIONS, "/api/uploads/tus/{uuid}", ANYONE(tus_options, NO_BODY)},
    {HTTP_GET, "/api/uploads/tus/{uuid}", USER(tus_get, NO_BODY)},
    {HTTP_POST, "/api/uploads/tus/{uuid}", STREAM(tus_stream)},
    {HTTP_PATCH, "/api/uploads/tus/{uuid}", STREAM(tus_stream)},
    {HTTP_DELETE, "/api/uploads/tus/{uuid}", USER(tus_delete, NO_BODY)},
    {HTTP_GET, "/api/uploads/summary", USER(uploads_summary, NO_BODY)},
    {HTTP_GET, "/api/uploads/list", USER(uploads_list, NO_BODY)},
    {HTTP_POST, "/api/uploads/resolve", USER(uploads_resolve, SMALL)},
    {HTTP_GET, "/api/uploads/{uuid}", USER(uploads_get, NO_BODY)},
    {HTTP_DELETE, "/api/uploads/{uuid}", USER(uploads_remove, NO_BODY)},

    /* Administration (section 7). */
    {HTTP_GET, "/api/v1/admin/users", ADMIN(users_list_all, NO_BODY)},
    {HTTP_POST, "/api/v1/admin/users", ADMIN(users_create, SMALL)},
    {HTTP_GET, "/api/v1/admin/users/{id}", ADMIN(users_get, NO_BODY)},
    {HTTP_PATCH, "/api/v1/admin/users/{id}", ADMIN(users_patch, SMALL)},
    {HTTP_DELETE, "/api/v1/admin/users/{id}", ADMIN(users_remove, NO_BODY)},
    {HTTP_GET, "/api/v1/admin/groups", ADMIN(groups_list_all, NO_BODY)},
    {HTTP_POST, "/api/v1/admin/groups", ADMIN(groups_create, SMALL)},
    {HTTP_GET, "/api/v1/admin/groups/{id}", ADMIN(groups_get, NO_BODY)},
    {HTTP_PATCH, "/api/v1/admin/groups/{id}", ADMIN(groups_patch, SMALL)},
    {HTTP_DELETE, "/api/v1/admin/groups/{id}", ADMIN(groups_remove, NO_BODY)},
    {HTTP_GET, "/api/v1/admin/accounts", ADMIN(accounts_list_all, NO_BODY)},
    {HTTP_POST, "/api/v1/admin/accounts", ADMIN(accounts_create, MEDIUM)},
    {HTTP_POST, "/api/v1/admin/accounts/test", ADMIN(accounts_test_draft, MEDIUM)},
    {HTTP_POST, "/api/v1/admin/accounts/oauth/authorize-url",
     ADMIN(accounts_authorize_url, MEDIUM)},
    {HTTP_POST, "/api/v1/admin/accounts/oauth/exchange", ADMIN(accounts_exchange, SMALL)},
    {HTTP_GET, "/api/v1/admin/accounts/{id}", ADMIN(accounts_get, NO_BODY)},
    {HTTP_PATCH, "/api/v1/admin/accounts/{id}", ADMIN(accounts_patch, MEDIUM)},
    {HTTP_DELETE, "/api/v1/admin/accounts/{id}", ADMIN(accounts_remove, NO_BODY)},
    {HTTP_POST, "/api/v1/admin/accounts/{id}/test",
     CALL(ACCESS_ADMIN, accounts_test, SMALL, .optional_body = true)},
    {HTTP_POST, "/api/v1/admin/accounts/{id}/reset",
     CALL(ACCESS_ADMIN, accounts_reset, SMALL, .optional_body = true)},
    {HTTP_GET, "/api/v1/admin/settings", ADMIN(settings_get, NO_BODY)},
    {HTTP_PATCH, "/api/v1/admin/settings", ADMIN(settings_patch, MEDIUM)},
    {HTTP_POST, "/api/v1/admin/settings/sora-s3/test",
     CALL(ACCESS_ADMIN, settings_test_s3, MEDIUM, .optional_body = true)},
    {HTTP_GET, "/api/v1/admin/stats", ADMIN(stats_get, NO_BODY)},
    {HTTP_GET, "/api/v1/admin/jobs", ADMIN(admin_jobs_list, NO_BODY)},
    {HTTP_GET, "/api/v1/admin/audit", ADMIN(audit_list_all, NO_BODY)},

    /* The gateway (section 3). */
    {HTTP_POST, "/sora/v1/chat/completions", GATEWAY(gateway_chat_sora)},
    {HTTP_POST, "/v1/chat/completions", GATEWAY(gateway_chat_v1)},
    {HTTP_GET, "/sora/v1/models", GATEWAY(gateway_models)},
    {HTTP_GET, "/v1/models", GATEWAY(gateway_models)},
    {HTTP_GET, "/sora/v1/models/{id...}", GATEWAY(gateway_model)},
    {HTTP_GET, "/v1/models/{id...}", GATEWAY(gateway_model)},

    {HTTP_POST, "/v1/videos", KEY_FORM(videos_create)},
    {HTTP_GET, "/v1/videos", KEY(videos_list)},
    {HTTP_GET, "/v1/videos/{id}", KEY(videos_get)},
    {HTTP_DELETE, "/v1/videos/{id}", KEY(videos_remove)},
    {HTTP_GET, "/v1/videos/{id}/content", KEY(videos_content)},
    {HTTP_POST, "/v1/videos/{id}/remix", KEY_FORM(videos_remix)},
    {HTTP_POST, "/v1/images/generations", KEY_FORM(images_generate)},
    {HTTP_POST, "/v1/images/edits", KEY_FORM(images_edit)},

    /* Files, by signed links. */
    {HTTP_GET, "/media/upstream/{token}/{name}", LOOP(ACCESS_LINK, gateway_media)},
    {HTTP_GET, "/media/object/{token}/{name}", CALL(ACCESS_LINK, media_object, NO_BODY)},

    /* Watching over it (AD-3). */
    {HTTP_GET, "/healthz", LOOP(ACCESS_ANYONE, health_reply)},
    {HTTP_GET, "/readyz", ANYONE(system_ready, NO_BODY)},
    {HTTP_GET, "/metrics", ANYONE(system_metrics, NO_BODY)},
    {HTTP_GET, "/openapi.json", ANYONE(system_openapi, NO_BODY)},
};

const struct route *routes_table(size_t *ret_count)
{
    *ret_count = ARRAY_SIZE(routes);
    return routes;
}

const char *access_name(enum access a)
{
    static const char *const names[] = {
        [ACCESS_ANYONE] = "anyone", [ACCESS_LINK] = "link",   [ACCESS_KEY] = "key",
        [ACCESS_USER] = "user",     [ACCESS_ADMIN] = "admin",
    };
    return names[a];
}
