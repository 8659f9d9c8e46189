/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* shim_undo — what a power cut takes away: the bytes that a program has written into its files
 * since the last fsync of each.
 *
 * Before each write the bytes that it replaces are kept, until the file is synced; undo_all() puts
 * them back. Content and length only: names, and what is mapped into memory, are as they are.
 *
 * Thread: any. */
#include <sys/types.h>

/* Nothing is kept before this. */
void undo_enable(void);
/* Around a change of the file's bytes from `at` on, or of its length; n: how many it has. */
void undo_begin(int fd, off_t at, size_t n);
void undo_end(void);
/* In place of the call: what was written before it stays. */
int undo_sync(int fd, long call);
/* Nobody writes any more: the process has to end. */
void undo_all(void);
