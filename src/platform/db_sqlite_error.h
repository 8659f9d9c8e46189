/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* db_sqlite_error — what SQLite's last failure on a connection means to db.h. */
#include <sqlite3.h>

#include "base/err.h"

/* Fills err (may be NULL) and returns its status, never OK.  E_CONFLICT "unique",
 * E_UNAVAILABLE "database_busy" (another's lock), E_NO_SPACE "disk_full", E_INTERNAL (a
 * statement of ours), E_IO for the disk and everything else.  Right after the failure
 * only: the next call on the connection may overwrite it. */
enum status sqlite_fail(sqlite3 *db, struct err *err);
