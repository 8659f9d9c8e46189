/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* file — small file helpers that are safe against a death in the middle.
 *
 * Thread: any; all of them block on the disk, so never on a loop.  After
 * crypto_init(), which temporary names need. */
#include "base/arena.h"
#include "base/err.h"

/* Makes the folder and its parents with the mode; fine when it is there.  What was made is
 * durable.  On failure errno stands too: ENOENT when somebody took a parent away meanwhile. */
enum status file_make_dirs(const char *path, unsigned mode, struct err *err);
/* Whole file, at most max bytes (E_TOO_LARGE).  E_NOT_FOUND when absent. */
enum status file_read(const char *path, size_t max, struct arena *a, struct str *ret,
                      struct err *err);
/* Temporary name, fsync, rename, fsync of the folder. */
enum status file_write_atomic(const char *path, struct str bytes, unsigned mode, struct err *err);
/* E_NO_SPACE for ENOSPC/EDQUOT, E_IO otherwise.  Writes all or fails. */
enum status file_write_all(int fd, struct str bytes, struct err *err);
enum status file_sync_dir(const char *path, struct err *err);
/* The folder that holds the path: a name made or removed there is then durable. */
enum status file_sync_parent(const char *path, struct err *err);
/* True when files can be made inside the folder now. */
bool file_dir_writable(const char *path);
