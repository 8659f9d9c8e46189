/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/db_baton.h"

#include "base/mem.h"
#include "platform/db_sqlite_error.h"

struct baton {
    sqlite3 *writer;
    pthread_mutex_t lock;
    bool held;
    struct list line;    /* turns that wait for the baton */
    struct list members; /* turns whose changes wait for the group's COMMIT */
    /* The holder's alone: */
    bool open;      /* BEGIN IMMEDIATE was sent */
    unsigned size;  /* turns taken in this group */
    struct err why; /* this group is lost; status OK: it is not */
};

struct baton *baton_new(sqlite3 *writer)
{
    struct baton *b = mem_zalloc(sizeof(*b));
    b->writer = writer;
    pthread_mutex_init(&b->lock, NULL);
    list_init(&b->line);
    list_init(&b->members);
    return b;
}

void baton_free(struct baton *b)
{
    if (!b)
        return;
    pthread_mutex_destroy(&b->lock);
    free(b);
}

void baton_turn_init(struct baton_turn *t)
{
    list_init(&t->link);
    pthread_cond_init(&t->changed, NULL);
    t->state = TURN_IDLE;
}

void baton_turn_release(struct baton_turn *t)
{
    pthread_cond_destroy(&t->changed);
}

static bool run(struct baton *b, const char *sql)
{
    return sqlite3_exec(b->writer, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* The group is lost, for what SQLite said last. */
static void lose_group(struct baton *b)
{
    if (b->why.status == OK)
        sqlite_fail(b->writer, &b->why);
    if (!sqlite3_get_autocommit(b->writer))
        run(b, "ROLLBACK");
}

static enum status tell(const struct err *why, struct err *err)
{
    if (err)
        *err = *why;
    return why->status;
}

/* Lock held.  why: of TURN_FAILED. */
static void settle(struct list *turns, enum turn_state state, const struct err *why)
{
    for (struct list *node; (node = list_pop_front(turns));) {
        struct baton_turn *t = CONTAINER_OF(node, struct baton_turn, link);
        t->state = state;
        if (state == TURN_FAILED)
            t->why = *why;
        pthread_cond_signal(&t->changed);
    }
}

/* Lock held, by the holder. */
static void hand_on(struct baton *b)
{
    struct list *node = list_pop_front(&b->line);
    b->held = node != NULL;
    if (node) {
        struct baton_turn *next = CONTAINER_OF(node, struct baton_turn, link);
        next->state = TURN_HOLDING;
        pthread_cond_signal(&next->changed);
    }
}

/* Ends the group, for better or worse, and hands on; lock not held. */
static enum status end_group(struct baton *b, struct err *err)
{
    if (b->why.status == OK && !run(b, "COMMIT"))
        lose_group(b);
    /* The next holder writes b->why. */
    struct err why = b->why;
    b->open = false;
    pthread_mutex_lock(&b->lock);
    settle(&b->members, why.status == OK ? TURN_DONE : TURN_FAILED, &why);
    hand_on(b);
    pthread_mutex_unlock(&b->lock);
    return why.status == OK ? OK : tell(&why, err);
}

/* The wait for the other process was already as long as any of these should wait, and a
 * disk that fails one fails them all. */
static enum status fail_line(struct baton *b, struct err *err)
{
    struct err why;
    sqlite_fail(b->writer, &why);
    pthread_mutex_lock(&b->lock);
    settle(&b->line, TURN_FAILED, &why);
    b->held = false;
    pthread_mutex_unlock(&b->lock);
    return tell(&why, err);
}

static bool wait_turn(struct baton *b, struct baton_turn *t)
{
    pthread_mutex_lock(&b->lock);
    if (b->held) {
        t->state = TURN_WAITING;
        list_push_back(&b->line, &t->link);
        while (t->state == TURN_WAITING)
            pthread_cond_wait(&t->changed, &b->lock);
    } else {
        b->held = true;
        t->state = TURN_HOLDING;
    }
    bool mine = t->state == TURN_HOLDING;
    pthread_mutex_unlock(&b->lock);
    return mine;
}

enum status baton_take(struct baton *b, struct baton_turn *t, struct err *err)
{
    if (!wait_turn(b, t))
        return tell(&t->why, err);
    if (!b->open) {
        if (!run(b, "BEGIN IMMEDIATE"))
            return fail_line(b, err);
        b->open = true;
        b->size = 0;
        b->why.status = OK;
    }
    b->size++;
    if (run(b, "SAVEPOINT member"))
        return OK;
    lose_group(b);
    return end_group(b, err);
}

/* Another may still join this group: hands it the baton and, with changes of its
 * own, waits for the commit.  False: the group must end now. */
static bool leave_group_open(struct baton *b, struct baton_turn *t, bool keep)
{
    if (b->size >= BATON_GROUP_MAX || b->why.status != OK)
        return false;
    pthread_mutex_lock(&b->lock);
    bool others = !list_empty(&b->line);
    if (others) {
        t->state = keep ? TURN_COMMITTING : TURN_IDLE;
        if (keep)
            list_push_back(&b->members, &t->link);
        hand_on(b);
        while (t->state == TURN_COMMITTING)
            pthread_cond_wait(&t->changed, &b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    return others;
}

enum status baton_commit(struct baton *b, struct baton_turn *t, struct err *err)
{
    if (!run(b, "RELEASE member")) {
        lose_group(b);
        return end_group(b, err);
    }
    if (leave_group_open(b, t, true))
        return t->state == TURN_DONE ? OK : tell(&t->why, err);
    return end_group(b, err);
}

void baton_rollback(struct baton *b, struct baton_turn *t)
{
    /* In autocommit mode SQLite has already rolled everything back (a full disk, I/O); and a
     * savepoint that cannot be undone must not reach the disk with the others. */
    if (sqlite3_get_autocommit(b->writer) || !run(b, "ROLLBACK TO member") ||
        !run(b, "RELEASE member"))
        lose_group(b);
    if (!leave_group_open(b, t, false))
        end_group(b, NULL);
}
