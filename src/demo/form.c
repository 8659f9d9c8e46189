/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/form.h"

#include "base/mem.h"
#include "net/multipart.h"

enum { FORM_FIELD_MAX = 128 * 1024, FORM_PARTS_MAX = 64 };

struct form_reader {
    struct call *call;
    struct form *form;
    struct str *field; /* being read; NULL: not one that we keep */
    struct buf value;
};

/* The member of this name; false when it is none that we read. */
static bool find_field(struct form *form, struct str name, struct str **ret)
{
    struct {
        struct str name;
        struct str *value;
    } const fields[] = {
        {STR("prompt"), &form->prompt},
        {STR("model"), &form->model},
        {STR("seconds"), &form->seconds},
        {STR("size"), &form->size},
        {STR("n"), &form->n},
        {STR("response_format"), &form->response_format},
    };

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        if (str_eq(name, fields[i].name)) {
            *ret = fields[i].value;
            return true;
        }
    }
    return false;
}

static bool is_picture(struct str name)
{
    return str_eq(name, STR("input_reference")) || str_starts(name, STR("image")) ||
           str_eq(name, STR("reference_url"));
}

static enum status read_member(struct call *c, struct form *form, struct str key, struct json value,
                               struct err *err)
{
    struct str *field = NULL;

    if (!find_field(form, key, &field)) {
        if (is_picture(key) && !json_is_null(value))
            form->files += json_is_array(value) ? (int64_t)json_size(value) : 1;
        return OK;
    }
    if (json_is_string(value))
        *field = arena_str(c->arena, json_str_or(value, STR_NONE));
    else if (json_is_int(value))
        *field = arena_printf(c->arena, "%lld", (long long)json_int_or(value, 0));
    else if (!json_is_null(value))
        return err_say(err, E_INVALID, "invalid_type", "Invalid type for '%.*s'.",
                       (int)MIN(key.n, (size_t)60), key.p);
    return OK;
}

static enum status read_json(struct call *c, struct form *form, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;

    TRY(json_parse(buf_str(&c->body), &doc, err));
    TRY(json_need_object(json_root(doc), err));
    for (size_t i = 0; i < json_size(json_root(doc)); i++) {
        struct str key = STR_NONE;
        struct json value = json_member(json_root(doc), i, &key);
        TRY(read_member(c, form, key, value, err));
    }
    return OK;
}

static enum status on_part(const struct multipart_part *part, void *ctx, struct err *err)
{
    struct form_reader *r = ctx;

    (void)err;
    r->field = NULL;
    if (part->filename.p || !find_field(r->form, part->name, &r->field))
        r->form->files += is_picture(part->name);
    buf_reset(&r->value);
    return OK;
}

static enum status on_data(struct str piece, void *ctx, struct err *err)
{
    struct form_reader *r = ctx;

    if (!r->field || buf_add(&r->value, piece))
        return OK;
    return err_say(err, E_TOO_LARGE, "too_large", "A field of the form is too long.");
}

static enum status on_part_end(void *ctx, struct err *err)
{
    struct form_reader *r = ctx;

    (void)err;
    if (r->field)
        *r->field = arena_str(r->call->arena, buf_str(&r->value));
    return OK;
}

static enum status read_multipart(struct call *c, struct form *form, struct err *err)
{
    static const struct multipart_handler on = {on_part, on_data, on_part_end};
    struct form_reader r = {.call = c, .form = form, .value = BUF_INIT(FORM_FIELD_MAX)};
    struct multipart *m = NULL;
    enum status status = multipart_new(c->content_type, FORM_PARTS_MAX, &on, &r, &m, err);

    if (status == OK)
        status = multipart_feed(m, buf_str(&c->body), err);
    if (status == OK)
        status = multipart_finish(m, err);
    multipart_free(m);
    buf_release(&r.value);
    return status;
}

enum status form_read(struct call *c, struct form *form, struct err *err)
{
    if (str_starts(c->content_type, STR("multipart/form-data")))
        return read_multipart(c, form, err);
    return read_json(c, form, err);
}
