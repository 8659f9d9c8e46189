/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* home — what every command opens: the data folder, its keys, the database. */
#include "platform/crypto.h"
#include "platform/db.h"

struct home {
    const char *data_dir;
    struct key_ring *keys;
    struct db *db;
    int lock_fd; /* -1: not locked */
};

/* The options --data and --database. */
extern const char *home_data, *home_database;
#define HOME_OPTIONS                                                                               \
    {"data", "DIR", "folder for keys, media and SQLite", &home_data, NULL},                        \
    {                                                                                              \
        "database", "URL", "postgres://… instead of SQLite in the data folder", &home_database,    \
            NULL                                                                                   \
    }

/* lock: be the only server on this data folder.  0, or the status to end with, after one
 * line has been printed. */
int home_open(struct home *h, bool lock);
void home_close(struct home *h);
/* The line for an err: its sentence, or its code and detail. */
int home_fail(const struct err *err);
