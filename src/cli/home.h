/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* home — what every command opens: the data folder, its keys, the database. */
#include "platform/crypto.h"
#include "platform/db.h"

struct home {
    const char *data_dir;
    struct key_ring *keys; /* NULL: HOME_FILL, and HOME_LOOK where there is no key file */
    struct db *db;
    int lock_fd; /* -1: not open */
    int old_pid; /* of the server that this one replaces; 0: none, or the folder is ours */
};

/* The options --data and --database. */
extern const char *home_data, *home_database;
#define HOME_OPTIONS                                                                               \
    {"data", "DIR", "folder for keys, media and SQLite", &home_data, NULL},                        \
    {                                                                                              \
        "database", "URL", "postgres://… instead of SQLite in the data folder", &home_database,    \
            NULL                                                                                   \
    }

enum home_use {
    HOME_VISIT,   /* beside whatever server is running */
    HOME_LOOK,    /* the same, and nothing is made that is not there */
    HOME_FILL,    /* alone, and what it needs is about to be made: no keys are read */
    HOME_SERVE,   /* be the only server on this data folder */
    HOME_REPLACE, /* the same, but from when the server that is running now hands it on */
};

/* 0, or the status to end with, after one line has been printed. */
int home_open(struct home *h, enum home_use use);
void home_close(struct home *h);
/* HOME_REPLACE: asks the old server to leave (SIGUSR2), when this one answers. */
void home_ask_old(struct home *h);
/* HOME_REPLACE: whether the old server has handed the folder on, or has ended: it is this one's
 * now. */
bool home_inherit(struct home *h);
/* Of a server that was replaced: the folder is the newcomer's from now on, and this process only
 * ends what it has begun.  False: it could not be said, and the newcomer waits for our end. */
bool home_hand_on(struct home *h);
/* Whether no server that was replaced still ends what it has begun. */
bool home_is_alone(const struct home *h);
/* The line for an err: its sentence, or its code and detail. */
int home_fail(const struct err *err);
