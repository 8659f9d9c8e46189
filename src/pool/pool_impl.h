/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* pool_impl — the pool's inside: what its files share; nobody else includes it.
 *
 *   entry    one account: its slots, marks, use time and counts.  Lives while it is in
 *            the table or somebody holds a slot of it.
 *   version  what an administrator typed, made usable: immutable and counted.  An entry
 *            has the newest; a held slot keeps the one it was taken with.
 *   bucket   the accounts of one platform and group (group 0: of no group).
 *   lane     those of a bucket that serve exactly the same models (one model_class).
 *            It keeps its members in heaps, ready ones by priority and use time, cooling
 *            ones by the end of their cool-down and paced ones by when they may be tried
 *            further, so a choice looks at the top of each lane of its bucket and never at
 *            all accounts.
 *   turn     one caller's place in the line of a lane, with all its waiters there.
 *
 *   choose.c    which account, and its slot     pool.c     releasing, marking, telling
 *   line.c      waiting                         turns.c    whose turn it is
 *   lanes.c     which entry stands where        heap.c     in which order
 *   probe.c     trying gently what has failed   budget.c   how often anything is tried again
 *   snapshot.c  reloading                       version.c  a row, made usable
 *   models.c    who serves which names          keys.c     API keys
 *   flush.c     writing what was learned        marks.c    what an outcome does (pure)
 *
 * Every change of an entry ends in entry_settle(), the one place that puts it into the
 * right heaps and hands free slots to the line.
 *
 * Lock: pool.lock guards entries, lanes and waiters.  The tables of entries, buckets,
 * classes and platforms grow and shrink in pool_reload() alone, under the lock; so that
 * one may read them without it.  keys_lock guards the key table.  Neither is held while
 * memory of an unbounded size is walked or any other call may block. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "base/mem.h"
#include "net/loop.h"
#include "pool/marks.h"
#include "pool/pool.h"

enum {
    TABLE_SIZE = 8192,
    CLASS_CHAINS = 1024,
    EXPIRE_AT_ONCE = 64, /* of one lane, while the lock is held: thousands may end together */
};

/* ---- model names ---- */

struct model_name {
    uint64_t hash;
    struct str name;
};

/* The names that an account serves, sorted by hash; shared by all with the same. */
struct model_class {
    struct model_class *next;
    atomic_uint refs;
    bool all; /* whatever the name */
    uint64_t hash;
    size_t count;
    struct model_name names[];
};
bool model_class_lists(const struct model_class *c, const struct model_name *name);
static inline bool model_class_serves(const struct model_class *c, const struct model_name *name)
{
    return c->all || model_class_lists(c, name);
}
struct model_name model_name_of(struct str name);

/* ---- heaps of members ---- */

struct member;
struct heap {
    struct heap_item {
        int64_t major, minor;
        struct member *member;
    } * items;
    size_t count, size;
};
void heap_put(struct heap *h, int64_t major, int64_t minor, struct member *m);
/* The member's keys have changed. */
void heap_move(struct heap *h, int64_t major, int64_t minor, struct member *m);
void heap_remove(struct heap *h, struct member *m);
void heap_release(struct heap *h);
/* The least item whose account is not among those tried, or NULL. */
const struct heap_item *heap_best(const struct heap *h, const struct pool_want *want);

/* ---- accounts ---- */

struct platform {
    struct platform *next;
    struct str name;
    int64_t active; /* accounts that are neither disabled nor in error */
};

struct mapped_name {
    struct model_name ours;
    struct str theirs;
};

struct version {
    atomic_uint refs;
    struct pool_account view;
    struct arena *arena;                    /* holds every string; the credential is wiped */
    unsigned char fingerprint[SHA256_SIZE]; /* of all that was typed */
    struct platform *platform;
    struct model_class *models;
    struct mapped_name *mapping;
    size_t mapping_count;
    int64_t group_ids[ACCOUNT_MAX_GROUPS];
    size_t group_count;
    int64_t priority, concurrency;
    bool disabled;
    const char *fault; /* a code: it cannot be used; NULL */
};
static inline bool version_usable(const struct version *v)
{
    return !v->disabled && !v->fault;
}
/* From a row; a row that cannot be used gives a version with a fault.  Reload only. */
struct version *version_new(struct pool *p, const struct account *row);
void version_unref(struct version *v);
void version_fingerprint(const struct account *row, unsigned char out[SHA256_SIZE]);
struct str version_map(const struct version *v, struct str model);
/* pool_token.number of an access token. */
uint64_t version_token_number(struct str access_token);

/* PACED: it has free slots, but has failed, and as many calls as may try it are under way. */
enum place { PLACE_OUT, PLACE_READY, PLACE_FULL, PLACE_COOLING, PLACE_PACED };

struct member {
    struct lane *lane;
    struct entry *entry;
    size_t slot; /* in the heap of its place, + 1; 0: in none */
};

struct hour_count {
    int64_t hour; /* wall ms of its start */
    uint32_t successes, failures;
    uint32_t new_successes, new_failures; /* not yet written */
};

/* How an account whose last call failed is tried (probe.c). */
struct probe {
    int64_t began_at; /* wall ms of the first call since the failure; 0: none yet */
    int64_t calls;    /* of this round, under way */
    uint32_t round;   /* counts failures: who holds a slot knows which it belongs to */
    bool proven;      /* one of them is being answered well */
};

struct entry {
    struct entry *next; /* in the table */
    int64_t id;
    struct version *version;
    int64_t in_flight;
    int64_t used_tick, last_used_at; /* 0: never */
    struct marks marks;
    int64_t marks_tick;      /* when they last changed here */
    int64_t tokenless_until; /* wall ms; 0: it has a token, or one may be asked for */
    struct probe probe;
    enum place place;
    bool limited; /* cooling for 429 alone */
    bool active;  /* counted as active in lanes and platform */
    bool removed;
    uint64_t seen; /* number of the last reload that found it */
    struct member *members;
    size_t member_count;
    struct list dirty;              /* in pool.dirty: something is to be written */
    bool marks_dirty, status_dirty; /* status: active ↔ error has changed */
    struct hour_count hours[POOL_HOURS];
};

struct lane {
    struct list in_bucket, in_waited; /* in_waited: in pool.waited while somebody waits */
    struct model_class *models;
    struct bucket *bucket;
    struct heap ready, cooling, paced;
    int64_t members, full, limited, active;
    struct list waiting; /* of struct turn */
};

/* ---- the retry budget (budget.c) ---- */

enum { BUDGET_SECONDS = 10 };
struct budget {
    struct budget_second {
        int64_t second; /* wall */
        int64_t calls, retries;
    } seconds[BUDGET_SECONDS];
    int64_t reserved_until; /* wall ms: attempts that wait are spaced up to here */
};
/* A call that is no retry was begun; -1: it was not, after all. */
void budget_count(struct budget *b, int64_t now, int n);
/* False: above it, and nothing is counted. */
bool budget_spend(struct budget *b, int64_t now);
/* Counts one retry, for when it may be made: ms from now. */
int64_t budget_reserve(struct budget *b, int64_t now);

struct bucket {
    struct bucket *next;
    struct platform *platform;
    int64_t group_id; /* 0: accounts without a group */
    struct list lanes;
    struct budget budget;
};

/* What pool_slot.held points to. */
struct held_slot {
    struct pool *pool;
    struct entry *entry;
    struct version *version;
    int64_t began_tick, tick_before; /* the entry's use ticks of its taking, and of before */
    int64_t group_id;                /* of the bucket it was taken from */
    bool counted;                    /* … whose budget counts it as a call */
    uint32_t probe_round;            /* 0: it is no probe */
    char model[POOL_MODEL_MAX];      /* the caller's name, when it is not mapped */
};

/* ---- the line ---- */

/* A caller that waits anywhere, and how often. */
struct caller {
    struct caller *next;
    int64_t id;
    size_t waiting;
};

struct turn {
    struct turn *next; /* in pool.turns */
    struct list in_line;
    struct lane *lane;
    int64_t caller;
    uint64_t since;    /* its place: when it came, or was last served */
    struct list nodes; /* of struct wait_node, first come first */
};

struct wait_node {
    struct list in_turn;
    struct wait_node *next; /* of the same waiter */
    struct turn *turn;
    struct pool_waiter *waiter;
};

/* Turns (turns.c). */
/* One more of its waiters; false: as many as it may have wait already. */
bool caller_join(struct pool *p, int64_t id);
void caller_leave(struct pool *p, int64_t id);
/* The caller's turn in a lane's line; a new one stands at the end. */
struct turn *turn_get(struct pool *p, struct lane *lane, int64_t caller);
/* It was served: now it is the others' turn. */
void turn_rotate(struct pool *p, struct turn *t);
/* Frees it when no node is left. */
void turn_leave(struct pool *p, struct turn *t);

struct pool_waiter {
    struct pool *pool;
    struct list in_pool; /* waiting or granted */
    enum { WAITER_WAITING, WAITER_GRANTED, WAITER_CANCELLED } state;
    struct pool_want want;
    struct model_name model;
    char *names; /* what want's views point to */
    struct wait_node *nodes;
    struct held_slot *hold;
    struct pool_slot slot;
    struct loop *loop;
    struct timer timer;
    struct task task;
    pool_wake *wake;
    void *ctx;
};
/* Hands free slots of the entry to waiters, the earliest first. */
void line_serve(struct pool *p, struct entry *e, int64_t now);
/* Waiters that a new lane could serve join it. */
void line_join_lane(struct pool *p, struct lane *lane);
/* Looks for cool-downs that have passed where somebody waits; true: there may be more. */
bool line_tick(struct pool *p, int64_t now);
void line_free(struct pool *p);

/* ---- API keys ---- */

struct key_table;
void keys_free(struct key_table *t);
/* Builds the table anew and swaps it. */
enum status keys_reload(struct pool *p, struct db_conn *db, struct err *err);
/* Takes the last-use times out of the table; how many are to be written. */
size_t keys_collect(struct pool *p);
enum status keys_write(struct pool *p, struct db_conn *tx, struct err *err);
/* What was collected has been committed. */
void keys_written(struct pool *p);

struct key_use {
    int64_t key_id, at;
};

struct pool {
    const struct key_ring *keys;
    pthread_mutex_t lock;
    struct entry *entries[TABLE_SIZE];
    struct bucket *buckets[TABLE_SIZE];
    struct model_class *classes[CLASS_CHAINS];
    struct platform *platforms; /* only ever grows */
    struct list dirty;
    struct list waited;
    struct list waiting, granted; /* of struct pool_waiter */
    size_t waiting_count;
    uint64_t next_number;
    struct turn *turns[TABLE_SIZE];
    struct caller *callers[TABLE_SIZE];
    int64_t tick;
    uint64_t random;

    pthread_mutex_t work_lock; /* one reload or flush at a time; workers only */
    uint64_t reloads;
    bool hours_loaded;
    int64_t pruned_hour;

    pthread_mutex_t keys_lock;
    struct key_table *key_table;
    struct key_use *key_uses; /* taken from the table, not yet written; under work_lock */
    size_t key_use_count, key_use_size;
};

/* All under the lock, but for what says otherwise.  now: wall ms, read once per call. */
struct entry *entry_find(struct pool *p, int64_t id);
size_t entry_chain(int64_t id); /* its place in pool.entries */
struct bucket *bucket_find(struct pool *p, struct str platform, int64_t group_id);
void entry_settle(struct pool *p, struct entry *e, int64_t now);
/* Takes one slot of an entry that has one. */
void entry_take(struct pool *p, struct entry *e, struct held_slot *hold,
                const struct pool_want *want, int64_t now, struct pool_slot *ret);
/* What the slot shows, from the version held. */
void held_slot_show(struct held_slot *hold, struct str model, struct pool_slot *ret);
/* In or out of its lanes, for a version that is put in place or taken away. */
void entry_join_lanes(struct pool *p, struct entry *e);
void entry_leave_lanes(struct entry *e);
void entry_dirty(struct pool *p, struct entry *e);
/* Not linked anywhere any more; without the lock. */
void entry_free(struct entry *e);
/* Settles EXPIRE_AT_ONCE of those whose time has come; whether there were any. */
bool lane_expire(struct pool *p, struct lane *lane, int64_t now);

/* Trying gently (probe.c).  One call, then twice as many for each 10 s in which none failed,
 * until one of them is answered well. */
/* Whether it may have no further call yet; then when it may (wall ms). */
bool probe_is_paced(const struct entry *e, int64_t now, int64_t *ret_until);
/* A call of it begins; returns its round, 0 when the account is in no doubt. */
uint32_t probe_begin(struct entry *e, int64_t now);
void probe_end(struct entry *e, uint32_t round);
/* It has failed again. */
void probe_reset(struct entry *e);
/* Drops lanes and buckets that nothing belongs to.  Reload only. */
void lanes_sweep(struct pool *p);
void lanes_free(struct pool *p);
enum pool_result pool_choose(struct pool *p, const struct pool_want *want,
                             const struct model_name *model, int64_t now, struct entry **ret,
                             int64_t *ret_retry_ms);
bool want_tried(const struct pool_want *want, int64_t account_id);
/* The group number of the bucket that is wanted. */
int64_t want_bucket(const struct pool_want *want);
/* Microseconds since 1970, never twice the same. */
int64_t pool_tick(struct pool *p, int64_t now_ms);
/* Reload only; a new platform is linked in under the lock. */
struct platform *platform_intern(struct pool *p, struct str name);
struct model_class *model_class_intern(struct pool *p, const struct str *names, size_t count,
                                       bool all);
void model_class_unref(struct model_class *c);
void model_classes_sweep(struct pool *p);
