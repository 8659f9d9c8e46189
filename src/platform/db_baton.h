/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* db_baton — SQLite's one writer connection, handed from transaction to transaction.
 *
 * Waiting transactions stand in a line, first come, first served.  The first
 * holder sends BEGIN IMMEDIATE; each holder works inside a SAVEPOINT of its own
 * and then hands on.  The last holder of a group (nobody waits, or the group is
 * full) sends the one COMMIT, which costs the one fsync, and wakes every member.
 *
 * Invariants: whoever holds the baton, and nobody else, touches the writer; a
 * member's commit returns OK only after the COMMIT that holds its changes; when
 * that COMMIT fails, or SQLite gave the whole transaction up, nothing of any
 * member is kept and every member is told why: E_UNAVAILABLE for another
 * process's lock, E_NO_SPACE for a full disk (which WAL meets at the COMMIT,
 * mostly), E_IO for a disk that fails. */
#include <pthread.h>
#include <sqlite3.h>

#include "base/err.h"
#include "base/list.h"

enum { BATON_GROUP_MAX = 64 };

struct baton;
/* Owner of the writer stays the caller. */
struct baton *baton_new(sqlite3 *writer);
void baton_free(struct baton *b);

enum turn_state {
    TURN_IDLE,
    TURN_WAITING,    /* in the line */
    TURN_HOLDING,    /* the baton */
    TURN_COMMITTING, /* in a group whose COMMIT is not sent yet */
    TURN_DONE,
    TURN_FAILED,
};

/* One thread's place in the line or in a group; storage is the caller's. */
struct baton_turn {
    struct list link;
    pthread_cond_t changed;
    enum turn_state state;
    struct err why; /* of TURN_FAILED */
};
void baton_turn_init(struct baton_turn *t);
void baton_turn_release(struct baton_turn *t);

/* Waits for the baton and opens a savepoint.  When the group's BEGIN fails (another
 * process kept the database locked, the disk fails), everybody in the line is told so
 * at once. */
enum status baton_take(struct baton *b, struct baton_turn *t, struct err *err);
/* Keeps the changes: returns when they are on disk. */
enum status baton_commit(struct baton *b, struct baton_turn *t, struct err *err);
void baton_rollback(struct baton *b, struct baton_turn *t);
