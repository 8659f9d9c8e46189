/* SPDX-License-Identifier: Apache-2.0 */
/* upload — POST /api/upload: a form whose file goes to the store as it comes (SPEC UP-1).  What
 * the file is meant for is known before its first byte, from the query or from the fields before
 * it.  It is kept when the form has ended as it should, and not a moment earlier. */
#include "api/handlers.h"
#include "api/upload_kind.h"
#include "api/upload_view.h"
#include "net/multipart.h"
#include "service/uploads.h"

enum {
    MAX_PARTS = 16,
    FIELD_MAX = 64,
    AROUND_FILE = 64 << 10, /* boundaries, heads and fields */
};

enum part { PART_NONE, PART_TYPE, PART_SUB_TYPE, PART_FILE, PART_IGNORED };

struct form {
    struct call *call;
    struct multipart *reader;
    struct str type, sub_type; /* STR_NONE: not said yet */
    enum part part;            /* whose data comes */
    struct buf field;
    bool has_file;
    size_t ignored; /* bytes of parts that nobody asked for */
    struct upload *upload;
};

/* ---- fields */

static enum status set_once(struct form *f, struct str *field, const char *name, struct str value,
                            struct err *err)
{
    if (field->p)
        return err_field(err, "invalid_field", name, "%s is there twice", name);
    *field = arena_str(f->call->arena, value);
    return field->p ? OK : err_set(err, E_NO_MEMORY, "overloaded");
}

static enum status begin_file(struct form *f, struct str name, struct err *err)
{
    struct call *c = f->call;
    struct upload_wish wish = {
        .user_id = c->who.user_id,
        .length = c->head->content_length,
        .around = AROUND_FILE,
        .name = name,
    };
    if (f->has_file)
        return err_field(err, "invalid_field", "file", "file is there twice");
    f->has_file = true;
    TRY(upload_kind_read(f->type, f->sub_type, ", before the file", &wish.sub_type, err));
    return upload_begin(c->worker, &wish, &f->upload, err);
}

/* ---- parts */

static enum part part_of(const struct multipart_part *part)
{
    if (str_eq(part->name, STR("type")))
        return PART_TYPE;
    if (str_eq(part->name, STR("sub_type")))
        return PART_SUB_TYPE;
    return str_eq(part->name, STR("file")) ? PART_FILE : PART_IGNORED;
}

static enum status on_part(const struct multipart_part *part, void *ctx, struct err *err)
{
    struct form *f = ctx;
    f->part = part_of(part);
    buf_reset(&f->field);
    return f->part == PART_FILE ? begin_file(f, part->filename, err) : OK;
}

static enum status on_data(struct str piece, void *ctx, struct err *err)
{
    struct form *f = ctx;
    if (f->part == PART_FILE)
        return upload_take(f->call->worker, f->upload, piece, err);
    if (f->part == PART_IGNORED) {
        f->ignored += piece.n;
        return f->ignored <= AROUND_FILE ? OK : err_set(err, E_TOO_LARGE, "too_large");
    }
    if (!buf_add(&f->field, piece))
        return err_field(err, "invalid_field", f->part == PART_TYPE ? "type" : "sub_type",
                         "a field is longer than %d bytes", FIELD_MAX);
    return OK;
}

static enum status on_part_end(void *ctx, struct err *err)
{
    struct form *f = ctx;
    enum part part = f->part;
    f->part = PART_NONE;
    if (part == PART_TYPE)
        return set_once(f, &f->type, "type", buf_str(&f->field), err);
    if (part == PART_SUB_TYPE)
        return set_once(f, &f->sub_type, "sub_type", buf_str(&f->field), err);
    return OK;
}

/* ---- the stream */

static enum status upload_form_begin(struct call *c, struct err *err)
{
    static const struct multipart_handler handler = {on_part, on_data, on_part_end};
    struct form *f = mem_zalloc(sizeof(*f));
    c->state = f;
    f->call = c;
    f->type = call_query(c, "type");
    f->sub_type = call_query(c, "sub_type");
    buf_init(&f->field, FIELD_MAX);
    return multipart_new(http_head_get(c->head, STR("content-type")), MAX_PARTS, &handler, f,
                         &f->reader, err);
}

static enum status upload_form_take(struct call *c, struct str bytes, struct err *err)
{
    struct form *f = c->state;
    return multipart_feed(f->reader, bytes, err);
}

static enum status upload_form_finish(struct call *c, struct err *err)
{
    struct form *f = c->state;
    struct upload_record record;
    TRY(multipart_finish(f->reader, err));
    if (!f->upload)
        return err_field(err, "missing_field", "file", "file is required");
    TRY(upload_finish(c->worker, f->upload, c->arena, &record, err));
    _cleanup_(storage_close) struct storage_bucket bucket = {0};
    view_upload(c->worker, c->arena, c->origin, &bucket, &record, call_json(c, 200));
    return OK;
}

static void upload_form_end(struct call *c, bool cut)
{
    struct form *f = c->state;
    (void)cut;
    upload_end(c->worker, f->upload);
    multipart_free(f->reader);
    buf_release(&f->field);
    free(f);
}

const struct call_stream upload_form = {
    upload_form_begin, upload_form_take, upload_form_finish, upload_form_end, NULL, false};
