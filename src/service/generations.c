/* SPDX-License-Identifier: Apache-2.0 */
#include "service/generations.h"

#include <inttypes.h>

#include "base/clock.h"
#include "service/events.h"
#include "service/jobs.h"
#include "service/library.h"
#include "service/quota.h"
#include "service/upload_shelf.h"
#include "store/generations.h"
#include "store/groups.h"
#include "store/idempotency.h"
#include "store/jobs.h"
#include "store/objects.h"
#include "store/users.h"

#define PENDING_MAX_MS (30 * CLOCK_MINUTE_MS)
#define TOTAL_MAX_MS   (60 * CLOCK_MINUTE_MS)

/* ---- creating */

static enum status check_quota(struct worker *w, int64_t user_id, struct err *err)
{
    struct quota q;
    TRY(quota_read(w->app, w->db, user_id, &q, err));
    return q.limit && q.available <= 0 ? quota_refuse(&q, err) : OK;
}

static enum status check_live(struct worker *w, int64_t user_id, struct err *err)
{
    int64_t live;
    TRY(generation_count_live(w->db, user_id, &live, err));
    return live < GENERATIONS_LIVE_MAX ? OK : err_set(err, E_LIMIT, "too_many_jobs");
}

static enum status check_limits(struct worker *w, int64_t user_id, struct err *err)
{
    TRY(check_quota(w, user_id, err));
    return check_live(w, user_id, err);
}

/* GW-1: under a group of another platform the studio uses accounts without a group. */
static enum status choose_group(struct worker *w, int64_t user_id, struct arena *a,
                                struct job_spec *spec, struct err *err)
{
    struct user user;
    struct group group;
    TRY(users_find(w->db, user_id, a, &user, err));
    TRY(groups_find(w->db, user.group_id, a, &group, err));
    spec->group_id = user.group_id;
    spec->ungrouped = !str_eq(group.platform, STR("sora"));
    return OK;
}

enum { UPLOAD_READ_MAX = 20 << 20 };

/* What the order's input is, in the store: bytes that came with it, or a copy of an upload, which
 * its owner may delete meanwhile. */
struct input {
    struct object object; /* id 0: none */
    int64_t reference_id; /* the object of a reference that is used; 0: none */
};

static enum status insert_rows(struct worker *w, const struct generation_order *o,
                               const struct input *input, struct arena *a, int64_t *ret_id,
                               struct err *err)
{
    struct generation g = {.user_id = o->user_id,
                           .model = o->model,
                           .prompt = o->prompt,
                           .media_type = o->media_type,
                           .params = o->params,
                           .created_at = clock_wall_ms()};
    struct job_spec spec = {.kind = JOB_STUDIO,
                            .user_id = o->user_id,
                            .media_type = o->media_type,
                            .model = o->model,
                            .prompt = o->prompt,
                            .orientation = o->orientation,
                            .count = o->count,
                            .seconds = o->seconds,
                            .images = {{.url = o->image_url, .object_id = input->object.id}},
                            .image_count = o->image_url.n || input->object.id ? 1 : 0,
                            .pending_ms = PENDING_MAX_MS,
                            .total_ms = TOTAL_MAX_MS};
    struct job job;
    TRY(choose_group(w, o->user_id, a, &spec, err));
    TRY(generation_insert(w->db, &g, err));
    spec.generation_id = g.id;
    TRY(jobs_add(w->db, &spec, a, &job, err));
    *ret_id = g.id;
    return events_note(w->db, TOPIC_USER, EVENT_GENERATION, o->user_id, g.id, err);
}

static struct idempotency key_of(const struct generation_order *o, struct arena *a)
{
    return (struct idempotency){.scope = arena_printf(a, "user:%" PRId64, o->user_id),
                                .key = o->once.key,
                                .request_hash = o->once.hash};
}

/* What the key was used for before, if it was for the same. */
static enum status repeat(struct db_conn *db, const struct generation_order *o,
                          const struct idempotency *row, struct arena *a, int64_t *ret_id,
                          struct err *err)
{
    struct generation g;
    if (!str_eq(row->request_hash, o->once.hash))
        return err_set(err, E_UNPROCESSABLE, "idempotency_mismatch");
    enum status status = generation_load_owned(db, o->user_id, row->generation_id, a, &g, err);
    if (status == E_NOT_FOUND)
        return err_set(err, E_GONE, "result_gone");
    TRY(status);
    *ret_id = g.id;
    return OK;
}

static enum status find_repeated(struct db_conn *db, const struct generation_order *o,
                                 struct arena *a, bool *ret_found, int64_t *ret_id, struct err *err)
{
    struct idempotency row = key_of(o, a);
    *ret_found = false;
    if (o->once.key.n == 0)
        return OK;
    TRY(idempotency_find(db, &row, a, ret_found, err));
    return *ret_found ? repeat(db, o, &row, a, ret_id, err) : OK;
}

static enum status copy_upload(struct worker *w, const struct generation_order *o, struct arena *a,
                               struct input *ret, bool *ret_found, struct err *err)
{
    struct upload_record r;
    struct object object;
    struct str bytes;
    TRY(upload_find_input(w, o->user_id, o->image_name, a, &r, ret_found, err));
    if (!*ret_found)
        return OK;
    if (r.size > UPLOAD_READ_MAX)
        return err_say(err, E_TOO_LARGE, "image_too_large", "The image may be 20 MiB at most.");
    TRY(library_read_object(w, r.object_id, UPLOAD_READ_MAX, a, &object, &bytes, err));
    ret->reference_id = upload_has_uuid(r.sub_type) ? 0 : r.object_id;
    const char *type = arena_strz(a, r.type);
    return library_put_input(w, o->user_id, bytes, type, a, &ret->object, err);
}

/* *ret_copied: the image_url is a link of ours whose bytes go up instead. */
static enum status put_input(struct worker *w, const struct generation_order *o, struct arena *a,
                             struct input *ret, bool *ret_copied, struct err *err)
{
    *ret_copied = false;
    if (o->image_name.n)
        return copy_upload(w, o, a, ret, ret_copied, err);
    if (o->image_bytes.n)
        return library_put_input(w, o->user_id, o->image_bytes, o->image_type, a, &ret->object,
                                 err);
    return OK;
}

/* Under the lock: claims the key, or finds what an equal call has just made. */
static enum status create_in(struct worker *w, const struct generation_order *o,
                             const struct input *input, struct arena *a, int64_t *ret_id,
                             bool *ret_made, struct err *err)
{
    struct idempotency row = key_of(o, a);
    *ret_made = true;
    if (o->once.key.n)
        TRY(idempotency_claim(w->db, &row, a, clock_wall_ms(), ret_made, err));
    if (!*ret_made)
        return repeat(w->db, o, &row, a, ret_id, err);
    TRY(check_limits(w, o->user_id, err));
    if (input->object.id)
        TRY(quota_settle(w->db, &input->object, err));
    if (input->reference_id)
        TRY(upload_use_reference(w->db, input->reference_id, clock_wall_ms(), err));
    TRY(insert_rows(w, o, input, a, ret_id, err));
    row.generation_id = *ret_id;
    return o->once.key.n ? idempotency_fill(w->db, &row, err) : OK;
}

static enum status create_locked(struct worker *w, const struct generation_order *o,
                                 const struct input *input, struct arena *a, int64_t *ret_id,
                                 bool *ret_made, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    TRY(db_begin(tx, err));
    TRY(quota_lock_user(tx, o->user_id, err));
    TRY(create_in(w, o, input, a, ret_id, ret_made, err));
    return db_commit(tx, err);
}

enum status generation_create(struct worker *w, const struct generation_order *order,
                              struct arena *a, int64_t *ret_id, struct err *err)
{
    struct input input = {0};
    struct generation_order own = *order;
    bool found, copied, made = false;
    /* Once without the lock, so that a refusal costs no file and no turn at the writer.  The
     * key is looked for afterwards: the equal call may be what has filled the limit. */
    enum status allowed = check_limits(w, order->user_id, err);
    struct err refusal = *err;
    TRY(find_repeated(w->db, order, a, &found, ret_id, err));
    if (found)
        return OK;
    *err = refusal;
    TRY(allowed);
    TRY(put_input(w, order, a, &input, &copied, err));
    if (copied)
        own.image_url = STR_NONE;
    enum status status = create_locked(w, &own, &input, a, ret_id, &made, err);
    /* E_IO: the commit may have been kept; else the file's lease ends by itself. */
    if (status != E_IO && (status != OK || !made) && input.object.id)
        library_discard(w, &(struct library_take){.files = {input.object}, .count = 1});
    if (status == OK)
        jobs_wake(w->app->jobs);
    return status;
}

/* ---- ending */

/* In the transaction: the job ends, and with it the record. */
static enum status cancel_locked(struct db_conn *tx, const struct generation *g, struct err *err)
{
    int64_t job_id;
    TRY(job_of_generation(tx, g->id, &job_id, err));
    if (job_id)
        TRY(jobs_cancel(tx, job_id, err));
    TRY(generation_move(tx, g->id, GENERATION_CANCELLED, clock_wall_ms(), err));
    return events_note(tx, TOPIC_USER, EVENT_GENERATION, g->user_id, g->id, err);
}

enum status generation_cancel(struct worker *w, int64_t user_id, int64_t id, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct generation g;
    TRY(generation_load_owned(w->db, user_id, id, a, &g, err));
    TRY(db_begin(tx, err));
    TRY(quota_lock_user(tx, user_id, err));
    TRY(cancel_locked(tx, &g, err));
    return db_commit(tx, err);
}

static enum status release_objects(struct db_conn *tx, const struct generation *g, struct arena *a,
                                   struct err *err)
{
    /* With what a take that failed may have left. */
    struct object objects[2 * (LIBRARY_MAX_FILES + 1)];
    size_t n;
    TRY(object_list_of_generation(tx, g->id, a, objects, ARRAY_SIZE(objects), &n, err));
    for (size_t i = 0; i < n; i++) {
        /* One that is being written has a writer, or a lease that ends. */
        if (objects[i].state == OBJECT_STORED)
            TRY(quota_release(tx, &objects[i], clock_wall_ms(), err));
    }
    return OK;
}

enum status generation_remove(struct worker *w, int64_t user_id, int64_t id, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 20);
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    struct generation g;
    TRY(db_begin(tx, err));
    TRY(quota_lock_user(tx, user_id, err));
    TRY(generation_load_owned(tx, user_id, id, a, &g, err));
    if (!generation_is_final(g.status))
        TRY(cancel_locked(tx, &g, err));
    TRY(release_objects(tx, &g, a, err));
    TRY(generation_delete(tx, id, err));
    TRY(events_note(tx, TOPIC_USER, EVENT_GENERATION_GONE, user_id, id, err));
    TRY(events_note(tx, TOPIC_USER, EVENT_QUOTA, user_id, 0, err));
    return db_commit(tx, err);
}

enum status generations_forget_user(struct db_conn *tx, int64_t user_id, struct err *err)
{
    int64_t jobs[256];
    size_t n;
    do {
        TRY(job_live_of_user(tx, user_id, jobs, ARRAY_SIZE(jobs), &n, err));
        for (size_t i = 0; i < n; i++)
            TRY(jobs_cancel(tx, jobs[i], err));
    } while (n == ARRAY_SIZE(jobs));
    return object_discard_all_of_user(tx, user_id, clock_wall_ms(), err);
}

/* ---- what to expect */

/* Also of one that an upstream has sent back and that waits for an account again. */
static enum status place_in_line(struct worker *w, struct generation *g, struct err *err)
{
    int64_t place;
    TRY(job_place_in_line(w->db, g->id, &place, err));
    if (place > 0 || g->status == GENERATION_PENDING)
        g->queue_position = place;
    return OK;
}

enum status generation_estimate(struct worker *w, struct generation *g, struct err *err)
{
    int64_t typical;
    if (generation_is_final(g->status))
        return OK;
    TRY(place_in_line(w, g, err));
    if (g->status == GENERATION_GENERATING && g->queue_position > 0)
        return OK;
    TRY(generation_typical_ms(w->db, g->model, &typical, err));
    if (typical > 0) {
        int64_t since = g->started_at ? clock_wall_ms() - g->started_at : 0;
        int64_t left = typical - since;
        g->eta_seconds = left > 0 ? (left + 999) / 1000 : 0;
    }
    return OK;
}
