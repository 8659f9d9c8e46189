/* SPDX-License-Identifier: Apache-2.0 */
#include "service/identity.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "service/credentials.h"
#include "service/events.h"
#include "service/people.h"
#include "service/settings.h"
#include "service/throttle.h"
#include "store/sessions.h"
#include "store/settings.h"
#include "store/users.h"

enum { TOKEN_BYTES = 32, HASH_TEXT_SIZE = 2 * SHA256_SIZE + 1, USER_AGENT_MAX = 256 };

#define TOUCH_EVERY_MS CLOCK_MINUTE_MS
/* A row of the settings table that is no setting. */
#define SETUP_KEY "_setup_token"

void identity_open(struct app *app)
{
    app->throttle = throttle_new();
}

void identity_close(struct app *app)
{
    throttle_free(app->throttle);
    app->throttle = NULL;
}

static struct str hash_token(struct str token, char out[HASH_TEXT_SIZE])
{
    unsigned char hash[SHA256_SIZE];
    crypto_sha256(token, hash);
    hex_encode(hash, sizeof(hash), out);
    return (struct str){out, HASH_TEXT_SIZE - 1};
}

/* --- sessions ------------------------------------------------------------ */

/* Inside a transaction. */
static enum status begin_session(struct db_conn *tx, const struct visitor *from, const char *kind,
                                 struct sign_in *ret, struct err *err)
{
    char hash[HASH_TEXT_SIZE];
    int64_t now = clock_wall_ms();
    crypto_random_text(TOKEN_BYTES, ret->token);
    struct session session = {
        .user_id = ret->user.id,
        .token_hash = hash_token(str_of(ret->token), hash),
        .kind = str_of(kind),
        .address = from->address.p ? from->address : STR(""),
        .user_agent = from->user_agent.p && utf8_valid(from->user_agent)
                          ? utf8_prefix(from->user_agent, USER_AGENT_MAX)
                          : STR(""),
        .created_at = now,
        .seen_at = now,
        .expires_at = now + SESSION_LIFE_MS,
    };
    return sessions_insert(tx, &session, err);
}

static enum status touch(struct db_conn *db, int64_t id, int64_t now)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(db_begin(tx, NULL));
    TRY(sessions_touch(tx, id, now, now + SESSION_LIFE_MS, NULL));
    return db_commit(tx, NULL);
}

enum status identity_find(struct db_conn *db, struct str token, struct identity *ret,
                          bool *ret_found, bool *ret_renewed, struct err *err)
{
    char hash[HASH_TEXT_SIZE];
    int64_t now = clock_wall_ms(), seen_at = now;
    bool found = false;
    if (token.n == SESSION_TOKEN_CHARS)
        TRY(sessions_find_identity(db, hash_token(token, hash), now, ret, &seen_at, &found, err));
    *ret_found = found;
    /* A renewal that fails costs nothing: the next request tries again. */
    *ret_renewed = now - seen_at >= TOUCH_EVERY_MS && touch(db, ret->session_id, now) == OK;
    return OK;
}

enum status identity_is_alive(struct db_conn *db, const struct identity *who, bool *ret,
                              struct err *err)
{
    return sessions_is_live(db, who->session_id, clock_wall_ms(), ret, err);
}

enum status identity_logout(struct db_conn *db, const struct identity *who, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(db_begin(tx, err));
    TRY(sessions_delete(tx, who->session_id, err));
    TRY(events_note(tx, TOPIC_USER, EVENT_SESSIONS, who->user_id, 0, err));
    return db_commit(tx, err);
}

enum status identity_sweep(struct db_conn *db, int64_t *ret_count, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(db_begin(tx, err));
    TRY(sessions_delete_expired(tx, clock_wall_ms(), ret_count, err));
    return db_commit(tx, err);
}

/* --- signing in ---------------------------------------------------------- */

static enum status await_turn(struct app *app, enum throttle_kind kind, struct str name,
                              struct err *err)
{
    return throttle_enter(app->throttle, kind, name, clock_mono_ms(), THROTTLE_WAIT_MS, err);
}

static enum status enter(struct app *app, const struct visitor *from, struct str email,
                         struct err *err)
{
    TRY(await_turn(app, THROTTLE_EMAIL, email, err));
    enum status status = await_turn(app, THROTTLE_ADDRESS, from->address, err);
    if (status != OK)
        throttle_leave(app->throttle, THROTTLE_EMAIL, email, THROTTLE_UNJUDGED, clock_mono_ms());
    return status;
}

/* What we could not look at is nobody's guess. */
static enum throttle_end end_of(enum status status, enum throttle_end good)
{
    if (status == OK)
        return good;
    bool ours = status == E_UNAVAILABLE || status == E_IO || status == E_INTERNAL ||
                status == E_NO_MEMORY || status == E_TIMEOUT;
    return ours ? THROTTLE_UNJUDGED : THROTTLE_FAILED;
}

static void leave(struct app *app, const struct visitor *from, struct str email, enum status status)
{
    int64_t now = clock_mono_ms();
    throttle_leave(app->throttle, THROTTLE_EMAIL, email, end_of(status, THROTTLE_FORGIVEN), now);
    throttle_leave(app->throttle, THROTTLE_ADDRESS, from->address,
                   end_of(status, THROTTLE_SUCCEEDED), now);
}

/* The user whose password this is.  Takes as long for nobody's. */
static enum status check_password(struct db_conn *db, struct str email, struct str password,
                                  struct arena *a, struct user *ret, struct err *err)
{
    struct user user = {0};
    enum status status = users_find_by_email(db, email, a, &user, err);
    if (status != OK && status != E_NOT_FOUND)
        return status;
    const char *hash = status == OK ? user.password_hash.p : "";
    if (password.n > PASSWORD_MAX || !crypto_password_check(password, hash))
        return err_set(err, E_AUTH, "invalid_credentials");
    *ret = user;
    return user.status == USER_ACTIVE ? OK : err_set(err, E_FORBIDDEN, "user_disabled");
}

/* Between the slow check and this the password or the status may have changed. */
static enum status begin_checked_session(struct db_conn *db, const struct visitor *from,
                                         struct arena *a, struct sign_in *in, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    struct user now;
    TRY(db_begin(tx, err));
    TRY(users_lock(tx, in->user.id, a, &now, err));
    if (now.status != USER_ACTIVE || !str_eq(now.password_hash, in->user.password_hash))
        return err_set(err, E_AUTH, "invalid_credentials");
    TRY(begin_session(tx, from, "login", in, err));
    return db_commit(tx, err);
}

enum status identity_login(struct app *app, struct db_conn *db, const struct visitor *from,
                           struct str email, struct str password, struct arena *a,
                           struct sign_in *ret, struct err *err)
{
    struct sign_in in;
    if (credentials_email(email, a, &email, NULL) != OK)
        email = STR(""); /* nobody's */
    TRY(enter(app, from, email, err));
    enum status status = check_password(db, email, password, a, &in.user, err);
    if (status == OK)
        status = begin_checked_session(db, from, a, &in, err);
    leave(app, from, email, status);
    if (status == OK)
        *ret = in;
    return status;
}

static enum status add_user(struct db_conn *db, const struct visitor *from,
                            const struct person_form *form, struct arena *a, struct sign_in *ret,
                            struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(people_prepare(form, a, &ret->user, err));
    TRY(db_begin(tx, err));
    TRY(people_insert(tx, &ret->user, a, err));
    TRY(begin_session(tx, from, "registration", ret, err));
    return db_commit(tx, err);
}

enum status identity_register(struct app *app, struct db_conn *db, const struct visitor *from,
                              struct str email, struct str password, struct arena *a,
                              struct sign_in *ret, struct err *err)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(app);
    const struct person_form form = {
        .set = PERSON_EMAIL | PERSON_PASSWORD, .email = email, .password = password};
    struct sign_in in;
    if (!settings->registration_enabled)
        return err_set(err, E_FORBIDDEN, "registration_closed");
    TRY(await_turn(app, THROTTLE_REGISTER, from->address, err));
    enum status status = add_user(db, from, &form, a, &in, err);
    /* Each one counts, whatever comes of it. */
    throttle_leave(app->throttle, THROTTLE_REGISTER, from->address, end_of(status, THROTTLE_FAILED),
                   clock_mono_ms());
    if (status == OK)
        *ret = in;
    return status;
}

/* --- one's own password -------------------------------------------------- */

static enum status replace_password(struct db_conn *db, const struct identity *who,
                                    const struct user *checked, const char *hash, struct arena *a,
                                    struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    struct user user;
    TRY(db_begin(tx, err));
    TRY(users_lock(tx, who->user_id, a, &user, err));
    if (!str_eq(user.password_hash, checked->password_hash))
        return err_set(err, E_FORBIDDEN, "wrong_password");
    user.password_hash = str_of(hash);
    user.updated_at = clock_wall_ms();
    TRY(users_update(tx, &user, err));
    TRY(sessions_delete_of_user(tx, who->user_id, who->session_id, err));
    TRY(events_note(tx, TOPIC_USER, EVENT_SESSIONS, who->user_id, 0, err));
    return db_commit(tx, err);
}

enum status identity_change_password(struct app *app, struct db_conn *db,
                                     const struct identity *who, struct str current,
                                     struct str wanted, struct arena *a, struct err *err)
{
    struct user user;
    char hash[PASSWORD_HASH_SIZE];
    struct str email = str_of(who->email);
    TRY(credentials_password(wanted, "new_password", err));
    TRY(await_turn(app, THROTTLE_EMAIL, email, err));
    enum status status = check_password(db, email, current, a, &user, err);
    throttle_leave(app->throttle, THROTTLE_EMAIL, email, end_of(status, THROTTLE_FORGIVEN),
                   clock_mono_ms());
    if (status == E_AUTH)
        return err_set(err, E_FORBIDDEN, "wrong_password");
    TRY(status);
    TRY(crypto_password_hash(wanted, hash, err));
    return replace_password(db, who, &user, hash, a, err);
}

/* --- the first administrator --------------------------------------------- */

enum status identity_setup_required(struct db_conn *db, bool *ret, struct err *err)
{
    bool have_admin;
    TRY(users_have_admin(db, &have_admin, err));
    *ret = !have_admin;
    return OK;
}

enum status identity_setup_token(struct db_conn *db, char ret_token[SESSION_TOKEN_SIZE],
                                 bool *ret_required, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    char hash[HASH_TEXT_SIZE];
    TRY(identity_setup_required(db, ret_required, err));
    if (!*ret_required)
        return OK;
    crypto_random_text(TOKEN_BYTES, ret_token);
    TRY(db_begin(tx, err));
    TRY(settings_row_put(tx, SETUP_KEY, hash_token(str_of(ret_token), hash), clock_wall_ms(), err));
    return db_commit(tx, err);
}

/* Holds the row, so that of two who come at once the second finds it spent. */
static enum status spend_setup_token(struct db_conn *tx, struct str token, struct arena *a,
                                     struct err *err)
{
    struct str kept;
    char hash[HASH_TEXT_SIZE];
    bool required;
    TRY(settings_row_lock(tx, SETUP_KEY, a, &kept, err));
    TRY(identity_setup_required(tx, &required, err));
    if (!required)
        return err_set(err, E_CONFLICT, "setup_done");
    hash_token(token, hash);
    if (kept.n != HASH_TEXT_SIZE - 1 || !crypto_equal(kept.p, hash, kept.n))
        return err_set(err, E_FORBIDDEN, "invalid_setup_token");
    return settings_row_delete(tx, SETUP_KEY, err);
}

static enum status set_up(struct db_conn *db, const struct visitor *from, struct str token,
                          const struct person_form *form, struct arena *a, struct sign_in *ret,
                          struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    struct deed deed = {.action = "user.setup", .kind = "user"};
    TRY(people_prepare(form, a, &ret->user, err));
    TRY(db_begin(tx, err));
    TRY(spend_setup_token(tx, token, a, err));
    TRY(people_insert(tx, &ret->user, a, err));
    deed.id = ret->user.id;
    deed.name = ret->user.email;
    const struct actor actor = {
        .user_id = ret->user.id, .email = ret->user.email, .address = from->address};
    TRY(audit_note(tx, &actor, &deed, err));
    TRY(begin_session(tx, from, "setup", ret, err));
    TRY(events_note(tx, TOPIC_SITE, EVENT_SITE, 0, 0, err));
    return db_commit(tx, err);
}

enum status identity_setup(struct app *app, struct db_conn *db, const struct visitor *from,
                           struct str token, struct str email, struct str password, struct arena *a,
                           struct sign_in *ret, struct err *err)
{
    const struct person_form form = {.set = PERSON_EMAIL | PERSON_PASSWORD | PERSON_ROLE,
                                     .email = email,
                                     .password = password,
                                     .role = ROLE_ADMIN};
    struct sign_in in;
    TRY(await_turn(app, THROTTLE_ADDRESS, from->address, err));
    enum status status = set_up(db, from, token, &form, a, &in, err);
    throttle_leave(app->throttle, THROTTLE_ADDRESS, from->address,
                   end_of(status, THROTTLE_SUCCEEDED), clock_mono_ms());
    if (status == OK)
        *ret = in;
    return status;
}
