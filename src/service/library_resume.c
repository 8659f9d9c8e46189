/* SPDX-License-Identifier: Apache-2.0 */
/* Going on with an upload that another process has begun.
 *
 * Each part that the store has is a row, with the state of the object's digest behind it.  The
 * rest is asked for by Range, under the strong validator (RFC 9110 8.8.1, 13.1.5) and for the
 * length that the first answer had: if the file has changed, the whole of it comes, and what
 * was there is dropped. */
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "service/library_impl.h"
#include "service/quota.h"
#include "store/objects.h"

enum { LEFT_MAX = 16, VALIDATOR_MAX = 256 };

/* "<length> <etag>": what must still hold of the link. */
struct str library_resume_source(const struct http_head *head, struct arena *a)
{
    struct str etag = http_head_get(head, STR("etag"));
    bool strong = etag.n > 2 && etag.n <= VALIDATOR_MAX && etag.p[0] == '"';
    bool ranges = str_eq_ci(http_head_get(head, STR("accept-ranges")), STR("bytes"));
    if (!strong || !ranges || head->content_length <= 0)
        return STR_NONE;
    return arena_printf(a, "%lld %.*s", (long long)head->content_length, STR_ARG(etag));
}

struct str library_resume_validator(const struct library_file *f)
{
    struct str rest = f->left.source;
    str_cut(&rest, ' ');
    return rest;
}

static int64_t length_of(const struct library_file *f)
{
    struct str rest = f->left.source;
    int64_t length;
    return str_to_i64(str_cut(&rest, ' '), &length) ? length : -1;
}

int64_t library_resume_offset(const struct library_file *f)
{
    return f->left.size;
}

/* "bytes 8388608-9999999/10000000", to its last byte. */
bool library_resume_fits(const struct library_file *f, const struct http_head *head)
{
    int64_t total = length_of(f);
    struct str wanted = arena_printf(f->arena, "bytes %lld-%lld/%lld", (long long)f->left.size,
                                     (long long)total - 1, (long long)total);
    return str_eq(str_trim(http_head_get(head, STR("content-range"))), wanted) &&
           str_eq(http_head_get(head, STR("etag")), library_resume_validator(f));
}

/* ---- what is left */

/* Its size becomes that of its parts; false when there is nothing to go on with, or not here. */
static bool measure(struct library_file *f, struct object *o)
{
    struct object_part *parts;
    struct err ignored;
    size_t n;
    if (o->store_id != f->target->store_id)
        return false;
    if (object_list_parts(f->w->db, o->id, f->arena, &parts, &n, &ignored) != OK)
        return false;
    for (size_t i = 0; i < n; i++)
        o->size += parts[i].size;
    struct library_file probe = {.left = *o};
    return n > 0 && o->size < length_of(&probe);
}

enum status library_resume_find(struct library_file *f, struct err *err)
{
    struct object list[LEFT_MAX];
    size_t n;
    if (!f->g->id)
        return OK;
    TRY(object_list_unfinished(f->w->db, f->g->id, f->arena, list, LEFT_MAX, &n, err));
    for (size_t i = 0; i < n; i++) {
        if (list[i].place != (int64_t)f->place)
            continue;
        if (f->target->type == STORAGE_S3 && !f->left.id && measure(f, &list[i]))
            f->left = list[i];
        else
            library_drop(f->w, &list[i]);
    }
    return OK;
}

/* ---- going on */

static enum status take_room(struct library_file *f, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = f->w->db;
    TRY(library_lock(f->w, f->g->user_id, err));
    TRY(quota_resume(f->w->app, tx, &f->left, err));
    return db_commit(tx, err);
}

static bool read_state(const struct object_part *parts, size_t n, struct arena *a,
                       struct s3_writer_state *ret)
{
    struct s3_part *list = arena_alloc(a, n * sizeof(*list));
    if (!list || parts[n - 1].digest.n != 2 * sizeof(ret->digest))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].etag.n >= S3_ETAG_MAX)
            return false;
        list[i].number = (int)parts[i].number;
        list[i].size = parts[i].size;
        memcpy(list[i].etag, parts[i].etag.p, parts[i].etag.n);
    }
    ret->parts = list;
    ret->count = n;
    return hex_decode(parts[n - 1].digest, &ret->digest);
}

enum status library_resume_begin(struct library_file *f, struct err *err)
{
    struct s3_writer_state state = {0};
    struct object_part *parts;
    size_t n;
    TRY(take_room(f, err));
    TRY(object_list_parts(f->w->db, f->left.id, f->arena, &parts, &n, err));
    state.upload_id = arena_strz(f->arena, f->left.upload_id);
    if (!n || !state.upload_id || !read_state(parts, n, f->arena, &state))
        return err_set(err, E_CONFLICT, "object_lost");
    f->length = length_of(f);
    f->object = f->left;
    f->left.id = 0;
    f->look.state = LOOK_OTHER_KIND; /* its first bytes were seen by another */
    f->renewed_at = clock_mono_ms();
    library_rate_anew(f);
    f->writer = s3_writer_new(&f->s3, f->object.key, f->object.type, f->length, &f->hooks, &state);
    log_info("an upload goes on", LOG_I("object", f->object.id), LOG_I("from", f->object.size));
    return OK;
}

/* ---- what the next one needs */

enum status library_upload_begun(const char *upload_id, void *file, struct err *err)
{
    struct library_file *f = file;
    _cleanup_(db_tx_end) struct db_conn *tx = f->w->db;
    f->ledger_failed = true;
    f->object.upload_id = arena_str(f->arena, str_of(upload_id));
    TRY(library_lock(f->w, f->g->user_id, err));
    TRY(object_set_upload(tx, &f->object, err));
    TRY(db_commit(tx, err));
    f->ledger_failed = false;
    return OK;
}

enum status library_upload_part(const struct s3_part *part, const struct sha256 *digest, void *file,
                                struct err *err)
{
    struct library_file *f = file;
    _cleanup_(db_tx_end) struct db_conn *tx = f->w->db;
    char hex[2 * sizeof(*digest) + 1];
    if (!f->object.source.n)
        return OK;
    hex_encode(digest, sizeof(*digest), hex);
    const struct object_part row = {part->number, part->size, str_of(part->etag), str_of(hex)};
    f->ledger_failed = true;
    TRY(library_lock(f->w, f->g->user_id, err));
    TRY(object_add_part(tx, f->object.id, &row, err));
    TRY(db_commit(tx, err));
    f->ledger_failed = false;
    return OK;
}
