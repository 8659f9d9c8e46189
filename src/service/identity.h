/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* identity — who is asking: signing in and out, sessions, the first administrator
 * (SPEC ID-4).
 *
 * A session is a random token of which only the hash is kept.  Signing in makes one; the
 * browser has it as a cookie, a script as a bearer token, and signing out ends both.  It
 * is looked up at every request, so that its end, its user's end or a new role count at
 * once; streams that are open hear of it as an event.  It lives for 30 days from its last
 * use.  Thread: workers. */
#include "model/user.h"
#include "service/app.h"

/* 32 random bytes as URL-safe text; the size is what crypto_random_text() asks for. */
enum { SESSION_TOKEN_CHARS = 43, SESSION_TOKEN_SIZE = 45 };
#define SESSION_LIFE_MS (INT64_C(30) * 24 * 3600 * 1000)

/* What is kept in memory for throttling (service/throttle). */
void identity_open(struct app *app);
void identity_close(struct app *app);

/* Where the request came from; kept with the session. */
struct visitor {
    struct str address, user_agent;
};

struct sign_in {
    char token[SESSION_TOKEN_SIZE];
    struct user user; /* in the arena */
};

/* E_AUTH, code "invalid_credentials", the same and as slow whether or not the user
 * exists; E_FORBIDDEN, code "user_disabled", only to who knows the password; E_LIMIT,
 * code "too_many_attempts". */
enum status identity_login(struct app *app, struct db_conn *db, const struct visitor *from,
                           struct str email, struct str password, struct arena *a,
                           struct sign_in *ret, struct err *err);
/* E_FORBIDDEN, code "registration_closed", unless the setting allows it. */
enum status identity_register(struct app *app, struct db_conn *db, const struct visitor *from,
                              struct str email, struct str password, struct arena *a,
                              struct sign_in *ret, struct err *err);
enum status identity_logout(struct db_conn *db, const struct identity *who, struct err *err);
/* Ends all other sessions of the user.  E_FORBIDDEN, code "wrong_password". */
enum status identity_change_password(struct app *app, struct db_conn *db,
                                     const struct identity *who, struct str current,
                                     struct str wanted, struct arena *a, struct err *err);

/* Who a session's token belongs to; *ret is untouched when nobody (*ret_found false).
 * Renews the session at most once a minute, and says so. */
enum status identity_find(struct db_conn *db, struct str token, struct identity *ret,
                          bool *ret_found, bool *ret_renewed, struct err *err);

/* Is the session that somebody was found by still live?  For streams, when an event says
 * that sessions have ended. */
enum status identity_is_alive(struct db_conn *db, const struct identity *who, bool *ret,
                              struct err *err);

/* The first administrator.  Is there none yet? */
enum status identity_setup_required(struct db_conn *db, bool *ret, struct err *err);
/* Makes a new one-time token, which replaces an earlier one, when it is required. */
enum status identity_setup_token(struct db_conn *db, char ret_token[SESSION_TOKEN_SIZE],
                                 bool *ret_required, struct err *err);
/* Spends it.  E_FORBIDDEN, code "invalid_setup_token"; E_CONFLICT, code "setup_done". */
enum status identity_setup(struct app *app, struct db_conn *db, const struct visitor *from,
                           struct str token, struct str email, struct str password, struct arena *a,
                           struct sign_in *ret, struct err *err);
/* Removes sessions whose time is over; for the janitor. */
enum status identity_sweep(struct db_conn *db, int64_t *ret_count, struct err *err);
