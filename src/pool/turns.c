/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is.  A lane's line is a line of turns, one a caller, each with the caller's
 * waiters there; who was served goes to the end.  Turns are found by lane and caller, so
 * joining costs the same however many wait. */
#include "pool/pool_impl.h"

static size_t caller_chain(int64_t id)
{
    return (uint64_t)id * 0x9e3779b97f4a7c15ULL >> 51;
}

static size_t turn_chain(const struct lane *lane, int64_t caller)
{
    return ((uint64_t)(uintptr_t)lane >> 4 ^ (uint64_t)caller) * 0x9e3779b97f4a7c15ULL >> 51;
}

_Static_assert(TABLE_SIZE == 1 << 13, "both chains give 13 bits");

static struct caller **caller_find(struct pool *p, int64_t id)
{
    struct caller **at = &p->callers[caller_chain(id)];
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

bool caller_join(struct pool *p, int64_t id)
{
    struct caller **at = caller_find(p, id);
    if (!*at) {
        *at = mem_zalloc(sizeof(**at));
        (*at)->id = id;
    }
    if ((*at)->waiting == POOL_MAX_LINE_OF_CALLER)
        return false;
    (*at)->waiting++;
    return true;
}

void caller_leave(struct pool *p, int64_t id)
{
    struct caller **at = caller_find(p, id), *c = *at;
    if (!c || --c->waiting > 0)
        return;
    *at = c->next;
    free(c);
}

struct turn *turn_get(struct pool *p, struct lane *lane, int64_t caller)
{
    struct turn **chain = &p->turns[turn_chain(lane, caller)];
    for (struct turn *t = *chain; t; t = t->next) {
        if (t->lane == lane && t->caller == caller)
            return t;
    }
    struct turn *t = mem_zalloc(sizeof(*t));
    *t = (struct turn){.next = *chain, .lane = lane, .caller = caller, .since = p->next_number++};
    list_init(&t->nodes);
    list_push_back(&lane->waiting, &t->in_line);
    if (list_empty(&lane->in_waited))
        list_push_back(&p->waited, &lane->in_waited);
    *chain = t;
    return t;
}

void turn_rotate(struct pool *p, struct turn *t)
{
    t->since = p->next_number++;
    list_remove(&t->in_line);
    list_push_back(&t->lane->waiting, &t->in_line);
}

void turn_leave(struct pool *p, struct turn *t)
{
    if (!list_empty(&t->nodes))
        return;
    struct turn **at = &p->turns[turn_chain(t->lane, t->caller)];
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    list_remove(&t->in_line);
    if (list_empty(&t->lane->waiting))
        list_remove(&t->lane->in_waited);
    free(t);
}
