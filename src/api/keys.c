/* SPDX-License-Identifier: Apache-2.0 */
/* keys — a user's own API keys (SPEC ID-3). */
#include "store/keys.h"

#include "api/forms.h"
#include "api/handlers.h"
#include "api/views.h"
#include "base/log.h"
#include "pool/pool.h"
#include "service/keys.h"

enum { NAME_MAX_CHARS = 100 };

enum status keys_list(struct call *c, struct err *err)
{
    struct page page;
    struct api_key *keys;
    size_t count;
    int64_t total;
    TRY(call_page(c, &page, err));
    TRY(keys_list_owned(c->db, c->who.user_id, call_query(c, "q"), page.size, page.offset, c->arena,
                        &keys, &count, &total, err));
    struct json_out *j = call_list_begin(c);
    for (size_t i = 0; i < count; i++)
        view_api_key(j, &keys[i], NULL);
    call_list_end(c, &page, total);
    return OK;
}

/* Now, so that the next call already meets the change; other nodes hear of it. */
static void take_over(struct call *c)
{
    struct err err;
    if (pool_reload(c->app->pool, c->db, &err) != OK)
        log_warn("keys could not be read anew", LOG_Z("code", err.code),
                 LOG_Z("detail", err.detail));
}

enum status keys_create(struct call *c, struct err *err)
{
    struct api_key_form form = {0};
    struct api_key key;
    char secret[API_KEY_SIZE];
    bool set;
    TRY(form_line(c->json, "name", JSON_REQUIRED, 1, NAME_MAX_CHARS, &form.name, err));
    TRY(json_field_int(c->json, "group_id", JSON_OPTIONAL, 1, INT64_MAX, &form.group_id, err));
    TRY(form_expiry(c->json, "expires_at", &set, &form.expires_at, err));
    TRY(api_key_issue(c->db, &c->who, &form, c->arena, &key, secret, err));
    take_over(c);
    view_api_key(call_json(c, 201), &key, secret);
    return OK;
}

enum status keys_patch(struct call *c, struct err *err)
{
    static const char *const statuses[] = {"active", "disabled", NULL};
    struct api_key wanted = {0}, key;
    int64_t id;
    int status = 0;
    bool set_expiry;
    TRY(call_id(c, "id", &id, err));
    TRY(form_line(c->json, "name", JSON_OPTIONAL, 1, NAME_MAX_CHARS, &wanted.name, err));
    TRY(json_field_word(c->json, "status", JSON_OPTIONAL, statuses, &status, err));
    TRY(form_expiry(c->json, "expires_at", &set_expiry, &wanted.expires_at, err));
    wanted.disabled = status == 1;
    unsigned set = (form_has(c->json, "name") ? API_KEY_NAME : 0u) |
                   (form_has(c->json, "status") ? API_KEY_STATUS : 0u) |
                   (set_expiry ? API_KEY_EXPIRY : 0u);
    TRY(api_key_change(c->db, &c->who, id, set, &wanted, c->arena, &key, err));
    take_over(c);
    view_api_key(call_json(c, 200), &key, NULL);
    return OK;
}

enum status keys_delete(struct call *c, struct err *err)
{
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(api_key_revoke(c->db, &c->who, id, err));
    take_over(c);
    return call_empty(c);
}
