/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

enum {
    ERR_TAIL = 2048,
    SLICE = 16384,
    FILE_SIZE_MAX = 64 * 1024 * 1024,
    LOOK_MS = 100, /* how often it is asked whether the child is still wanted */
};

static const char default_path[] = "/usr/local/bin:/usr/bin:/bin";

/* All a child needs, made before fork(): behind it, in a process with many threads,
 * only async-signal-safe calls are allowed. */
struct plan {
    const char *const *argv;
    const char *environment[3];
    char program[PATH_MAX];
    char path[PATH_MAX];
    const struct child_limits *limits;
    int in[2], out[2], err[2], report[2]; /* pipes; report carries exec's errno */
    pid_t parent;
};

struct running {
    pid_t pid;
    int pidfd;
    int in, out, err; /* our ends; -1: closed */
    struct str input;
    int64_t deadline_ms;
    const atomic_bool *cancelled; /* may be NULL */
    struct buf output;
    char tail[ERR_TAIL];
    size_t tail_size;
};

/* --- in the child -------------------------------------------------------- */

static void limit(__rlimit_resource_t resource, rlim_t amount)
{
    struct rlimit both = {amount, amount};
    setrlimit(resource, &both);
}

static void set_limits(const struct child_limits *l)
{
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, FILE_SIZE_MAX);
    if (l->memory_bytes)
        limit(RLIMIT_AS, l->memory_bytes);
    if (l->cpu_seconds)
        limit(RLIMIT_CPU, (rlim_t)l->cpu_seconds);
}

/* Ours ignores SIGPIPE and blocks what its loops wait for; a program expects neither. */
static void reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int i = 1; i < NSIG; i++)
        sigaction(i, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The pipes may have any numbers, 0 to 2 as well, so all go above them first. */
static bool place_descriptors(const struct plan *p, int *ret_report)
{
    int in = fcntl(p->in[0], F_DUPFD, 10), out = fcntl(p->out[1], F_DUPFD, 10);
    int err = fcntl(p->err[1], F_DUPFD, 10), report = fcntl(p->report[1], F_DUPFD, 10);
    if (in < 0 || out < 0 || err < 0 || report < 0)
        return false;
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0 || dup2(report, 3) < 0)
        return false;
    *ret_report = 3;
    return fcntl(3, F_SETFD, FD_CLOEXEC) == 0 && close_range(4, ~0U, 0) == 0;
}

_Noreturn static void become(const struct plan *p)
{
    int report = p->report[1];
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != p->parent)
        _exit(127); /* the parent died before it could be noticed */
    if (place_descriptors(p, &report)) {
        set_limits(p->limits);
        reset_signals();
        execve(p->program, (char *const *)(uintptr_t)p->argv,
               (char *const *)(uintptr_t)p->environment);
    }
    int why = errno;
    if (write(report, &why, sizeof(why)) < 0)
        _exit(126);
    _exit(127);
}

/* --- starting ------------------------------------------------------------ */

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

static enum status find_program(struct plan *p, struct err *err)
{
    const char *name = p->argv[0];
    const char *given = getenv("PATH");
    struct str folders = str_of(given && given[0] ? given : default_path);
    if (snprintf(p->path, sizeof(p->path), "PATH=%.*s", STR_ARG(folders)) >= (int)sizeof(p->path))
        return err_set(err, E_INTERNAL, "path_too_long");
    p->environment[0] = p->path;
    p->environment[1] = "LANG=C.UTF-8";
    if (strchr(name, '/')) {
        int n = snprintf(p->program, sizeof(p->program), "%s", name);
        if (n < (int)sizeof(p->program) && is_program(p->program))
            return OK;
        folders = STR_NONE;
    }
    while (folders.n) {
        struct str folder = str_cut(&folders, ':');
        int n = snprintf(p->program, sizeof(p->program), "%.*s/%s", STR_ARG(folder), name);
        if (folder.n && n < (int)sizeof(p->program) && is_program(p->program))
            return OK;
    }
    return err_say(err, E_NOT_FOUND, "program_missing", "the program %s is not installed", name);
}

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0)
            close(pair[i]);
        pair[i] = -1;
    }
}

static void close_pipes(struct plan *p)
{
    close_pair(p->in);
    close_pair(p->out);
    close_pair(p->err);
    close_pair(p->report);
}

static enum status make_pipes(struct plan *p, struct err *err)
{
    if (pipe2(p->in, O_CLOEXEC) < 0 || pipe2(p->out, O_CLOEXEC) < 0 ||
        pipe2(p->err, O_CLOEXEC) < 0 || pipe2(p->report, O_CLOEXEC) < 0)
        return err_errno(err, "pipe");
    return OK;
}

/* No handler of ours may run in the child, so every signal waits around fork(). */
static pid_t fork_quietly(const struct plan *p)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        become(p);
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return pid;
}

static int keep_end(int pair[2], int which)
{
    int fd = pair[which];
    pair[which] = -1;
    close_pair(pair);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void reap(const struct running *r, int *ret_exit_code)
{
    int state = 0;
    /* Helpers it left behind go with it. */
    kill(-r->pid, SIGKILL);
    while (waitpid(r->pid, &state, 0) < 0 && errno == EINTR)
        ;
    *ret_exit_code = WIFSIGNALED(state) ? 128 + WTERMSIG(state) : WEXITSTATUS(state);
}

static void release(struct running *r)
{
    const int ends[] = {r->pidfd, r->in, r->out, r->err};
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        if (ends[i] >= 0)
            close(ends[i]);
    }
    buf_release(&r->output);
}

/* Waits for exec: the report pipe closes by itself when it worked. */
static enum status check_report(struct plan *p, const char *name, struct err *err)
{
    int why = 0;
    ssize_t n;
    close(p->report[1]);
    p->report[1] = -1;
    do
        n = read(p->report[0], &why, sizeof(why));
    while (n < 0 && errno == EINTR);
    if (n != sizeof(why))
        return OK;
    err_say(err, why == ENOENT ? E_NOT_FOUND : E_IO,
            why == ENOENT ? "program_missing" : "program_failed", "the program %s cannot be run",
            name);
    err_detail(err, "exec: %s", strerror(why));
    return why == ENOENT ? E_NOT_FOUND : E_IO;
}

static enum status start(struct plan *p, struct running *r, struct err *err)
{
    TRY(find_program(p, err));
    TRY(make_pipes(p, err));
    p->parent = getpid();
    r->pid = fork_quietly(p);
    if (r->pid < 0)
        return err_errno(err, "fork");
    setpgid(r->pid, r->pid); /* by both, so that neither has to wait for the other */
    r->pidfd = pidfd_open(r->pid, 0);
    enum status status = r->pidfd < 0 ? err_errno(err, "pidfd_open") : OK;
    if (status == OK)
        status = check_report(p, p->argv[0], err);
    if (status != OK) {
        int ignored;
        reap(r, &ignored);
        return status;
    }
    r->in = keep_end(p->in, 1);
    r->out = keep_end(p->out, 0);
    r->err = keep_end(p->err, 0);
    return OK;
}

/* --- talking ------------------------------------------------------------- */

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* SIGPIPE is ignored by the program; for those who don't, it is held back here. */
static ssize_t write_quietly(int fd, struct str bytes)
{
    sigset_t pipe_only, before;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t n = write(fd, bytes.p, bytes.n);
    int saved = errno;
    if (n < 0 && saved == EPIPE && !sigismember(&before, SIGPIPE)) {
        const struct timespec now = {0};
        sigtimedwait(&pipe_only, NULL, &now);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return n;
}

static void feed(struct running *r)
{
    if (r->input.n) {
        ssize_t n = write_quietly(r->in, str_to(r->input, SLICE));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        r->input = n < 0 ? STR_NONE : str_from(r->input, (size_t)n);
    }
    if (!r->input.n)
        close_end(&r->in);
}

/* False when it said more than it may. */
static bool take_output(struct running *r)
{
    char slice[SLICE];
    ssize_t n = read(r->out, slice, sizeof(slice));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0) {
        close_end(&r->out);
        return true;
    }
    return buf_add(&r->output, (struct str){slice, (size_t)n});
}

static void take_error(struct running *r)
{
    char slice[ERR_TAIL];
    ssize_t n = read(r->err, slice, sizeof(slice));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        close_end(&r->err);
        return;
    }
    size_t fresh = (size_t)n, keep = MIN(r->tail_size, ERR_TAIL - fresh);
    memmove(r->tail, r->tail + r->tail_size - keep, keep);
    memcpy(r->tail + keep, slice, fresh);
    r->tail_size = keep + fresh;
}

/* What is still in the pipes after its end.  A helper it left behind may keep them
 * open and go on writing, so that one is killed and the time limit holds. */
static bool drain(struct running *r)
{
    kill(-r->pid, SIGKILL);
    while (clock_mono_ms() < r->deadline_ms) {
        struct pollfd fds[] = {{.fd = r->out, .events = POLLIN}, {.fd = r->err, .events = POLLIN}};
        if (poll(fds, ARRAY_SIZE(fds), 0) <= 0)
            break;
        if (fds[0].revents && !take_output(r))
            return false;
        if (fds[1].revents)
            take_error(r);
    }
    return true;
}

static enum status too_large(struct err *err)
{
    return err_set(err, E_TOO_LARGE, "program_output_too_large");
}

static enum status talk(struct running *r, struct err *err)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = r->pidfd, .events = POLLIN},
                               {.fd = r->in, .events = POLLOUT},
                               {.fd = r->out, .events = POLLIN},
                               {.fd = r->err, .events = POLLIN}};
        int64_t left = r->deadline_ms - clock_mono_ms();
        if (left <= 0)
            return err_set(err, E_TIMEOUT, "program_timeout");
        if (r->cancelled && atomic_load(r->cancelled))
            return err_set(err, E_UNAVAILABLE, "cancelled");
        if (r->cancelled)
            left = MIN(left, LOOK_MS);
        if (poll(fds, ARRAY_SIZE(fds), (int)left) < 0 && errno != EINTR)
            return err_errno(err, "poll");
        if (fds[1].revents)
            feed(r);
        if (fds[2].revents && !take_output(r))
            return too_large(err);
        if (fds[3].revents)
            take_error(r);
        if (fds[0].revents)
            return drain(r) ? OK : too_large(err);
    }
}

static enum status hand_over(struct running *r, struct arena *a, struct child_result *ret,
                             struct err *err)
{
    ret->out = arena_str(a, buf_str(&r->output));
    ret->err_tail = arena_str(a, (struct str){r->tail, r->tail_size});
    return ret->out.p && ret->err_tail.p ? OK : err_set(err, E_NO_MEMORY, "no_memory");
}

enum status child_run(const char *const *argv, struct str input, const struct child_limits *limits,
                      struct arena *a, struct child_result *ret, struct err *err)
{
    struct plan plan = {.argv = argv,
                        .limits = limits,
                        .in = {-1, -1},
                        .out = {-1, -1},
                        .err = {-1, -1},
                        .report = {-1, -1}};
    struct running r = {.pidfd = -1,
                        .in = -1,
                        .out = -1,
                        .err = -1,
                        .input = input,
                        .deadline_ms = clock_mono_ms() + limits->timeout_ms,
                        .cancelled = limits->cancelled,
                        .output = BUF_INIT(limits->output_bytes)};
    int exit_code = 0;
    enum status status = start(&plan, &r, err);
    close_pipes(&plan);
    if (status == OK) {
        status = talk(&r, err);
        reap(&r, &exit_code);
    }
    if (status == OK)
        status = hand_over(&r, a, ret, err);
    if (status == OK)
        ret->exit_code = exit_code;
    release(&r);
    return status;
}
