/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* site — an empty installation on the engine of a test: schema, key ring, settings, pool,
 * one worker's connection and an arena. */
#include "engines.h"

#include "base/clock.h"
#include "platform/migrate.h"
#include "pool/pool.h"
#include "service/identity.h"
#include "service/people.h"
#include "service/settings.h"
#include "store/users.h"

struct site {
    struct app app;
    struct worker worker;
    struct db_conn *db;
    struct arena *a;
    char key_file[96];
};

static const struct actor site_actor = ACTOR_COMMAND_LINE;
static const struct visitor site_visitor = {{"192.0.2.7", 9}, {"test", 4}};
#define SITE_PASSWORD "correct horse"

static inline void site_open(struct site *s, struct engine *e)
{
    *s = (struct site){.app.db = e->db};
    s->db = db_conn_new(e->db);
    s->a = arena_new(16 << 20);
    s->worker = (struct worker){.app = &s->app, .db = s->db};
    snprintf(s->key_file, sizeof(s->key_file), "/tmp/kinora-unit-%d.keys", (int)getpid());
    unlink(s->key_file);
    ok(migrate_run(s->db, NULL, err));
    ok(key_ring_load(s->key_file, &s->app.keys, err));
    ok(pool_new(s->app.keys, &s->app.pool, err));
    ok(settings_open(&s->app, s->db, err));
    identity_open(&s->app);
}

static inline void site_close(struct site *s)
{
    identity_close(&s->app);
    settings_close(&s->app);
    pool_free(s->app.pool);
    key_ring_free(s->app.keys);
    unlink(s->key_file);
    db_conn_free(s->db);
    arena_free(s->a);
}

/* A user with SITE_PASSWORD, whose hash is made only once. */
static inline struct user site_add_user(struct site *s, const char *email, enum user_role role)
{
    static char hash[PASSWORD_HASH_SIZE];
    char uuid[UUID_SIZE];
    if (!hash[0])
        ok(crypto_password_hash(STR(SITE_PASSWORD), hash, err));
    crypto_uuid(uuid);
    struct user user = {.uuid = arena_str(s->a, str_of(uuid)),
                        .email = str_of(email),
                        .password_hash = arena_str(s->a, str_of(hash)),
                        .role = role,
                        .created_at = clock_wall_ms()};
    ok(db_begin(s->db, err));
    ok(people_insert(s->db, &user, s->a, err));
    ok(db_commit(s->db, err));
    return user;
}

static inline struct sign_in site_login(struct site *s, const char *email)
{
    struct sign_in in = {0};
    ok(identity_login(&s->app, s->db, &site_visitor, str_of(email), STR(SITE_PASSWORD), s->a, &in,
                      err));
    return in;
}

static inline int64_t site_count(struct site *s, const char *sql)
{
    int64_t n = -1;
    bool found;
    ok(db_query_int(s->db, sql, DB_NO_ARGS, &n, &found, err));
    return n;
}

static inline void site_exec(struct site *s, const char *sql)
{
    ok(db_begin(s->db, err));
    ok(db_exec(s->db, sql, DB_NO_ARGS, NULL, err));
    ok(db_commit(s->db, err));
}

/* The call fails with this status and code; `why` holds the err afterwards. */
#define assert_refused(call, status_wanted, code_wanted)                                           \
    do {                                                                                           \
        struct err *err = &why;                                                                    \
        why = (struct err){0};                                                                     \
        assert_int_equal((call), (status_wanted));                                                 \
        assert_string_equal(why.code, (code_wanted));                                              \
    } while (0)

/* A title and the body that ON_EVERY_ENGINE() made. */
#define EVERYWHERE(title, body)                                                                    \
    {                                                                                              \
        (title), body##_everywhere, NULL, NULL, NULL                                               \
    }
