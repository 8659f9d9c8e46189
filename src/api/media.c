/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the store, by their signed links (SG-4).  The link alone opens them: no session
 * is asked for, so a player or a download manager needs nothing else. */
#include <stdio.h>
#include <unistd.h>

#include "api/handlers.h"
#include "api/object_link.h"
#include "base/clock.h"
#include "media/links.h"
#include "media/local.h"
#include "net/send_file.h"
#include "store/objects.h"

struct open_file {
    int fd;
    int64_t size;
    struct str type, etag, disposition;
};

/* User media must not become a page of ours, whatever its bytes claim. */
static const struct http_header guard_headers[] = {
    HTTP_HEADER("X-Content-Type-Options", "nosniff"),
    HTTP_HEADER("Content-Security-Policy",
                "default-src 'none'; media-src 'self'; img-src 'self'; sandbox"),
    HTTP_HEADER("Cross-Origin-Resource-Policy", "cross-origin"),
};

static void nothing(void *ctx)
{
    (void)ctx;
}

static void send_open_file(struct exchange *x, struct call *c)
{
    const struct open_file *f = c->takeover_arg;
    struct send_file_options options = {
        .type = f->type,
        .etag = f->etag,
        .cache_control = STR("private, max-age=86400, immutable"),
        .disposition = f->disposition,
        .extra = guard_headers,
        .extra_count = ARRAY_SIZE(guard_headers),
    };
    send_file(x, c->app->file_workers, f->fd, (uint64_t)f->size, &options, nothing, NULL);
}

static void close_file(struct call *c)
{
    const struct open_file *f = c->takeover_arg;
    close(f->fd);
}

/* The last segment is a suggestion of ours; anything else in it is dropped. */
static struct str safe_name(struct call *c)
{
    struct str name = call_param(c, "name");
    for (size_t i = 0; i < name.n; i++) {
        char ch = name.p[i];
        bool safe = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                    (ch >= '0' && ch <= '9') || ch == '-' || ch == '_' || ch == '.';
        if (!safe)
            return STR("kinora");
    }
    return str_to(name, 100);
}

/* What lies in a bucket is the bucket's to send. */
static enum status send_on(struct call *c, const struct object *o, struct err *err)
{
    _cleanup_(storage_close) struct storage_bucket bucket = {0};
    struct object_link link = object_link_make(c->worker, c->arena, c->origin, &bucket, o,
                                               safe_name(c));
    bool download = str_eq(call_query(c, "download"), STR("1"));
    if (!link.url.p)
        return err_set(err, E_NOT_FOUND, "object_not_found");
    call_header(c, "Location", download ? link.download : link.url);
    call_header(c, "Cache-Control", STR("no-store"));
    TRY(call_empty(c));
    c->status = 302;
    return OK;
}

enum status media_object(struct call *c, struct err *err)
{
    struct object object;
    int64_t id;
    TRY(link_check(c->app->keys, "object", call_param(c, "token"), call_param(c, "name"),
                   clock_wall_ms(), &id, err));
    TRY(object_load(c->db, id, c->arena, &object, err));
    if (object.state != OBJECT_STORED)
        return err_set(err, E_NOT_FOUND, "object_not_found");
    if (object.storage == STORAGE_S3)
        return send_on(c, &object, err);
    struct open_file *f = arena_alloc(c->arena, sizeof(*f));
    TRY(local_read(c->app->local, object.key, &f->fd, &f->size, err));
    bool download = str_eq(call_query(c, "download"), STR("1"));
    f->type = object.type;
    f->etag = arena_printf(c->arena, "\"%.*s\"", STR_ARG(str_to(object.checksum, 32)));
    f->disposition = arena_printf(c->arena, "%s; filename=\"%.*s\"",
                                  download ? "attachment" : "inline", STR_ARG(safe_name(c)));
    c->takeover_arg = f;
    c->takeover = send_open_file;
    c->abandon = close_file;
    return OK;
}
