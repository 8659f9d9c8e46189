/* SPDX-License-Identifier: Apache-2.0 */
#include "media/s3_writer.h"

#include <string.h>

#include "media/s3_sender.h"

enum { MIB = 1 << 20, GROWS_AT = 8000 };

struct s3_writer {
    const struct s3 *s3;
    struct str key, type;
    int64_t length; /* -1 unknown */
    const struct s3_writer_hooks *hooks;
    struct sha256 digest;
    int64_t total;
    char *part; /* what has not been sent, or is on its way */
    size_t part_n, part_size;
    char *ahead; /* what came behind a part that is on its way */
    size_t ahead_n;
    struct sha256 part_sum, ahead_sum; /* taken as they come: a store that works waits for none */
    bool sending;
    enum status failed; /* to send a part; then it is of no more use */
    struct err why;
    struct s3_sender *sender;         /* NULL: nothing was sent yet */
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
        least = w->count >= GROWS_AT ? S3_WRITER_BYTES : 0;
    return (size_t)MIN(MAX(least, S3_PART_BYTES), S3_WRITER_BYTES);
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
    /* Only what is used becomes real memory. */
    w->part = mem_realloc(NULL, S3_WRITER_BYTES);
    w->ahead = mem_realloc(NULL, S3_WRITER_BYTES - S3_PART_BYTES);
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
    sha256_init(&w->part_sum);
    sha256_init(&w->ahead_sum);
    return w;
}

void s3_writer_free(struct s3_writer *w)
{
    if (!w)
        return;
    s3_sender_free(w->sender);
    free(w->ahead);
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

static enum status start_part(struct s3_writer *w, struct err *err)
{
    unsigned char digest[SHA256_SIZE];
    if (w->count == S3_PARTS_MAX)
        return err_set(err, E_TOO_LARGE, "storage_refused");
    if (!w->upload_id[0])
        TRY(begin(w, err));
    if (!w->sender)
        w->sender = s3_sender_new(w->s3->fetcher);
    sha256_final(&w->part_sum, digest);
    s3_sender_start(w->sender, w->s3, w->key, w->upload_id, (int)w->count + 1, unsent(w), digest);
    w->sending = true;
    sha256_update(&w->digest, unsent(w)); /* meanwhile */
    return OK;
}

static enum status note_part(struct s3_writer *w, struct err *err)
{
    struct s3_part *part = next_part(w);
    TRY(s3_sender_end(w->sender, w->s3, part, err));
    w->count++;
    w->part_size = size_of_part(w);
    return w->hooks->part(part, &w->digest, w->hooks->ctx, err);
}

/* Blocks until what is on its way is there, or the writer has failed; what came behind it is
 * next. */
static void end_part(struct s3_writer *w)
{
    w->failed = note_part(w, &w->why);
    w->sending = false;
    memcpy(w->part, w->ahead, w->ahead_n);
    w->part_n = w->ahead_n;
    w->ahead_n = 0;
    w->part_sum = w->ahead_sum;
    sha256_init(&w->ahead_sum);
}

static enum status outcome(const struct s3_writer *w, struct err *err)
{
    if (w->failed != OK)
        *err = w->why;
    return w->failed;
}

/* Copies as many of them as there is room for now. */
static size_t take(struct s3_writer *w, struct str bytes)
{
    char *to = w->sending ? w->ahead + w->ahead_n : w->part + w->part_n;
    size_t *n = w->sending ? &w->ahead_n : &w->part_n;
    size_t room = w->sending ? S3_WRITER_BYTES - w->part_size : w->part_size;
    size_t taken = MIN(bytes.n, room - *n);
    memcpy(to, bytes.p, taken);
    sha256_update(w->sending ? &w->ahead_sum : &w->part_sum, str_to(bytes, taken));
    *n += taken;
    w->total += (int64_t)taken;
    return taken;
}

void s3_writer_tend(struct s3_writer *w)
{
    if (w->sending && s3_sender_is_done(w->sender))
        end_part(w);
}

void s3_writer_settle(struct s3_writer *w)
{
    if (w->sending)
        end_part(w);
}

enum status s3_writer_write(struct s3_writer *w, struct str bytes, struct err *err)
{
    while (bytes.n) {
        s3_writer_tend(w);
        TRY(outcome(w, err));
        size_t n = take(w, bytes);
        bytes = str_from(bytes, n);
        if (n)
            continue;
        /* A full one waits for the byte behind it: the last part may be the only one. */
        if (w->sending)
            end_part(w);
        else
            TRY(start_part(w, err));
    }
    return OK;
}

struct str s3_writer_unsent(const struct s3_writer *w)
{
    return unsent(w);
}

enum status s3_writer_flush(struct s3_writer *w, struct err *err)
{
    s3_writer_settle(w);
    TRY(outcome(w, err));
    if (!w->part_n)
        return OK;
    TRY(start_part(w, err));
    end_part(w);
    return outcome(w, err);
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
        w->digest = w->part_sum;
        TRY(s3_put(w->s3, w->key, w->type, unsent(w), err));
    } else {
        TRY(complete(w, err));
    }
    sha256_final(&w->digest, ret_digest);
    return check(w, err);
}
