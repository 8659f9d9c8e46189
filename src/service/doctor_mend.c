/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/json_out.h"
#include "service/doctor_impl.h"
#include "service/library.h"
#include "service/quota.h"
#include "store/generations.h"
#include "store/ledger.h"
#include "store/objects.h"

/* ---- the user's record of a work */

static struct str write_keys(const struct object *objects, size_t n, struct arena *a)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(64 << 10);
    struct json_out j;
    json_out_init(&j, &out);
    json_array(&j);
    for (size_t i = 0; i < n; i++)
        json_str(&j, objects[i].key);
    json_array_end(&j);
    return arena_str(a, buf_str(&out));
}

static enum status stored_of(struct doctor *d, int64_t generation_id, struct object *ret,
                             size_t max, size_t *ret_count, struct err *err)
{
    size_t n, kept = 0;
    TRY(object_list_of_generation(d->db, generation_id, d->row, ret, max, &n, err));
    for (size_t i = 0; i < n; i++) {
        if (ret[i].state == OBJECT_STORED && ret[i].place >= 0)
            ret[kept++] = ret[i];
    }
    *ret_count = kept;
    return OK;
}

/* A finished work has the files whose rows there are.  With none left it is what it is when
 * nothing could be stored: the upstream's link, and that has had its time. */
static enum status refit(struct doctor *d, int64_t generation_id, const char *reason,
                         struct err *err)
{
    struct object objects[2 * (LIBRARY_MAX_FILES + 1)];
    struct generation g;
    size_t n;
    enum status status = generation_load(d->db, generation_id, d->row, &g, err);
    if (status == E_NOT_FOUND)
        return OK;
    TRY(status);
    bool stored = g.storage_type == STORAGE_S3 || g.storage_type == STORAGE_LOCAL;
    if (g.status != GENERATION_COMPLETED || !stored)
        return OK;
    TRY(stored_of(d, generation_id, objects, ARRAY_SIZE(objects), &n, err));
    g.object_keys = write_keys(objects, n, d->row);
    g.storage_reason = str_of(reason);
    g.file_size_bytes = 0;
    for (size_t i = 0; i < n; i++)
        g.file_size_bytes += objects[i].size;
    if (n == 0) {
        g.storage_type = STORAGE_UPSTREAM;
        g.expires_at = clock_wall_ms();
    }
    return generation_set_result(d->db, &g, err);
}

/* ---- objects */

/* What the row says now, with its user locked; E_CONFLICT when its state is another. */
static enum status load_locked(struct doctor *d, int64_t user_id, int64_t id,
                               enum object_state state, struct object *ret, struct err *err)
{
    TRY(quota_lock_user(d->db, user_id, err));
    TRY(object_load(d->db, id, d->row, ret, err));
    return ret->state == state ? OK : err_set(err, E_CONFLICT, "object_lost");
}

enum status doctor_mend_reservation(struct doctor *d, const struct inspected *o, struct err *err)
{
    return quota_release_ended(d->db, o->user_id, o->id, d->row, err);
}

enum status doctor_mend_ownerless(struct doctor *d, const struct inspected *o, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = d->db;
    struct object object;
    TRY(db_begin(tx, err));
    TRY(object_load(tx, o->id, d->row, &object, err));
    TRY(object_discard(tx, &object, clock_wall_ms(), err));
    return db_commit(tx, err);
}

enum status doctor_mend_stray(struct doctor *d, const struct inspected *o, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = d->db;
    struct object object;
    TRY(db_begin(tx, err));
    TRY(load_locked(d, o->user_id, o->id, OBJECT_STORED, &object, err));
    TRY(quota_release(tx, &object, clock_wall_ms(), err));
    return db_commit(tx, err);
}

/* The owner's id stands in the row, and a user's lock must be taken before what it guards is read:
 * so the row is read twice. */
static enum status load_stored(struct doctor *d, int64_t id, struct object *ret, struct err *err)
{
    TRY(object_load(d->db, id, d->row, ret, err));
    return load_locked(d, ret->user_id, id, OBJECT_STORED, ret, err);
}

enum status doctor_mend_ghost(struct doctor *d, const struct inspected_object *o, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = d->db;
    struct object object;
    TRY(db_begin(tx, err));
    TRY(load_stored(d, o->id, &object, err));
    TRY(quota_release(tx, &object, clock_wall_ms(), err));
    TRY(refit(d, object.generation_id, "object_missing", err));
    return db_commit(tx, err);
}

enum status doctor_mend_size(struct doctor *d, const struct inspected_object *o, int64_t size,
                             struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = d->db;
    struct object object;
    TRY(db_begin(tx, err));
    TRY(load_stored(d, o->id, &object, err));
    TRY(object_resize(tx, object.id, size, err));
    TRY(ledger_recount(tx, object.user_id, err));
    TRY(refit(d, object.generation_id, "object_damaged", err));
    return db_commit(tx, err);
}

enum status doctor_mend_orphan(struct doctor *d, int64_t store_id, struct str key, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = d->db;
    struct key_owners owners;
    TRY(db_begin(tx, err));
    TRY(inspection_owners(tx, key, &owners, err));
    if (owners.object || owners.deletion)
        return err_set(err, E_CONFLICT, "object_lost");
    TRY(deletion_add(tx, STORAGE_S3, store_id, key, clock_wall_ms(), err));
    return db_commit(tx, err);
}

/* ---- users, works, jobs */

enum status doctor_mend_counter(struct doctor *d, const struct inspected *user, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = d->db;
    TRY(db_begin(tx, err));
    TRY(quota_lock_user(tx, user->id, err));
    TRY(ledger_recount(tx, user->id, err));
    return db_commit(tx, err);
}

static enum status drop(struct doctor *d, enum inspection what, int64_t id, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = d->db;
    TRY(db_begin(tx, err));
    TRY(inspection_drop(tx, what, id, err));
    return db_commit(tx, err);
}

enum status doctor_mend_ownerless_work(struct doctor *d, const struct inspected *g, struct err *err)
{
    return drop(d, INSPECT_OWNERLESS_WORKS, g->id, err);
}

enum status doctor_mend_ownerless_job(struct doctor *d, const struct inspected *j, struct err *err)
{
    return drop(d, INSPECT_OWNERLESS_JOBS, j->id, err);
}

enum status doctor_mend_unfinished(struct doctor *d, const struct inspected *g, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = d->db;
    const struct failure failure = {.class = FAILURE_INTERNAL};
    TRY(db_begin(tx, err));
    TRY(quota_lock_user(tx, g->user_id, err));
    TRY(generation_move(tx, g->id, GENERATION_FAILED, clock_wall_ms(), err));
    TRY(generation_set_failure(tx, g->id, &failure, err));
    return db_commit(tx, err);
}

enum status doctor_mend_keys(struct doctor *d, const struct inspected *g, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = d->db;
    TRY(db_begin(tx, err));
    TRY(quota_lock_user(tx, g->user_id, err));
    TRY(refit(d, g->id, "object_missing", err));
    return db_commit(tx, err);
}
