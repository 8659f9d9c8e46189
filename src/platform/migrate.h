/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* migrate — numbered, additive, forward-only schema changes, one transaction each.
 *
 * The files of sql/migrations are embedded in the binary (base/embedded.h).  Their
 * text has tokens that differ by engine: `{id}` identity primary key, `{json}`
 * JSONB or TEXT, `{bytes}` BYTEA or BLOB, `{bigint}` BIGINT or INTEGER.  Each applied
 * migration leaves a row in schema_migrations with the SHA-256 of its text: a changed
 * or unknown one stops the start.  Two processes at once: one waits (advisory lock,
 * or SQLite's own). */
#include "platform/db.h"

/* Applies what is missing.  ret_applied (may be NULL): how many. */
enum status migrate_run(struct db_conn *c, int *ret_applied, struct err *err);
/* OK when the schema is exactly what this binary knows; else E_CONFLICT with a
 * sentence ("run kinora migrate" / "this database is newer"). */
enum status migrate_check(struct db_conn *c, struct err *err);
