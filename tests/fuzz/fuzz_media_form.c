/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a call of the OpenAI surface sends, as JSON or as a form: what is read keeps its
 * bounds, what is passed on is a JSON object, and the same bytes stand for the same request.
 * The first byte says which kind of call it is, and which kind of body; the boundary is "b". */
#include <assert.h>

#include "api/media_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct media_form *f)
{
    struct json_doc *doc = NULL;
    struct err err;
    assert(f->prompt.n > 0 && f->count >= 0 && f->count <= 10);
    assert(f->seconds >= 0 && f->seconds <= 3600);
    assert(!f->as_url || !f->as_base64);
    assert(f->image_count <= DIALECT_MAX_IMAGES);
    for (size_t i = 0; i < f->image_count; i++)
        assert(!f->images[i].said.n || !f->images[i].bytes.p);
    if (!f->extra.p)
        return;
    assert(json_parse(f->extra, &doc, &err) == OK && json_is_object(json_root(doc)));
    json_doc_free(doc);
}

static void read_once(uint8_t how, struct str body, struct arena *a, struct media_form *ret,
                      enum status *ret_status)
{
    struct http_head head = {.header_count = 1};
    struct call c = {.head = &head, .body = body};
    struct err err;
    bool form = how & 4;
    head.headers[0] = (struct http_header){STR("content-type"),
                                           form ? STR("multipart/form-data; boundary=b")
                                                : STR("application/json")};
    *ret_status = E_INVALID;
    if (!form && (json_parse(body, &c.doc, &err) != OK || !json_is_object(json_root(c.doc))))
        return json_doc_free(c.doc);
    if (c.doc)
        c.json = json_root(c.doc);
    *ret_status = media_form_read(&c, (enum media_form_kind)(how & 3), a, ret, &err);
    if (*ret_status == OK)
        check(ret);
    json_doc_free(c.doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(64 << 20);
    struct str body = {(const char *)data + 1, size - 1};
    struct media_form one, two;
    enum status first, second;
    if (size < 1)
        return 0;
    read_once(data[0], body, a, &one, &first);
    read_once(data[0], body, a, &two, &second);
    assert(first == second);
    assert(first != OK || str_eq(one.hashed, two.hashed));
    return 0;
}
