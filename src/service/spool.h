/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* spool — a request body that may have to be sent more than once (SPEC GW-13).
 *
 * To 1 MiB it stays in memory; beyond that it moves into an unlinked file in the data
 * folder, which is gone when the process is.  The loop only ever copies bytes: the file is
 * written and read by worker threads in slices, two per spool, so at most SPOOL_MEMORY + 2
 * slices of memory are held while it moves, and two slices afterwards.  All spools of the
 * process share one cap of bytes on disk, and one of memory beyond what is short; half of each is
 * the most that one owner's take.  Where the memory is taken, a body moves to the disk earlier.
 *
 * Thread: the loop's, but spool_load().  Storage is the caller's; spool_release() may come
 * at any time, also while a worker still has a slice. */
#include "base/arena.h"
#include "base/err.h"
#include "net/loop.h"
#include "net/workers.h"

enum {
    SPOOL_EXPECTED = 16 << 10,
    SPOOL_SHORT = 64 << 10, /* so much is each one's own */
    SPOOL_MEMORY = 1 << 20,
    SPOOL_SLICE = 256 << 10,
    SPOOL_LARGEST = 256 << 20,
};
/* Bytes on disk of all spools together, and in memory: 4 GiB and 512 MiB, or what was said before
 * the first was made.  An owner's share of the disk has room for the largest body, if there is. */
void spool_set_caps(int64_t disk, int64_t memory);

struct spool_file;

struct spool {
    struct loop *loop;
    struct workers *workers;
    const char *dir;
    /* The loop's call: a slice has come through, or err says why none will any more. */
    void (*on_ready)(struct spool *s);
    int64_t owner;   /* the user whose share it takes; after spool_init(), before the first byte */
    struct err *err; /* the spool's; NULL: none */
    uint64_t length; /* bytes taken so far */
    char *memory;
    size_t memory_used, memory_size, charged;
    struct share *share;     /* of the memory; NULL: not asked for yet */
    struct spool_file *file; /* NULL: all of it is in memory */
};

/* dir must outlive it. */
void spool_init(struct spool *s, struct loop *loop, struct workers *workers, const char *dir,
                void (*on_ready)(struct spool *s));
void spool_release(struct spool *s);
/* A whole body changes hands: `from` is empty afterwards. */
void spool_move(struct spool *to, struct spool *from, void (*on_ready)(struct spool *s));
/* A length the sender states: room in memory is made at once, up to SPOOL_EXPECTED; the rest
 * grows with what arrives, as a statement costs its sender nothing. */
void spool_expect(struct spool *s, int64_t length);

/* Returns the bytes taken; fewer than given: wait for on_ready.  After a failure (err)
 * everything is taken and dropped.  E_UNAVAILABLE, code "overloaded", with a time to come
 * back after: a cap is reached, the disk is full or descriptors have run out. */
size_t spool_write(struct spool *s, struct str bytes);
/* No more bytes.  True: ready to be read; false: wait for on_ready and ask again. */
bool spool_end(struct spool *s);

/* Reading, after spool_end() was true, as often as needed. */
/* In memory: the whole of it, and true. */
bool spool_whole(const struct spool *s, struct str *ret);
/* Begins anew; a reader that was under way is forgotten. */
void spool_rewind(struct spool *s);
/* SPOOL_PIECE: *ret is the next piece, valid until the next call.  SPOOL_WAIT: on_ready
 * will come.  SPOOL_FAILED: err says why. */
enum spool_read { SPOOL_PIECE, SPOOL_WAIT, SPOOL_AT_END, SPOOL_FAILED };
enum spool_read spool_next(struct spool *s, struct str *ret);

/* Any one thread that may block, while the loop leaves the spool alone: all of it, to where
 * there is room for `length`. */
enum status spool_copy(const struct spool *s, char *to, struct err *err);
/* The same into the arena.  E_TOO_LARGE over max bytes. */
enum status spool_load(struct spool *s, size_t max, struct arena *a, struct str *ret,
                       struct err *err);
