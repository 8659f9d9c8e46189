/* SPDX-License-Identifier: Apache-2.0 */
#include "service/keys.h"
#include "site.h"
#include "store/keys.h"

static struct identity identity_of(const struct user *u)
{
    return (struct identity){.user_id = u->id, .role = u->role, .group_id = u->group_id};
}

static struct group add_group(struct site *s, const char *name)
{
    const struct group_form form = {.set = GROUP_NAME, .name = str_of(name)};
    struct group group;
    ok(people_add_group(s->db, &site_actor, &form, s->a, &group, err));
    return group;
}

ON_EVERY_ENGINE(only_a_hash_is_kept)
{
    struct site s;
    struct api_key key;
    char secret[API_KEY_SIZE];
    site_open(&s, e);
    struct user ann = site_add_user(&s, "ann@example.com", ROLE_USER);
    struct identity who = identity_of(&ann);
    ok(api_key_issue(s.db, &who, &(struct api_key_form){.name = STR("laptop")}, s.a, &key, secret,
                     err));
    assert_int_equal(strlen(secret), 51);
    assert_true(str_starts(str_of(secret), STR("sk-")));
    assert_true(str_ends(key.hint, str_from(str_of(secret), 47)));
    assert_true(str_eq(key.group_name, STR("default")));

    struct err err;
    int64_t n;
    bool found;
    assert_int_equal(db_query_int(s.db,
                                  "SELECT COUNT(*) FROM api_keys WHERE key_hash LIKE $1 "
                                  "OR key_hint = $1 OR LENGTH(key_hash) <> 64",
                                  DB_ARGS(P_Z(secret)), &n, &found, &err),
                     OK);
    assert_int_equal(n, 0);
    site_close(&s);
}

ON_EVERY_ENGINE(groups_are_ones_own_or_an_admins_choice)
{
    struct site s;
    struct api_key key;
    struct err why;
    struct user moved;
    char secret[API_KEY_SIZE];
    site_open(&s, e);
    struct user ann = site_add_user(&s, "ann@example.com", ROLE_USER);
    struct user boss = site_add_user(&s, "boss@example.com", ROLE_ADMIN);
    struct identity user = identity_of(&ann), admin = identity_of(&boss);
    struct group other = add_group(&s, "other");
    struct api_key_form form = {.name = STR("k"), .group_id = other.id};
    assert_refused(api_key_issue(s.db, &user, &form, s.a, &key, secret, err), E_FORBIDDEN,
                   "group_not_allowed");
    ok(api_key_issue(s.db, &admin, &form, s.a, &key, secret, err));
    form.group_id = 99;
    assert_refused(api_key_issue(s.db, &admin, &form, s.a, &key, secret, err), E_INVALID,
                   "invalid_field");

    form.group_id = ann.group_id;
    ok(api_key_issue(s.db, &user, &form, s.a, &key, secret, err));
    const struct person_form move = {.set = PERSON_GROUP, .group_id = other.id};
    ok(people_change(s.db, &site_actor, ann.id, &move, s.a, &moved, err));
    ok(keys_find_owned(s.db, ann.id, key.id, s.a, &key, err));
    assert_int_equal(key.group_id, other.id);
    site_close(&s);
}

ON_EVERY_ENGINE(keys_are_named_disabled_and_deleted_by_their_owner)
{
    struct site s;
    struct api_key key, *keys;
    struct err why;
    char secret[API_KEY_SIZE];
    size_t count;
    int64_t total;
    site_open(&s, e);
    struct user ann = site_add_user(&s, "ann@example.com", ROLE_USER);
    struct user eve = site_add_user(&s, "eve@example.com", ROLE_ADMIN);
    struct identity owner = identity_of(&ann), other = identity_of(&eve);
    ok(api_key_issue(s.db, &owner, &(struct api_key_form){.name = STR("k")}, s.a, &key, secret,
                     err));
    const struct api_key wanted = {.name = STR("desk"), .disabled = true, .expires_at = 5};
    const unsigned all = API_KEY_NAME | API_KEY_STATUS | API_KEY_EXPIRY;
    assert_refused(api_key_change(s.db, &other, key.id, all, &wanted, s.a, &key, err), E_NOT_FOUND,
                   "key_not_found");
    assert_refused(api_key_revoke(s.db, &other, key.id, err), E_NOT_FOUND, "key_not_found");
    ok(api_key_change(s.db, &owner, key.id, API_KEY_NAME, &wanted, s.a, &key, err));
    assert_false(key.disabled);
    ok(api_key_change(s.db, &owner, key.id, all, &wanted, s.a, &key, err));
    ok(keys_list_owned(s.db, ann.id, STR("DESK"), 10, 0, s.a, &keys, &count, &total, err));
    assert_int_equal(total, 1);
    assert_true(keys[0].disabled);
    assert_int_equal(keys[0].expires_at, 5);
    ok(keys_list_owned(s.db, eve.id, STR_NONE, 10, 0, s.a, &keys, &count, &total, err));
    assert_int_equal(total, 0);
    ok(api_key_revoke(s.db, &owner, key.id, err));
    assert_refused(api_key_revoke(s.db, &owner, key.id, err), E_NOT_FOUND, "key_not_found");
    site_close(&s);
}

ON_EVERY_ENGINE(there_is_a_most)
{
    struct site s;
    struct api_key key;
    struct err why;
    char secret[API_KEY_SIZE];
    site_open(&s, e);
    struct user ann = site_add_user(&s, "ann@example.com", ROLE_USER);
    struct identity who = identity_of(&ann);
    const struct api_key_form form = {.name = STR("k")};
    for (int i = 0; i < API_KEYS_PER_USER; i++)
        ok(api_key_issue(s.db, &who, &form, s.a, &key, secret, err));
    assert_refused(api_key_issue(s.db, &who, &form, s.a, &key, secret, err), E_CONFLICT,
                   "too_many_keys");
    site_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE("[ID-3] of an API key only the hash and a hint are kept", only_a_hash_is_kept),
        EVERYWHERE("[ID-3] a key is of one's own group, or of any for an admin",
                   groups_are_ones_own_or_an_admins_choice),
        EVERYWHERE("[ID-3] keys are named, disabled and deleted by their owner alone",
                   keys_are_named_disabled_and_deleted_by_their_owner),
        EVERYWHERE("[ID-3] a user has at most a hundred keys", there_is_a_most),
    };
    ok(crypto_init(err));
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
