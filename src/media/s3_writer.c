/* SPDX-License-Identifier: Apache-2.0 */
#include "media/s3_writer.h"

#include <string.h>

enum { MIB = 1 << 20, GROWS_AT = 8000 };

struct s3_writer {
    const struct s3 *s3;
    struct str key, type;
    int64_t length; /* -1 unknown */
    const struct s3_writer_hooks *hooks;
    struct sha256 digest;
    int64_t total;
    char *part; /* what has not been sent */
    size_t part_n, part_size;
    char upload_id[S3_UPLOAD_ID_MAX]; /* "" : none begun */
    struct s3_part *parts;
    size_t count, room;
};

/* Of a known length: so much that 10,000 are enough.  Of an unknown one: the last fifth grows. */
static size_t size_of_part(const struct s3_writer *w)
{
    int64_t least = w->length / S3_PARTS_MAX + 1;
    if (w->length >= 0)
        least = (least + MIB - 1) / MIB * MIB;
    else
        least = w->count >= GROWS_AT ? S3_PART_BYTES_MAX : 0;
    return (size_t)MIN(MAX(least, S3_PART_BYTES), S3_PART_BYTES_MAX);
}

struct s3_writer *s3_writer_new(const struct s3 *s, struct str key, struct str type, int64_t length,
                                const struct s3_writer_hooks *hooks,
                                const struct s3_writer_state *from)
{
    struct s3_writer *w = mem_zalloc(sizeof(*w));
    w->s3 = s;
    w->key = key;
    w->type = type;
    w->length = length;
    w->hooks = hooks;
    w->part = mem_realloc(NULL, S3_PART_BYTES_MAX); /* only what is used becomes real memory */
    if (!from) {
        sha256_init(&w->digest);
    } else {
        w->digest = from->digest;
        w->count = w->room = from->count;
        w->parts = mem_calloc(from->count, sizeof(*w->parts));
        if (from->count)
            memcpy(w->parts, from->parts, from->count * sizeof(*w->parts));
        strncpy(w->upload_id, from->upload_id, sizeof(w->upload_id) - 1);
        for (size_t i = 0; i < from->count; i++)
            w->total += from->parts[i].size;
    }
    w->part_size = size_of_part(w);
    return w;
}

void s3_writer_free(struct s3_writer *w)
{
    if (!w)
        return;
    free(w->parts);
    free(w->part);
    free(w);
}

static struct str unsent(const struct s3_writer *w)
{
    return (struct str){w->part, w->part_n};
}

static enum status begin(struct s3_writer *w, struct err *err)
{
    TRY(s3_upload_begin(w->s3, w->key, w->type, w->upload_id, err));
    return w->hooks->begun(w->upload_id, w->hooks->ctx, err);
}

static struct s3_part *next_part(struct s3_writer *w)
{
    if (w->count == w->room) {
        w->room = MAX(2 * w->room, 16);
        w->parts = mem_realloc(w->parts, w->room * sizeof(*w->parts));
    }
    return &w->parts[w->count];
}

static enum status send_part(struct s3_writer *w, struct err *err)
{
    if (w->count == S3_PARTS_MAX)
        return err_set(err, E_TOO_LARGE, "storage_refused");
    if (!w->upload_id[0])
        TRY(begin(w, err));
    struct s3_part *part = next_part(w);
    TRY(s3_upload_part(w->s3, w->key, w->upload_id, (int)w->count + 1, unsent(w), part, err));
    sha256_update(&w->digest, unsent(w));
    w->count++;
    w->part_n = 0;
    TRY(w->hooks->part(part, &w->digest, w->hooks->ctx, err));
    w->part_size = size_of_part(w);
    return OK;
}

enum status s3_writer_write(struct s3_writer *w, struct str bytes, struct err *err)
{
    while (bytes.n) {
        /* A full one waits for the byte behind it: the last part may be the only one. */
        if (w->part_n == w->part_size)
            TRY(send_part(w, err));
        size_t n = MIN(bytes.n, w->part_size - w->part_n);
        memcpy(w->part + w->part_n, bytes.p, n);
        w->part_n += n;
        w->total += (int64_t)n;
        bytes = str_from(bytes, n);
    }
    return OK;
}

struct str s3_writer_unsent(const struct s3_writer *w)
{
    return unsent(w);
}

enum status s3_writer_flush(struct s3_writer *w, struct err *err)
{
    return w->part_n ? send_part(w, err) : OK;
}

/* What the store says it has: an answer alone has lied before. */
static enum status check(const struct s3_writer *w, struct err *err)
{
    int64_t size;
    TRY(s3_head(w->s3, w->key, &size, err));
    if (size == w->total)
        return OK;
    err_set(err, E_UNAVAILABLE, "storage_unavailable");
    err_detail(err, "the store has %lld bytes of %lld", (long long)size, (long long)w->total);
    return E_UNAVAILABLE;
}

/* Whoever died behind its completion has left the whole object, and no upload to add a part to. */
static enum status complete(struct s3_writer *w, struct err *err)
{
    struct err ignored;
    enum status status = s3_writer_flush(w, err);
    if (status == E_NOT_FOUND && str_eq(str_of(err->code), STR("upload_gone")) &&
        check(w, &ignored) == OK) {
        sha256_update(&w->digest, unsent(w));
        return OK;
    }
    TRY(status);
    return s3_upload_complete(w->s3, w->key, w->upload_id, w->parts, w->count, err);
}

enum status s3_writer_finish(struct s3_writer *w, unsigned char ret_digest[SHA256_SIZE],
                             struct err *err)
{
    if (!w->upload_id[0]) {
        sha256_update(&w->digest, unsent(w));
        TRY(s3_put(w->s3, w->key, w->type, unsent(w), err));
    } else {
        TRY(complete(w, err));
    }
    sha256_final(&w->digest, ret_digest);
    return check(w, err);
}
