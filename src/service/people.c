/* SPDX-License-Identifier: Apache-2.0 */
#include "service/people.h"

#include "base/clock.h"
#include "platform/crypto.h"
#include "service/credentials.h"
#include "service/events.h"
#include "service/generations.h"
#include "service/upload_shelf.h"
#include "store/groups.h"
#include "store/keys.h"
#include "store/sessions.h"
#include "store/users.h"

/* --- users --------------------------------------------------------------- */

static void note_person_fields(struct deed *deed, unsigned set)
{
    static const char *const names[] = {"email",  "password", "role",
                                        "status", "group_id", "sora_storage_quota_bytes"};
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (set & (1u << i))
            deed_add_field(deed, names[i]);
    }
}

/* Sessions and keys of the user may have changed. */
static enum status announce(struct db_conn *tx, int64_t user_id, struct err *err)
{
    TRY(events_note(tx, TOPIC_USER, EVENT_SESSIONS, user_id, 0, err));
    return db_notify(tx, "pool", STR("keys"), err);
}

/* What of a form needs checking and time: made before any transaction. */
struct credentials {
    struct str email, password_hash;
};

static enum status make_credentials(const struct person_form *form, struct arena *a,
                                    struct credentials *ret, struct err *err)
{
    if (form->set & PERSON_EMAIL)
        TRY(credentials_email(form->email, a, &ret->email, err));
    if (!(form->set & PERSON_PASSWORD))
        return OK;
    char hash[PASSWORD_HASH_SIZE];
    TRY(credentials_password(form->password, "password", err));
    TRY(crypto_password_hash(form->password, hash, err));
    ret->password_hash = arena_str(a, str_of(hash));
    return ret->password_hash.p ? OK : err_set(err, E_NO_MEMORY, "no_memory");
}

static void apply_form(const struct person_form *form, const struct credentials *made,
                       struct user *user)
{
    if (form->set & PERSON_EMAIL)
        user->email = made->email;
    if (form->set & PERSON_PASSWORD)
        user->password_hash = made->password_hash;
    if (form->set & PERSON_ROLE)
        user->role = form->role;
    if (form->set & PERSON_STATUS)
        user->status = form->status;
    if (form->set & PERSON_GROUP)
        user->group_id = form->group_id;
    if (form->set & PERSON_QUOTA)
        user->storage_quota_bytes = form->storage_quota_bytes;
    user->updated_at = clock_wall_ms();
}

static enum status check_group(struct db_conn *tx, int64_t id, struct arena *a, struct err *err)
{
    struct group group;
    enum status status = groups_lock(tx, id, a, &group, err);
    if (status != E_NOT_FOUND)
        return status;
    return err_field(err, "invalid_field", "group_id", "group_id must be an existing group");
}

enum status people_prepare(const struct person_form *form, struct arena *a, struct user *ret,
                           struct err *err)
{
    struct user user = {.created_at = clock_wall_ms()};
    struct credentials made = {0};
    char uuid[UUID_SIZE];
    TRY(make_credentials(form, a, &made, err));
    apply_form(form, &made, &user);
    user.updated_at = user.created_at;
    crypto_uuid(uuid);
    user.uuid = arena_str(a, str_of(uuid));
    *ret = user;
    return user.uuid.p ? OK : err_set(err, E_NO_MEMORY, "no_memory");
}

enum status people_insert(struct db_conn *tx, struct user *user, struct arena *a, struct err *err)
{
    if (user->group_id)
        TRY(check_group(tx, user->group_id, a, err));
    else
        TRY(groups_find_default(tx, &user->group_id, err));
    return users_insert(tx, user, err);
}

enum status people_add(struct db_conn *db, const struct actor *actor,
                       const struct person_form *form, struct arena *a, struct user *ret,
                       struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    struct deed deed = {.action = "user.create", .kind = "user"};
    struct user user;
    TRY(people_prepare(form, a, &user, err));
    TRY(db_begin(tx, err));
    TRY(people_insert(tx, &user, a, err));
    deed.id = user.id;
    deed.name = user.email;
    note_person_fields(&deed, form->set);
    TRY(audit_note(tx, actor, &deed, err));
    TRY(db_commit(tx, err));
    *ret = user;
    return OK;
}

static bool is_active_admin(const struct user *u)
{
    return u->role == ROLE_ADMIN && u->status == USER_ACTIVE;
}

/* Locks all active administrators first, and the user after them: one order for everybody
 * who may take one away, so that two who do it at once see each other. */
static enum status lock_with_admins(struct db_conn *tx, int64_t id, struct arena *a,
                                    struct user *ret, bool *ret_last_admin, struct err *err)
{
    int64_t admins;
    TRY(users_lock_admins(tx, &admins, err));
    TRY(users_lock(tx, id, a, ret, err));
    *ret_last_admin = is_active_admin(ret) && admins == 1;
    return OK;
}

static enum status end_access(struct db_conn *tx, const struct actor *actor,
                              const struct user *user, unsigned set, struct err *err)
{
    int64_t except = actor->user_id == user->id ? actor->session_id : 0;
    if (user->status == USER_DISABLED)
        TRY(sessions_delete_of_user(tx, user->id, 0, err));
    else if (set & PERSON_PASSWORD)
        TRY(sessions_delete_of_user(tx, user->id, except, err));
    /* ID-3: only an administrator's keys may be of other groups. */
    if (user->role != ROLE_ADMIN && (set & (PERSON_GROUP | PERSON_ROLE)))
        TRY(keys_move_to_group(tx, user->id, user->group_id, err));
    return announce(tx, user->id, err);
}

enum status people_change(struct db_conn *db, const struct actor *actor, int64_t id,
                          const struct person_form *form, struct arena *a, struct user *ret,
                          struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    struct deed deed = {.action = "user.update", .kind = "user", .id = id};
    struct credentials made = {0};
    struct user user;
    bool last_admin;

    TRY(make_credentials(form, a, &made, err));
    TRY(db_begin(tx, err));
    TRY(lock_with_admins(tx, id, a, &user, &last_admin, err));
    apply_form(form, &made, &user);
    if (last_admin && !is_active_admin(&user))
        return err_set(err, E_CONFLICT, "last_admin");
    if (form->set & PERSON_GROUP)
        TRY(check_group(tx, user.group_id, a, err));

    TRY(users_update(tx, &user, err));
    TRY(end_access(tx, actor, &user, form->set, err));
    deed.name = user.email;
    note_person_fields(&deed, form->set);
    TRY(audit_note(tx, actor, &deed, err));
    TRY(db_commit(tx, err));
    *ret = user;
    return OK;
}

enum status people_delete(struct db_conn *db, const struct actor *actor, int64_t id,
                          struct arena *a, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    struct deed deed = {.action = "user.delete", .kind = "user", .id = id};
    struct user user;
    bool last_admin;
    TRY(db_begin(tx, err));
    TRY(lock_with_admins(tx, id, a, &user, &last_admin, err));
    if (last_admin)
        return err_set(err, E_CONFLICT, "last_admin");
    TRY(generations_forget_user(tx, id, err));
    TRY(users_delete(tx, id, err));
    TRY(announce(tx, id, err));
    deed.name = user.email;
    TRY(audit_note(tx, actor, &deed, err));
    return db_commit(tx, err);
}

/* UP-3, with the user's row locked: an upload cannot go in between. */
static enum status check_picture(struct db_conn *tx, int64_t user_id, enum upload_sub_type sub_type,
                                 const char *field, const struct str *value, struct arena *a,
                                 struct str *ret, struct err *err)
{
    struct upload_record r = {.uuid = STR_NONE};
    if (value->p)
        TRY(upload_resolve(tx, user_id, sub_type, field, *value, a, &r, err));
    *ret = r.uuid.p ? r.uuid : *value;
    return OK;
}

enum status people_set_pictures(struct db_conn *db, int64_t user_id,
                                const struct picture_form *form, struct arena *a, struct user *ret,
                                struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    struct user user;
    TRY(db_begin(tx, err));
    TRY(users_lock(tx, user_id, a, &user, err));
    if (form->set_avatar)
        TRY(check_picture(tx, user_id, UPLOAD_USER_AVATAR, "avatar", &form->avatar, a, &user.avatar,
                          err));
    if (form->set_background)
        TRY(check_picture(tx, user_id, UPLOAD_USER_BACKGROUND, "background", &form->background, a,
                          &user.background, err));
    user.updated_at = clock_wall_ms();
    TRY(users_update(tx, &user, err));
    TRY(db_commit(tx, err));
    *ret = user;
    return OK;
}

/* --- groups -------------------------------------------------------------- */

static void note_group_fields(struct deed *deed, unsigned set)
{
    static const char *const names[] = {"name", "platform", "sora_storage_quota_bytes"};
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (set & (1u << i))
            deed_add_field(deed, names[i]);
    }
}

static void apply_group_form(const struct group_form *form, struct group *group)
{
    if (form->set & GROUP_NAME)
        group->name = form->name;
    if (form->set & GROUP_PLATFORM)
        group->platform = form->platform;
    if (form->set & GROUP_QUOTA)
        group->storage_quota_bytes = form->storage_quota_bytes;
    group->updated_at = clock_wall_ms();
}

enum status people_add_group(struct db_conn *db, const struct actor *actor,
                             const struct group_form *form, struct arena *a, struct group *ret,
                             struct err *err)
{
    (void)a;
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    struct deed deed = {.action = "group.create", .kind = "group"};
    struct group group = {.platform = STR("sora"), .created_at = clock_wall_ms()};
    apply_group_form(form, &group);
    TRY(db_begin(tx, err));
    TRY(groups_insert(tx, &group, err));
    deed.id = group.id;
    deed.name = group.name;
    note_group_fields(&deed, form->set);
    TRY(audit_note(tx, actor, &deed, err));
    TRY(db_commit(tx, err));
    *ret = group;
    return OK;
}

enum status people_change_group(struct db_conn *db, const struct actor *actor, int64_t id,
                                const struct group_form *form, struct arena *a, struct group *ret,
                                struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    struct deed deed = {.action = "group.update", .kind = "group", .id = id};
    struct group group;
    TRY(db_begin(tx, err));
    TRY(groups_lock(tx, id, a, &group, err));
    TRY(groups_find_counted(tx, id, a, &group, err));
    apply_group_form(form, &group);
    TRY(groups_update(tx, &group, err));
    TRY(db_notify(tx, "pool", STR("groups"), err));
    deed.name = group.name;
    note_group_fields(&deed, form->set);
    TRY(audit_note(tx, actor, &deed, err));
    TRY(db_commit(tx, err));
    *ret = group;
    return OK;
}

enum status people_delete_group(struct db_conn *db, const struct actor *actor, int64_t id,
                                struct arena *a, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    struct deed deed = {.action = "group.delete", .kind = "group", .id = id};
    struct group group;
    int64_t uses;
    TRY(db_begin(tx, err));
    TRY(groups_lock(tx, id, a, &group, err));
    TRY(groups_count_uses(tx, id, &uses, err));
    if (uses > 0) {
        err_set(err, E_CONFLICT, "group_in_use");
        err_number(err, "count", uses);
        return E_CONFLICT;
    }
    TRY(groups_delete(tx, id, err));
    deed.name = group.name;
    TRY(audit_note(tx, actor, &deed, err));
    return db_commit(tx, err);
}
