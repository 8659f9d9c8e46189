/* SPDX-License-Identifier: Apache-2.0 */
/* tus — resumable uploads by the tus protocol 1.0.0 (SPEC UP-7;
 * https://tus.io/protocols/resumable-upload), with its extensions creation,
 * creation-with-upload, checksum, expiration and termination.
 *
 * A finished upload says what POST /api/upload would have, to a GET of its own address. */
#include <string.h>

#include "api/handlers.h"
#include "api/upload_kind.h"
#include "api/upload_view.h"
#include "base/clock.h"
#include "net/tus_fields.h"
#include "service/tus.h"
#include "service/upload_shelf.h"
#include "store/uploads.h"

#define ADDRESS "/api/uploads/tus/"

enum { FIELD_MAX = 64, NAME_MAX_BYTES = 1024, METADATA_MAX = 4096 };

struct tus_call {
    enum http_method method;   /* what is asked for, however it is sent */
    struct tus_upload *upload; /* NULL: no bytes are wanted */
    struct checksum *sum;      /* NULL: none is asked for */
    unsigned char wanted[CHECKSUM_MAX];
    bool creates, has_body, answered;
    struct tus_row row; /* of one that was made here */
};

/* ---- what is asked */

static struct str header(const struct call *c, const char *name)
{
    return http_head_get(c->head, str_of(name));
}

static struct str uuid_of(struct call *c)
{
    return upload_uuid_of(call_param(c, "uuid"), c->arena);
}

static enum status check_version(const struct call *c, struct err *err)
{
    return str_eq(header(c, "tus-resumable"), STR(TUS_VERSION))
               ? OK
               : err_set(err, E_PRECONDITION, "tus_version");
}

static enum status check_type(const struct call *c, struct err *err)
{
    return str_eq_ci(header(c, "content-type"), STR("application/offset+octet-stream"))
               ? OK
               : err_set(err, E_UNSUPPORTED, "unsupported_media_type");
}

static enum status read_number(const struct call *c, const char *name, int64_t *ret,
                               struct err *err)
{
    struct str field = header(c, name);
    if (!field.p)
        return err_field(err, "missing_field", name, "%s is required", name);
    if (!tus_number_read(field, ret))
        return err_field(err, "invalid_field", name, "%s must be a whole number", name);
    return OK;
}

static enum status read_checksum(const struct call *c, struct tus_call *t, struct err *err)
{
    _cleanup_(buf_cleanup) struct buf bytes = BUF_INIT((size_t)2 * CHECKSUM_MAX);
    struct str field = header(c, "upload-checksum"), name;
    if (!field.p)
        return OK;
    if (!tus_checksum_read(field, &name, &bytes) || !(t->sum = checksum_new(name)) ||
        buf_len(&bytes) != checksum_size(t->sum))
        return err_field(err, "invalid_field", "Upload-Checksum",
                         "Upload-Checksum must be sha1 or sha256 and a checksum in base 64");
    memcpy(t->wanted, buf_str(&bytes).p, buf_len(&bytes));
    return OK;
}

static struct str metadata_of(struct call *c, const char *name, size_t max)
{
    _cleanup_(buf_cleanup) struct buf value = BUF_INIT(max);
    if (!tus_metadata_get(header(c, "upload-metadata"), str_of(name), &value))
        return STR_NONE;
    return arena_str(c->arena, buf_str(&value));
}

static enum status read_metadata(struct call *c, struct upload_wish *wish, struct err *err)
{
    struct str field = header(c, "upload-metadata");
    if (field.n > METADATA_MAX || !tus_metadata_is_valid(field))
        return err_field(
            err, "invalid_field", "Upload-Metadata",
            "Upload-Metadata must be names with values in base 64, of %d bytes at most",
            METADATA_MAX);
    wish->name = metadata_of(c, "filename", NAME_MAX_BYTES);
    return upload_kind_read(metadata_of(c, "type", FIELD_MAX),
                            metadata_of(c, "sub_type", FIELD_MAX), ", in Upload-Metadata",
                            &wish->sub_type, err);
}

/* ---- what is answered */

static void say_expires(struct call *c, const struct tus_row *row)
{
    char date[CLOCK_HTTP_SIZE];
    call_header(c, "Upload-Expires", clock_http_date(row->expires_at, date));
}

static void say_number(struct call *c, const char *name, int64_t value)
{
    call_header(c, name, arena_printf(c->arena, "%lld", (long long)value));
}

static void say_state(struct call *c, const struct tus_row *row)
{
    say_number(c, "Upload-Offset", row->position);
    if (!row->done)
        say_expires(c, row);
}

static enum status answer(struct call *c, int status)
{
    call_empty(c);
    c->status = status;
    call_header(c, "Tus-Resumable", STR(TUS_VERSION));
    return OK;
}

static enum status say_head(struct call *c, struct err *err)
{
    struct tus_row row;
    TRY(tus_look(c->db, c->who.user_id, uuid_of(c), c->arena, &row, err));
    answer(c, 200);
    say_state(c, &row);
    say_number(c, "Upload-Length", row.length);
    if (row.metadata.n)
        call_header(c, "Upload-Metadata", row.metadata);
    call_header(c, "Cache-Control", STR("no-store"));
    return OK;
}

/* ---- bytes that come */

static enum status begin_create(struct call *c, struct tus_call *t, struct err *err)
{
    struct upload_wish wish = {.user_id = c->who.user_id};
    if (t->has_body)
        TRY(check_type(c, err));
    TRY(read_number(c, "Upload-Length", &wish.length, err));
    TRY(read_metadata(c, &wish, err));
    TRY(tus_create(c->worker, &wish, header(c, "upload-metadata"), c->arena, &t->row, err));
    if (!t->has_body)
        return OK;
    return tus_open(c->worker, c->who.user_id, t->row.uuid, 0, t->sum != NULL, &t->upload, err);
}

/* For clients that can send nothing but GET and POST: the method that is named counts, whatever
 * the request's own. */
static enum status read_method(const struct call *c, enum http_method *ret, struct err *err)
{
    static const enum http_method known[] = {HTTP_PATCH, HTTP_DELETE, HTTP_HEAD};
    struct str named = header(c, "x-http-method-override");
    *ret = c->head->method;
    if (!named.p && *ret == HTTP_PATCH)
        return OK;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (str_eq_ci(named, str_of(http_method_name(known[i])))) {
            *ret = known[i];
            return OK;
        }
    }
    return err_field(err, "invalid_field", "X-HTTP-Method-Override",
                     "X-HTTP-Method-Override must be PATCH, DELETE or HEAD");
}

static enum status begin_patch(struct call *c, struct tus_call *t, struct err *err)
{
    int64_t offset;
    TRY(check_type(c, err));
    TRY(read_number(c, "Upload-Offset", &offset, err));
    return tus_open(c->worker, c->who.user_id, uuid_of(c), offset, t->sum != NULL, &t->upload, err);
}

static enum status tus_begin(struct call *c, struct err *err)
{
    struct tus_call *t = mem_zalloc(sizeof(*t));
    c->state = t;
    t->creates = !call_param(c, "uuid").p;
    t->has_body = c->head->content_length > 0 || c->head->chunked;
    TRY(check_version(c, err));
    TRY(read_checksum(c, t, err));
    if (t->creates)
        return begin_create(c, t, err);
    TRY(read_method(c, &t->method, err));
    return t->method == HTTP_PATCH ? begin_patch(c, t, err) : OK;
}

static enum status tus_bytes(struct call *c, struct str bytes, struct err *err)
{
    struct tus_call *t = c->state;
    if (!t->upload)
        return OK;
    if (t->sum)
        checksum_update(t->sum, bytes);
    return tus_take(c->worker, t->upload, bytes, err);
}

static enum status check_sum(struct tus_call *t, struct err *err)
{
    unsigned char have[CHECKSUM_MAX];
    if (!t->sum)
        return OK;
    checksum_final(t->sum, have);
    return memcmp(have, t->wanted, checksum_size(t->sum)) == 0
               ? OK
               : err_set(err, E_DAMAGED, "checksum_mismatch");
}

static enum status tus_whole(struct call *c, struct err *err)
{
    struct tus_call *t = c->state;
    if (t->method == HTTP_DELETE)
        return tus_delete(c, err);
    if (t->method == HTTP_HEAD)
        return say_head(c, err);
    if (t->upload) {
        TRY(check_sum(t, err));
        TRY(tus_save(c->worker, t->upload, err));
        t->row = *tus_row_of(t->upload);
    }
    answer(c, t->creates ? 201 : 204);
    if (t->creates)
        call_header(c, "Location", arena_printf(c->arena, ADDRESS "%.*s", STR_ARG(t->row.uuid)));
    say_state(c, &t->row);
    t->answered = true;
    return OK;
}

/* What came before a line broke is as good as any; but of an upload whose making has failed nobody
 * knows the address. */
static void tus_over(struct call *c, bool cut)
{
    struct tus_call *t = c->state;
    struct err ignored;
    if (cut && c->worker && t->upload && !t->sum && !t->creates)
        tus_save(c->worker, t->upload, &ignored);
    tus_close(c->worker, t->upload);
    if (c->worker && t->creates && !t->answered && t->row.uuid.p)
        tus_terminate(c->worker, c->who.user_id, t->row.uuid, &ignored);
    checksum_free(t->sum);
    free(t);
}

/* One goes on in the bucket that it was begun in, also when the settings have none any more. */
static bool tus_fills_bucket(const struct call *c)
{
    const struct tus_call *t = c->state;
    return t->upload && tus_is_in_bucket(t->upload);
}

const struct call_stream tus_stream = {tus_begin, tus_bytes,        tus_whole,
                                       tus_over,  tus_fills_bucket, true};

/* ---- the rest */

enum status tus_options(struct call *c, struct err *err)
{
    (void)err;
    answer(c, 204);
    call_header(c, "Tus-Version", STR(TUS_VERSION));
    call_header(c, "Tus-Extension",
                STR("creation,creation-with-upload,checksum,expiration,termination"));
    call_header(c, "Tus-Checksum-Algorithm", STR("sha1,sha256"));
    say_number(c, "Tus-Max-Size", MIN(upload_limit_of_all(&c->settings->uploads), TUS_LENGTH_MAX));
    return OK;
}

static enum status show(struct call *c, const struct tus_row *row, struct err *err)
{
    _cleanup_(storage_close) struct storage_bucket bucket = {0};
    struct upload_record r;
    if (!row->done)
        return err_set(err, E_CONFLICT, "upload_unfinished");
    if (row->upload_uuid.p) {
        TRY(upload_find(c->db, row->user_id, row->upload_uuid, c->arena, &r, err));
    } else {
        TRY(upload_find_reference(c->db, row->user_id, row->object_id, STR_NONE, c->arena, &r,
                                  err));
        tus_read_size(row, &r.width, &r.height);
    }
    view_upload(c->worker, c->arena, c->origin, &bucket, &r, call_json(c, 200));
    return OK;
}

enum status tus_get(struct call *c, struct err *err)
{
    struct tus_row row;
    if (c->head->method == HTTP_HEAD) {
        TRY(check_version(c, err));
        return say_head(c, err);
    }
    TRY(tus_look(c->db, c->who.user_id, uuid_of(c), c->arena, &row, err));
    return show(c, &row, err);
}

enum status tus_delete(struct call *c, struct err *err)
{
    TRY(check_version(c, err));
    TRY(tus_terminate(c->worker, c->who.user_id, uuid_of(c), err));
    return answer(c, 204);
}
