/* SPDX-License-Identifier: Apache-2.0 */
#include "media/local_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/file.h"

enum {
    PATH_BYTES = LOCAL_ROOT_MAX,
    KEY_BYTES = LOCAL_KEY_MAX,
    CREATE_TRIES = 1000,
    WRITE_BEHIND_BYTES = 8 << 20,
};

/* What media leave of the disk to the database: without it nobody could sign in any more, nor
 * delete a work to make room. */
#define RESERVE_BYTES (UINT64_C(64) << 20)

struct local_writer {
    int fd;
    int64_t size, started; /* bytes written, and of them those on their way to the disk */
    char path[PATH_BYTES + KEY_BYTES];
    char *becomes; /* the name that it gets when it is whole; NULL: it has it */
};

static void free_writer(struct local_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    free(w->becomes);
    free(w);
}

enum status local_open(const char *data_dir, struct local_store **ret, struct err *err)
{
    _cleanup_free_ struct local_store *s = mem_zalloc(sizeof(*s));
    TRY(file_make_dirs(data_dir, 0700, err));
    _cleanup_free_ char *full = realpath(data_dir, NULL);
    if (!full)
        return err_errno(err, "find the data folder's full path");
    int n = snprintf(s->root, sizeof(s->root), "%s/media", full);
    if (n < 0 || (size_t)n >= sizeof(s->root))
        return err_say(err, E_INVALID, "bad_option", "The data folder's path is too long.");
    TRY(file_make_dirs(s->root, 0700, err));
    *ret = s;
    s = NULL;
    return OK;
}

void local_close(struct local_store *s)
{
    free(s);
}

enum status local_check(struct local_store *s, struct err *err)
{
    if (file_dir_writable(s->root))
        return OK;
    return errno == ENOSPC || errno == EDQUOT ? err_set(err, E_NO_SPACE, "disk_full")
                                              : err_set(err, E_UNAVAILABLE, "storage_off");
}

bool local_room(struct local_store *s, int64_t *ret_size, int64_t *ret_left)
{
    struct statvfs fs;
    if (statvfs(s->root, &fs) < 0 || fs.f_blocks == 0)
        return false;
    *ret_size = (int64_t)((uint64_t)fs.f_blocks * fs.f_frsize);
    *ret_left = (int64_t)((uint64_t)fs.f_bavail * fs.f_frsize);
    return true;
}

/* ---- its mark */

enum { MARK_CHARS = UUID_SIZE - 1, MARK_TRIES = 25, MARK_PAUSE_MS = 20 };

static bool read_mark(const char *path, char ret[UUID_SIZE])
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || read(fd, ret, UUID_SIZE) != MARK_CHARS)
        return false;
    ret[MARK_CHARS] = '\0';
    return true;
}

/* False when somebody else has made it, or is about to. */
static bool make_mark(const char *path, const char mark[UUID_SIZE])
{
    struct err ignored;
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd >= 0 && file_write_all(fd, str_of(mark), &ignored) == OK && fsync(fd) == 0 &&
           file_sync_parent(path, &ignored) == OK;
}

enum status local_mark(struct local_store *s, char ret[UUID_SIZE], struct err *err)
{
    char path[PATH_BYTES + KEY_BYTES], mark[UUID_SIZE];
    struct timespec pause = {.tv_nsec = MARK_PAUSE_MS * 1000000L};
    snprintf(path, sizeof(path), "%s/.store", s->root);
    crypto_uuid(mark);
    for (int i = 0; i < MARK_TRIES; i++) {
        if (read_mark(path, ret))
            return OK;
        if (!make_mark(path, mark))
            nanosleep(&pause, NULL);
    }
    /* Whoever began it has died. */
    TRY(file_write_atomic(path, str_of(mark), 0600, err));
    return read_mark(path, ret) ? OK : err_errno(err, "read the media folder's mark");
}

enum status local_set_mark(struct local_store *s, struct str mark, struct err *err)
{
    char path[PATH_BYTES + KEY_BYTES];
    if (mark.n != MARK_CHARS)
        return err_set(err, E_INVALID, "backup_damaged");
    snprintf(path, sizeof(path), "%s/.store", s->root);
    return file_write_atomic(path, mark, 0600, err);
}

/* ---- keys */

static bool is_safe_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

/* Keys are ours, but a row may have been edited: no dot segment, no empty one. */
bool local_is_safe_key(struct str key)
{
    if (key.n == 0 || key.n >= KEY_BYTES)
        return false;
    while (key.p) {
        struct str segment = str_cut(&key, '/');
        if (segment.n == 0 || segment.p[0] == '.')
            return false;
        for (size_t i = 0; i < segment.n; i++) {
            if (!is_safe_char(segment.p[i]))
                return false;
        }
    }
    return true;
}

static enum status path_of(struct local_store *s, struct str key, char out[PATH_BYTES + KEY_BYTES],
                           struct err *err)
{
    if (!local_is_safe_key(key)) {
        err_set(err, E_INTERNAL, "internal_error");
        err_detail(err, "unsafe object key %.*s", STR_ARG(str_to(key, 100)));
        return E_INTERNAL;
    }
    snprintf(out, PATH_BYTES + KEY_BYTES, "%s/%.*s", s->root, STR_ARG(key));
    return OK;
}

/* The folder part of a path, into dir. */
static void parent_of(const char *path, char dir[PATH_BYTES + KEY_BYTES])
{
    snprintf(dir, PATH_BYTES + KEY_BYTES, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        *slash = '\0';
}

static enum status disk_error(struct err *err, const char *what)
{
    bool full = errno == ENOSPC || errno == EDQUOT;
    err_errno(err, what);
    if (!full)
        return E_IO;
    err_set(err, E_NO_SPACE, "disk_full");
    return E_NO_SPACE;
}

/* local_remove() takes empty folders away, at any moment between the making of one and of what is
 * to be in it: only a file keeps them. */
static enum status make_file(struct local_writer *w, int flags, struct err *err)
{
    char dir[PATH_BYTES + KEY_BYTES];
    parent_of(w->path, dir);
    for (int i = 0; i < CREATE_TRIES; i++) {
        enum status status = file_make_dirs(dir, 0700, err);
        if (status == OK)
            w->fd = open(w->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
        if (status == OK && w->fd >= 0)
            return OK;
        if (errno == ENOENT)
            continue;
        if (status != OK)
            return status;
        return errno == EEXIST ? err_set(err, E_CONFLICT, "key_taken")
                               : disk_error(err, "make a media file");
    }
    return err_set(err, E_UNAVAILABLE, "overloaded");
}

enum status local_create(struct local_store *s, struct str key, struct local_writer **ret,
                         struct err *err)
{
    _cleanup_free_ struct local_writer *w = mem_zalloc(sizeof(*w));
    TRY(path_of(s, key, w->path, err));
    TRY(make_file(w, O_EXCL, err));
    *ret = w;
    w = NULL;
    return OK;
}

enum status local_reopen(struct local_store *s, struct str key, struct local_writer **ret,
                         struct err *err)
{
    _cleanup_free_ struct local_writer *w = mem_zalloc(sizeof(*w));
    TRY(path_of(s, key, w->path, err));
    TRY(make_file(w, 0, err));
    *ret = w;
    w = NULL;
    return OK;
}

/* Under a name beside it that no key can have, so that no walk takes it for a file; what was left
 * there by one that died is written over. */
enum status local_replace(struct local_store *s, struct str key, struct local_writer **ret,
                          struct err *err)
{
    struct local_writer *w = mem_zalloc(sizeof(*w));
    w->fd = -1;
    enum status status = path_of(s, key, w->path, err);
    if (status == OK) {
        w->becomes = mem_strdup(w->path);
        parent_of(w->becomes, w->path);
        strncat(w->path, "/.new", sizeof(w->path) - strlen(w->path) - 1);
        status = make_file(w, O_TRUNC, err);
    }
    if (status == OK)
        *ret = w;
    else
        free_writer(w);
    return status;
}

enum status local_lock(struct local_writer *w, struct err *err)
{
    while (flock(w->fd, LOCK_EX) < 0) {
        if (errno != EINTR)
            return err_errno(err, "lock a media file");
    }
    return OK;
}

void local_unlock(struct local_writer *w)
{
    flock(w->fd, LOCK_UN);
}

enum status local_cut(struct local_writer *w, int64_t size, struct err *err)
{
    struct stat st;
    if (fstat(w->fd, &st) < 0)
        return err_errno(err, "stat a media file");
    if (st.st_size < size)
        return err_set(err, E_GONE, "upload_lost");
    if (ftruncate(w->fd, size) < 0 || lseek(w->fd, size, SEEK_SET) < 0)
        return err_errno(err, "cut a media file");
    w->size = w->started = size;
    return OK;
}

enum status local_sync(struct local_writer *w, struct err *err)
{
    char dir[PATH_BYTES + KEY_BYTES];
    if (fsync(w->fd) < 0)
        return disk_error(err, "sync a media file");
    parent_of(w->path, dir);
    return file_sync_dir(dir, err);
}

void local_leave(struct local_writer *w)
{
    if (w)
        free_writer(w);
}

/* A file system that does not say how large it is has room. */
static bool leaves_reserve(const struct local_writer *w, size_t n)
{
    struct statvfs fs;
    if (fstatvfs(w->fd, &fs) < 0 || fs.f_blocks == 0)
        return true;
    return (uint64_t)fs.f_bavail * fs.f_frsize >= RESERVE_BYTES + n;
}

/* The disk works while the rest is coming, so that local_sync() has little to wait for.  Only a
 * hint: what it does not say, local_sync() does. */
static void start_writing(struct local_writer *w)
{
    int64_t n = w->size - w->started;
    if (n < WRITE_BEHIND_BYTES)
        return;
    sync_file_range(w->fd, w->started, n, SYNC_FILE_RANGE_WRITE);
    w->started = w->size;
}

enum status local_write(struct local_writer *w, struct str bytes, struct err *err)
{
    if (!leaves_reserve(w, bytes.n))
        return err_set(err, E_NO_SPACE, "disk_full");
    enum status status = file_write_all(w->fd, bytes, err);
    if (status != OK)
        return status == E_NO_SPACE ? err_set(err, E_NO_SPACE, "disk_full") : status;
    w->size += (int64_t)bytes.n;
    start_writing(w);
    return OK;
}

/* Its bytes are on disk before the name is its own: whatever ends the process, one of the two whole
 * files has it. */
static enum status take_name(struct local_writer *w, struct err *err)
{
    if (fsync(w->fd) < 0)
        return disk_error(err, "sync a media file");
    return rename(w->path, w->becomes) < 0 ? disk_error(err, "name a media file") : OK;
}

enum status local_finish(struct local_writer *w, struct err *err)
{
    enum status status = w->becomes ? take_name(w, err) : OK;
    if (status == OK)
        status = local_sync(w, err);
    if (status == OK)
        local_leave(w);
    else
        local_abandon(w);
    return status;
}

void local_abandon(struct local_writer *w)
{
    if (!w)
        return;
    unlink(w->path);
    free_writer(w);
}

enum status local_read(struct local_store *s, struct str key, int *ret_fd, int64_t *ret_size,
                       struct err *err)
{
    char path[PATH_BYTES + KEY_BYTES];
    struct stat st;
    TRY(path_of(s, key, path, err));
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? err_set(err, E_NOT_FOUND, "object_not_found")
                               : err_errno(err, "open a media file");
    if (fstat(fd, &st) < 0)
        return err_errno(err, "stat a media file");
    *ret_fd = fd;
    *ret_size = st.st_size;
    fd = -1;
    return OK;
}

void local_path(struct local_store *s, struct str key, char *out, size_t size)
{
    out[0] = '\0';
    if (local_is_safe_key(key))
        snprintf(out, size, "%s/%.*s", s->root, STR_ARG(key));
}

enum status local_remove(struct local_store *s, struct str key, struct err *err)
{
    char path[PATH_BYTES + KEY_BYTES];
    TRY(path_of(s, key, path, err));
    if (unlink(path) < 0 && errno != ENOENT)
        return err_errno(err, "remove a media file");
    size_t root = strlen(s->root);
    for (char *slash; (slash = strrchr(path, '/')) && (size_t)(slash - path) > root;) {
        *slash = '\0';
        if (rmdir(path) < 0)
            break;
    }
    return OK;
}
