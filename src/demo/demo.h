/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* demo — everything the running demo upstream is made of, for the handlers. */
#include "demo/jobs.h"
#include "demo/journal.h"
#include "net/router.h"
#include "net/server.h"

enum {
    DEMO_BODY_MAX = 257 * 1024 * 1024,    /* of one request */
    DEMO_BODIES_MAX = 1024 * 1024 * 1024, /* of all open requests together */
    DEMO_CONTROL_BODY_MAX = 1024 * 1024,
};

struct demo {
    struct options options;
    struct settings settings;
    struct loop *loop;
    struct server *server;
    struct workers *workers;
    struct router *router;
    struct media_store *store;
    struct faults faults;
    struct journal journal;
    struct counts counts;
    struct jobs jobs;
    struct list calls;   /* open ones */
    uint64_t body_bytes; /* held for open requests */
    int64_t started_ms;  /* wall */
};
