/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <unistd.h>

#include "service/keys.h"
#include "site.h"
#include "store/audit.h"
#include "store/groups.h"
#include "store/keys.h"
#include "store/users.h"

static enum status change(struct site *s, int64_t id, struct person_form form, struct err *err)
{
    struct user user;
    return people_change(s->db, &site_actor, id, &form, s->a, &user, err);
}

ON_EVERY_ENGINE(people_are_added_found_and_changed)
{
    struct site s;
    struct user ann, found;
    struct err why;
    site_open(&s, e);
    struct person_form form = {.set = PERSON_EMAIL | PERSON_PASSWORD | PERSON_QUOTA,
                               .email = STR("Ann@Example.com"),
                               .password = STR(SITE_PASSWORD),
                               .storage_quota_bytes = 7};
    ok(people_add(s.db, &site_actor, &form, s.a, &ann, err));
    ok(users_find(s.db, ann.id, s.a, &found, err));
    assert_true(str_eq(found.email, STR("ann@example.com")));
    assert_int_equal(found.role, ROLE_USER);
    assert_int_equal(found.storage_quota_bytes, 7);
    assert_int_equal(found.uuid.n, 36);
    assert_true(str_starts(found.password_hash, STR("$argon2id$")));
    assert_refused(people_add(s.db, &site_actor, &form, s.a, &ann, err), E_CONFLICT, "email_taken");

    site_add_user(&s, "bob@example.com", ROLE_USER);
    assert_refused(
        change(&s, found.id,
               (struct person_form){.set = PERSON_EMAIL, .email = STR("BOB@example.com")}, err),
        E_CONFLICT, "email_taken");
    assert_refused(
        change(&s, found.id, (struct person_form){.set = PERSON_GROUP, .group_id = 99}, err),
        E_INVALID, "invalid_field");
    assert_refused(change(&s, 99, (struct person_form){.set = PERSON_QUOTA}, err), E_NOT_FOUND,
                   "user_not_found");
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM audit_log WHERE action LIKE 'user.%'"),
                     1);
    site_close(&s);
}

ON_EVERY_ENGINE(lists_are_searched_and_paged)
{
    struct site s;
    struct user *users;
    size_t count;
    int64_t total;
    site_open(&s, e);
    site_add_user(&s, "ann_1@example.com", ROLE_USER);
    site_add_user(&s, "annx1@example.com", ROLE_ADMIN);
    site_add_user(&s, "bob@example.com", ROLE_USER);
    struct users_filter filter = {.q = STR("ANN_")};
    ok(users_list(s.db, &filter, 10, 0, s.a, &users, &count, &total, err));
    assert_int_equal(total, 1);
    assert_true(str_eq(users[0].email, STR("ann_1@example.com")));
    filter = (struct users_filter){.role = STR("user")};
    ok(users_list(s.db, &filter, 1, 1, s.a, &users, &count, &total, err));
    assert_int_equal(total, 2);
    assert_int_equal(count, 1);
    assert_true(str_eq(users[0].email, STR("ann_1@example.com")));
    filter = (struct users_filter){.group_id = 99};
    ok(users_list(s.db, &filter, 10, 0, s.a, &users, &count, &total, err));
    assert_int_equal(total, 0);
    site_close(&s);
}

ON_EVERY_ENGINE(the_last_admin_stays)
{
    struct site s;
    struct err why;
    site_open(&s, e);
    struct user ann = site_add_user(&s, "ann@example.com", ROLE_ADMIN);
    struct user bob = site_add_user(&s, "bob@example.com", ROLE_ADMIN);
    const struct person_form off = {.set = PERSON_STATUS, .status = USER_DISABLED};
    const struct person_form user = {.set = PERSON_ROLE, .role = ROLE_USER};
    ok(change(&s, bob.id, off, err));
    assert_refused(change(&s, ann.id, off, err), E_CONFLICT, "last_admin");
    assert_refused(change(&s, ann.id, user, err), E_CONFLICT, "last_admin");
    assert_refused(people_delete(s.db, &site_actor, ann.id, s.a, err), E_CONFLICT, "last_admin");
    ok(people_delete(s.db, &site_actor, bob.id, s.a, err));
    site_close(&s);
}

struct racer {
    struct db *db;
    int64_t id;
    enum status outcome;
};

static void *race_demotion(void *arg)
{
    struct racer *r = arg;
    struct db_conn *db = db_conn_new(r->db);
    struct arena *a = arena_new(1 << 20);
    const struct person_form form = {.set = PERSON_ROLE, .role = ROLE_USER};
    struct user user;
    struct err err;
    r->outcome = people_change(db, &site_actor, r->id, &form, a, &user, &err);
    arena_free(a);
    db_conn_free(db);
    return NULL;
}

ON_EVERY_ENGINE(admins_who_demote_each_other_leave_one)
{
    struct site s;
    pthread_t threads[4];
    struct racer racers[4];
    site_open(&s, e);
    for (int i = 0; i < 4; i++) {
        char email[32];
        snprintf(email, sizeof(email), "a%d@example.com", i);
        racers[i] = (struct racer){.db = e->db, .id = site_add_user(&s, email, ROLE_ADMIN).id};
    }
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, race_demotion, &racers[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM users WHERE role = 'admin'"), 1);
    site_close(&s);
}

static void add_object(struct site *s, int64_t user_id, const char *key)
{
    ok(db_begin(s->db, err));
    ok(db_exec(
        s->db,
        "INSERT INTO objects (user_id, counter, storage, key, state, size, type, created_at) "
        "VALUES ($1, 'sora', 's3', $2, 'stored', 10, 'video/mp4', 1)",
        DB_ARGS(P_INT(user_id), P_Z(key)), NULL, err));
    ok(db_commit(s->db, err));
}

ON_EVERY_ENGINE(a_deleted_user_leaves_only_work_to_do)
{
    struct site s;
    struct api_key key;
    char secret[API_KEY_SIZE];
    bool found, renewed;
    site_open(&s, e);
    struct user ann = site_add_user(&s, "ann@example.com", ROLE_USER);
    struct user bob = site_add_user(&s, "bob@example.com", ROLE_USER);
    struct sign_in in = site_login(&s, "ann@example.com");
    struct identity who = {0};
    ok(identity_find(s.db, str_of(in.token), &who, &found, &renewed, err));
    ok(api_key_issue(s.db, &who, &(struct api_key_form){.name = STR("k")}, s.a, &key, secret, err));
    add_object(&s, ann.id, "sora/1/a.mp4");
    add_object(&s, bob.id, "sora/2/b.mp4");

    ok(people_delete(s.db, &site_actor, ann.id, s.a, err));
    ok(identity_find(s.db, str_of(in.token), &who, &found, &renewed, err));
    assert_false(found);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM api_keys"), 0);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM sessions"), 0);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM objects"), 1);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM deletions WHERE storage = 's3' "
                                    "AND key = 'sora/1/a.mp4'"),
                     1);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM deletions"), 1);
    site_close(&s);
}

ON_EVERY_ENGINE(a_group_in_use_says_by_how_many)
{
    struct site s;
    struct group group;
    struct err why;
    int64_t default_id;
    site_open(&s, e);
    ok(groups_find_default(s.db, &default_id, err));
    site_add_user(&s, "ann@example.com", ROLE_USER);
    site_add_user(&s, "bob@example.com", ROLE_USER);
    assert_refused(people_delete_group(s.db, &site_actor, default_id, s.a, err), E_CONFLICT,
                   "group_in_use");
    assert_string_equal(why.numbers[0].name, "count");
    assert_int_equal(why.numbers[0].value, 2);

    const struct group_form form = {.set = GROUP_NAME, .name = STR("friends")};
    ok(people_add_group(s.db, &site_actor, &form, s.a, &group, err));
    assert_true(str_eq(group.platform, STR("sora")));
    assert_refused(people_add_group(s.db, &site_actor, &form, s.a, &group, err), E_CONFLICT,
                   "group_name_taken");
    ok(people_delete_group(s.db, &site_actor, group.id, s.a, err));
    assert_refused(people_delete_group(s.db, &site_actor, group.id, s.a, err), E_NOT_FOUND,
                   "group_not_found");
    site_close(&s);
}

/* Changes the key's and the group's names while another connection holds them, changed. */
struct namer {
    struct db *db;
    struct identity who;
    int64_t key_id, group_id;
    enum status of_key, of_group;
};

static void *change_names(void *arg)
{
    struct namer *n = arg;
    struct db_conn *db = db_conn_new(n->db);
    struct arena *a = arena_new(1 << 20);
    const struct api_key wanted = {.name = STR("named")};
    const struct group_form form = {.set = GROUP_NAME, .name = STR("named")};
    struct api_key key;
    struct group group;
    struct err err;
    n->of_key = api_key_change(db, &n->who, n->key_id, API_KEY_NAME, &wanted, a, &key, &err);
    n->of_group = people_change_group(db, &site_actor, n->group_id, &form, a, &group, &err);
    arena_free(a);
    db_conn_free(db);
    return NULL;
}

ON_EVERY_ENGINE(changes_at_once_keep_each_others_fields)
{
    struct site s;
    struct group group;
    struct api_key key;
    struct user user;
    char secret[API_KEY_SIZE];
    pthread_t thread;
    site_open(&s, e);
    struct user ann = site_add_user(&s, "ann@example.com", ROLE_USER);
    struct namer namer = {.db = e->db, .who = {.user_id = ann.id, .group_id = ann.group_id}};
    ok(api_key_issue(s.db, &namer.who, &(struct api_key_form){.name = STR("k")}, s.a, &key, secret,
                     err));
    ok(people_add_group(s.db, &site_actor,
                        &(struct group_form){.set = GROUP_NAME, .name = STR("friends")}, s.a,
                        &group, err));
    namer.key_id = key.id;
    namer.group_id = group.id;

    ok(db_begin(s.db, err));
    ok(users_lock(s.db, ann.id, s.a, &user, err));
    ok(groups_lock(s.db, group.id, s.a, &group, err));
    pthread_create(&thread, NULL, change_names, &namer);
    usleep(100000); /* it stands before our locks now, or comes after us: both have to be right */
    key.disabled = true;
    ok(keys_update(s.db, &key, err));
    group.storage_quota_bytes = 7;
    ok(groups_update(s.db, &group, err));
    ok(db_commit(s.db, err));
    pthread_join(thread, NULL);
    assert_int_equal(namer.of_key, OK);
    assert_int_equal(namer.of_group, OK);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM api_keys WHERE name = 'named' "
                                    "AND status = 'disabled'"),
                     1);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM groups WHERE name = 'named' "
                                    "AND sora_storage_quota_bytes = 7"),
                     1);
    site_close(&s);
}

ON_EVERY_ENGINE(deeds_are_kept_without_secrets)
{
    struct site s;
    struct audit_row *rows;
    size_t count;
    int64_t total;
    site_open(&s, e);
    struct user ann = site_add_user(&s, "ann@example.com", ROLE_USER);
    const struct actor actor = {
        .user_id = 7, .email = STR("boss@example.com"), .address = STR("192.0.2.1")};
    const struct person_form form = {.set = PERSON_PASSWORD | PERSON_QUOTA,
                                     .password = STR("a new secret")};
    struct user user;
    ok(people_change(s.db, &actor, ann.id, &form, s.a, &user, err));
    static const struct {
        struct audit_filter filter;
        int64_t total;
    } looks[] = {
        {{.action = STR_NONE}, 1},           {{.action = STR("user")}, 1},
        {{.action = STR("user.update")}, 1}, {{.action = STR("use")}, 0},
        {{.action = STR("user.%")}, 0},      {{.actor_id = 8}, 0},
        {{.actor_id = 7, .since = 1}, 1},    {{.until = 1}, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
        ok(audit_list(s.db, &looks[i].filter, 10, 0, s.a, &rows, &count, &total, err));
        assert_int_equal(total, looks[i].total);
    }
    ok(audit_list(s.db, &(struct audit_filter){.q = STR("BOSS")}, 10, 0, s.a, &rows, &count, &total,
                  err));
    assert_int_equal(total, 1);
    assert_true(str_eq(rows[0].action, STR("user.update")));
    assert_true(str_starts(rows[0].target, STR("user:")));
    assert_int_equal(rows[0].actor_id, 7);
    assert_true(str_find(rows[0].detail, STR("\"password\"")) > 0);
    assert_true(str_find(rows[0].detail, STR("sora_storage_quota_bytes")) > 0);
    assert_true(str_find(rows[0].detail, STR("secret")) < 0);
    site_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE("[ID-1] people are added, found and changed",
                   people_are_added_found_and_changed),
        EVERYWHERE("[AD-1] the list of people is searched and paged", lists_are_searched_and_paged),
        EVERYWHERE("[AD-1] the last active admin stays one", the_last_admin_stays),
        EVERYWHERE("[AD-1] admins who demote each other at once leave one",
                   admins_who_demote_each_other_leave_one),
        EVERYWHERE("[ID-8] deleting a user ends keys and sessions and queues the objects",
                   a_deleted_user_leaves_only_work_to_do),
        EVERYWHERE("[ID-8] a group in use is not deleted and says by how many it is used",
                   a_group_in_use_says_by_how_many),
        EVERYWHERE(
            "[ID-3] [AD-1] who changes a key or a group at once with another keeps the other's",
            changes_at_once_keep_each_others_fields),
        EVERYWHERE("[AD-2] what an admin does is kept, without secrets",
                   deeds_are_kept_without_secrets),
    };
    ok(crypto_init(err));
    return cmocka_run_group_tests_name("people", tests, NULL, NULL);
}
