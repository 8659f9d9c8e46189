/* SPDX-License-Identifier: Apache-2.0 */
#include "api/views.h"

void view_user_fields(struct json_out *j, const struct user *u)
{
    json_kv_int(j, "id", u->id);
    json_kv_str(j, "uuid", u->uuid);
    json_kv_str(j, "email", u->email);
    json_kv_z(j, "role", user_role_name(u->role));
    json_kv_z(j, "status", user_status_name(u->status));
    json_kv_int(j, "group_id", u->group_id);
    json_kv_str_or_null(j, "avatar", u->avatar);
    json_kv_str_or_null(j, "background", u->background);
    json_kv_int(j, "sora_storage_quota_bytes", u->storage_quota_bytes);
    json_kv_int(j, "sora_storage_used_bytes", u->storage_used_bytes);
    json_kv_time(j, "created_at", u->created_at);
    json_kv_time(j, "updated_at", u->updated_at);
}

void view_user(struct json_out *j, const struct user *u)
{
    json_object(j);
    view_user_fields(j, u);
    json_object_end(j);
}

void view_group(struct json_out *j, const struct group *g)
{
    json_object(j);
    json_kv_int(j, "id", g->id);
    json_kv_str(j, "name", g->name);
    json_kv_str(j, "platform", g->platform);
    json_kv_int(j, "sora_storage_quota_bytes", g->storage_quota_bytes);
    json_kv_int(j, "user_count", g->user_count);
    json_kv_int(j, "account_count", g->account_count);
    json_kv_time(j, "created_at", g->created_at);
    json_kv_time(j, "updated_at", g->updated_at);
    json_object_end(j);
}

void view_api_key(struct json_out *j, const struct api_key *k, const char *secret)
{
    json_object(j);
    json_kv_int(j, "id", k->id);
    if (secret)
        json_kv_z(j, "key", secret);
    json_kv_str(j, "name", k->name);
    json_kv_str(j, "hint", k->hint);
    json_kv_z(j, "status", k->disabled ? "disabled" : "active");
    json_kv_int(j, "group_id", k->group_id);
    json_kv_str(j, "group_name", k->group_name);
    json_kv_time(j, "expires_at", k->expires_at);
    json_kv_time(j, "last_used_at", k->last_used_at);
    json_kv_time(j, "created_at", k->created_at);
    json_object_end(j);
}

void view_hours(struct json_out *j, const struct pool_hour *hours)
{
    json_key(j, "hours");
    json_array(j);
    for (size_t i = 0; i < POOL_HOURS; i++) {
        json_object(j);
        json_kv_int(j, "successes", hours[i].successes);
        json_kv_int(j, "failures", hours[i].failures);
        json_object_end(j);
    }
    json_array_end(j);
}
