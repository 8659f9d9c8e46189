/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* migrate — numbered, additive, forward-only schema changes, one transaction each.
 *
 * The files of sql/migrations are embedded in the binary (base/embedded.h); the first is 0001_…,
 * none is left out.  Their text has tokens that differ by engine: `{id}` identity primary key,
 * `{json}` JSONB or TEXT, `{bytes}` BYTEA or BLOB, `{now}` this moment, `{bigint}` BIGINT or
 * INTEGER, `{bytewise}` the COLLATE that orders by bytes.  Each applied migration leaves a row in
 * schema_migrations with the SHA-256 of its text: a changed or unknown one stops the start.  Two
 * processes at once: one waits (advisory lock, or SQLite's own).
 *
 * Thread: any, with a connection of its own that is in no transaction. */
#include "base/embedded.h"
#include "platform/db.h"

/* Applies what is missing.  ret_applied (may be NULL): how many.  A migration that
 * fails leaves nothing behind; those before it stay. */
enum status migrate_run(struct db_conn *c, int *ret_applied, struct err *err);
/* OK when the schema is exactly what this binary knows; else E_CONFLICT with a
 * sentence ("run kinora migrate" / "this database is newer"). */
enum status migrate_check(struct db_conn *c, struct err *err);
/* Whether any was ever applied: the database is somebody's. */
enum status migrate_begun(struct db_conn *c, bool *ret, struct err *err);
/* How many were applied; 0: none, or the database is empty. */
enum status migrate_count(struct db_conn *c, size_t *ret, struct err *err);
enum { MIGRATE_DIGEST_SIZE = 65 };
/* Of the first `count` migrations' texts, in hex: two programs with the same have the same tables
 * after them.  count is at most embedded_sql_count. */
void migrate_digest(size_t count, char out[MIGRATE_DIGEST_SIZE]);
/* Applies the first `count`, inside the caller's transaction, to a database without tables. */
enum status migrate_begin_with(struct db_conn *tx, size_t count, struct err *err);

/* The same with another set of files, in the order of their numbers. */
enum status migrate_run_files(struct db_conn *c, const struct embedded_file *files, size_t count,
                              int *ret_applied, struct err *err);
enum status migrate_check_files(struct db_conn *c, const struct embedded_file *files, size_t count,
                                struct err *err);
