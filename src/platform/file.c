/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/crypto.h"

static enum status fail(const char *path, const char *what, struct err *err)
{
    int saved = errno;
    bool full = saved == ENOSPC || saved == EDQUOT;
    err_set(err, full ? E_NO_SPACE : E_IO, full ? "no_space" : "io_error");
    err_detail(err, "%s %s: %s", what, path, strerror(saved));
    errno = saved;
    return full ? E_NO_SPACE : E_IO;
}

static enum status copy_path(const char *path, char out[PATH_MAX], struct err *err)
{
    size_t n = strlen(path);
    if (n == 0 || n >= PATH_MAX) {
        errno = n ? ENAMETOOLONG : ENOENT;
        return fail(path, "name", err);
    }
    memcpy(out, path, n + 1);
    return OK;
}

/* A new folder's name is durable before anything is put inside. */
static enum status make_one(const char *path, unsigned mode, struct err *err)
{
    struct stat st;
    if (mkdir(path, (mode_t)mode) == 0)
        return file_sync_parent(path, err);
    if (errno == EEXIST && stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return OK;
        errno = ENOTDIR;
    }
    return fail(path, "make folder", err);
}

enum status file_make_dirs(const char *path, unsigned mode, struct err *err)
{
    char part[PATH_MAX];
    TRY(copy_path(path, part, err));
    for (char *at = part + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        TRY(make_one(part, mode, err));
        *at = '/';
    }
    return make_one(part, mode, err);
}

/* Until the end or max + 1 bytes, so that a growing file is noticed. */
static enum status read_all(int fd, const char *path, char *to, size_t max, size_t *ret_n,
                            struct err *err)
{
    size_t n = 0;
    while (n <= max) {
        ssize_t got = read(fd, to + n, max + 1 - n);
        if (got == 0)
            break;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(path, "read", err);
        n += (size_t)got;
    }
    if (n > max)
        return err_set(err, E_TOO_LARGE, "file_too_large");
    *ret_n = n;
    return OK;
}

enum status file_read(const char *path, size_t max, struct arena *a, struct str *ret,
                      struct err *err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    size_t n = 0;
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return err_set(err, E_NOT_FOUND, "file_not_found");
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(path, "open", err);
    /* Devices and /proc have no size of use: room for all that is allowed. */
    size_t room = S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t)st.st_size : max;
    if (room > max)
        return err_set(err, E_TOO_LARGE, "file_too_large");
    char *p = arena_alloc(a, room + 1);
    if (!p)
        return err_set(err, E_NO_MEMORY, "no_memory");
    TRY(read_all(fd, path, p, room, &n, err));
    p[n] = '\0';
    *ret = (struct str){p, n};
    return OK;
}

enum status file_write_all(int fd, struct str bytes, struct err *err)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail("file", "write", err);
        bytes = str_from(bytes, (size_t)n);
    }
    return OK;
}

static void parent_of(const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (!slash)
        memcpy(out, ".", 2);
    else if (n == 0)
        memcpy(out, "/", 2);
    else
        snprintf(out, PATH_MAX, "%.*s", (int)n, path);
}

enum status file_sync_parent(const char *path, struct err *err)
{
    char folder[PATH_MAX];
    parent_of(path, folder);
    return file_sync_dir(folder, err);
}

enum status file_sync_dir(const char *path, struct err *err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return fail(path, "sync folder", err);
    return OK;
}

static enum status write_new(const char *path, struct str bytes, unsigned mode, struct err *err)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(path, "create", err);
    TRY(file_write_all(fd, bytes, err));
    /* By fchmod, since open's mode passes through the umask. */
    if (fchmod(fd, (mode_t)mode) < 0 || fsync(fd) < 0)
        return fail(path, "sync", err);
    return OK;
}

enum status file_write_atomic(const char *path, struct str bytes, unsigned mode, struct err *err)
{
    char temporary[PATH_MAX], uuid[UUID_SIZE];
    crypto_uuid(uuid);
    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.%s.tmp", path, uuid) >=
        sizeof(temporary)) {
        errno = ENAMETOOLONG;
        return fail(path, "name", err);
    }
    enum status status = write_new(temporary, bytes, mode, err);
    if (status == OK && rename(temporary, path) < 0)
        status = fail(path, "rename to", err);
    if (status != OK) {
        unlink(temporary);
        return status;
    }
    return file_sync_parent(path, err);
}

bool file_dir_writable(const char *path)
{
    char probe[PATH_MAX], uuid[UUID_SIZE];
    crypto_uuid(uuid);
    if ((size_t)snprintf(probe, sizeof(probe), "%s/.probe-%s", path, uuid) >= sizeof(probe))
        return false;
    _cleanup_close_ int fd = open(probe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool writable = write(fd, "x", 1) == 1; /* a full disk lets one make an empty file */
    int why = errno;
    unlink(probe);
    errno = why;
    return writable;
}
