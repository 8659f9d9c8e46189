/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect_http.h"

#include <string.h>

#include "platform/json_in.h"

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
