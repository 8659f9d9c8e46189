/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the doctor's files share: doctor.c (the round), doctor_rows.c (rows against rows),
 * doctor_store.c (rows against a store), doctor_mend.c (what is done about it). */
#include "base/arena.h"
#include "service/doctor.h"
#include "service/storage.h"
#include "store/inspection.h"

struct doctor {
    struct app *app;
    struct db_conn *db;
    const struct doctor_orders *orders;
    struct arena *row; /* of one finding */
    int64_t now;       /* wall, when the round began */
    size_t findings;   /* of this check */
};

/* Mends it, where that is ordered, and tells it.  The outcome and why are filled here.  mend: with
 * E_NOT_FOUND or E_CONFLICT the trouble has gone by itself, and nothing is told. */
typedef enum status doctor_mend(struct doctor *d, void *ctx, struct err *err);
enum status doctor_find(struct doctor *d, struct doctor_finding *f, doctor_mend *mend, void *ctx,
                        struct err *err);

/* How much was looked at goes into *ret. */
enum status doctor_check_rows(struct doctor *d, size_t *ret_looked, struct err *err);

struct doctor_compared {
    size_t stored, young, elsewhere; /* keys in the store; too young to judge; on other machines */
};
enum status doctor_compare_disk(struct doctor *d, struct doctor_compared *ret, struct err *err);
enum status doctor_compare_bucket(struct doctor *d, const struct storage_bucket *bucket,
                                  struct doctor_compared *ret, struct err *err);

/* Each one transaction.  E_NOT_FOUND or E_CONFLICT: it is not as it was found any more. */
enum status doctor_mend_counter(struct doctor *d, const struct inspected *user, struct err *err);
enum status doctor_mend_reservation(struct doctor *d, const struct inspected *o, struct err *err);
enum status doctor_mend_ownerless(struct doctor *d, const struct inspected *o, struct err *err);
enum status doctor_mend_ownerless_work(struct doctor *d, const struct inspected *g,
                                       struct err *err);
enum status doctor_mend_ownerless_job(struct doctor *d, const struct inspected *j, struct err *err);
enum status doctor_mend_stray(struct doctor *d, const struct inspected *o, struct err *err);
enum status doctor_mend_unfinished(struct doctor *d, const struct inspected *g, struct err *err);
enum status doctor_mend_keys(struct doctor *d, const struct inspected *g, struct err *err);
/* The row goes, its bytes are given back, its work says that the file is gone. */
enum status doctor_mend_ghost(struct doctor *d, const struct inspected_object *o, struct err *err);
/* The row, the counter and the work take the size that there is. */
enum status doctor_mend_size(struct doctor *d, const struct inspected_object *o, int64_t size,
                             struct err *err);
/* Into the deletion queue, if the key still has no row. */
enum status doctor_mend_orphan(struct doctor *d, int64_t store_id, struct str key, struct err *err);
