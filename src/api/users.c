/* SPDX-License-Identifier: Apache-2.0 */
/* users — people, for administrators (SPEC ID-1, AD-1). */
#include "store/users.h"

#include "api/forms.h"
#include "api/handlers.h"
#include "api/query.h"
#include "api/session.h"
#include "api/views.h"
#include "service/people.h"

static const char *const roles[] = {"user", "admin", NULL};
static const char *const statuses[] = {"active", "disabled", NULL};

static enum status read_form(struct call *c, enum json_need credentials, struct person_form *ret,
                             struct err *err)
{
    struct person_form form = {.role = ROLE_USER, .status = USER_ACTIVE};
    int role = 0, status = 0;
    bool set_quota;
    TRY(json_field_str(c->json, "email", credentials, 1, 1024, &form.email, err));
    TRY(json_field_str(c->json, "password", credentials, 1, 1024, &form.password, err));
    TRY(json_field_word(c->json, "role", JSON_OPTIONAL, roles, &role, err));
    TRY(json_field_word(c->json, "status", JSON_OPTIONAL, statuses, &status, err));
    TRY(json_field_int(c->json, "group_id", JSON_OPTIONAL, 1, INT64_MAX, &form.group_id, err));
    TRY(form_quota(c->json, "sora_storage_quota_bytes", &set_quota, &form.storage_quota_bytes,
                   err));
    form.role = (enum user_role)role;
    form.status = (enum user_status)status;
    form.set = (form.email.p ? PERSON_EMAIL : 0u) | (form.password.p ? PERSON_PASSWORD : 0u) |
               (form_has(c->json, "role") ? PERSON_ROLE : 0u) |
               (form_has(c->json, "status") ? PERSON_STATUS : 0u) |
               (form.group_id ? PERSON_GROUP : 0u) | (set_quota ? PERSON_QUOTA : 0u);
    *ret = form;
    return OK;
}

enum status users_list_all(struct call *c, struct err *err)
{
    struct users_filter filter = {
        .q = call_query(c, "q"),
        .role = call_query(c, "role"),
        .status = call_query(c, "status"),
    };
    struct page page;
    struct user *users;
    size_t count;
    int64_t total;
    TRY(query_id(c, "group_id", &filter.group_id, err));
    TRY(call_page(c, &page, err));
    TRY(users_list(c->db, &filter, page.size, page.offset, c->arena, &users, &count, &total, err));
    struct json_out *j = call_list_begin(c);
    for (size_t i = 0; i < count; i++)
        view_user(j, &users[i]);
    call_list_end(c, &page, total);
    return OK;
}

enum status users_create(struct call *c, struct err *err)
{
    const struct actor actor = call_actor(c);
    struct person_form form;
    struct user user;
    TRY(read_form(c, JSON_REQUIRED, &form, err));
    TRY(people_add(c->db, &actor, &form, c->arena, &user, err));
    view_user(call_json(c, 201), &user);
    return OK;
}

enum status users_get(struct call *c, struct err *err)
{
    struct user user;
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(users_find(c->db, id, c->arena, &user, err));
    view_user(call_json(c, 200), &user);
    return OK;
}

enum status users_patch(struct call *c, struct err *err)
{
    const struct actor actor = call_actor(c);
    struct person_form form;
    struct user user;
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(read_form(c, JSON_OPTIONAL, &form, err));
    TRY(people_change(c->db, &actor, id, &form, c->arena, &user, err));
    view_user(call_json(c, 200), &user);
    return OK;
}

enum status users_remove(struct call *c, struct err *err)
{
    const struct actor actor = call_actor(c);
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(people_delete(c->db, &actor, id, c->arena, err));
    return call_empty(c);
}
