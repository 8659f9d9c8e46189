/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in memory: posters, input images. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/log.h"
#include "platform/file.h"
#include "service/library_impl.h"
#include "service/quota.h"
#include "store/objects.h"

enum {
    INPUT_MS = 3000, /* in all: a caller waits, on one of the few threads of the API */
    POSTER_MS = 20000,
    READ_MS = 20000,
};

static enum status write_file(struct worker *w, struct str key, struct str bytes, struct err *err)
{
    struct local_writer *writer;
    TRY(local_create(w->app->local, key, &writer, err));
    enum status status = local_write(writer, bytes, err);
    if (status != OK) {
        local_abandon(writer);
        return status;
    }
    return local_finish(writer, err);
}

static enum status write_bytes(struct worker *w, const struct object *o, struct str bytes,
                               struct err *err)
{
    struct storage_bucket bucket;
    if (o->storage == STORAGE_LOCAL)
        return write_file(w, o->key, bytes, err);
    TRY(storage_open_store(w->app, w->db, w->store_fetcher, o->store_id, &bucket, err));
    bucket.s3.tries = 1;
    bucket.s3.timeout_ms = o->generation_id ? POSTER_MS : INPUT_MS;
    bucket.s3.cancelled = jobs_are_cut(w->app);
    enum status status = s3_put(&bucket.s3, o->key, o->type, bytes, err);
    storage_close(&bucket);
    return status;
}

enum status library_write(struct worker *w, struct object *o, struct str bytes, struct arena *a,
                          struct err *err)
{
    unsigned char digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    {
        _cleanup_(db_tx_end) struct db_conn *tx = w->db;
        TRY(library_lock(w, o->user_id, err));
        TRY(quota_reserve(w->app, tx, o, (int64_t)bytes.n, err));
        TRY(db_commit(tx, err));
    }
    enum status status = write_bytes(w, o, bytes, err);
    if (status != OK) {
        library_drop(w, o);
        return status;
    }
    crypto_sha256(bytes, digest);
    hex_encode(digest, sizeof(digest), hex);
    o->checksum = arena_str(a, str_of(hex));
    o->size = (int64_t)bytes.n;
    return OK;
}

/* "{folder}/{user}/{uuid}.{ext}", in S3 behind the prefix. */
static struct str free_key(struct worker *w, enum storage_type storage, const char *folder,
                           int64_t user_id, const char *type, struct arena *a)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(w->app);
    struct str prefix = storage == STORAGE_S3 ? settings->sora_s3_prefix : STR_NONE;
    char uuid[UUID_SIZE];
    crypto_uuid(uuid);
    return arena_printf(a, "%.*s%s%s/%" PRId64 "/%s.%s", STR_ARG(prefix), prefix.n ? "/" : "",
                        folder, user_id, uuid, media_type_extension(type));
}

static enum status put_free(struct worker *w, enum storage_type storage, const char *folder,
                            int64_t user_id, struct str bytes, const char *type, struct arena *a,
                            struct object *ret, struct err *err)
{
    if (storage == STORAGE_LOCAL && !w->app->local)
        return err_set(err, E_UNAVAILABLE, "storage_off");
    *ret = (struct object){.user_id = user_id,
                           .counter = COUNTER_FREE,
                           .storage = storage,
                           .store_id = storage_present(w->app, storage),
                           .key = free_key(w, storage, folder, user_id, type, a),
                           .type = str_of(type)};
    return library_write(w, ret, bytes, a, err);
}

/* In S3 every node can read it; a bucket that does not answer now is not waited for. */
enum status library_put_input(struct worker *w, int64_t user_id, struct str bytes, const char *type,
                              struct arena *a, struct object *ret, struct err *err)
{
    if (storage_is_healthy(w->app)) {
        struct err why = {0};
        if (put_free(w, STORAGE_S3, "inputs", user_id, bytes, type, a, ret, &why) == OK)
            return OK;
        log_warn("an input goes to the disk", LOG_Z("code", why.code), LOG_Z("why", why.detail));
    }
    return put_free(w, STORAGE_LOCAL, "inputs", user_id, bytes, type, a, ret, err);
}

/* For an hour or a day, and given out by this server: on its disk, but where others that answer
 * for it have another. */
enum status library_put_result(struct worker *w, int64_t user_id, struct str bytes,
                               const char *type, struct arena *a, struct object *ret,
                               struct err *err)
{
    struct err why = {0};
    if (storage_is_apart(w->app) && storage_is_healthy(w->app)) {
        if (put_free(w, STORAGE_S3, "results", user_id, bytes, type, a, ret, &why) == OK)
            return OK;
        log_warn("a result goes to the disk", LOG_Z("code", why.code), LOG_Z("why", why.detail));
    }
    return put_free(w, STORAGE_LOCAL, "results", user_id, bytes, type, a, ret, err);
}

static enum status read_whole(int fd, size_t size, struct arena *a, struct str *ret,
                              struct err *err)
{
    char *p = arena_alloc(a, size + 1);
    size_t have = 0;
    if (!p)
        return err_set(err, E_NO_MEMORY, "overloaded");
    while (have < size) {
        ssize_t n = read(fd, p + have, size - have);
        if (n <= 0)
            return err_errno(err, "read a media file");
        have += (size_t)n;
    }
    *ret = (struct str){p, size};
    return OK;
}

static enum status read_bucket(struct worker *w, const struct object *o, size_t max,
                               struct arena *a, struct str *ret, struct err *err)
{
    struct storage_bucket bucket;
    TRY(storage_open_store(w->app, w->db, w->store_fetcher, o->store_id, &bucket, err));
    bucket.s3.tries = 1;
    bucket.s3.timeout_ms = READ_MS;
    bucket.s3.cancelled = jobs_are_cut(w->app);
    enum status status = s3_get(&bucket.s3, o->key, max, a, ret, err);
    storage_close(&bucket);
    /* No bucket there is a fault of the settings, and says nothing of the object. */
    if (status == E_NOT_FOUND && !str_eq(str_of(err->code), STR("object_not_found")))
        return err_set(err, E_UNAVAILABLE, "storage_unavailable");
    return status;
}

/* What another node has on its disk is not gone: it can be read there. */
static enum status not_here(struct worker *w, const struct object *o, enum status status,
                            struct err *err)
{
    bool apart = o->store_id && o->store_id != storage_present(w->app, STORAGE_LOCAL);
    return status == E_NOT_FOUND && apart && storage_is_apart(w->app)
               ? err_set(err, E_UNAVAILABLE, "storage_unavailable")
               : status;
}

/* A file that has no name. */
static enum status put_aside(struct app *app, struct str bytes, int *ret_fd, struct err *err)
{
    char path[1024];
    int n = snprintf(path, sizeof(path), "%s/result-XXXXXX", app->data_dir);
    if (n < 0 || (size_t)n >= sizeof(path))
        return err_set(err, E_INTERNAL, "internal_error");
    _cleanup_close_ int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "make a file for a result");
    unlink(path);
    TRY(file_write_all(fd, bytes, err));
    if (lseek(fd, 0, SEEK_SET) < 0)
        return err_errno(err, "rewind a result's file");
    *ret_fd = fd;
    fd = -1;
    return OK;
}

enum status library_open_object(struct worker *w, const struct object *o, int *ret_fd,
                                int64_t *ret_size, struct err *err)
{
    if (o->storage == STORAGE_LOCAL)
        return not_here(w, o, local_read(w->app->local, o->key, ret_fd, ret_size, err), err);
    _cleanup_(arena_freep) struct arena *a = arena_new(2 * LIBRARY_OPEN_MAX);
    struct str bytes;
    TRY(read_bucket(w, o, LIBRARY_OPEN_MAX, a, &bytes, err));
    TRY(put_aside(w->app, bytes, ret_fd, err));
    *ret_size = (int64_t)bytes.n;
    return OK;
}

enum status library_read_object(struct worker *w, int64_t object_id, size_t max, struct arena *a,
                                struct object *ret, struct str *ret_bytes, struct err *err)
{
    _cleanup_close_ int fd = -1;
    int64_t size;
    TRY(object_load(w->db, object_id, a, ret, err));
    if (ret->storage == STORAGE_S3)
        return read_bucket(w, ret, max, a, ret_bytes, err);
    TRY(not_here(w, ret, local_read(w->app->local, ret->key, &fd, &size, err), err));
    if ((size_t)size > max)
        return err_set(err, E_TOO_LARGE, "too_large");
    return read_whole(fd, (size_t)size, a, ret_bytes, err);
}
