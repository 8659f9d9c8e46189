/* SPDX-License-Identifier: Apache-2.0 */
#include "api/object_link.h"

#include "base/clock.h"
#include "media/links.h"

static struct object_link bucket_link(struct worker *w, struct arena *a,
                                      struct storage_bucket *bucket, const struct object *o,
                                      struct str name)
{
    struct err ignored;
    int64_t now = clock_wall_ms();
    if (bucket->settings && o->store_id && o->store_id != bucket->store_id)
        storage_close(bucket);
    if (!bucket->settings &&
        storage_open_store(w->app, w->db, w->store_fetcher, o->store_id, bucket, &ignored) != OK)
        return (struct object_link){STR_NONE, STR_NONE};
    struct str shown = arena_printf(a, "inline; filename=\"%.*s\"", STR_ARG(name));
    struct str saved = arena_printf(a, "attachment; filename=\"%.*s\"", STR_ARG(name));
    return (struct object_link){storage_link(bucket, o->key, shown, false, now, a),
                                storage_link(bucket, o->key, saved, true, now, a)};
}

static struct object_link local_link(struct worker *w, struct arena *a, struct str origin,
                                     const struct object *o, struct str name)
{
    struct str url = link_make(w->app->keys, a, origin, "object", o->id, clock_wall_ms(), name);
    return (struct object_link){url, arena_printf(a, "%.*s?download=1", STR_ARG(url))};
}

struct object_link object_link_make(struct worker *w, struct arena *a, struct str origin,
                                    struct storage_bucket *bucket, const struct object *o,
                                    struct str name)
{
    return o->storage == STORAGE_S3 ? bucket_link(w, a, bucket, o, name)
                                    : local_link(w, a, origin, o, name);
}
