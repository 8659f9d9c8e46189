/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* pool — choosing an upstream account, holding a slot of it, and what an outcome does to
 * it (SPEC AC-1, GW-4, GW-5).  One implementation for direct calls and jobs.
 *
 * Thread: any, also loops: no database and nothing that blocks longer than a short
 * critical section (docs/adr/0005).  Marks, counts and last-use times are queued and
 * written once a second by pool_flush().  Accounts are immutable, counted snapshots that
 * pool_reload() replaces; slots, marks and use times live beside them and survive a
 * reload.  An account that is disabled or deleted stays valid for those who hold it. */
#include "base/err.h"
#include "dialect/dialect.h"
#include "model/account.h"
#include "platform/crypto.h"
#include "platform/db.h"

struct pool;

/* Empty until the first pool_reload().  keys must outlive it. */
enum status pool_new(const struct key_ring *keys, struct pool **ret, struct err *err);
/* After every loop and worker has stopped and every slot was given back. */
void pool_free(struct pool *p);
/* Reads accounts, groups and keys and takes over what has changed; on failure the old
 * state stays in force for what was not read.  An account that cannot be used (its secret
 * or address cannot be read) is not scheduled, and pool_status_of() says why.  Workers,
 * one at a time; never inside a transaction. */
enum status pool_reload(struct pool *p, struct db_conn *db, struct err *err);
/* Writes queued marks, counts, last-use times of accounts and keys in one transaction,
 * and wakes waiters for accounts whose cool-down has passed.  What could not be written
 * stays queued.  Workers, one at a time, outside of transactions; once a second and before
 * the end. */
enum status pool_flush(struct pool *p, struct db_conn *db, struct err *err);

/* An OAuth account's access token (AC-3); its words are the account's credential. */
struct pool_token {
    uint64_t number;    /* two tokens never have the same; 0: the account is no OAuth account */
    int64_t expires_at; /* wall ms; 0: not said */
    int64_t renewed_at;
    bool refreshable; /* there is a refresh token */
};

/* What a caller may know of an account while it holds a slot (or a reference). */
struct pool_account {
    int64_t id;
    struct str name;
    enum account_type type;
    const struct dialect *dialect;
    struct dialect_target target; /* base address and credential */
    struct str proxy_url, ca_pem; /* STR_NONE: none */
    struct str chat_url;          /* joined endpoint of direct calls, ready to use */
    struct url chat;              /* the same, parsed */
    struct str bearer;            /* "Bearer …", the credential as a header's value */
    struct pool_token token;
    bool honours_idempotency, http2;
};

enum { POOL_MAX_TRIED = 8, POOL_MODEL_MAX = 256 /* bytes; longer names are served by none */ };
struct pool_want {
    struct str platform; /* "sora" */
    int64_t group_id;
    bool ungrouped;                /* GW-1: accounts without a group instead of the group's */
    struct str model;              /* the caller's name for it */
    int64_t caller;                /* whose turn in line it is: a user's id; 0: nobody's */
    bool again;                    /* another account has failed it: the retry budget counts it */
    bool reserved;                 /* … and did so in pool_retry_in() */
    int64_t tried[POOL_MAX_TRIED]; /* not these */
    size_t tried_count;
    int64_t only_account; /* 0: any; else this one (a pinned job), whatever its marks */
    bool running;         /* its work is there already: also above only_account's limit */
    bool to_begin;        /* it may run on only_account alone but has not: as for any other, not
                           * when tried, disabled or cooling down */
};

enum pool_result {
    POOL_GOT,
    POOL_FULL,    /* some would serve, all slots are taken: wait in line */
    POOL_LIMITED, /* all cool down for 429: *ret_retry_ms until the nearest */
    POOL_COOLING, /* all cool down, not only for 429: *ret_retry_ms */
    POOL_SPENT,   /* some would serve, but `again` is above the retry budget */
    POOL_NONE,    /* no account serves this, or only those that were tried */
};

/* A held slot.  By value and never copied: whoever has it releases it. */
struct pool_slot {
    const struct pool_account *account;
    struct str model; /* the upstream's name, mapped; lives as long as the slot */
    void *held;       /* NULL: nothing is held */
};

/* The best priority, then the least recently used (never used first).  Tried accounts
 * are never got or FULL; their cool-downs still count for LIMITED and COOLING.
 * Cost: flat in the number of accounts. */
enum pool_result pool_take(struct pool *p, const struct pool_want *want, struct pool_slot *ret,
                           int64_t *ret_retry_ms);

enum pool_outcome {
    POOL_SUCCESS,
    POOL_NEUTRAL,      /* 404-of-model, 408, 508, 4xx of the caller's own, cancelled */
    POOL_AUTH_FAILED,  /* 401 */
    POOL_REFUSED,      /* 402, 403: back-off */
    POOL_RATE_LIMITED, /* 429: until retry_ms from now, else 60 s */
    POOL_UNAVAILABLE,  /* 5xx, broken or refused connection, time-out: back-off */
};
/* What an answer's status means for the account. */
enum pool_outcome pool_outcome_of_status(int status);
/* GW-5: may another account be tried after this status? model_missing: the 404's body
 * says that the model is unknown. */
bool pool_may_switch(int status, bool model_missing);
/* Marks the account, renews its use time and gives the slot back; again: nothing. */
void pool_release(struct pool *p, struct pool_slot *slot, enum pool_outcome outcome,
                  int64_t retry_after_ms);
/* The account as it is now (its token has been renewed); views of the old one end.  model: as it
 * was wanted.  An account that cannot be used any more stays as it was taken. */
void pool_renew(struct pool *p, struct pool_slot *slot, struct str model);
/* The outcome counts at once and the slot stays held; it is released as POOL_NEUTRAL then. */
void pool_note(struct pool *p, const struct pool_slot *slot, enum pool_outcome outcome,
               int64_t retry_after_ms);
/* For _cleanup_ and for whoever leaves early: if still held, given back as if it had never
 * been taken, for nothing was sent. */
void pool_slot_end(struct pool_slot *slot);
/* The upstream has begun to answer well, long before the outcome: an account that was tried
 * gently has all its slots again.  Its marks stay until the success. */
void pool_proven(struct pool *p, const struct pool_slot *slot);
/* Marks only, nothing is counted (a poll that failed, while the job keeps its slot).  While
 * the account cools down, it is the same incident. */
void pool_mark(struct pool *p, int64_t account_id, enum pool_outcome outcome,
               int64_t retry_after_ms);

/* It has no token that could be used (pool/tokens): as if it cooled down, until a wall time or,
 * with 0, at once not any more.  Beside the marks, and in this process alone. */
void pool_set_tokenless(struct pool *p, int64_t account_id, int64_t until);

/* The retry budget: in any 10 s a group's calls may be made again, by other accounts, 10
 * times and for a fifth of its calls, so that accounts that fail together are not hammered
 * by everybody's further attempts.  pool_take() keeps it for a want that is `again`; who
 * can wait (a job) is told here how long, and its attempt is counted now.  0: at once. */
int64_t pool_retry_in(struct pool *p, const struct pool_want *want);

/* Waiting in line (GW-4), on a loop's own thread.  Callers take turns, so that one with a
 * thousand calls delays another's by one; of one caller and among callers with one call
 * each, first come, first served.  The slot is handed over, so nobody can overtake.  The
 * callback comes on that loop, once and never from inside pool_wait(): *slot is the
 * callee's to move out and release (`mine = *slot; slot->held = NULL`; what is left in it
 * is given back), or slot is NULL: the time is over.  The waiter is gone then.
 * want is copied, and is for any account.  NULL: POOL_MAX_LINE wait already, or of this
 * caller POOL_MAX_LINE_OF_CALLER. */
enum { POOL_MAX_LINE = 10000, POOL_MAX_LINE_OF_CALLER = 1000 };
struct loop;
struct pool_waiter;
typedef void pool_wake(void *ctx, struct pool_slot *slot);
struct pool_waiter *pool_wait(struct pool *p, const struct pool_want *want, struct loop *loop,
                              int64_t timeout_ms, pool_wake *wake, void *ctx);
/* The loop's thread; nothing is called afterwards, a slot on its way goes to the next. */
void pool_wait_cancel(struct pool_waiter *w);

/* API keys (ID-3, GW-1), from the same snapshot: loops authenticate without a database. */
struct pool_key {
    int64_t key_id, user_id, group_id;
    struct str group_platform; /* lives as long as the pool */
};
/* E_AUTH, code "invalid_api_key".  Notes the key's use. */
enum status pool_find_key(struct pool *p, struct str bearer, struct pool_key *ret, struct err *err);
/* Model names that active accounts of the group list themselves, each once; fn is called
 * without a lock.  Returns whether one of them takes any other name too. */
bool pool_each_model(struct pool *p, const struct pool_want *want,
                     void (*fn)(struct str model, void *ctx), void *ctx);
bool pool_has_active(struct pool *p, struct str platform);

enum { POOL_HOURS = 24 };

/* Calls that ended in one hour. */
struct pool_hour {
    int64_t successes, failures;
};

/* For the account list (AC-6): the state of this moment, ahead of the database. */
struct pool_status {
    bool known; /* false: not loaded (yet) */
    enum account_status status;
    char reason[ERR_CODE_MAX]; /* of the error or the cool-down: a code of api/messages */
    int64_t in_flight, rate_limited_until, overloaded_until, last_used_at; /* wall ms; 0: none */
    int64_t successes_24h, failures_24h;
    struct pool_hour hours[POOL_HOURS]; /* what those sum up; the last one is this hour */
};
void pool_status_of(struct pool *p, int64_t account_id, struct pool_status *ret);
/* One click: clears cool-downs and an error. */
void pool_clear(struct pool *p, int64_t account_id);

/* An account without a slot, by its id, whatever its marks: for fetching what it made.
 * Any thread; account is NULL when there is none of that id.  pool_drop() exactly once. */
struct pool_ref {
    const struct pool_account *account;
    void *held;
};
void pool_hold(struct pool *p, int64_t account_id, struct pool_ref *ret);
void pool_drop(struct pool_ref *ref);
