/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and store are two lists in one order, walked side by side.  The lists are of different
 * moments, and the servers go on: where they differ, the row and the bytes themselves are asked. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "media/local.h"
#include "service/doctor_impl.h"
#include "service/library.h"
#include "store/objects.h"
#include "store/stores.h"

enum { PAGE = 1000, PAGE_BYTES = 4 << 20, KEY_BYTES = 1100 };

/* The rows of a store, a page at a time. */
struct rows {
    struct inspected_object page[PAGE];
    size_t at, count;
    bool ended;
    char last[KEY_BYTES];
    struct arena *arena;
};

struct comparing {
    struct doctor *d;
    enum storage_type storage;
    int64_t store_id; /* rows of other stores are not looked for here */
    bool unnamed;     /* rows that name none are */
    int64_t folder;   /* PostgreSQL: this media folder's number */
    const struct s3 *s3;
    struct rows rows;
    char last[KEY_BYTES]; /* key that the store gave last */
    struct doctor_compared *ret;
};

static void comparing_free(struct comparing *c)
{
    if (c)
        arena_free(c->rows.arena);
    free(c);
}
DEFINE_CLEANUP(struct comparing, comparing_free)

static struct comparing *comparing_new(struct doctor *d, enum storage_type storage,
                                       const struct s3 *s3, struct doctor_compared *ret)
{
    struct comparing *c = mem_zalloc(sizeof(*c));
    c->d = d;
    c->storage = storage;
    c->s3 = s3;
    c->ret = ret;
    c->store_id = INSPECT_ALL_STORES;
    c->rows.arena = arena_new(PAGE_BYTES);
    *ret = (struct doctor_compared){0};
    return c;
}

static enum status keep_key(char to[KEY_BYTES], struct str key, struct err *err)
{
    if (key.n >= KEY_BYTES)
        return err_say(err, E_UPSTREAM, "not_this_api", "a key of more than %d bytes", KEY_BYTES);
    memcpy(to, key.p, key.n);
    to[key.n] = '\0';
    return OK;
}

/* NULL behind the last. */
static enum status peek(struct comparing *c, const struct inspected_object **ret, struct err *err)
{
    struct rows *r = &c->rows;
    if (r->at == r->count && !r->ended) {
        arena_reset(r->arena);
        TRY(inspection_objects(c->d->db, c->storage, c->store_id, c->unnamed, str_of(r->last),
                               r->arena, r->page, PAGE, &r->count, err));
        r->at = 0;
        r->ended = r->count < PAGE;
        if (r->count)
            TRY(keep_key(r->last, r->page[r->count - 1].key, err));
    }
    *ret = r->at < r->count ? &r->page[r->at] : NULL;
    return OK;
}

/* ---- the bytes themselves */

/* *ret_size -1: there are none. */
static enum status look(struct comparing *c, struct str key, int64_t *ret_size, struct err *err)
{
    _cleanup_close_ int fd = -1;
    enum status status = c->storage == STORAGE_S3
                             ? s3_head(c->s3, key, ret_size, err)
                             : local_read(c->d->app->local, key, &fd, ret_size, err);
    if (status != E_NOT_FOUND || !str_eq(str_of(err->code), STR("object_not_found")))
        return status;
    *ret_size = -1;
    return OK;
}

static enum status remove_orphan(struct comparing *c, struct str key, struct err *err)
{
    /* Another node's keeper would look for it on its own disk. */
    if (c->storage == STORAGE_LOCAL)
        return local_remove(c->d->app->local, key, err);
    return doctor_mend_orphan(c->d, c->store_id, key, err);
}

/* ---- a row that the store has not, or has otherwise */

struct suspect {
    struct comparing *c;
    const struct inspected_object *row;
    int64_t size;
};

static enum status mend_row(struct doctor *d, void *ctx, struct err *err)
{
    const struct suspect *s = ctx;
    return s->size < 0 ? doctor_mend_ghost(d, s->row, err)
                       : doctor_mend_size(d, s->row, s->size, err);
}

/* With SQLite there is no other node, so no other folder either. */
static bool is_elsewhere(const struct comparing *c, const struct object *o)
{
    return c->storage == STORAGE_LOCAL && db_engine_of(c->d->app->db) == DB_POSTGRES &&
           (c->folder == 0 || o->store_id != c->folder);
}

static enum status check_row(struct comparing *c, const struct inspected_object *row,
                             struct err *err)
{
    struct suspect s = {.c = c, .row = row};
    struct object now;
    if (row->writing)
        return OK;
    TRY(look(c, row->key, &s.size, err));
    if (s.size == row->size)
        return OK;
    arena_reset(c->d->row);
    enum status status = object_load(c->d->db, row->id, c->d->row, &now, err);
    if (status == E_NOT_FOUND || (status == OK && now.state != OBJECT_STORED))
        return OK;
    TRY(status);
    if (s.size < 0 && is_elsewhere(c, &now)) {
        c->ret->elsewhere++;
        return OK;
    }
    struct doctor_finding f = {.kind = s.size < 0 ? DOCTOR_GHOST : DOCTOR_SIZE,
                               .storage = c->storage,
                               .table = "objects",
                               .key = row->key,
                               .id = row->id,
                               .user_id = now.user_id,
                               .expected = row->size,
                               .found = s.size};
    return doctor_find(c->d, &f, mend_row, &s, err);
}

/* ---- bytes that no row has */

struct orphan {
    struct comparing *c;
    struct str key, upload_id;
};

static enum status mend_orphan(struct doctor *d, void *ctx, struct err *err)
{
    const struct orphan *o = ctx;
    (void)d;
    if (!o->upload_id.n)
        return remove_orphan(o->c, o->key, err);
    _cleanup_free_ char *id = mem_strndup(o->upload_id.p, o->upload_id.n);
    return s3_upload_abort(o->c->s3, o->key, id, err);
}

static enum status tell_orphan(struct comparing *c, enum doctor_kind kind, struct str key,
                               struct str upload_id, int64_t size, struct err *err)
{
    struct orphan orphan = {c, key, upload_id};
    struct doctor_finding f = {
        .kind = kind, .storage = c->storage, .key = key, .expected = -1, .found = size};
    return doctor_find(c->d, &f, mend_orphan, &orphan, err);
}

static bool is_young(struct comparing *c, int64_t modified_ms)
{
    bool young = modified_ms > c->d->now - c->d->orders->safe_age_ms;
    c->ret->young += young;
    return young;
}

static enum status check_unknown(struct comparing *c, struct str key, int64_t modified_ms,
                                 struct err *err)
{
    struct key_owners owners;
    int64_t size;
    TRY(inspection_owners(c->d->db, key, &owners, err));
    if (owners.object || owners.deletion || is_young(c, modified_ms))
        return OK;
    /* Its deletion may have been done since it was listed. */
    TRY(look(c, key, &size, err));
    return size < 0 ? OK : tell_orphan(c, DOCTOR_ORPHAN, key, STR_NONE, size, err);
}

/* ---- side by side */

static enum status check_order(struct comparing *c, struct str key, struct err *err)
{
    if (c->last[0] && str_cmp(str_of(c->last), key) >= 0)
        return err_say(err, E_UPSTREAM, "not_this_api",
                       "the store does not list its keys in order, so they cannot be compared");
    return keep_key(c->last, key, err);
}

static enum status on_key(struct comparing *c, struct str key, int64_t size, int64_t modified_ms,
                          struct err *err)
{
    const struct inspected_object *row;
    TRY(check_order(c, key, err));
    c->ret->stored++;
    for (;;) {
        TRY(peek(c, &row, err));
        int order = row ? str_cmp(row->key, key) : 1;
        if (order > 0)
            return check_unknown(c, key, modified_ms, err);
        c->rows.at++;
        if (order < 0 || row->size != size)
            TRY(check_row(c, row, err));
        if (order == 0)
            return OK;
    }
}

static enum status check_rest(struct comparing *c, struct err *err)
{
    const struct inspected_object *row;
    for (;;) {
        TRY(peek(c, &row, err));
        if (!row)
            return OK;
        c->rows.at++;
        TRY(check_row(c, row, err));
    }
}

static enum status on_file(void *ctx, const struct local_file *file, struct err *err)
{
    return on_key(ctx, file->key, file->size, file->modified_ms, err);
}

enum status doctor_compare_disk(struct doctor *d, struct doctor_compared *ret, struct err *err)
{
    _cleanup_(comparing_freep) struct comparing *c = comparing_new(d, STORAGE_LOCAL, NULL, ret);
    char mark[UUID_SIZE];
    if (db_engine_of(d->app->db) == DB_POSTGRES) {
        TRY(local_mark(d->app->local, mark, err));
        TRY(store_find_folder(d->db, mark, &c->folder, err));
    }
    TRY(local_each(d->app->local, on_file, c, err));
    return check_rest(c, err);
}

/* ---- the bucket
 *
 * Others may have things of theirs in it: only what begins as our keys do is listed.  A row whose
 * key begins otherwise, because the prefix was another one once, is asked for by itself. */

static const char *const families[] = {"inputs/", "reference/", "results/", "sora/", "uploads/"};

static enum status on_object(void *ctx, const struct s3_listed *item, struct err *err)
{
    return on_key(ctx, item->key, item->size, item->modified_ms, err);
}

static enum status on_upload(void *ctx, const struct s3_listed *item, struct err *err)
{
    struct comparing *c = ctx;
    struct key_owners owners;
    TRY(inspection_owners(c->d->db, item->key, &owners, err));
    if (owners.writing || owners.deletion || is_young(c, item->modified_ms))
        return OK;
    return tell_orphan(c, DOCTOR_UPLOAD, item->key, item->upload_id, -1, err);
}

enum status doctor_compare_bucket(struct doctor *d, const struct storage_bucket *bucket,
                                  struct doctor_compared *ret, struct err *err)
{
    _cleanup_(comparing_freep) struct comparing *c = comparing_new(d, STORAGE_S3, &bucket->s3, ret);
    c->store_id = bucket->store_id;
    c->unnamed = bucket->store_id == storage_present(d->app, STORAGE_S3);
    struct str before = bucket->settings->sora_s3_prefix;
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        char prefix[KEY_BYTES];
        snprintf(prefix, sizeof(prefix), "%.*s%s%s", STR_ARG(before), before.n ? "/" : "",
                 families[i]);
        TRY(s3_list(c->s3, str_of(prefix), on_object, c, err));
    }
    TRY(check_rest(c, err));
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        char prefix[KEY_BYTES];
        snprintf(prefix, sizeof(prefix), "%.*s%s%s", STR_ARG(before), before.n ? "/" : "",
                 families[i]);
        TRY(s3_list_uploads(c->s3, str_of(prefix), on_upload, c, err));
    }
    return OK;
}
