/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* people — what administrators (and the command line) do to users and groups (SPEC ID-1,
 * ID-2, ID-8, AD-1).
 *
 * Every call is one transaction with its audit row.  What ends sessions or changes who may
 * use which key is announced in it: streams of the user close, gateways read their keys
 * anew (channel "pool").  Thread: workers. */
#include "model/user.h"
#include "service/app.h"
#include "service/audit.h"

/* Which members of a form are meant. */
enum {
    PERSON_EMAIL = 1 << 0,
    PERSON_PASSWORD = 1 << 1,
    PERSON_ROLE = 1 << 2,
    PERSON_STATUS = 1 << 3,
    PERSON_GROUP = 1 << 4,
    PERSON_QUOTA = 1 << 5,
};
struct person_form {
    unsigned set;
    struct str email, password;
    enum user_role role;
    enum user_status status;
    int64_t group_id;
    int64_t storage_quota_bytes;
};

/* Needs e-mail and password; without a group the default one.  Views of *ret live in the
 * arena.  E_CONFLICT, code "email_taken". */
enum status people_add(struct db_conn *db, const struct actor *actor,
                       const struct person_form *form, struct arena *a, struct user *ret,
                       struct err *err);
/* A password or a disabled status ends the user's sessions (but the actor's own).
 * E_CONFLICT, code "last_admin": the last active administrator stays one. */
enum status people_change(struct db_conn *db, const struct actor *actor, int64_t id,
                          const struct person_form *form, struct arena *a, struct user *ret,
                          struct err *err);
/* Ends keys and sessions, cancels jobs and queues the objects. */
enum status people_delete(struct db_conn *db, const struct actor *actor, int64_t id,
                          struct arena *a, struct err *err);

/* What users change of themselves: the UUID of an upload of their own, or an http(s) address
 * (upload_resolve()).  STR_NONE: no picture. */
struct picture_form {
    bool set_avatar, set_background;
    struct str avatar, background;
};
enum status people_set_pictures(struct db_conn *db, int64_t user_id,
                                const struct picture_form *form, struct arena *a, struct user *ret,
                                struct err *err);

/* The two halves of people_add(), for those who bring a transaction of their own: the
 * first checks the form and hashes the password (slow, no database), the second inserts. */
enum status people_prepare(const struct person_form *form, struct arena *a, struct user *ret,
                           struct err *err);
enum status people_insert(struct db_conn *tx, struct user *user, struct arena *a, struct err *err);

enum {
    GROUP_NAME = 1 << 0,
    GROUP_PLATFORM = 1 << 1,
    GROUP_QUOTA = 1 << 2,
};
struct group_form {
    unsigned set;
    struct str name, platform;
    int64_t storage_quota_bytes;
};

/* Needs a name; platform "sora" without one.  E_CONFLICT, code "group_name_taken". */
enum status people_add_group(struct db_conn *db, const struct actor *actor,
                             const struct group_form *form, struct arena *a, struct group *ret,
                             struct err *err);
enum status people_change_group(struct db_conn *db, const struct actor *actor, int64_t id,
                                const struct group_form *form, struct arena *a, struct group *ret,
                                struct err *err);
/* E_CONFLICT, code "group_in_use", with the number "count": users, keys and accounts. */
enum status people_delete_group(struct db_conn *db, const struct actor *actor, int64_t id,
                                struct arena *a, struct err *err);
