/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "platform/crypto.h"
#include "platform/file.h"

enum { HEAD_BYTES = 9, PIECE_BYTES = 1 << 20 };
static const struct str magic = {"kinora backup 1\n", 16};

/* ---- writing */

struct archive_writer {
    int fd;
    struct buf out;
    struct sha256 sum;
    int64_t bytes;
    char *path, *temporary;
};

static enum status cannot_write(const char *path, struct err *err)
{
    int why = errno;
    err_errno(err, "write the backup");
    return err_say(err, E_IO, "io_error", "%s cannot be written: %s", path, strerror(why));
}

static enum status flush(struct archive_writer *w, struct err *err)
{
    sha256_update(&w->sum, buf_str(&w->out));
    w->bytes += (int64_t)buf_len(&w->out);
    if (file_write_all(w->fd, buf_str(&w->out), err) != OK)
        return cannot_write(w->path, err);
    buf_reset(&w->out);
    return OK;
}

static enum status put(struct archive_writer *w, struct str bytes, struct err *err)
{
    while (bytes.n) {
        struct str piece = str_to(bytes, PIECE_BYTES - buf_len(&w->out));
        buf_add(&w->out, piece);
        bytes = str_from(bytes, piece.n);
        if (buf_len(&w->out) == PIECE_BYTES)
            TRY(flush(w, err));
    }
    return OK;
}

void archive_abandon(struct archive_writer *w)
{
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    if (w->temporary)
        unlink(w->temporary);
    buf_release(&w->out);
    free(w->path);
    free(w->temporary);
    free(w);
}
DEFINE_CLEANUP(struct archive_writer, archive_abandon)

enum status archive_create(const char *path, struct archive_writer **ret, struct err *err)
{
    _cleanup_(archive_abandonp) struct archive_writer *w = mem_zalloc(sizeof(*w));
    char temporary[PATH_MAX], uuid[UUID_SIZE];
    w->fd = -1;
    if (access(path, F_OK) == 0)
        return err_say(err, E_CONFLICT, "key_taken", "%s is there already", path);
    crypto_uuid(uuid);
    snprintf(temporary, sizeof(temporary), "%s.%.8s.part", path, uuid);
    w->fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (w->fd < 0)
        return cannot_write(path, err);
    w->path = mem_strdup(path);
    w->temporary = mem_strdup(temporary);
    w->out = BUF_INIT(PIECE_BYTES);
    sha256_init(&w->sum);
    TRY(put(w, magic, err));
    *ret = w;
    w = NULL;
    return OK;
}

static void write_head(char head[HEAD_BYTES], char type, size_t n)
{
    head[0] = type;
    for (int i = 0; i < 8; i++)
        head[1 + i] = (char)(unsigned char)((uint64_t)n >> (56 - 8 * i));
}

enum status archive_add(struct archive_writer *w, char type, struct str payload, struct err *err)
{
    char head[HEAD_BYTES];
    if (payload.n > ARCHIVE_RECORD_MAX)
        return err_say(err, E_TOO_LARGE, "too_large", "a row is too large for a backup");
    write_head(head, type, payload.n);
    TRY(put(w, (struct str){head, HEAD_BYTES}, err));
    return put(w, payload, err);
}

/* A name that is taken meanwhile is not taken from its owner. */
static enum status give_name(struct archive_writer *w, struct err *err)
{
    if (fsync(w->fd) < 0 || link(w->temporary, w->path) < 0)
        return cannot_write(w->path, err);
    return file_sync_parent(w->path, err);
}

enum status archive_finish(struct archive_writer *w_, int64_t *ret_bytes, struct err *err)
{
    _cleanup_(archive_abandonp) struct archive_writer *w = w_;
    unsigned char digest[SHA256_SIZE];
    char head[HEAD_BYTES];
    TRY(flush(w, err));
    sha256_final(&w->sum, digest);
    write_head(head, ARCHIVE_END, SHA256_SIZE);
    buf_add(&w->out, (struct str){head, HEAD_BYTES});
    buf_add(&w->out, (struct str){(char *)digest, SHA256_SIZE});
    *ret_bytes = w->bytes + (int64_t)buf_len(&w->out);
    if (file_write_all(w->fd, buf_str(&w->out), err) != OK)
        return cannot_write(w->path, err);
    return give_name(w, err);
}

/* ---- reading */

struct archive_reader {
    FILE *file;
    struct sha256 sum;
    struct buf payload;
    char *path;
};

void archive_close(struct archive_reader *r)
{
    if (!r)
        return;
    if (r->file)
        fclose(r->file);
    buf_release(&r->payload);
    free(r->path);
    free(r);
}

static enum status refuse(struct archive_reader *r, const char *code, const char *what,
                          struct err *err)
{
    return err_say(err, E_INVALID, code, "%s %s", r->path, what);
}

static enum status take(struct archive_reader *r, char *to, size_t n, struct err *err)
{
    if (fread(to, 1, n, r->file) == n)
        return OK;
    if (ferror(r->file))
        return err_say(err, E_IO, "io_error", "%s cannot be read", r->path);
    return refuse(r, "backup_cut", "is cut off: the end of the backup is missing", err);
}

enum status archive_open(const char *path, struct archive_reader **ret, struct err *err)
{
    _cleanup_(archive_closep) struct archive_reader *r = mem_zalloc(sizeof(*r));
    char head[16];
    r->path = mem_strdup(path);
    r->file = fopen(path, "re");
    if (!r->file)
        return err_say(err, E_NOT_FOUND, "file_not_found", "%s cannot be read: %s", path,
                       strerror(errno));
    if (fread(head, 1, magic.n, r->file) != magic.n || memcmp(head, magic.p, magic.n) != 0)
        return refuse(r, "not_a_backup", "is no backup of this program", err);
    sha256_init(&r->sum);
    r->payload = BUF_INIT(ARCHIVE_RECORD_MAX);
    sha256_update(&r->sum, magic);
    *ret = r;
    r = NULL;
    return OK;
}

/* In pieces: what a damaged length promises is not asked of the machine. */
static enum status take_payload(struct archive_reader *r, uint64_t n, struct err *err)
{
    buf_reset(&r->payload);
    while (n) {
        size_t piece = (size_t)MIN(n, (uint64_t)PIECE_BYTES);
        char *to = buf_reserve(&r->payload, piece);
        if (!to)
            return err_set(err, E_NO_MEMORY, "no_memory");
        TRY(take(r, to, piece, err));
        buf_commit(&r->payload, piece);
        n -= piece;
    }
    return OK;
}

static enum status check_end(struct archive_reader *r, struct err *err)
{
    unsigned char digest[SHA256_SIZE];
    sha256_final(&r->sum, digest);
    struct str told = buf_str(&r->payload);
    if (told.n != SHA256_SIZE || memcmp(told.p, digest, SHA256_SIZE) != 0 || fgetc(r->file) != EOF)
        return refuse(r, "backup_damaged", "is damaged: its checksum is wrong", err);
    return OK;
}

enum status archive_next(struct archive_reader *r, char *ret_type, struct str *ret_payload,
                         struct err *err)
{
    char head[HEAD_BYTES];
    uint64_t n = 0;
    TRY(take(r, head, sizeof(head), err));
    for (int i = 0; i < 8; i++)
        n = n << 8 | (unsigned char)head[1 + i];
    if (n > ARCHIVE_RECORD_MAX)
        return refuse(r, "backup_damaged", "is damaged: a length is impossible", err);
    TRY(take_payload(r, n, err));
    *ret_type = head[0];
    *ret_payload = buf_str(&r->payload);
    if (head[0] == ARCHIVE_END)
        return check_end(r, err);
    sha256_update(&r->sum, (struct str){head, sizeof(head)});
    sha256_update(&r->sum, *ret_payload);
    return OK;
}
