/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* app — the small context that services share: what was opened at the start.
 *
 * Made and taken down by cli/serve, in the order of its fields; nothing in it
 * changes while threads run.  Each worker thread has a `struct worker` of its own
 * with what must not be shared. */
#include "base/arena.h"
#include "base/err.h"
#include "net/workers.h"
#include "platform/crypto.h"
#include "platform/db.h"

struct fetcher;
struct settings_store;
struct throttle;
struct pool;
struct tokens;
struct events;
struct jobs;
struct local_store;
struct storage;
struct store_keeper;
struct upstream_loops;

struct app {
    const char *data_dir;
    const char *listen;      /* "127.0.0.1:8080" */
    const char *resolver;    /* "ip:port" or NULL: the system's */
    char node_id[UUID_SIZE]; /* of this process run; owner of its leases */
    struct db *db;
    struct key_ring *keys;
    struct settings_store *settings;
    struct throttle *throttle; /* of sign-ins; service/identity */
    struct pool *pool;
    struct tokens *tokens; /* of OAuth accounts; pool/tokens */
    struct events *events;
    struct local_store *local; /* NULL: local storage off */
    struct storage *storage;   /* what is known of the bucket */
    struct store_keeper *keeper;
    struct jobs *jobs;
    /* Apart from each other, so that none starves another: API calls; submissions, which an
     * upstream may hold for minutes; the short steps of jobs; media on their way in; files
     * on their way out; what users bring. */
    struct workers *api_workers, *submit_workers, *step_workers, *transfer_workers, *file_workers,
        *upload_workers;
};

/* One worker thread's own things (net/workers.h: thread_start). */
struct worker {
    struct app *app;
    struct db_conn *db;
    struct fetcher *fetcher;
    struct fetcher *store_fetcher; /* to the bucket, also while the other is at work */
};
