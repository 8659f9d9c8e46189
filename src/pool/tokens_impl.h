/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tokens_impl — what the two files of the tokens share; nobody else includes it. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "net/fetch.h"
#include "net/workers.h"
#include "pool/tokens.h"

enum {
    TOKENS_LEASE_MS = 30000, /* longer than one request may take */
    TOKENS_MAX_NETWORKS = 64,
};

struct tokens {
    struct tokens_config config;
    struct workers *workers;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t landed;
    struct list flights;
    atomic_bool stopping;
};

/* One worker thread's own things. */
struct refresher {
    struct tokens *tokens;
    struct db_conn *db;
    struct fetcher *fetcher;
};

enum refresh_result {
    REFRESH_DONE,  /* the pool has another token than the one seen */
    REFRESH_BUSY,  /* another process is asking */
    REFRESH_LATER, /* the last try failed, and it is too early for the next */
    REFRESH_NEVER, /* the account has to be signed in again */
    REFRESH_ASK,   /* inside refresh.c: it is ours to ask */
};

/* pool/refresh.c.  seen: the number of the token that does not do; 0: whatever is due. */
enum refresh_result refresh_run(struct refresher *r, int64_t account_id, uint64_t seen);
