/* SPDX-License-Identifier: Apache-2.0 */
#include "api/media_form.h"

#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "net/multipart.h"

enum {
    PROMPT_MAX = 32000, /* code points, as OpenAI's own */
    MODEL_MAX = 256,
    SECONDS_MAX = 3600,
    COUNT_MAX = 10,
    EXTRA_MAX = 8 << 10, /* one further field */
    EXTRAS_MAX = 64 << 10,
    NAME_MAX_BYTES = 64,
};

struct field {
    struct str name, value;
    bool file;        /* value is its bytes */
    struct json json; /* of a JSON body; absent otherwise */
};

struct reader {
    struct arena *arena;
    enum media_form_kind kind;
    struct field fields[MEDIA_FORM_FIELDS];
    size_t count;
    struct buf extra;
    struct json_out extras;
    struct media_form *form;
};

/* ---- the list, out of a form */

static enum status add_field(struct reader *r, const struct field *f, struct err *err)
{
    if (r->count == MEDIA_FORM_FIELDS)
        return err_say(err, E_INVALID, "bad_multipart", "The request has too many fields.");
    r->fields[r->count++] = *f;
    return OK;
}

static enum status on_part(const struct multipart_part *part, void *ctx, struct err *err)
{
    struct reader *r = ctx;
    struct field f = {.name = arena_str(r->arena, part->name),
                      .value = STR(""),
                      .file = part->filename.p != NULL};
    return add_field(r, &f, err);
}

/* The body is fed as one, so a part's pieces lie one behind the other in it: nothing is
 * copied. */
static enum status on_data(struct str piece, void *ctx, struct err *err)
{
    struct reader *r = ctx;
    struct str *value = &r->fields[r->count - 1].value;
    if (!value->n)
        *value = piece;
    else if (value->p + value->n == piece.p)
        value->n += piece.n;
    else
        return err_set(err, E_INTERNAL, "internal_error");
    return OK;
}

static enum status on_part_end(void *ctx, struct err *err)
{
    struct reader *r = ctx;
    const struct field *f = &r->fields[r->count - 1];
    /* JSON in a database has no room for a NUL. */
    if (!f->file && (!utf8_valid(f->value) || str_has_char(f->value, '\0')))
        return err_set(err, E_INVALID, "invalid_text");
    return OK;
}

static const struct multipart_handler handler = {on_part, on_data, on_part_end};

static enum status read_form(struct reader *r, struct call *c, struct err *err)
{
    struct multipart *m;
    TRY(multipart_new(http_head_get(c->head, STR("content-type")), MEDIA_FORM_FIELDS, &handler, r,
                      &m, err));
    enum status status = multipart_feed(m, c->body, err);
    if (status == OK)
        status = multipart_finish(m, err);
    multipart_free(m);
    return status;
}

/* Each length before its bytes, so that no two forms read alike. */
static void hash_fields(const struct reader *r, struct arena *a, struct str *ret)
{
    struct sha256 h;
    unsigned char digest[SHA256_SIZE];
    char text[2 * SHA256_SIZE + 1];
    sha256_init(&h);
    for (size_t i = 0; i < r->count; i++) {
        const struct field *f = &r->fields[i];
        sha256_update(&h, arena_printf(a, "%zu:%zu:%d:", f->name.n, f->value.n, f->file));
        sha256_update(&h, f->name);
        sha256_update(&h, f->value);
    }
    sha256_final(&h, digest);
    hex_encode(digest, sizeof(digest), text);
    *ret = arena_str(a, str_of(text));
}

/* ---- the list, out of JSON */

/* {"image_url":…} and {"file_id":…} as the package's forms name them. */
static enum status add_reference(struct reader *r, struct str name, struct json j, struct err *err)
{
    for (size_t i = 0; i < json_size(j); i++) {
        struct str key;
        struct json value = json_member(j, i, &key);
        struct field f = {.name = arena_printf(r->arena, "%.*s[%.*s]", STR_ARG(name), STR_ARG(key)),
                          .value = json_str_or(value, STR_NONE),
                          .json = value};
        TRY(add_field(r, &f, err));
    }
    return OK;
}

static bool is_reference(struct str name)
{
    return str_eq(name, STR("input_reference")) || str_eq(name, STR("image")) ||
           str_eq(name, STR("images")) || str_eq(name, STR("image_url")) ||
           str_eq(name, STR("image[]")) || str_eq(name, STR("mask"));
}

static enum status add_member(struct reader *r, struct str name, struct json value, struct err *err)
{
    if (json_is_null(value))
        return OK;
    if (is_reference(name) && json_is_array(value)) {
        for (size_t i = 0; i < json_size(value); i++)
            TRY(add_member(r, name, json_at(value, i), err));
        return OK;
    }
    if (is_reference(name) && json_is_object(value))
        return add_reference(r, name, value, err);
    struct field f = {.name = name, .value = json_str_or(value, STR_NONE), .json = value};
    if (json_is_int(value))
        f.value = arena_printf(r->arena, "%lld", (long long)json_int_or(value, 0));
    return add_field(r, &f, err);
}

static enum status read_json(struct reader *r, struct call *c, struct err *err)
{
    for (size_t i = 0; i < json_size(c->json); i++) {
        struct str name;
        struct json value = json_member(c->json, i, &name);
        TRY(add_member(r, name, value, err));
    }
    return OK;
}

/* ---- what the fields mean */

static enum status bad(struct err *err, const char *name, const char *why)
{
    return err_field(err, "invalid_field", name, "%s %s.", name, why);
}

static enum status take_text(const struct field *f, size_t max, const char *name, struct str *ret,
                             struct err *err)
{
    if (f->file || !f->value.p || utf8_length(f->value) > max)
        return err_field(err, "invalid_field", name, "%s must be a text of at most %zu characters.",
                         name, max);
    if (f->value.n)
        *ret = f->value;
    return OK;
}

static enum status take_number(const struct field *f, int64_t max, const char *name, int64_t *ret,
                               struct err *err)
{
    int64_t value;
    if (f->file || !f->value.p || !str_to_i64(f->value, &value) || value < 1 || value > max)
        return err_field(err, "invalid_field", name, "%s must be a whole number from 1 to %lld.",
                         name, (long long)max);
    *ret = value;
    return OK;
}

/* "1280x720", or "auto": whatever the model does by itself. */
static enum status take_size(const struct field *f, struct str *ret, struct err *err)
{
    struct str height = f->value;
    uint64_t w, h;
    if (str_eq(f->value, STR("auto")))
        return OK;
    struct str width = str_cut(&height, 'x');
    if (f->file || !str_to_u64(width, &w) || !str_to_u64(height, &h) || w < 1 || w > 16384 ||
        h < 1 || h > 16384)
        return bad(err, "size", "must be WIDTHxHEIGHT in pixels, as in 1280x720");
    *ret = f->value;
    return OK;
}

static enum status take_format(struct reader *r, const struct field *f, struct err *err)
{
    r->form->as_url = str_eq(f->value, STR("url"));
    r->form->as_base64 = str_eq(f->value, STR("b64_json"));
    if (!r->form->as_url && !r->form->as_base64)
        return bad(err, "response_format", "must be url or b64_json");
    return OK;
}

static struct direct_image image_of(const struct field *f)
{
    return f->file ? (struct direct_image){.bytes = f->value}
                   : (struct direct_image){.said = f->value};
}

static enum status take_image(struct reader *r, const struct field *f, const char *name,
                              struct err *err)
{
    if (!f->value.p)
        return bad(err, name, "must be a file, an http(s) address or a data URL");
    if (f->value.n == 0 && !f->file)
        return OK;
    if (r->kind != FORM_EDIT && r->form->image_count)
        return bad(err, name, "may be given once");
    if (r->form->image_count == DIALECT_MAX_IMAGES)
        return bad(err, name, "may be given 16 times");
    r->form->images[r->form->image_count++] = image_of(f);
    return OK;
}

static enum status take_mask(struct reader *r, const struct field *f, struct err *err)
{
    if (r->kind != FORM_EDIT)
        return bad(err, "mask", "belongs to /v1/images/edits");
    if (!f->value.p || r->form->mask.said.n || r->form->mask.bytes.p)
        return bad(err, "mask", "must be one file, http(s) address or data URL");
    if (f->value.n || f->file)
        r->form->mask = image_of(f);
    return OK;
}

static bool is_repeated(const struct reader *r, const struct field *f)
{
    for (const struct field *before = r->fields; before < f; before++) {
        if (str_eq(before->name, f->name))
            return true;
    }
    return false;
}

/* Members of a form are texts; of JSON they stay what they were. */
static enum status take_extra(struct reader *r, const struct field *f, struct err *err)
{
    struct str text = f->value;
    char name[NAME_MAX_BYTES + 1];
    if (f->file || f->name.n == 0 || f->name.n > NAME_MAX_BYTES || is_repeated(r, f))
        return err_field(err, "invalid_field", "body", "A field of this request is not known.");
    memcpy(name, f->name.p, f->name.n);
    name[f->name.n] = '\0';
    struct str owned = STR_NONE;
    if (!json_is_absent(f->json) && json_dump(f->json, &owned))
        text = owned;
    enum status status = text.n > EXTRA_MAX ? bad(err, name, "is too long") : OK;
    if (status == OK) {
        json_key(&r->extras, name);
        if (owned.p)
            json_raw(&r->extras, text);
        else
            json_str(&r->extras, text);
    }
    free((char *)owned.p);
    return status;
}

static bool named(const struct field *f, const char *const *names)
{
    for (size_t i = 0; names[i]; i++) {
        if (str_eq(f->name, str_of(names[i])))
            return true;
    }
    return false;
}

static enum status take_stream(const struct field *f, struct err *err)
{
    bool off = str_eq(f->value, STR("false")) || !json_bool_or(f->json, true);
    return off ? OK : bad(err, "stream", "is not possible here");
}

/* What belongs to pictures, or to videos, alone. */
static enum status take_own(struct reader *r, const struct field *f, bool *ret_taken,
                            struct err *err)
{
    bool image = r->kind == FORM_IMAGE || r->kind == FORM_EDIT;
    *ret_taken = true;
    if (!image && str_eq(f->name, STR("seconds")))
        return take_number(f, SECONDS_MAX, "seconds", &r->form->seconds, err);
    if (image && str_eq(f->name, STR("response_format")))
        return take_format(r, f, err);
    if (image && str_eq(f->name, STR("stream")))
        return take_stream(f, err);
    if (str_eq(f->name, STR("n")))
        return take_number(f, image ? COUNT_MAX : 1, "n", &r->form->count, err);
    *ret_taken = false;
    return OK;
}

static enum status take_reference(struct reader *r, const struct field *f, bool *ret_taken,
                                  struct err *err)
{
    static const char *const images[] = {"input_reference",
                                         "input_reference[image_url]",
                                         "image",
                                         "image[]",
                                         "image[image_url]",
                                         "images[image_url]",
                                         "image_url",
                                         "image_url[url]",
                                         NULL};
    static const char *const masks[] = {"mask", "mask[image_url]", NULL};
    static const char *const refused[] = {"input_reference[file_id]", "image[file_id]",
                                          "images[file_id]", "mask[file_id]", NULL};
    bool video = r->kind == FORM_VIDEO || r->kind == FORM_REMIX;
    const char *name = video ? "input_reference" : "image";
    *ret_taken = true;
    if (named(f, refused))
        return bad(err, name, "is not possible in this form: send the image, or its image_url");
    if (named(f, images))
        return take_image(r, f, name, err);
    if (named(f, masks))
        return take_mask(r, f, err);
    *ret_taken = false;
    return OK;
}

/* Not of OpenAI's form, so it goes on as it is beside, whatever it says. */
static void note_orientation(struct reader *r, const struct field *f)
{
    if (r->kind == FORM_VIDEO && !f->file && str_eq(f->name, STR("orientation")) &&
        (str_eq(f->value, STR("landscape")) || str_eq(f->value, STR("portrait"))))
        r->form->orientation = f->value;
}

/* What JSON cannot say either: two readers would take one each. */
static enum status take_once(const struct reader *r, const struct field *f, struct err *err)
{
    static const char *const once[] = {"model",  "prompt",          "size", "seconds", "n",
                                       "stream", "response_format", NULL};
    for (size_t i = 0; once[i]; i++) {
        if (str_eq(f->name, str_of(once[i])) && is_repeated(r, f))
            return bad(err, once[i], "may be given once");
    }
    return OK;
}

static enum status take_field(struct reader *r, const struct field *f, struct err *err)
{
    bool taken;
    TRY(take_once(r, f, err));
    note_orientation(r, f);
    if (str_eq(f->name, STR("model")))
        return take_text(f, MODEL_MAX, "model", &r->form->model, err);
    if (str_eq(f->name, STR("prompt")))
        return take_text(f, PROMPT_MAX, "prompt", &r->form->prompt, err);
    if (str_eq(f->name, STR("size")))
        return take_size(f, &r->form->size, err);
    TRY(take_own(r, f, &taken, err));
    if (!taken)
        TRY(take_reference(r, f, &taken, err));
    return taken ? OK : take_extra(r, f, err);
}

static enum status check(const struct reader *r, struct err *err)
{
    const struct media_form *form = r->form;
    if (!form->prompt.n)
        return err_field(err, "missing_field", "prompt", "prompt is required.");
    if (r->kind == FORM_EDIT && !form->image_count)
        return err_field(err, "missing_field", "image", "image is required.");
    if (r->kind == FORM_IMAGE && form->image_count)
        return bad(err, "image", "belongs to /v1/images/edits");
    if (r->kind == FORM_REMIX &&
        (form->image_count || form->model.n || form->seconds || form->size.n))
        return err_field(err, "invalid_field", "body", "A remix takes a prompt and nothing else.");
    return OK;
}

static enum status read_all(struct reader *r, struct call *c, struct err *err)
{
    bool form = json_is_absent(c->json);
    r->form->hashed = c->body;
    TRY(form ? read_form(r, c, err) : read_json(r, c, err));
    if (form)
        hash_fields(r, r->arena, &r->form->hashed);
    json_object(&r->extras);
    for (size_t i = 0; i < r->count; i++)
        TRY(take_field(r, &r->fields[i], err));
    size_t empty = buf_len(&r->extra);
    json_object_end(&r->extras);
    if (buf_failed(&r->extra))
        return err_say(err, E_TOO_LARGE, "too_large", "The request has too many further fields.");
    if (empty > 1)
        r->form->extra = arena_str(r->arena, buf_str(&r->extra));
    return check(r, err);
}

enum status media_form_read(struct call *c, enum media_form_kind kind, struct arena *a,
                            struct media_form *ret, struct err *err)
{
    struct reader r = {.arena = a, .kind = kind, .form = ret};
    memset(ret, 0, sizeof(*ret));
    buf_init(&r.extra, EXTRAS_MAX);
    json_out_init(&r.extras, &r.extra);
    enum status status = read_all(&r, c, err);
    buf_release(&r.extra);
    return status;
}
