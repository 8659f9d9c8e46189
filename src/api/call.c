/* SPDX-License-Identifier: Apache-2.0 */
#include "api/call.h"

#include <assert.h>

#include "base/utf8.h"

enum { PAGE_SIZE_FIRST = 20, PAGE_SIZE_MAX = 100, PAGE_MAX = 1000000 };

struct json_out *call_json(struct call *c, int status)
{
    c->status = status;
    buf_reset(&c->out);
    json_out_init(&c->j, &c->out);
    call_header(c, "content-type", STR("application/json; charset=utf-8"));
    call_header(c, "cache-control", STR("no-store"));
    return &c->j;
}

enum status call_empty(struct call *c)
{
    c->status = 204;
    buf_reset(&c->out);
    return OK;
}

void call_header(struct call *c, const char *name, struct str value)
{
    struct str copy = arena_str(c->arena, value);
    assert(c->header_count < CALL_MAX_HEADERS);
    if (copy.p)
        c->headers[c->header_count++] = (struct http_header){str_of(name), copy};
}

struct str call_param(struct call *c, const char *name)
{
    for (size_t i = 0; i < c->match.param_count; i++) {
        if (str_eq(c->match.names[i], str_of(name)))
            return c->match.values[i];
    }
    return STR_NONE;
}

enum status call_id(struct call *c, const char *name, int64_t *ret, struct err *err)
{
    int64_t id;
    if (!str_to_i64(call_param(c, name), &id) || id <= 0)
        return err_set(err, E_NOT_FOUND, "not_found");
    *ret = id;
    return OK;
}

struct str call_query(struct call *c, const char *name)
{
    _cleanup_(buf_cleanup) struct buf value = BUF_INIT(c->head->query.n + 1);
    if (!http_query_get(c->head->query, str_of(name), &value) || !utf8_valid(buf_str(&value)))
        return STR_NONE;
    return arena_str(c->arena, buf_str(&value));
}

/* Leaves *ret as it is when the parameter is absent. */
static enum status query_int(struct call *c, const char *name, int64_t max, int64_t *ret,
                             struct err *err)
{
    struct str text = call_query(c, name);
    int64_t value;
    if (!text.p)
        return OK;
    if (!str_to_i64(text, &value) || value < 1 || value > max)
        return err_field(err, "invalid_field", name, "%s must be a whole number from 1 to %lld",
                         name, (long long)max);
    *ret = value;
    return OK;
}

enum status call_page(struct call *c, struct page *ret, struct err *err)
{
    struct page page = {.page = 1, .size = PAGE_SIZE_FIRST};
    TRY(query_int(c, "page", PAGE_MAX, &page.page, err));
    TRY(query_int(c, "page_size", PAGE_SIZE_MAX, &page.size, err));
    page.offset = (page.page - 1) * page.size;
    *ret = page;
    return OK;
}

struct json_out *call_list_begin(struct call *c)
{
    struct json_out *j = call_json(c, 200);
    json_object(j);
    json_key(j, "data");
    json_array(j);
    return j;
}

void call_list_end(struct call *c, const struct page *page, int64_t total)
{
    struct json_out *j = &c->j;
    json_array_end(j);
    json_kv_int(j, "total", total);
    json_kv_int(j, "page", page->page);
    json_kv_int(j, "page_size", page->size);
    json_object_end(j);
}
