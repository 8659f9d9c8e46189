/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "site.h"

static bool finds(struct site *s, const char *token, struct identity *ret)
{
    struct identity who = {0};
    bool found, renewed;
    ok(identity_find(s->db, str_of(token), &who, &found, &renewed, err));
    if (ret)
        *ret = who;
    return found;
}

ON_EVERY_ENGINE(a_token_finds_its_user)
{
    struct site s;
    struct identity who;
    site_open(&s, e);
    struct user ann = site_add_user(&s, "ann@example.com", ROLE_ADMIN);
    struct sign_in in = site_login(&s, "Ann@Example.com");
    assert_int_equal(strlen(in.token), SESSION_TOKEN_CHARS);
    assert_true(finds(&s, in.token, &who));
    assert_int_equal(who.user_id, ann.id);
    assert_int_equal(who.role, ROLE_ADMIN);
    assert_int_equal(who.group_id, ann.group_id);
    assert_string_equal(who.email, "ann@example.com");
    in.token[3] ^= 1;
    assert_false(finds(&s, in.token, NULL));
    assert_false(finds(&s, "", NULL));
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM sessions WHERE LENGTH(token_hash) = 64 "
                                    "AND address = '192.0.2.7'"),
                     1);
    site_close(&s);
}

static enum status login(struct site *s, const char *email, const char *password, struct err *err)
{
    struct sign_in in;
    return identity_login(&s->app, s->db, &site_visitor, str_of(email), str_of(password), s->a, &in,
                          err);
}

ON_EVERY_ENGINE(nobody_learns_who_exists)
{
    struct site s;
    struct err why;
    site_open(&s, e);
    site_add_user(&s, "ann@example.com", ROLE_USER);
    site_add_user(&s, "bob@example.com", ROLE_USER);
    site_exec(&s, "UPDATE users SET status = 'disabled' WHERE email = 'bob@example.com'");
    assert_refused(login(&s, "ann@example.com", "wrong horse", err), E_AUTH, "invalid_credentials");
    assert_refused(login(&s, "eve@example.com", SITE_PASSWORD, err), E_AUTH, "invalid_credentials");
    assert_refused(login(&s, "no address", SITE_PASSWORD, err), E_AUTH, "invalid_credentials");
    assert_refused(login(&s, "bob@example.com", "wrong horse", err), E_AUTH, "invalid_credentials");
    assert_refused(login(&s, "bob@example.com", SITE_PASSWORD, err), E_FORBIDDEN, "user_disabled");
    site_close(&s);
}

ON_EVERY_ENGINE(guessing_is_slowed_down)
{
    struct site s;
    struct err why;
    site_open(&s, e);
    site_add_user(&s, "ann@example.com", ROLE_USER);
    for (int i = 0; i < 5; i++)
        assert_refused(login(&s, "ann@example.com", "wrong horse", err), E_AUTH,
                       "invalid_credentials");
    /* On a busy machine a guess may take longer than the first wait; it doubles. */
    int more = 0;
    while (login(&s, "ann@example.com", "wrong horse", &why) == E_AUTH)
        assert_true(++more < 6);
    assert_string_equal(why.code, "too_many_attempts");
    assert_true(why.retry_after_ms > 0 && why.retry_after_ms <= 2000 << more);
    site_close(&s);
}

ON_EVERY_ENGINE(a_session_ends_with_its_cause)
{
    struct site s;
    struct identity who;
    struct err why;
    site_open(&s, e);
    site_add_user(&s, "ann@example.com", ROLE_USER);
    struct sign_in one = site_login(&s, "ann@example.com"), two = site_login(&s, "ann@example.com"),
                   three = site_login(&s, "ann@example.com");
    assert_true(finds(&s, one.token, &who));
    ok(identity_logout(s.db, &who, err));
    assert_false(finds(&s, one.token, NULL));
    assert_true(finds(&s, two.token, &who));

    assert_refused(identity_change_password(&s.app, s.db, &who, STR("wrong horse"),
                                            STR("battery staple"), s.a, err),
                   E_FORBIDDEN, "wrong_password");
    assert_true(finds(&s, three.token, NULL));
    ok(identity_change_password(&s.app, s.db, &who, STR(SITE_PASSWORD), STR("battery staple"), s.a,
                                err));
    assert_true(finds(&s, two.token, NULL));
    assert_false(finds(&s, three.token, NULL));

    const struct person_form off = {.set = PERSON_STATUS, .status = USER_DISABLED};
    struct user ann;
    bool alive = true;
    ok(people_change(s.db, &site_actor, who.user_id, &off, s.a, &ann, err));
    assert_false(finds(&s, two.token, NULL));
    ok(identity_is_alive(s.db, &who, &alive, err));
    assert_false(alive);
    site_close(&s);
}

ON_EVERY_ENGINE(a_session_lives_from_its_last_use)
{
    struct site s;
    struct identity who = {0};
    bool found, renewed;
    int64_t removed;
    site_open(&s, e);
    site_add_user(&s, "ann@example.com", ROLE_USER);
    struct sign_in in = site_login(&s, "ann@example.com");
    ok(identity_find(s.db, str_of(in.token), &who, &found, &renewed, err));
    assert_true(found && !renewed);
    site_exec(&s, "UPDATE sessions SET seen_at = seen_at - 61000, expires_at = seen_at + 1000000");
    ok(identity_find(s.db, str_of(in.token), &who, &found, &renewed, err));
    assert_true(found && renewed);
    assert_int_equal(site_count(&s, "SELECT expires_at - seen_at FROM sessions"), SESSION_LIFE_MS);
    ok(identity_find(s.db, str_of(in.token), &who, &found, &renewed, err));
    assert_true(found && !renewed);
    site_exec(&s, "UPDATE sessions SET expires_at = 1");
    assert_false(finds(&s, in.token, NULL));
    ok(identity_sweep(s.db, &removed, err));
    assert_int_equal(removed, 1);
    site_close(&s);
}

static enum status set_up(struct site *s, const char *token, const char *email, struct err *err)
{
    struct sign_in in;
    return identity_setup(&s->app, s->db, &site_visitor, str_of(token), str_of(email),
                          STR("first admin's"), s->a, &in, err);
}

ON_EVERY_ENGINE(the_first_admin_uses_the_latest_link_once)
{
    struct site s;
    struct err why;
    char old[SESSION_TOKEN_SIZE], latest[SESSION_TOKEN_SIZE];
    bool required;
    site_open(&s, e);
    ok(identity_setup_token(s.db, old, &required, err));
    ok(identity_setup_token(s.db, latest, &required, err));
    assert_true(required);
    assert_refused(set_up(&s, old, "ann@example.com", err), E_FORBIDDEN, "invalid_setup_token");
    ok(set_up(&s, latest, "ann@example.com", err));
    assert_refused(set_up(&s, latest, "eve@example.com", err), E_CONFLICT, "setup_done");
    ok(identity_setup_token(s.db, latest, &required, err));
    assert_false(required);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM users WHERE role = 'admin'"), 1);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM settings"), 0);
    site_close(&s);
}

struct racer {
    struct site *site;
    struct db *db;
    const char *token, *email;
    enum status outcome;
};

static void *race_setup(void *arg)
{
    struct racer *r = arg;
    struct db_conn *db = db_conn_new(r->db);
    struct arena *a = arena_new(1 << 20);
    struct sign_in in;
    struct err err;
    r->outcome = identity_setup(&r->site->app, db, &site_visitor, str_of(r->token),
                                str_of(r->email), STR("first admin's"), a, &in, &err);
    arena_free(a);
    db_conn_free(db);
    return NULL;
}

ON_EVERY_ENGINE(of_two_with_the_link_one_becomes_admin)
{
    struct site s;
    char token[SESSION_TOKEN_SIZE];
    bool required;
    site_open(&s, e);
    ok(identity_setup_token(s.db, token, &required, err));
    struct racer racers[2] = {{&s, e->db, token, "ann@example.com", OK},
                              {&s, e->db, token, "bob@example.com", OK}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, race_setup, &racers[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal((racers[0].outcome == OK) + (racers[1].outcome == OK), 1);
    assert_int_equal(site_count(&s, "SELECT COUNT(*) FROM users"), 1);
    site_close(&s);
}

ON_EVERY_ENGINE(registration_is_off_at_first)
{
    struct site s;
    struct err why;
    struct sign_in in;
    struct json_doc *doc;
    site_open(&s, e);
    assert_refused(identity_register(&s.app, s.db, &site_visitor, STR("ann@example.com"),
                                     STR(SITE_PASSWORD), s.a, &in, err),
                   E_FORBIDDEN, "registration_closed");
    ok(json_parse(STR("{\"registration_enabled\":true}"), &doc, err));
    ok(settings_change(&s.app, s.db, &site_actor, json_root(doc), err));
    json_doc_free(doc);
    ok(identity_register(&s.app, s.db, &site_visitor, STR("ann@example.com"), STR(SITE_PASSWORD),
                         s.a, &in, err));
    assert_true(finds(&s, in.token, NULL));
    assert_int_equal(in.user.role, ROLE_USER);
    assert_refused(identity_register(&s.app, s.db, &site_visitor, STR("ANN@example.com"),
                                     STR(SITE_PASSWORD), s.a, &in, err),
                   E_CONFLICT, "email_taken");
    site_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE("[ID-4] signing in gives a token of which only the hash is kept",
                   a_token_finds_its_user),
        EVERYWHERE("[ID-4] nobody learns from a sign-in who exists", nobody_learns_who_exists),
        EVERYWHERE("[ID-4] guessing is slowed down", guessing_is_slowed_down),
        EVERYWHERE("[ID-4] sign-out, a new password and disabling end the sessions concerned",
                   a_session_ends_with_its_cause),
        EVERYWHERE("[ID-4] a session lives for 30 days from its last use",
                   a_session_lives_from_its_last_use),
        EVERYWHERE("[ID-4] the first admin uses the latest set-up link, once",
                   the_first_admin_uses_the_latest_link_once),
        EVERYWHERE("[ID-4] of two who hold the set-up link at once one becomes admin",
                   of_two_with_the_link_one_becomes_admin),
        EVERYWHERE("[ID-4] self-registration is off at first", registration_is_off_at_first),
    };
    ok(crypto_init(err));
    return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
