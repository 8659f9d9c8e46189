/* SPDX-License-Identifier: Apache-2.0 */
#include "api/upload_view.h"

#include "api/object_link.h"
#include "base/clock.h"
#include "platform/media_probe.h"
#include "service/upload_shelf.h"
#include "store/objects.h"

/* What a saved file is called: safe characters only, whatever its owner called it. */
static struct str saved_name(struct arena *a, int64_t object_id, struct str type)
{
    return arena_printf(a, "kinora-upload-%lld.%s", (long long)object_id,
                        media_type_extension(arena_strz(a, type)));
}

static struct object_link link_of(struct worker *w, struct arena *a, struct str origin,
                                  struct storage_bucket *bucket, const struct upload_record *r)
{
    const struct object o = {.id = r->object_id,
                             .storage = r->storage,
                             .store_id = r->store_id,
                             .key = r->key,
                             .type = r->type};
    return object_link_make(w, a, origin, bucket, &o, saved_name(a, r->object_id, r->type));
}

struct str upload_url(struct worker *w, struct arena *a, struct str origin,
                      struct storage_bucket *bucket, const struct upload_record *r)
{
    return link_of(w, a, origin, bucket, r).url;
}

static struct str poster_url(struct worker *w, struct arena *a, struct str origin,
                             struct storage_bucket *bucket, const struct upload_record *r)
{
    struct object o;
    struct err ignored;
    if (!r->poster_object_id || object_load(w->db, r->poster_object_id, a, &o, &ignored) != OK)
        return STR_NONE;
    return object_link_make(w, a, origin, bucket, &o, saved_name(a, o.id, o.type)).url;
}

static void write_facts(struct json_out *j, const struct upload_record *r)
{
    json_key(j, "width");
    if (r->width)
        json_int(j, r->width);
    else
        json_null(j);
    json_key(j, "height");
    if (r->height)
        json_int(j, r->height);
    else
        json_null(j);
    json_key(j, "duration");
    if (r->duration_ms)
        json_real(j, (double)r->duration_ms / 1000);
    else
        json_null(j);
}

void view_upload(struct worker *w, struct arena *a, struct str origin,
                 struct storage_bucket *bucket, const struct upload_record *r, struct json_out *j)
{
    struct object_link link = link_of(w, a, origin, bucket, r);
    json_object(j);
    json_kv_str_or_null(j, "url", link.url);
    json_kv_str_or_null(j, "download_url", link.download);
    json_kv_str_or_null(j, "poster_url", poster_url(w, a, origin, bucket, r));
    json_kv_str(j, "key", r->key);
    json_kv_int(j, "size", r->size);
    json_kv_str(j, "mime", r->type);
    json_kv_str_or_null(j, "upload_uuid", r->uuid);
    json_kv_z(j, "sub_type", upload_sub_type_name(r->sub_type));
    json_kv_str_or_null(j, "name", r->name);
    write_facts(j, r);
    json_kv_time(j, "created_at", r->created_at);
    json_kv_time(j, "expires_at", upload_expires_at(r));
    json_object_end(j);
}
