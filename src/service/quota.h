/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* quota — one ledger (SPEC SG-6, SG-8): room is reserved before bytes are taken, settled
 * after the last, and every limit is checked with the user's row locked first.
 *
 * The counter on the user's row always equals the sum of its stored `sora` objects: both
 * change in the same transaction, only here. */
#include "model/object.h"
#include "model/user.h"
#include "platform/db.h"
#include "service/app.h"

enum quota_source { QUOTA_USER, QUOTA_GROUP, QUOTA_SYSTEM, QUOTA_UNLIMITED };

struct quota {
    int64_t limit; /* bytes; 0: unlimited */
    int64_t used, reserved;
    int64_t available; /* bytes; INT64_MAX when unlimited */
    enum quota_source source;
};
const char *quota_source_name(enum quota_source s);

/* First statement of every transaction that changes what a user has; E_NOT_FOUND, code
 * "user_not_found". */
enum status quota_lock_user(struct db_conn *tx, int64_t user_id, struct err *err);
/* As it stands now; exact inside a transaction that holds the lock. */
enum status quota_read(struct app *app, struct db_conn *db, int64_t user_id, struct quota *ret,
                       struct err *err);
/* The same of uploads (UP-6): the tier's, whose source is QUOTA_GROUP; unlimited where the
 * switch is off. */
enum status quota_read_uploads(struct app *app, struct db_conn *db, int64_t user_id,
                               struct quota *ret, struct err *err);
/* E_LIMIT, code "quota_exceeded" with quota_bytes and used_bytes. */
enum status quota_refuse(const struct quota *q, struct err *err);

/* All inside a transaction that holds the lock. */
/* Inserts the object as writing with `bytes` of room.  When they do not fit: for the counter
 * sora quota_refuse(), for uploads E_TOO_LARGE, code "upload_quota_exceeded". */
enum status quota_reserve(struct app *app, struct db_conn *tx, struct object *o, int64_t bytes,
                          struct err *err);
/* What to ask for where the size is not known: most, or what there is of it, but least at least.
 * In the transaction that then reserves or extends. */
enum status quota_choose(struct app *app, struct db_conn *tx, const struct object *o, int64_t least,
                         int64_t most, int64_t *ret, struct err *err);
/* More room for an object that is being written.  E_CONFLICT, code "object_lost": its lease has
 * ended. */
enum status quota_extend(struct app *app, struct db_conn *tx, struct object *o, int64_t bytes,
                         struct err *err);
/* Goes on with an object that another writer has left: its room, if its lease has ended, must
 * still be there.  E_CONFLICT, code "object_lost". */
enum status quota_resume(struct app *app, struct db_conn *tx, struct object *o, struct err *err);
/* The room of all that is being written for a generation is kept for another while; what has
 * ended stays so.  E_CONFLICT, code "object_lost": all of it has. */
enum status quota_keep(struct db_conn *tx, int64_t generation_id, struct err *err);
/* writing → stored; its size is charged.  E_CONFLICT, code "object_lost": its lease has ended. */
enum status quota_settle(struct db_conn *tx, const struct object *o, struct err *err);
/* The row goes, its bytes are given back, its file is queued for deletion. */
enum status quota_release(struct db_conn *tx, const struct object *o, int64_t now_ms,
                          struct err *err);
/* Releases an object whose writer has died, or whose time is over: a transaction of its own.
 * E_NOT_FOUND; E_CONFLICT: it has no lease any more, or that has not ended. */
enum status quota_release_ended(struct db_conn *db, int64_t user_id, int64_t object_id,
                                struct arena *a, struct err *err);
