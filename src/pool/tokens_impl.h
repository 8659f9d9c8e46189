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
    TOKENS_THREADS = 8,
    TOKENS_OF_ENDPOINT = 2, /* may ask one token endpoint at a time: others need not wait for it */
};

struct tokens {
    struct tokens_config config;
    struct workers *workers;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t landed;
    struct list flights;
    uint64_t asked[TOKENS_THREADS]; /* the endpoints that are asked now, by hash; 0: none */
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
    REFRESH_BUSY,  /* another process is asking, or others of this one ask its endpoint */
    REFRESH_LATER, /* the last try failed, and it is too early for the next */
    REFRESH_NEVER, /* the account has to be signed in again */
    REFRESH_ASK,   /* inside refresh.c: it is ours to ask */
};

/* May one more ask this endpoint now?  Then tokens_asked() follows. */
bool tokens_may_ask(struct tokens *t, struct str endpoint);
void tokens_asked(struct tokens *t, struct str endpoint);

/* pool/refresh.c.  seen: the number of the token that does not do; 0: whatever is due. */
enum refresh_result refresh_run(struct refresher *r, int64_t account_id, uint64_t seen);
