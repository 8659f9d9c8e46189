/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* local — the store on this machine's disk.
 *
 * A key is a relative path of safe characters; its file stands under <data>/media.  A
 * file is written under its final name, but its row says `writing` until the bytes and
 * the folder entry are on disk, so a death in between leaves a row that the janitor finds,
 * never a file without one. */
#include "base/err.h"
#include "base/str.h"
#include "platform/crypto.h"

struct local_store;

enum status local_open(const char *data_dir, struct local_store **ret, struct err *err);
void local_close(struct local_store *s);
/* Whether it takes files.  E_NO_SPACE, code "disk_full"; E_UNAVAILABLE, code "storage_off". */
enum status local_check(struct local_store *s, struct err *err);
/* Size of the file system and what it has left for this program, in bytes; false: it does not
 * say. */
bool local_room(struct local_store *s, int64_t *ret_size, int64_t *ret_left);
/* The folder's own mark, a UUID in a file of it, made by the first who asks: who reads the same
 * mark has the same folder. */
enum status local_mark(struct local_store *s, char ret[UUID_SIZE], struct err *err);
/* It becomes another folder, which was elsewhere before.  E_INVALID: no mark. */
enum status local_set_mark(struct local_store *s, struct str mark, struct err *err);

struct local_writer;
/* E_CONFLICT, code "key_taken": the file is there.  E_NO_SPACE: the disk is full. */
enum status local_create(struct local_store *s, struct str key, struct local_writer **ret,
                         struct err *err);
/* In the place of the file that may be there, which stays until local_finish() has the new one
 * whole; one at a time in a folder, which ends with that or with local_abandon(). */
enum status local_replace(struct local_store *s, struct str key, struct local_writer **ret,
                          struct err *err);
/* A file that several may write at a time, one after the other; it is made when it is not there.
 * Nothing is cut, and local_write() begins at the first byte, until local_cut(). */
enum status local_reopen(struct local_store *s, struct str key, struct local_writer **ret,
                         struct err *err);
/* Blocks while another has it locked, in this process or another (flock(2)). */
enum status local_lock(struct local_writer *w, struct err *err);
void local_unlock(struct local_writer *w);
/* Only the first bytes stay, and the next are written behind them.  E_GONE, code "upload_lost":
 * there are not so many. */
enum status local_cut(struct local_writer *w, int64_t size, struct err *err);
/* What was written is on disk, with its folder entry, when it returns OK. */
enum status local_sync(struct local_writer *w, struct err *err);
/* The file stays as it is; frees.  NULL is fine. */
void local_leave(struct local_writer *w);
/* E_NO_SPACE, code "disk_full": less than 64 MiB would be left to the database. */
enum status local_write(struct local_writer *w, struct str bytes, struct err *err);
/* Bytes and folder entry are on disk when it returns OK.  Frees the writer either way. */
enum status local_finish(struct local_writer *w, struct err *err);
/* Removes what was written; frees.  NULL is fine. */
void local_abandon(struct local_writer *w);

/* An open descriptor, the caller's.  E_NOT_FOUND, code "object_not_found". */
enum status local_read(struct local_store *s, struct str key, int *ret_fd, int64_t *ret_size,
                       struct err *err);
/* Absolute path of a key's file, for programs that read it (media_probe, which takes a relative one
 * for an option); empty for a bad key. */
void local_path(struct local_store *s, struct str key, char *out, size_t size);
/* Absent counts as removed; empty folders above go too. */
enum status local_remove(struct local_store *s, struct str key, struct err *err);

/* Every file whose name could be a key, in the order of the keys' bytes; views live until fn
 * returns, and what it returns ends the walk.  A file that comes or goes meanwhile may be seen or
 * not.  Memory: some MiB, however many there are. */
struct local_file {
    struct str key;
    int64_t size, modified_ms; /* wall */
};
typedef enum status local_each_fn(void *ctx, const struct local_file *file, struct err *err);
enum status local_each(struct local_store *s, local_each_fn *fn, void *ctx, struct err *err);
