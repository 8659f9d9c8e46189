/* SPDX-License-Identifier: Apache-2.0 */
/* A heap whose members know their place, so that one can be moved or removed from the
 * middle in O(log n).  Keys stand beside the pointers, so comparing touches one array; but
 * each item that moves is told so, a cache miss each.  Eight children to a node make the
 * way of an account that was just used, from the top to the bottom, a third as long. */
#include "pool/pool_impl.h"

enum { CHILDREN = 8 };

static bool before(const struct heap_item *a, const struct heap_item *b)
{
    if (a->major != b->major)
        return a->major < b->major;
    if (a->minor != b->minor)
        return a->minor < b->minor;
    return a->member->entry->id < b->member->entry->id;
}

static void place(struct heap *h, size_t i, struct heap_item item)
{
    h->items[i] = item;
    item.member->slot = i + 1;
}

static void sift_up(struct heap *h, size_t i, struct heap_item item)
{
    while (i > 0) {
        size_t parent = (i - 1) / CHILDREN;
        if (!before(&item, &h->items[parent]))
            break;
        place(h, i, h->items[parent]);
        i = parent;
    }
    place(h, i, item);
}

static size_t least_child(const struct heap *h, size_t parent)
{
    size_t first = CHILDREN * parent + 1, least = first;
    for (size_t i = first + 1; i < first + CHILDREN && i < h->count; i++) {
        if (before(&h->items[i], &h->items[least]))
            least = i;
    }
    return least;
}

static void sift_down(struct heap *h, size_t i, struct heap_item item)
{
    for (;;) {
        size_t child = least_child(h, i);
        if (child >= h->count || !before(&h->items[child], &item))
            break;
        place(h, i, h->items[child]);
        i = child;
    }
    place(h, i, item);
}

static void sift(struct heap *h, size_t i, struct heap_item item)
{
    if (i > 0 && before(&item, &h->items[(i - 1) / CHILDREN]))
        sift_up(h, i, item);
    else
        sift_down(h, i, item);
}

void heap_put(struct heap *h, int64_t major, int64_t minor, struct member *m)
{
    if (h->count == h->size) {
        h->size = h->size ? 2 * h->size : 8;
        h->items = mem_realloc(h->items, h->size * sizeof(*h->items));
    }
    h->count++;
    sift_up(h, h->count - 1, (struct heap_item){major, minor, m});
}

void heap_move(struct heap *h, int64_t major, int64_t minor, struct member *m)
{
    sift(h, m->slot - 1, (struct heap_item){major, minor, m});
}

void heap_remove(struct heap *h, struct member *m)
{
    size_t i = m->slot - 1;
    struct heap_item last = h->items[--h->count];
    m->slot = 0;
    if (i < h->count)
        sift(h, i, last);
}

void heap_release(struct heap *h)
{
    free(h->items);
    *h = (struct heap){0};
}

bool want_tried(const struct pool_want *want, int64_t account_id)
{
    for (size_t i = 0; i < want->tried_count; i++) {
        if (want->tried[i] == account_id)
            return true;
    }
    return false;
}

/* Best first through the tree.  Each item that is passed over was tried and leaves its
 * children behind. */
const struct heap_item *heap_best(const struct heap *h, const struct pool_want *want)
{
    size_t front[POOL_MAX_TRIED * CHILDREN + 1], count = 0;
    if (h->count > 0)
        front[count++] = 0;
    while (count > 0) {
        size_t best = 0;
        for (size_t i = 1; i < count; i++) {
            if (before(&h->items[front[i]], &h->items[front[best]]))
                best = i;
        }
        size_t at = front[best];
        if (!want_tried(want, h->items[at].member->entry->id))
            return &h->items[at];
        front[best] = front[--count];
        for (size_t i = 1; i <= CHILDREN && CHILDREN * at + i < h->count; i++)
            front[count++] = CHILDREN * at + i;
    }
    return NULL;
}
