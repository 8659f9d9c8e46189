/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* doctor — compares rows, counters and stores, and mends what it finds (SPEC SG-10).
 *
 * It may run beside servers.  What two looks at two moments show is a suspicion; each is looked at
 * once more, row first, and only what still holds is told.  What it mends, it mends as the server
 * itself would: under the user's lock, one finding a transaction.
 *
 * Memory: some MiB, however many objects there are.  Thread: the caller's; blocks. */
#include "model/generation.h"
#include "platform/db.h"
#include "service/app.h"

enum doctor_kind {
    DOCTOR_ORPHAN,      /* bytes in a store that no row knows */
    DOCTOR_UPLOAD,      /* an upload in parts that was begun, and nobody goes on with */
    DOCTOR_GHOST,       /* a row whose bytes are gone */
    DOCTOR_SIZE,        /* a row whose bytes are of another size */
    DOCTOR_COUNTER,     /* a user's counter that is not the sum of the rows */
    DOCTOR_RESERVATION, /* room that nobody fills or gives back */
    DOCTOR_OWNERLESS,   /* a row whose user is gone */
    DOCTOR_STRAY,       /* charged bytes that belong to no work */
    DOCTOR_UNFINISHED,  /* a work that nothing will ever end */
    DOCTOR_KEYS,        /* a work whose keys have no rows */
};
const char *doctor_kind_name(enum doctor_kind k);

struct doctor_finding {
    enum doctor_kind kind;
    enum storage_type storage; /* where the bytes are, or should be; STORAGE_NONE: rows alone */
    struct str key;            /* or STR_NONE */
    const char *table;         /* whose row `id` is; NULL: none */
    int64_t id, user_id;       /* 0: none */
    int64_t expected, found;   /* bytes, or a count of keys; -1: says nothing */
    enum { DOCTOR_TOLD, DOCTOR_MENDED, DOCTOR_FAILED } outcome;
    const char *why; /* it could not be mended; NULL */
};

enum doctor_state {
    DOCTOR_CLEAN,
    DOCTOR_FOUND,
    DOCTOR_NOT_LOOKED, /* could not look */
    DOCTOR_OFF,        /* there is nothing to look at */
};
struct doctor_check {
    const char *name;
    enum doctor_state state;
    char text[400]; /* one line of what was looked at, or why not */
};

struct doctor_orders {
    bool repair;
    /* Bytes without a row that are younger are left alone: their server may be restarting, their
     * database may be a backup's. */
    int64_t safe_age_ms;
    /* Of each finding as it comes, and of each check when it has ended.  Views live until they
     * return. */
    void (*on_finding)(void *ctx, const struct doctor_finding *f);
    void (*on_check)(void *ctx, const struct doctor_check *c);
    void *ctx;
};

/* app: data_dir, resolver, db and keys (NULL: there is no key file); nothing else may be open. */
void doctor_run(struct app *app, struct db_conn *db, const struct doctor_orders *orders);
