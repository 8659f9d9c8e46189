/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* archive — one file of typed records, whole or refused.
 *
 *     file   = "kinora backup 1\n" record* end
 *     record = type (1 byte) length (8 bytes, the highest first) payload
 *     end    = a record of type 'E': the SHA-256 of every byte before it
 *
 * It is written under another name, with mode 0600, and gets its own when all of it is on the
 * disk.  Memory: one record.  Thread: one at a time; blocks. */
#include "base/err.h"

enum { ARCHIVE_RECORD_MAX = 256 << 20 };
#define ARCHIVE_END 'E'

struct archive_writer;
/* E_CONFLICT: the file is there. */
enum status archive_create(const char *path, struct archive_writer **ret, struct err *err);
enum status archive_add(struct archive_writer *w, char type, struct str payload, struct err *err);
/* Frees, whatever comes. */
enum status archive_finish(struct archive_writer *w, int64_t *ret_bytes, struct err *err);
/* Nothing is left of it.  NULL is fine. */
void archive_abandon(struct archive_writer *w);

struct archive_reader;
/* E_NOT_FOUND; E_INVALID, code "not_a_backup". */
enum status archive_open(const char *path, struct archive_reader **ret, struct err *err);
/* *ret_type ARCHIVE_END: all of it has been read, and its sum is right.  The view lives until the
 * next call.  E_INVALID, code "backup_cut" or "backup_damaged". */
enum status archive_next(struct archive_reader *r, char *ret_type, struct str *ret_payload,
                         struct err *err);
void archive_close(struct archive_reader *r);
static inline void archive_closep(struct archive_reader **r)
{
    archive_close(*r);
}
