/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/db_baton.h"

#include "base/mem.h"

struct baton {
    sqlite3 *writer;
    pthread_mutex_t lock;
    bool held;
    struct list line;    /* turns that wait for the baton */
    struct list members; /* turns whose changes wait for the group's COMMIT */
    /* The holder's alone: */
    bool open;     /* BEGIN IMMEDIATE was sent */
    unsigned size; /* turns taken in this group */
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

static enum status unavailable(struct baton *b, bool mine, struct err *err)
{
    err_set(err, E_UNAVAILABLE, "database_busy");
    if (mine)
        err_detail(err, "sqlite: %s", sqlite3_errmsg(b->writer));
    return E_UNAVAILABLE;
}

/* Lock held. */
static void settle(struct list *turns, enum turn_state state)
{
    for (struct list *node; (node = list_pop_front(turns));) {
        struct baton_turn *t = CONTAINER_OF(node, struct baton_turn, link);
        t->state = state;
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
    /* In autocommit mode SQLite has already rolled everything back (a full disk, I/O). */
    bool kept = !sqlite3_get_autocommit(b->writer) && run(b, "COMMIT");
    enum status status = kept ? OK : unavailable(b, true, err);
    if (!kept && !sqlite3_get_autocommit(b->writer))
        run(b, "ROLLBACK");
    b->open = false;
    pthread_mutex_lock(&b->lock);
    settle(&b->members, kept ? TURN_DONE : TURN_FAILED);
    hand_on(b);
    pthread_mutex_unlock(&b->lock);
    return status;
}

/* The wait for the other process was already as long as any of these should wait. */
static void fail_line(struct baton *b)
{
    pthread_mutex_lock(&b->lock);
    settle(&b->line, TURN_FAILED);
    b->held = false;
    pthread_mutex_unlock(&b->lock);
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
        return unavailable(b, false, err);
    if (!b->open) {
        if (!run(b, "BEGIN IMMEDIATE")) {
            enum status status = unavailable(b, true, err);
            fail_line(b);
            return status;
        }
        b->open = true;
        b->size = 0;
    }
    b->size++;
    if (run(b, "SAVEPOINT member"))
        return OK;
    enum status status = unavailable(b, true, err);
    end_group(b, NULL);
    return status;
}

/* Another may still join this group: hands it the baton and, with changes of its
 * own, waits for the commit.  False: the group must end now. */
static bool leave_group_open(struct baton *b, struct baton_turn *t, bool keep)
{
    if (b->size >= BATON_GROUP_MAX || sqlite3_get_autocommit(b->writer))
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
        enum status status = unavailable(b, true, err);
        baton_rollback(b, t);
        return status;
    }
    if (leave_group_open(b, t, true))
        return t->state == TURN_DONE ? OK : unavailable(b, false, err);
    return end_group(b, err);
}

void baton_rollback(struct baton *b, struct baton_turn *t)
{
    /* A savepoint that cannot be undone must not reach the disk with the others. */
    bool undone = run(b, "ROLLBACK TO member") && run(b, "RELEASE member");
    if (!undone && !sqlite3_get_autocommit(b->writer))
        run(b, "ROLLBACK");
    if (!leave_group_open(b, t, false))
        end_group(b, NULL);
}
