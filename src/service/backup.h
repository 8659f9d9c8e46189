/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* backup — everything of an installation in one file, and back (docs/operation.md).
 *
 * The tables are of one moment, whoever writes meanwhile, and are kept as text: either engine can
 * restore what the other had.  Records of the archive (platform/archive): 'H' what it is, 'K' the
 * key file, then for each table 'T' its columns, 'R' a row, 'S' its count and last id; where
 * local files are in it 'M' their folder's mark and for each of them 'F' key and size, 'D' bytes.
 *
 * Memory: the largest row.  Thread: the caller's; blocks. */
#include "platform/db.h"
#include "service/app.h"

struct backup_facts {
    int64_t tables, rows, files, bytes;
    int64_t missing;    /* files that were removed while the backup was made */
    int64_t created_at; /* of the backup; wall ms */
    size_t migrations;
};

/* app: data_dir, db.  Beside whatever server is running.  On failure there is no file. */
enum status backup_make(struct app *app, struct db_conn *db, const char *path, bool media,
                        struct backup_facts *ret, struct err *err);

/* Reads all of it and writes nothing.  E_INVALID: not_a_backup, backup_cut, backup_damaged;
 * E_CONFLICT, code "database_newer" or "migration_changed": not for this program. */
enum status backup_verify(const char *path, struct backup_facts *ret, struct err *err);
/* Into a database without tables (E_CONFLICT, code "target_in_use") and the data folder, in one
 * transaction; nothing else may use them.  A failure leaves no rows. */
enum status backup_restore(struct app *app, struct db_conn *db, const char *path,
                           struct backup_facts *ret, struct err *err);
