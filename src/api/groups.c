/* SPDX-License-Identifier: Apache-2.0 */
/* groups — groups, for administrators (SPEC ID-2, AD-1). */
#include "store/groups.h"

#include "api/forms.h"
#include "api/handlers.h"
#include "api/session.h"
#include "api/views.h"
#include "service/people.h"

enum { NAME_MAX_CHARS = 64, PLATFORM_MAX_CHARS = 32 };

/* Platforms are compared by their bytes: one way to write each. */
static enum status read_platform(struct call *c, struct str *ret, struct err *err)
{
    struct str text = STR_NONE;
    TRY(json_field_str(c->json, "platform", JSON_OPTIONAL, 1, PLATFORM_MAX_CHARS, &text, err));
    for (size_t i = 0; i < text.n; i++) {
        char ch = text.p[i];
        bool fine = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-' || ch == '_';
        if (!fine)
            return err_field(err, "invalid_field", "platform",
                             "platform must be of lower-case letters, digits, - and _");
    }
    *ret = text;
    return OK;
}

static enum status read_form(struct call *c, enum json_need name, struct group_form *ret,
                             struct err *err)
{
    struct group_form form = {0};
    bool set_quota;
    TRY(form_line(c->json, "name", name, 1, NAME_MAX_CHARS, &form.name, err));
    TRY(read_platform(c, &form.platform, err));
    TRY(form_quota(c->json, "sora_storage_quota_bytes", &set_quota, &form.storage_quota_bytes,
                   err));
    form.set = (form.name.p ? GROUP_NAME : 0u) | (form.platform.p ? GROUP_PLATFORM : 0u) |
               (set_quota ? GROUP_QUOTA : 0u);
    *ret = form;
    return OK;
}

enum status groups_list_all(struct call *c, struct err *err)
{
    struct page page;
    struct group *groups;
    size_t count;
    int64_t total;
    TRY(call_page(c, &page, err));
    TRY(groups_list(c->db, call_query(c, "q"), page.size, page.offset, c->arena, &groups, &count,
                    &total, err));
    struct json_out *j = call_list_begin(c);
    for (size_t i = 0; i < count; i++)
        view_group(j, &groups[i]);
    call_list_end(c, &page, total);
    return OK;
}

enum status groups_create(struct call *c, struct err *err)
{
    const struct actor actor = call_actor(c);
    struct group_form form;
    struct group group;
    TRY(read_form(c, JSON_REQUIRED, &form, err));
    TRY(people_add_group(c->db, &actor, &form, c->arena, &group, err));
    view_group(call_json(c, 201), &group);
    return OK;
}

enum status groups_get(struct call *c, struct err *err)
{
    struct group group;
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(groups_find_counted(c->db, id, c->arena, &group, err));
    view_group(call_json(c, 200), &group);
    return OK;
}

enum status groups_patch(struct call *c, struct err *err)
{
    const struct actor actor = call_actor(c);
    struct group_form form;
    struct group group;
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(read_form(c, JSON_OPTIONAL, &form, err));
    TRY(people_change_group(c->db, &actor, id, &form, c->arena, &group, err));
    view_group(call_json(c, 200), &group);
    return OK;
}

enum status groups_remove(struct call *c, struct err *err)
{
    const struct actor actor = call_actor(c);
    int64_t id;
    TRY(call_id(c, "id", &id, err));
    TRY(people_delete_group(c->db, &actor, id, c->arena, err));
    return call_empty(c);
}
