/* SPDX-License-Identifier: Apache-2.0 */
/* auth — signing in and out, and one's own record (SPEC ID-4, UP-3). */
#include "api/forms.h"
#include "api/handlers.h"
#include "api/session.h"
#include "api/upload_view.h"
#include "api/views.h"
#include "service/people.h"
#include "service/upload_shelf.h"
#include "store/users.h"

enum { FIELD_MAX = 1024 };

static enum status read_credentials(struct call *c, struct str *email, struct str *password,
                                    struct err *err)
{
    TRY(json_field_str(c->json, "email", JSON_REQUIRED, 1, FIELD_MAX, email, err));
    return json_field_str(c->json, "password", JSON_REQUIRED, 1, FIELD_MAX, password, err);
}

/* Where a picture can be seen: an upload's link, or the address that it is. */
static struct str picture_url(struct call *c, struct storage_bucket *bucket, int64_t user_id,
                              struct str picture)
{
    struct str uuid = upload_uuid_of(picture, c->arena);
    struct upload_record r;
    struct err ignored;
    if (!uuid.p)
        return picture;
    if (upload_find(c->db, user_id, uuid, c->arena, &r, &ignored) != OK)
        return STR_NONE;
    return upload_url(c->worker, c->arena, c->origin, bucket, &r);
}

static void write_oneself(struct call *c, const struct user *user, struct json_out *j)
{
    _cleanup_(storage_close) struct storage_bucket bucket = {0};
    json_object(j);
    view_user_fields(j, user);
    json_kv_str_or_null(j, "avatar_url", picture_url(c, &bucket, user->id, user->avatar));
    json_kv_str_or_null(j, "background_url", picture_url(c, &bucket, user->id, user->background));
    json_object_end(j);
}

static enum status answer_sign_in(struct call *c, int status, const struct sign_in *in)
{
    struct json_out *j = call_json(c, status);
    session_set_cookie(c, in->token);
    json_object(j);
    json_kv_z(j, "token", in->token);
    json_key(j, "user");
    write_oneself(c, &in->user, j);
    json_object_end(j);
    return OK;
}

enum status auth_login(struct call *c, struct err *err)
{
    struct str email, password;
    struct visitor from = call_visitor(c);
    struct sign_in in;
    TRY(read_credentials(c, &email, &password, err));
    TRY(identity_login(c->app, c->db, &from, email, password, c->arena, &in, err));
    return answer_sign_in(c, 200, &in);
}

enum status auth_register(struct call *c, struct err *err)
{
    struct str email, password;
    struct visitor from = call_visitor(c);
    struct sign_in in;
    TRY(read_credentials(c, &email, &password, err));
    TRY(identity_register(c->app, c->db, &from, email, password, c->arena, &in, err));
    return answer_sign_in(c, 201, &in);
}

enum status auth_setup(struct call *c, struct err *err)
{
    struct str token, email, password;
    struct visitor from = call_visitor(c);
    struct sign_in in;
    TRY(json_field_str(c->json, "token", JSON_REQUIRED, 1, FIELD_MAX, &token, err));
    TRY(read_credentials(c, &email, &password, err));
    TRY(identity_setup(c->app, c->db, &from, token, email, password, c->arena, &in, err));
    return answer_sign_in(c, 201, &in);
}

/* For anyone: who is not signed in any more is where they wanted to be. */
enum status auth_logout(struct call *c, struct err *err)
{
    if (c->who.session_id)
        TRY(identity_logout(c->db, &c->who, err));
    session_clear_cookie(c);
    return call_empty(c);
}

static enum status answer_me(struct call *c, const struct user *user)
{
    write_oneself(c, user, call_json(c, 200));
    return OK;
}

enum status auth_get_me(struct call *c, struct err *err)
{
    struct user user;
    TRY(users_find(c->db, c->who.user_id, c->arena, &user, err));
    return answer_me(c, &user);
}

/* null: none. */
static enum status read_picture(struct call *c, const char *key, bool *ret_set, struct str *ret,
                                struct err *err)
{
    struct str text = STR_NONE;
    *ret_set = !json_is_absent(json_get(c->json, key));
    TRY(json_field_str(c->json, key, JSON_OPTIONAL, 1, UPLOAD_URL_MAX, &text, err));
    *ret = text;
    return OK;
}

enum status auth_patch_me(struct call *c, struct err *err)
{
    struct picture_form form;
    struct user user;
    TRY(read_picture(c, "avatar", &form.set_avatar, &form.avatar, err));
    TRY(read_picture(c, "background", &form.set_background, &form.background, err));
    TRY(people_set_pictures(c->db, c->who.user_id, &form, c->arena, &user, err));
    return answer_me(c, &user);
}

enum status auth_change_password(struct call *c, struct err *err)
{
    struct str current, wanted;
    TRY(json_field_str(c->json, "current_password", JSON_REQUIRED, 1, FIELD_MAX, &current, err));
    TRY(json_field_str(c->json, "new_password", JSON_REQUIRED, 1, FIELD_MAX, &wanted, err));
    TRY(identity_change_password(c->app, c->db, &c->who, current, wanted, c->arena, err));
    return call_empty(c);
}
