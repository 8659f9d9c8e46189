/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of model names, shared by all accounts that serve the same: a choice compares one
 * name with a few sets instead of with the lists of all accounts. */
#include <string.h>

#include "base/arena.h"
#include "pool/pool_impl.h"

struct model_name model_name_of(struct str name)
{
    return (struct model_name){str_hash(name), name};
}

static int compare(const void *a, const void *b)
{
    const struct model_name *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return str_cmp(x->name, y->name);
}

bool model_class_lists(const struct model_class *c, const struct model_name *name)
{
    return c->count > 0 && bsearch(name, c->names, c->count, sizeof(*c->names), compare) != NULL;
}

/* Sorted, each once. */
static size_t sort_names(struct model_name *names, const struct str *from, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        names[i] = model_name_of(from[i]);
    qsort(names, count, sizeof(*names), compare);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare(&names[i], &names[kept - 1]) != 0)
            names[kept++] = names[i];
    }
    return kept;
}

static bool same(const struct model_class *c, uint64_t hash, bool all,
                 const struct model_name *names, size_t count)
{
    if (c->hash != hash || c->all != all || c->count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (compare(&c->names[i], &names[i]) != 0)
            return false;
    }
    return true;
}

static struct model_class *class_new(uint64_t hash, bool all, const struct model_name *names,
                                     size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += names[i].name.n;
    struct model_class *c = mem_zalloc(sizeof(*c) + count * sizeof(*names) + bytes);
    char *text = (char *)(c->names + count);
    c->hash = hash;
    c->all = all;
    c->count = count;
    for (size_t i = 0; i < count; i++) {
        memcpy(text, names[i].name.p, names[i].name.n);
        c->names[i] = (struct model_name){names[i].hash, {text, names[i].name.n}};
        text += names[i].name.n;
    }
    return c;
}

struct model_class *model_class_intern(struct pool *p, const struct str *names, size_t count,
                                       bool all)
{
    _cleanup_free_ struct model_name *sorted = mem_calloc(count + 1, sizeof(*sorted));
    uint64_t hash = all;
    count = sort_names(sorted, names, count);
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ sorted[i].hash) * 0x9e3779b97f4a7c15ULL;

    struct model_class **chain = &p->classes[hash % CLASS_CHAINS];
    struct model_class *c = *chain;
    while (c && !same(c, hash, all, sorted, count))
        c = c->next;
    if (!c) {
        c = class_new(hash, all, sorted, count);
        c->next = *chain;
        *chain = c;
    }
    atomic_fetch_add(&c->refs, 1);
    return c;
}

/* Freed by the next sweep: only a reload walks the chains. */
void model_class_unref(struct model_class *c)
{
    atomic_fetch_sub(&c->refs, 1);
}

void model_classes_sweep(struct pool *p)
{
    for (size_t i = 0; i < CLASS_CHAINS; i++) {
        for (struct model_class **at = &p->classes[i]; *at;) {
            struct model_class *c = *at;
            if (atomic_load(&c->refs) > 0) {
                at = &c->next;
                continue;
            }
            *at = c->next;
            free(c);
        }
    }
}
