/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* inspection — what kinora doctor reads (SG-10): the rows of a store in the order in which it
 * lists its keys, and rows that contradict each other.  Every list is one page, behind the last
 * row of the page before; each page is one statement, so its rows are of one moment.
 *
 * Thread: the connection's.  Views live in the arena given. */
#include "base/arena.h"
#include "base/err.h"
#include "model/object.h"
#include "platform/db.h"

struct inspected_object {
    int64_t id, size;
    struct str key;
    bool writing;
};
/* Keys in the order of their bytes, behind `after` (""  the first page); of one store of its kind,
 * or of all.  unnamed: with those that name no store. */
enum { INSPECT_ALL_STORES = -1 };
enum status inspection_objects(struct db_conn *db, enum storage_type storage, int64_t store_id,
                               bool unnamed, struct str after, struct arena *a,
                               struct inspected_object *ret, size_t max, size_t *ret_count,
                               struct err *err);
/* The buckets, but for the present one, that rows lie in. */
enum status inspection_buckets(struct db_conn *db, int64_t present, int64_t *ret, size_t max,
                               size_t *ret_count, struct err *err);
/* Who knows a key now: an object's row, also one that is being written; the deletion queue. */
struct key_owners {
    bool object, writing, deletion;
};
enum status inspection_owners(struct db_conn *db, struct str key, struct key_owners *ret,
                              struct err *err);

enum inspection {
    INSPECT_COUNTERS,          /* every user: a the counter, b the sum of the rows */
    INSPECT_RESERVATIONS,      /* objects that nobody writes any more: a bytes reserved */
    INSPECT_OWNERLESS_OBJECTS, /* rows whose user is gone: a size */
    INSPECT_OWNERLESS_WORKS,
    INSPECT_OWNERLESS_JOBS,
    INSPECT_STRAYS,           /* charged, and of no work or upload: a size */
    INSPECT_UNFINISHED_WORKS, /* neither ended nor with a job that could end them */
    INSPECT_KEYS,             /* every stored work: text its keys, a how many of them have rows */
};
struct inspected {
    int64_t id, user_id, a, b;
    struct str text; /* key, or what the list says */
};
/* By id, behind after_id.  before_ms: what is younger may still be under way. */
enum status inspection_list(struct db_conn *db, enum inspection what, int64_t after_id,
                            int64_t before_ms, struct arena *a, struct inspected *ret, size_t max,
                            size_t *ret_count, struct err *err);
/* Removes a work or a job whose user is gone. */
enum status inspection_drop(struct db_conn *tx, enum inspection what, int64_t id, struct err *err);
