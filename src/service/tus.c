/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "service/library.h"
#include "service/quota.h"
#include "service/tus_impl.h"
#include "store/objects.h"

/* ---- making */

static enum status insert(struct worker *w, struct upload *u, struct tus_row *row, struct err *err)
{
    struct object o = u->object;
    int64_t n;
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    TRY(library_lock(w, row->user_id, err));
    TRY(tus_count_unfinished(tx, row->user_id, clock_wall_ms(), &n, err));
    if (n >= TUS_UNFINISHED_MAX)
        return err_set(err, E_LIMIT, "too_many_uploads");
    o.user_id = row->user_id;
    o.counter = upload_counter(row->sub_type);
    o.type = UPLOAD_NO_TYPE;
    TRY(upload_key(u, "application/octet-stream", u->arena, &o.key, err));
    TRY(quota_reserve(w->app, tx, &o, row->length, err));
    row->created_at = o.created_at;
    row->expires_at = o.created_at + TUS_LIFE_MS;
    row->object_id = o.id;
    TRY(object_reserve(tx, o.id, o.reserved, 0, row->expires_at, err));
    TRY(tus_insert(tx, row, err));
    return db_commit(tx, err);
}

enum status tus_create(struct worker *w, const struct upload_wish *wish, struct str metadata,
                       struct arena *a, struct tus_row *ret, struct err *err)
{
    struct upload *u;
    char uuid[UUID_SIZE];
    if (wish->length == 0)
        return err_set(err, E_INVALID, "file_empty");
    if (wish->length > TUS_LENGTH_MAX)
        return err_set(err, E_TOO_LARGE, "file_too_large");
    TRY(upload_begin(w, wish, &u, err));
    crypto_uuid(uuid);
    struct tus_row row = {.user_id = wish->user_id,
                          .uuid = arena_str(a, str_of(uuid)),
                          .metadata = metadata,
                          .sub_type = wish->sub_type,
                          .name = u->name.p ? arena_str(a, u->name) : STR_NONE,
                          .length = wish->length};
    enum status status = insert(w, u, &row, err);
    upload_end(w, u);
    if (status == OK)
        *ret = row;
    return status;
}

/* ---- finding */

enum status tus_look(struct db_conn *db, int64_t user_id, struct str uuid, struct arena *a,
                     struct tus_row *ret, struct err *err)
{
    TRY(tus_find(db, user_id, uuid, a, ret, err));
    return ret->expires_at >= clock_wall_ms() ? OK : err_set(err, E_GONE, "upload_expired");
}

void tus_read_size(const struct tus_row *row, int *ret_width, int *ret_height)
{
    struct media_look look;
    if (!tus_read_state(row->look, &look, sizeof(look)))
        look = (struct media_look){0};
    media_look_size(&look, ret_width, ret_height);
}

/* ---- ending */

static enum status discard_object(struct db_conn *tx, int64_t id, struct arena *a, struct err *err)
{
    struct object o;
    if (!id)
        return OK;
    TRY(object_load(tx, id, a, &o, err));
    return quota_release(tx, &o, clock_wall_ms(), err);
}

enum status tus_discard(struct db_conn *tx, const struct tus_row *row, struct arena *a,
                        struct err *err)
{
    TRY(tus_remove(tx, row->id, err));
    if (row->done)
        return OK;
    TRY(discard_object(tx, row->tail_object_id, a, err));
    return discard_object(tx, row->object_id, a, err);
}

enum status tus_terminate(struct worker *w, int64_t user_id, struct str uuid, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(64 << 10);
    struct tus_row row;
    _cleanup_(db_tx_end) struct db_conn *tx = w->db;
    TRY(library_lock(w, user_id, err));
    TRY(tus_find(tx, user_id, uuid, a, &row, err));
    TRY(tus_discard(tx, &row, a, err));
    return db_commit(tx, err);
}

enum status tus_sweep(struct db_conn *db, int64_t now_ms, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(db_begin(tx, err));
    TRY(tus_remove_old(tx, now_ms, err));
    return db_commit(tx, err);
}
