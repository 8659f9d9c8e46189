/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "shim_undo.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct change {
    struct change *older;
    dev_t device;
    ino_t file;
    char path[512];
    off_t at, size; /* size: of the whole file, before */
    size_t n;
    char was[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct change *newest;
static bool enabled;

void undo_enable(void)
{
    enabled = true;
}

/* SQLite's index of its log: never synced, made anew by the next process, and looked at by the
 * other threads to the very end. */
static bool is_mapped(const char *path)
{
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, "-shm") == 0;
}

static void keep(int fd, const struct stat *st, off_t at, size_t n)
{
    char link[64];
    size_t there = at < st->st_size ? (size_t)(st->st_size - at) : 0;
    size_t kept = n < there ? n : there;
    struct change *c = calloc(1, sizeof(*c) + kept);
    if (!c)
        abort();
    *c = (struct change){
        .older = newest, .device = st->st_dev, .file = st->st_ino, .at = at, .size = st->st_size};
    /* The descriptor may not read. */
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    syscall(SYS_readlinkat, AT_FDCWD, link, c->path, sizeof(c->path) - 1);
    if (is_mapped(c->path)) {
        free(c);
        return;
    }
    int in = kept ? (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0) : -1;
    ssize_t got = in < 0 ? 0 : syscall(SYS_pread64, in, c->was, kept, at);
    if (in >= 0)
        syscall(SYS_close, in);
    c->n = got > 0 ? (size_t)got : 0;
    newest = c;
}

void undo_begin(int fd, off_t at, size_t n)
{
    struct stat st;
    if (!enabled)
        return;
    pthread_mutex_lock(&lock);
    if (syscall(SYS_fstat, fd, &st) == 0 && S_ISREG(st.st_mode))
        keep(fd, &st, at, n);
}

void undo_end(void)
{
    if (enabled)
        pthread_mutex_unlock(&lock);
}

static void forget(const struct stat *st)
{
    for (struct change **p = &newest; *p;) {
        struct change *c = *p;
        if (c->device != st->st_dev || c->file != st->st_ino) {
            p = &c->older;
            continue;
        }
        *p = c->older;
        free(c);
    }
}

int undo_sync(int fd, long call)
{
    struct stat st;
    if (!enabled)
        return (int)syscall(call, fd);
    pthread_mutex_lock(&lock);
    int status = (int)syscall(call, fd);
    if (status == 0 && syscall(SYS_fstat, fd, &st) == 0)
        forget(&st);
    pthread_mutex_unlock(&lock);
    return status;
}

static void put_back(const struct change *c)
{
    struct stat st;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, c->path, O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    bool same = syscall(SYS_fstat, fd, &st) == 0 && st.st_ino == c->file;
    if (same && (syscall(SYS_pwrite64, fd, c->was, c->n, c->at) < 0 ||
                 syscall(SYS_ftruncate, fd, c->size) < 0))
        abort();
    syscall(SYS_close, fd);
}

void undo_all(void)
{
    if (!enabled)
        return;
    pthread_mutex_lock(&lock);
    for (const struct change *c = newest; c; c = c->older)
        put_back(c);
}
