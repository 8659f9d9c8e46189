/* SPDX-License-Identifier: Apache-2.0 */
/* shim — stops a program at a chosen system call, from outside (LD_PRELOAD).
 *
 * KINORA_SHIM names a file of rules, one a line, looked at before every call below:
 *
 *     CALL WHAT TEXT ACTION
 *
 * CALL    open, write, pwrite, send, recv, connect, bind, fsync, fstatvfs, unlink, rename,
 *         epoll_add, thread, signal (kill(2)); `-`: any
 * WHAT    a part of the path (rename: the new one), or ":PORT" of the peer; `-`: any
 * TEXT    a part of the bytes that are sent, or were received, `~` for a space; `-`: any;
 *         `@N` of a write: that goes beyond the file's byte N, and what fits before is written
 * ACTION  kill   SIGKILL before the call (recv: after it)
 *         go     the call goes through, and the next line counts; go7: seven such calls
 *         wait   likewise, and the thread that made it sleeps for two seconds
 *         hold   likewise, and it sleeps until there is a new file, or none; `FILE.held` says so
 *         ENOSPC, EMFILE, EAGAIN, EIO, EACCES   the call fails so, for as long as the rule stands
 *         (fstatvfs: says that a MiB is left)
 *
 * Only the first line counts, until it says `go`. A new file (by rename, of an inode
 * that was not one before) begins anew. With KINORA_SHIM_DROPS=1 a kill is a power cut: what was
 * written since the last fsync is lost (shim_undo.h). The calls go to the kernel directly, so that
 * nothing of the C library or a sanitizer stands between. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "shim_undo.h"

enum { MAX_RULES = 16, WORD = 128 };

struct rule {
    char call[WORD], what[WORD], text[WORD], action[WORD];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *rules_path;
static struct rule rules[MAX_RULES];
static int rule_count, current, gone; /* gone: calls that the current one has let through */
static ino_t read_inode;
/* Of this thread's write: where it begins, and the byte that it may not go beyond. */
static __thread off_t write_from, write_end;

__attribute__((constructor)) static void begin(void)
{
    /* Not in the children that it starts. */
    if (strcmp(program_invocation_short_name, "kinora") != 0)
        return;
    rules_path = getenv("KINORA_SHIM");
    if (getenv("KINORA_SHIM_DROPS"))
        undo_enable();
}

/* --- rules, under the lock */

static void parse_rules(char *text)
{
    char *rest = text;
    rule_count = current = gone = 0;
    for (char *line; rule_count < MAX_RULES && (line = strsep(&rest, "\n"));) {
        struct rule *r = &rules[rule_count];
        if (sscanf(line, "%127s %127s %127s %127s", r->call, r->what, r->text, r->action) != 4)
            continue;
        for (char *p = r->text; (p = strchr(p, '~'));)
            *p = ' ';
        rule_count++;
    }
}

static void read_rules(void)
{
    char text[4096];
    struct stat st;
    if (syscall(SYS_newfstatat, AT_FDCWD, rules_path, &st, 0) < 0) {
        rule_count = 0;
        read_inode = 0;
        return;
    }
    if (st.st_ino == read_inode)
        return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, rules_path, O_RDONLY | O_CLOEXEC, 0);
    ssize_t n = fd < 0 ? 0 : syscall(SYS_read, fd, text, sizeof(text) - 1);
    if (fd >= 0)
        syscall(SYS_close, fd);
    text[n > 0 ? n : 0] = '\0';
    parse_rules(text);
    read_inode = st.st_ino;
}

static bool matches(const struct rule *r, const char *call, const char *what, const void *bytes,
                    size_t n)
{
    if (strcmp(r->call, "-") != 0 && strcmp(r->call, call) != 0)
        return false;
    if (strcmp(r->what, "-") != 0 && !strstr(what, r->what))
        return false;
    if (r->text[0] == '@') {
        write_end = atoll(r->text + 1);
        return write_from + (off_t)n > write_end;
    }
    return strcmp(r->text, "-") == 0 || (bytes && memmem(bytes, n, r->text, strlen(r->text)));
}

static bool goes(const char *action)
{
    return strncmp(action, "go", 2) == 0;
}

/* Under the lock. */
static void let_through(const char *action)
{
    int most = goes(action) ? atoi(action + 2) : 1;
    if (++gone < most)
        return;
    gone = 0;
    current++;
}

static int error_of(const char *action)
{
    if (strcmp(action, "ENOSPC") == 0)
        return ENOSPC;
    if (strcmp(action, "EMFILE") == 0)
        return EMFILE;
    if (strcmp(action, "EAGAIN") == 0)
        return EAGAIN;
    return strcmp(action, "EACCES") == 0 ? EACCES : EIO;
}

static void hold(ino_t rules_then)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000000L};
    char path[4096];
    struct stat st;
    snprintf(path, sizeof(path), "%s.held", rules_path);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        syscall(SYS_close, fd);
    while (syscall(SYS_newfstatat, AT_FDCWD, rules_path, &st, 0) == 0 && st.st_ino == rules_then)
        nanosleep(&pause, NULL);
}

static void die(void)
{
    undo_all();
    syscall(SYS_kill, getpid(), SIGKILL);
}

/* 0: go on; else an errno. */
static int act(const char *call, const char *what, const void *bytes, size_t n)
{
    const struct timespec pause = {.tv_sec = 2};
    bool wait = false, held = false;
    ino_t rules_then;
    int fault = 0;
    pthread_mutex_lock(&lock);
    read_rules();
    if (current < rule_count && matches(&rules[current], call, what, bytes, n)) {
        const char *action = rules[current].action;
        wait = strcmp(action, "wait") == 0;
        held = strcmp(action, "hold") == 0;
        if (strcmp(action, "kill") == 0)
            die();
        else if (wait || held || goes(action))
            let_through(action);
        else
            fault = error_of(action);
    }
    rules_then = read_inode;
    pthread_mutex_unlock(&lock);
    if (held)
        hold(rules_then);
    if (wait)
        nanosleep(&pause, NULL);
    return fault;
}

/* --- what a call is about */

static void name_peer(const struct sockaddr *address, char *out)
{
    out[0] = '\0';
    if (address->sa_family == AF_INET)
        snprintf(out, WORD, ":%u", ntohs(((const struct sockaddr_in *)address)->sin_port));
    else if (address->sa_family == AF_INET6)
        snprintf(out, WORD, ":%u", ntohs(((const struct sockaddr_in6 *)address)->sin6_port));
}

static void name_socket(int fd, char *out)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    out[0] = '\0';
    if (syscall(SYS_getpeername, fd, &address, &size) == 0)
        name_peer((struct sockaddr *)&address, out);
}

static void name_file(int fd, char *out)
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, out, 4095);
    out[n > 0 ? n : 0] = '\0';
}

static bool file_fault(const char *call, int fd, const void *bytes, size_t n)
{
    char path[4096];
    if (!rules_path)
        return false;
    name_file(fd, path);
    int fault = act(call, path, bytes, n);
    errno = fault ? fault : errno;
    return fault;
}

static bool path_fault(const char *call, const char *path)
{
    int fault = rules_path ? act(call, path, NULL, 0) : 0;
    errno = fault ? fault : errno;
    return fault;
}

static bool socket_fault(const char *call, int fd, const void *bytes, size_t n)
{
    char peer[WORD];
    int before = errno;
    if (!rules_path)
        return false;
    name_socket(fd, peer);
    int fault = act(call, peer, bytes, n);
    errno = fault ? fault : before;
    return fault;
}

/* --- the calls */

/* Also one without a name. */
static bool makes_file(int flags)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

static int open_at(const char *path, int flags, mode_t mode)
{
    if (makes_file(flags) && path_fault("open", path))
        return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode_t mode = makes_file(flags) ? va_arg(args, mode_t) : 0;                                \
        va_end(args);                                                                              \
        return open_at(path, flags, mode);                                                         \
    }
OPEN(open)
OPEN(open64)

static ssize_t write_at(int fd, const void *p, size_t n)
{
    undo_begin(fd, write_from, n);
    ssize_t written = syscall(SYS_write, fd, p, n);
    undo_end();
    return written;
}

ssize_t write(int fd, const void *p, size_t n)
{
    write_end = 0;
    write_from = rules_path ? syscall(SYS_lseek, fd, 0, SEEK_CUR) : 0;
    if (!file_fault("write", fd, p, n))
        return write_at(fd, p, n);
    return write_end > write_from ? write_at(fd, p, (size_t)(write_end - write_from)) : -1;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
    if (file_fault("pwrite", fd, p, n))
        return -1;
    undo_begin(fd, at, n);
    ssize_t written = syscall(SYS_pwrite64, fd, p, n, at);
    undo_end();
    return written;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    return pwrite64(fd, p, n, at);
}

int fsync(int fd)
{
    return file_fault("fsync", fd, NULL, 0) ? -1 : undo_sync(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return file_fault("fsync", fd, NULL, 0) ? -1 : undo_sync(fd, SYS_fdatasync);
}

static int change_length(int fd, off_t size)
{
    struct stat st;
    if (syscall(SYS_fstat, fd, &st) < 0)
        return -1;
    undo_begin(fd, size, st.st_size > size ? (size_t)(st.st_size - size) : 0);
    int status = (int)syscall(SYS_ftruncate, fd, size);
    undo_end();
    return status;
}

int ftruncate(int fd, off_t size)
{
    return change_length(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return change_length(fd, size);
}

#define FSTATVFS(name, type)                                                                       \
    int name(int fd, type *ret)                                                                    \
    {                                                                                              \
        struct statfs fs;                                                                          \
        bool full = file_fault("fstatvfs", fd, NULL, 0);                                           \
        if (syscall(SYS_fstatfs, fd, &fs) < 0)                                                     \
            return -1;                                                                             \
        *ret = (type){.f_frsize = (unsigned long)fs.f_frsize,                                      \
                      .f_blocks = (fsblkcnt_t)fs.f_blocks,                                         \
                      .f_bavail = (fsblkcnt_t)fs.f_bavail};                                        \
        if (full)                                                                                  \
            ret->f_bavail = (1 << 20) / ret->f_frsize;                                             \
        return 0;                                                                                  \
    }
FSTATVFS(fstatvfs, struct statvfs)
FSTATVFS(fstatvfs64, struct statvfs64)

int unlink(const char *path)
{
    return path_fault("unlink", path) ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int rename(const char *from, const char *to)
{
    return path_fault("rename", to) ? -1
                                    : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    char peer[WORD];
    name_peer(address, peer);
    if (path_fault("connect", peer))
        return -1;
    return (int)syscall(SYS_connect, fd, address, size);
}

int bind(int fd, const struct sockaddr *address, socklen_t size)
{
    char peer[WORD];
    name_peer(address, peer);
    if (path_fault("bind", peer))
        return -1;
    return (int)syscall(SYS_bind, fd, address, size);
}

int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    if (op == EPOLL_CTL_ADD && socket_fault("epoll_add", fd, NULL, 0))
        return -1;
    return (int)syscall(SYS_epoll_ctl, epoll, op, fd, event);
}

int kill(pid_t pid, int number)
{
    return path_fault("signal", "") ? -1 : (int)syscall(SYS_kill, pid, number);
}

typedef int thread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
                          void *arg);
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    thread_create *real = (thread_create *)dlsym(RTLD_NEXT, "pthread_create");
    int fault = rules_path ? act("thread", "", NULL, 0) : 0;
    return fault ? fault : real(thread, attr, fn, arg);
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    return socket_fault("send", fd, p, n) ? -1 : syscall(SYS_sendto, fd, p, n, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    const struct iovec *first = m->msg_iov;
    if (m->msg_iovlen && socket_fault("send", fd, first->iov_base, first->iov_len))
        return -1;
    return syscall(SYS_sendmsg, fd, m, flags);
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
    ssize_t got = syscall(SYS_recvfrom, fd, p, n, flags, NULL, NULL);
    if (got > 0 && !(flags & MSG_PEEK))
        socket_fault("recv", fd, p, (size_t)got);
    return got;
}

/* What a fortified library calls instead. */
ssize_t __recv_chk(int fd, void *p, size_t n, size_t room, int flags);
ssize_t __recv_chk(int fd, void *p, size_t n, size_t room, int flags)
{
    (void)room;
    return recv(fd, p, n, flags);
}
