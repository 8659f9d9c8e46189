/* SPDX-License-Identifier: Apache-2.0 */
/* The file is one struct that loop and worker pass to and fro: whoever is not named by
 * `working` keeps its hands off the descriptor and the slice being moved.  While a worker
 * moves one slice, the loop fills or empties the other. */
#include "service/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/share.h"
#include "platform/file.h"

/* The last quarter of the memory is for slices alone, so that what finds no more room in memory can
 * still go to the disk. */
enum { RETRY_AFTER_MS = 5000, QUEUE_MS = 50, SLICES = 2 * SPOOL_SLICE, WHOLE_HUNDREDTHS = 75 };

struct slice {
    char *bytes;
    size_t used;
};

struct spool_file {
    struct work work;
    struct task done;
    struct timer retry;  /* set: the workers' queue was full */
    struct spool *spool; /* NULL: released; the end of the work frees it */
    struct loop *loop;
    const char *dir;
    int fd;
    bool working, ending, reading, has_next;
    uint64_t written; /* bytes in the file */
    uint64_t read_at; /* offset of the next slice to read */
    unsigned round;   /* of reading: a slice of an earlier one is stale */
    bool beginning;   /* the slice in `moving` is the memory that came before the file */
    unsigned work_round;
    uint64_t work_at;
    struct slice moving, other; /* with the worker; with the loop */
    size_t charged;             /* what both may hold */
    struct share *memory, *disk;
    struct err err; /* the worker's */
};

/* Of all spools of this process. */
static struct shares on_disk = SHARES_INIT(4LL << 30, 2LL << 30);
static struct shares in_memory = SHARES_INIT(512LL << 20, 256LL << 20);

void spool_set_caps(int64_t disk, int64_t memory)
{
    on_disk.all = disk;
    on_disk.each = MAX(disk / 2, MIN(disk, SPOOL_LARGEST));
    in_memory.all = memory;
    in_memory.each = memory / 2;
}

void spool_init(struct spool *s, struct loop *loop, struct workers *workers, const char *dir,
                void (*on_ready)(struct spool *s))
{
    *s = (struct spool){.loop = loop, .workers = workers, .dir = dir, .on_ready = on_ready};
}

/* ---- the file's life */

static void give_back(struct share *share, uint64_t n)
{
    share_take(share, -(long long)n);
}

static void file_free(struct spool_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    give_back(f->disk, f->written);
    give_back(f->memory, f->charged);
    share_drop(f->disk);
    share_drop(f->memory);
    free(f->moving.bytes);
    free(f->other.bytes);
    free(f);
}

void spool_release(struct spool *s)
{
    if (s->charged)
        give_back(s->share, s->charged);
    share_drop(s->share);
    s->share = NULL;
    free(s->memory);
    free(s->err);
    s->memory = NULL;
    s->err = NULL;
    s->memory_used = s->memory_size = s->charged = 0;
    if (s->file && timer_is_set(&s->file->retry)) {
        timer_unset(s->loop, &s->file->retry);
        s->file->working = false;
    }
    if (s->file && s->file->working)
        s->file->spool = NULL;
    else if (s->file)
        file_free(s->file);
    s->file = NULL;
}

void spool_move(struct spool *to, struct spool *from, void (*on_ready)(struct spool *s))
{
    *to = *from;
    to->on_ready = on_ready;
    if (to->file)
        to->file->spool = to;
    spool_init(from, to->loop, to->workers, to->dir, from->on_ready);
}

static void keep_err(struct spool *s, const struct err *err)
{
    s->err = mem_zalloc(sizeof(*s->err));
    *s->err = *err;
}

/* For want of what others give back: the client may come again.  why: for the log. */
static void overload(struct spool *s, const char *why)
{
    struct err err;
    if (s->err)
        return;
    err_say(&err, E_UNAVAILABLE, "overloaded",
            "The server has no room for this body now. Try again later.");
    err_detail(&err, "%s", why);
    err.retry_after_ms = RETRY_AFTER_MS;
    keep_err(s, &err);
}

/* ---- the worker's side */

/* E_NO_SPACE: of room, descriptors or kernel memory there is none now. */
static enum status open_failed(struct err *err)
{
    bool shortage = errno == ENOSPC || errno == EDQUOT || errno == EMFILE || errno == ENFILE ||
                    errno == ENOMEM;
    err_errno(err, "spool");
    err->status = shortage ? E_NO_SPACE : err->status;
    return err->status;
}

static enum status open_unlinked(struct spool_file *f)
{
    char path[4096];
    f->fd = open(f->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (f->fd >= 0)
        return OK;
    /* What a file system, or a kernel, says that does not know them. */
    if (errno != EOPNOTSUPP && errno != EISDIR)
        return open_failed(&f->err);
    int n = snprintf(path, sizeof(path), "%s/spool-XXXXXX", f->dir);
    if (n < 0 || (size_t)n >= sizeof(path))
        return err_set(&f->err, E_INTERNAL, "internal_error");
    f->fd = mkostemp(path, O_CLOEXEC);
    if (f->fd < 0)
        return open_failed(&f->err);
    unlink(path);
    return OK;
}

static enum status write_slice(struct spool_file *f)
{
    if (f->fd < 0)
        TRY(open_unlinked(f));
    return file_write_all(f->fd, (struct str){f->moving.bytes, f->moving.used}, &f->err);
}

static enum status read_at(int fd, char *bytes, size_t n, uint64_t offset, struct err *err)
{
    while (n) {
        ssize_t got = pread(fd, bytes, n, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_errno(err, "spool");
        bytes += got;
        n -= (size_t)got;
        offset += (size_t)got;
    }
    return OK;
}

static void run(struct work *work, void *thread_state)
{
    struct spool_file *f = CONTAINER_OF(work, struct spool_file, work);
    (void)thread_state;
    f->err.status = OK;
    if (f->reading)
        read_at(f->fd, f->moving.bytes, f->moving.used, f->work_at, &f->err);
    else
        write_slice(f);
    loop_post(f->loop, &f->done);
}

/* A full queue lets the body wait. */
static void submit(struct spool *s)
{
    struct spool_file *f = s->file;
    f->working = true;
    if (!workers_submit(s->workers, &f->work))
        timer_set_in(s->loop, &f->retry, QUEUE_MS);
}

static void try_again(struct timer *t)
{
    submit(CONTAINER_OF(t, struct spool_file, retry)->spool);
}

/* ---- taking bytes in */

static void submit_write(struct spool *s)
{
    struct spool_file *f = s->file;
    struct slice full = f->other;
    if (!share_take(f->disk, (long long)full.used)) {
        overload(s, "bodies on disk, all or one user's, have reached their part of --spool-mib");
        return;
    }
    f->other = f->moving;
    f->other.used = 0;
    f->moving = full;
    f->written += full.used;
    submit(s);
}

static void after_write(struct spool *s)
{
    struct spool_file *f = s->file;
    if (f->beginning) {
        free(f->moving.bytes);
        f->moving.bytes = mem_calloc(1, SPOOL_SLICE);
        give_back(f->memory, f->charged - SLICES);
        f->charged = SLICES;
        f->beginning = false;
    }
    f->moving.used = 0;
    if (f->other.used == SPOOL_SLICE || (f->ending && f->other.used))
        submit_write(s);
}

static void after_read(struct spool_file *f)
{
    if (f->work_round == f->round)
        f->has_next = true;
}

static void done(struct task *task)
{
    struct spool_file *f = CONTAINER_OF(task, struct spool_file, done);
    struct spool *s = f->spool;
    f->working = false;
    if (!s) {
        file_free(f);
        return;
    }
    if (f->err.status == E_NO_SPACE)
        overload(s, f->err.detail);
    else if (f->err.status != OK && !s->err)
        keep_err(s, &f->err);
    if (!s->err && f->reading)
        after_read(f);
    else if (!s->err)
        after_write(s);
    s->on_ready(s);
}

static struct share *share_of(struct spool *s)
{
    if (!s->share)
        s->share = share_hold(&in_memory, s->owner);
    return s->share;
}

/* What is in memory becomes the first slice, however long it is. */
static void move_to_file(struct spool *s)
{
    if (!share_take(share_of(s), SLICES)) {
        overload(s, "bodies in memory, all or one user's, have reached their part of "
                    "--spool-memory-mib");
        return;
    }
    struct spool_file *f = s->file = mem_zalloc(sizeof(*f));
    f->memory = s->share;
    f->disk = share_hold(&on_disk, s->owner);
    s->share = NULL;
    f->beginning = true;
    f->charged = SLICES + s->charged;
    f->work.run = run;
    f->done.fn = done;
    f->retry.fn = try_again;
    f->spool = s;
    f->loop = s->loop;
    f->dir = s->dir;
    f->fd = -1;
    f->moving.bytes = mem_calloc(1, SPOOL_SLICE);
    f->other = (struct slice){s->memory, s->memory_used};
    s->memory = NULL;
    s->memory_used = s->memory_size = s->charged = 0;
    submit_write(s);
}

static bool charge_memory(struct spool *s, size_t size)
{
    size_t wanted = size - MIN(size, (size_t)SPOOL_SHORT);
    if (wanted <= s->charged)
        return true;
    if (!share_take_part(share_of(s), (long long)(wanted - s->charged), WHOLE_HUNDREDTHS))
        return false;
    s->charged = wanted;
    return true;
}

/* Less than is needed where all bodies together have their share; what is short gets its own. */
static void grow_memory(struct spool *s, size_t need)
{
    size_t size = s->memory_size ? s->memory_size : 4096;
    while (size < need)
        size *= 2;
    if (need <= SPOOL_SHORT || !charge_memory(s, size))
        size = MAX(MIN(size, (size_t)SPOOL_SHORT), s->memory_size);
    if (size == s->memory_size)
        return;
    s->memory = mem_realloc(s->memory, size);
    s->memory_size = size;
}

void spool_expect(struct spool *s, int64_t length)
{
    if (length <= 0 || s->memory)
        return;
    s->memory_size = (size_t)MIN(length, (int64_t)SPOOL_EXPECTED);
    s->memory = mem_realloc(NULL, s->memory_size);
}

static size_t write_memory(struct spool *s, struct str bytes)
{
    size_t n = MIN(bytes.n, (size_t)SPOOL_MEMORY - s->memory_used);
    if (s->memory_used + n > s->memory_size)
        grow_memory(s, s->memory_used + n);
    n = MIN(n, s->memory_size - s->memory_used);
    if (n)
        memcpy(s->memory + s->memory_used, bytes.p, n);
    s->memory_used += n;
    return n;
}

static size_t write_file(struct spool *s, struct str bytes)
{
    struct spool_file *f = s->file;
    size_t n = MIN(bytes.n, SPOOL_SLICE - f->other.used);
    memcpy(f->other.bytes + f->other.used, bytes.p, n);
    f->other.used += n;
    if (f->other.used == SPOOL_SLICE && !f->working)
        submit_write(s);
    return n;
}

size_t spool_write(struct spool *s, struct str bytes)
{
    size_t taken = 0;
    while (taken < bytes.n && !s->err) {
        struct str rest = str_from(bytes, taken);
        size_t n = s->file ? write_file(s, rest) : write_memory(s, rest);
        if (!n && s->file)
            break;
        taken += n;
        if (!s->file && taken < bytes.n)
            move_to_file(s);
    }
    s->length += taken;
    return !s->err ? taken : bytes.n;
}

bool spool_end(struct spool *s)
{
    struct spool_file *f = s->file;
    if (!f || s->err)
        return true;
    f->ending = true;
    if (!f->working && f->other.used)
        submit_write(s);
    return s->err != NULL || (!f->working && !f->other.used);
}

/* ---- giving them out again */

bool spool_whole(const struct spool *s, struct str *ret)
{
    *ret = (struct str){s->memory ? s->memory : "", s->memory_used};
    return !s->file;
}

static void submit_read(struct spool *s)
{
    struct spool_file *f = s->file;
    f->moving.used = (size_t)MIN(f->written - f->read_at, (uint64_t)SPOOL_SLICE);
    f->work_round = f->round;
    f->work_at = f->read_at;
    if (f->moving.used)
        submit(s);
}

void spool_rewind(struct spool *s)
{
    struct spool_file *f = s->file;
    if (!f)
        return;
    if (!f->reading)
        f->reading = true;
    f->has_next = false;
    f->round++;
    f->read_at = 0;
    /* A worker may be looking at it still, from the round before. */
    if (!f->working)
        submit_read(s);
}

enum spool_read spool_next(struct spool *s, struct str *ret)
{
    struct spool_file *f = s->file;
    if (s->err)
        return SPOOL_FAILED;
    if (!f->working && !f->has_next) {
        if (f->read_at == f->written)
            return SPOOL_AT_END;
        submit_read(s); /* a stale slice was in the way */
    }
    if (!f->has_next)
        return !s->err ? SPOOL_WAIT : SPOOL_FAILED;
    struct slice read = f->moving;
    f->moving = f->other;
    f->other = read;
    f->has_next = false;
    f->read_at += read.used;
    *ret = (struct str){read.bytes, read.used};
    submit_read(s);
    return SPOOL_PIECE;
}

enum status spool_copy(const struct spool *s, char *to, struct err *err)
{
    if (s->file)
        return read_at(s->file->fd, to, (size_t)s->length, 0, err);
    if (s->memory_used)
        memcpy(to, s->memory, s->memory_used);
    return OK;
}

enum status spool_load(struct spool *s, size_t max, struct arena *a, struct str *ret,
                       struct err *err)
{
    if (s->length > max)
        return err_set(err, E_TOO_LARGE, "too_large");
    char *bytes = arena_alloc(a, (size_t)s->length + 1);
    if (!bytes)
        return err_set(err, E_NO_MEMORY, "overloaded");
    TRY(spool_copy(s, bytes, err));
    *ret = (struct str){bytes, (size_t)s->length};
    return OK;
}
