/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/json_in.h"
#include "service/doctor_impl.h"

enum { PAGE = 256, PAGE_BYTES = 8 << 20 };

/* What is younger may be between two steps of a server; the keeper looks every ten seconds. */
#define REST_MS (10 * 60 * 1000LL)

static bool is_always_wrong(struct inspected *row)
{
    (void)row;
    return true;
}

static bool is_miscounted(struct inspected *row)
{
    return row->a != row->b;
}

/* The count that the keys should have had goes into row->b. */
static bool lacks_rows(struct inspected *row)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    bool list = json_parse(row->text, &doc, NULL) == OK && json_is_array(json_root(doc));
    row->b = list ? (int64_t)json_size(json_root(doc)) : 0;
    row->text = STR_NONE;
    return row->b == 0 || row->a != row->b;
}

static const struct row_check {
    enum inspection what;
    enum doctor_kind kind;
    const char *table;
    bool (*is_wrong)(struct inspected *row);
    enum status (*mend)(struct doctor *d, const struct inspected *row, struct err *err);
} checks[] = {
    {INSPECT_OWNERLESS_OBJECTS, DOCTOR_OWNERLESS, "objects", is_always_wrong,
     doctor_mend_ownerless},
    {INSPECT_OWNERLESS_JOBS, DOCTOR_OWNERLESS, "jobs", is_always_wrong, doctor_mend_ownerless_job},
    {INSPECT_OWNERLESS_WORKS, DOCTOR_OWNERLESS, "sora_generations", is_always_wrong,
     doctor_mend_ownerless_work},
    {INSPECT_RESERVATIONS, DOCTOR_RESERVATION, "objects", is_always_wrong, doctor_mend_reservation},
    {INSPECT_STRAYS, DOCTOR_STRAY, "objects", is_always_wrong, doctor_mend_stray},
    {INSPECT_UNFINISHED_WORKS, DOCTOR_UNFINISHED, "sora_generations", is_always_wrong,
     doctor_mend_unfinished},
    {INSPECT_KEYS, DOCTOR_KEYS, "sora_generations", lacks_rows, doctor_mend_keys},
    {INSPECT_COUNTERS, DOCTOR_COUNTER, "users", is_miscounted, doctor_mend_counter},
};

struct wrong_row {
    const struct row_check *check;
    const struct inspected *row;
};

static enum status mend(struct doctor *d, void *ctx, struct err *err)
{
    const struct wrong_row *w = ctx;
    return w->check->mend(d, w->row, err);
}

/* a and b as they are found and as they should be. */
static void fill_figures(const struct row_check *check, const struct inspected *row,
                         struct doctor_finding *f)
{
    bool counted = check->kind == DOCTOR_COUNTER || check->kind == DOCTOR_KEYS;
    bool sized = check->kind == DOCTOR_RESERVATION || check->kind == DOCTOR_STRAY;
    f->expected = counted ? row->b : -1;
    f->found = counted || sized ? row->a : -1;
}

static enum status tell(struct doctor *d, const struct row_check *check, struct inspected *row,
                        struct err *err)
{
    struct doctor_finding f = {.kind = check->kind,
                               .table = check->table,
                               .key = row->text.n ? row->text : STR_NONE,
                               .id = row->id,
                               .user_id = row->user_id};
    struct wrong_row wrong = {check, row};
    fill_figures(check, row, &f);
    return doctor_find(d, &f, mend, &wrong, err);
}

static enum status run(struct doctor *d, const struct row_check *check, size_t *looked,
                       struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(PAGE_BYTES);
    struct inspected page[PAGE];
    int64_t after = 0;
    size_t n;
    do {
        arena_reset(a);
        TRY(inspection_list(d->db, check->what, after, d->now - REST_MS, a, page, PAGE, &n, err));
        for (size_t i = 0; i < n; i++) {
            after = page[i].id;
            if (check->is_wrong(&page[i]))
                TRY(tell(d, check, &page[i], err));
        }
        *looked += n;
    } while (n == PAGE);
    return OK;
}

enum status doctor_check_rows(struct doctor *d, size_t *ret_looked, struct err *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
        TRY(run(d, &checks[i], ret_looked, err));
    return OK;
}
