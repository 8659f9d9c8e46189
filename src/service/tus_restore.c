/* SPDX-License-Identifier: Apache-2.0 */
/* What the earlier writers of a resumable upload have left, out of its rows and its store. */
#include <string.h>

#include "base/hex.h"
#include "service/tus_impl.h"
#include "store/objects.h"

enum { TAIL_ARENA_BYTES = S3_PART_BYTES + (64 << 10) };

static enum status lost(struct err *err)
{
    return err_set(err, E_GONE, "upload_lost");
}

bool tus_read_state(struct str hex, void *ret, size_t size)
{
    return !hex.p || (hex.n == 2 * size && hex_decode(hex, ret));
}

static enum status list_parts(struct tus_upload *t, struct s3_writer_state *ret, struct err *err)
{
    struct upload *u = t->upload;
    struct object_part *rows;
    TRY(object_list_parts(u->worker->db, u->object.id, t->arena, &rows, &ret->count, err));
    struct s3_part *parts = arena_alloc(t->arena, (ret->count + 1) * sizeof(*parts));
    if (!parts)
        return err_set(err, E_NO_MEMORY, "overloaded");
    for (size_t i = 0; i < ret->count; i++) {
        if (rows[i].etag.n >= S3_ETAG_MAX)
            return lost(err);
        parts[i] = (struct s3_part){.number = (int)rows[i].number, .size = rows[i].size};
        memcpy(parts[i].etag, rows[i].etag.p, rows[i].etag.n);
        u->object.size += rows[i].size;
    }
    ret->parts = parts;
    ret->digest = u->digest;
    ret->upload_id = arena_strz(t->arena, u->object.upload_id);
    return ret->upload_id ? OK : lost(err);
}

static enum status read_tail(struct tus_upload *t, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(TAIL_ARENA_BYTES);
    struct upload *u = t->upload;
    struct object tail;
    struct str bytes;
    if (!t->row.tail_object_id)
        return OK;
    TRY(object_load(u->worker->db, t->row.tail_object_id, a, &tail, err));
    enum status status = s3_get(&u->bucket.s3, tail.key, S3_PART_BYTES, a, &bytes, err);
    if (status == E_NOT_FOUND && str_eq(str_of(err->code), STR("object_not_found")))
        return lost(err);
    TRY(status);
    u->object.size += (int64_t)bytes.n;
    return s3_writer_write(u->writer, bytes, err);
}

static enum status restore_bucket(struct tus_upload *t, struct err *err)
{
    struct upload *u = t->upload;
    struct s3_writer_state state = {0};
    TRY(list_parts(t, &state, err));
    TRY(upload_sink_reopen(u, u->object.upload_id.n ? &state : NULL, err));
    TRY(read_tail(t, err));
    return u->object.size == t->row.position ? OK : lost(err);
}

/* Where it lies must be open to us: in the bucket of that time, or on this node's disk. */
static enum status open_store(struct upload *u, struct err *err)
{
    struct worker *w = u->worker;
    const struct object *o = &u->object;
    if (o->storage == STORAGE_LOCAL)
        return !o->store_id || o->store_id == storage_present(w->app, STORAGE_LOCAL)
                   ? OK
                   : err_set(err, E_UNAVAILABLE, "storage_unavailable");
    TRY(storage_open_store(w->app, w->db, w->store_fetcher, o->store_id, &u->bucket, err));
    u->bucket.s3.tries = UPLOAD_S3_TRIES;
    return OK;
}

enum status tus_restore(struct tus_upload *t, struct err *err)
{
    struct upload *u = t->upload;
    t->named_before = !str_eq(u->object.type, UPLOAD_NO_TYPE);
    TRY(open_store(u, err));
    u->bucket.s3.cancelled = &t->lost;
    if (!tus_read_state(t->row.look, &u->look, sizeof(u->look)) ||
        !tus_read_state(t->row.digest, &u->digest, sizeof(u->digest)))
        return lost(err);
    if (!media_look_has_head(&u->look))
        return OK;
    if (u->object.storage == STORAGE_S3)
        return restore_bucket(t, err);
    u->object.size = t->row.position;
    return upload_sink_reopen(u, NULL, err);
}
