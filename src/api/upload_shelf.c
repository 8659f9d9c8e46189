/* SPDX-License-Identifier: Apache-2.0 */
/* What one has uploaded (SPEC UP-3, UP-4). */
#include "service/upload_shelf.h"

#include "api/handlers.h"
#include "api/upload_view.h"

/* ---- GET /api/uploads/summary */

static void write_sub_type(struct json_out *j, const struct upload_summary *sum,
                           enum upload_sub_type t)
{
    json_object(j);
    json_kv_z(j, "sub_type", upload_sub_type_name(t));
    json_kv_int(j, "files", sum->sums[t].files);
    json_kv_int(j, "size", sum->sums[t].bytes);
    json_kv_bool(j, "counted", upload_counter(t) == COUNTER_UPLOAD);
    json_kv_bool(j, "video", upload_is_video(t));
    json_kv_int(j, "max_bytes", sum->limits[t].bytes);
    json_kv_int(j, "max_pixels", sum->limits[t].pixels);
    json_object_end(j);
}

static void write_bytes_or_null(struct json_out *j, const char *key, int64_t value, bool known)
{
    if (known)
        json_kv_int(j, key, value);
    else
        json_kv_null(j, key);
}

enum status uploads_summary(struct call *c, struct err *err)
{
    struct upload_summary sum;
    TRY(upload_summarize(c->app, c->db, c->who.user_id, &sum, err));
    struct json_out *j = call_json(c, 200);
    json_object(j);
    json_kv_int(j, "used", sum.used);
    write_bytes_or_null(j, "limit", sum.limit, sum.limit > 0);
    write_bytes_or_null(j, "left", sum.left, sum.limit > 0);
    json_kv_bool(j, "quota_enabled", sum.enforced);
    json_key(j, "sub_types");
    json_array(j);
    for (enum upload_sub_type t = 0; t < UPLOAD_SUB_TYPES; t++) {
        /* What is allowed no more is still there to be looked at and deleted. */
        if (sum.allowed[t] || sum.sums[t].files)
            write_sub_type(j, &sum, t);
    }
    json_array_end(j);
    json_object_end(j);
    return OK;
}

/* ---- records */

static enum status read_sub_type(struct str name, enum upload_sub_type *ret, struct err *err)
{
    if (upload_sub_type_parse(name, ret))
        return OK;
    return err_field(err, "invalid_field", "sub_type", "There is no sub_type \"%.*s\".",
                     STR_ARG(str_to(name, 40)));
}

enum status uploads_list(struct call *c, struct err *err)
{
    _cleanup_(storage_close) struct storage_bucket bucket = {0};
    enum upload_sub_type type = UPLOAD_SUB_TYPES;
    struct str name = call_query(c, "sub_type");
    struct upload_record *list;
    struct page page;
    int64_t total;
    size_t n;
    TRY(call_page(c, &page, err));
    if (name.n)
        TRY(read_sub_type(name, &type, err));
    TRY(upload_list(c->db, c->who.user_id, type, page.size, page.offset, c->arena, &list, &n,
                    &total, err));
    struct json_out *j = call_list_begin(c);
    for (size_t i = 0; i < n; i++)
        view_upload(c->worker, c->arena, c->origin, &bucket, &list[i], j);
    call_list_end(c, &page, total);
    return OK;
}

enum status uploads_get(struct call *c, struct err *err)
{
    _cleanup_(storage_close) struct storage_bucket bucket = {0};
    struct upload_record r;
    TRY(upload_find(c->db, c->who.user_id, upload_uuid_of(call_param(c, "uuid"), c->arena),
                    c->arena, &r, err));
    view_upload(c->worker, c->arena, c->origin, &bucket, &r, call_json(c, 200));
    return OK;
}

enum status uploads_remove(struct call *c, struct err *err)
{
    TRY(upload_remove(c->worker, c->who.user_id, call_param(c, "uuid"), err));
    return call_empty(c);
}

/* ---- POST /api/uploads/resolve */

enum status uploads_resolve(struct call *c, struct err *err)
{
    _cleanup_(storage_close) struct storage_bucket bucket = {0};
    struct str name, value;
    enum upload_sub_type type;
    struct upload_record r;
    TRY(json_field_str(c->json, "sub_type", JSON_REQUIRED, 1, 40, &name, err));
    TRY(json_field_str(c->json, "value", JSON_REQUIRED, 1, UPLOAD_URL_MAX, &value, err));
    TRY(read_sub_type(name, &type, err));
    TRY(upload_resolve(c->db, c->who.user_id, type, "value", value, c->arena, &r, err));
    if (r.uuid.p)
        value = upload_url(c->worker, c->arena, c->origin, &bucket, &r);
    struct json_out *j = call_json(c, 200);
    json_object(j);
    json_kv_z(j, "sub_type", upload_sub_type_name(type));
    json_kv_str_or_null(j, "url", value);
    json_kv_str_or_null(j, "upload_uuid", r.uuid);
    json_object_end(j);
    return OK;
}
