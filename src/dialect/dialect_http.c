/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect_http.h"

#include <string.h>

#include "base/mem.h"
#include "platform/json_in.h"

enum { EXTRA_NAME_MAX = 64 };

enum status dialect_http_begin(struct dialect_http *h, const struct dialect_target *t,
                               struct str method, struct str endpoint, struct arena *a,
                               struct err *err)
{
    memset(h, 0, sizeof(*h));
    h->method = method;
    return url_join_endpoint(&t->base, endpoint, a, &h->url, err);
}

void dialect_http_header(struct dialect_http *h, struct str name, struct str value)
{
    h->headers[h->header_count].name = name;
    h->headers[h->header_count++].value = value;
}

void dialect_http_bearer(struct dialect_http *h, const struct dialect_target *t, struct arena *a)
{
    dialect_http_header(h, STR("Authorization"),
                        arena_printf(a, "Bearer %.*s", STR_ARG(t->credential)));
    h->sends_credential = true;
}

enum status dialect_http_end_json(struct dialect_http *h, const struct buf *body, struct arena *a,
                                  struct err *err)
{
    h->body = buf_failed(body) ? STR_NONE : arena_str(a, buf_str(body));
    if (!h->body.p)
        return err_set(err, E_INVALID, "too_large");
    dialect_http_header(h, STR("Content-Type"), STR("application/json"));
    return OK;
}

/* ---- what else was said ---- */

static bool is_written(struct str name, const char *const *written)
{
    for (size_t i = 0; written[i]; i++) {
        if (str_eq(name, str_of(written[i])))
            return true;
    }
    return name.n == 0 || name.n > EXTRA_NAME_MAX;
}

void dialect_each_extra(const struct dialect_request *r, const char *const *written,
                        dialect_write_extra *write, void *out)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct err ignored;
    if (!r->extra.n || json_parse(r->extra, &doc, &ignored) != OK)
        return;
    for (size_t i = 0; i < json_size(json_root(doc)); i++) {
        struct str key, dumped = STR_NONE;
        struct json value = json_member(json_root(doc), i, &key);
        char name[EXTRA_NAME_MAX + 1];
        if (is_written(key, written) || !json_dump(value, &dumped))
            continue;
        memcpy(name, key.p, key.n);
        name[key.n] = '\0';
        write(out, name, dumped, json_str_or(value, dumped));
        free((char *)dumped.p);
    }
}

static void write_json(void *out, const char *name, struct str json, struct str text)
{
    (void)text;
    json_key(out, name);
    json_raw(out, json);
}

void dialect_write_extra_json(struct json_out *j, const struct dialect_request *r,
                              const char *const *written)
{
    dialect_each_extra(r, written, write_json, j);
}

enum status dialect_one_image(const struct dialect_request *r, struct err *err)
{
    if (r->more_image_count)
        return err_set(err, E_INVALID, "takes_one_image");
    if (r->mask.url.n || r->mask.bytes.n)
        return err_set(err, E_INVALID, "takes_no_mask");
    return OK;
}

/* ---- links ---- */

static bool is_guarded_path(struct str path)
{
    return str_find(path, STR("/tmp/")) >= 0 || str_find(path, STR("/static/")) >= 0 ||
           (str_find(path, STR("/videos/")) >= 0 && str_ends(path, STR("/content")));
}

bool dialect_media_link(const struct dialect_target *t, struct str text, enum media_type type,
                        struct arena *a, struct dialect_media *ret)
{
    struct url url;
    struct err ignored;
    if (url_resolve(&t->base, str_trim(text), a, &url, &ignored) != OK)
        return false;
    *ret = (struct dialect_media){.url = url_text(&url, a), .type = type};
    ret->needs_credential = url_same_origin(&url, &t->base) && is_guarded_path(url.path);
    return ret->url.p != NULL;
}

enum status dialect_read_model_list(const struct dialect_answer *in, struct arena *a,
                                    struct str *ret_names, size_t max, size_t *ret_count,
                                    struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct err ignored;
    if (in->status / 100 != 2 || json_parse(in->body, &doc, &ignored) != OK ||
        !json_is_array(json_get(json_root(doc), "data")))
        return err_set(err, E_UPSTREAM, "not_this_api");
    struct json list = json_get(json_root(doc), "data");
    size_t n = 0;
    for (size_t i = 0; i < json_size(list) && n < max; i++) {
        struct str id = json_str_or(json_get(json_at(list, i), "id"), STR_NONE);
        if (id.n)
            ret_names[n++] = arena_str(a, id);
    }
    *ret_count = n;
    return OK;
}
