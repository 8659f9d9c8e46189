/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* outside — tells a server on SQLite that a command has changed its database: notices do not
 * leave a process there, so the command leaves a mark and the server looks for it each second.
 * On PostgreSQL, where notices reach everybody, both do nothing.
 *
 * Thread: the connection's. */
#include "platform/crypto.h"
#include "platform/db.h"

/* When the change has been committed. */
enum status outside_note(struct db_conn *db, struct err *err);

/* The mark that was seen last; zeroed: none yet. */
struct outside_mark {
    char text[UUID_SIZE];
};
enum status outside_look(struct db_conn *db, struct outside_mark *mark, bool *ret_changed,
                         struct err *err);
