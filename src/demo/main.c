/* SPDX-License-Identifier: Apache-2.0 */
/* kinora-demo-upstream — starts, says that it is ready, and ends on a signal.
 *
 * One loop on the main thread owns everything; two workers draw media. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "demo/call.h"
#include "demo/routes.h"
#include "platform/crypto.h"

enum { DRAWERS = 2, DRAW_QUEUE = 16, MAX_CONNECTIONS = 4000 };

struct program {
    struct demo demo;
    struct io signals;
};

static int fail(const struct err *err, int code)
{
    fprintf(stderr, "kinora-demo-upstream: %s%s%s\n", err->text[0] ? err->text : err->code,
            err->detail[0] ? ": " : "", err->detail);
    return code;
}

/* What it really listens on: a port 0 has become a number. */
static void say_ready(int fd)
{
    char address[SERVER_ADDRESS_SIZE];
    server_bound_to(fd, address);
    printf("kinora-demo-upstream ready http://%s\n", address);
    fflush(stdout);
}

static void on_empty(struct server *s, void *ctx)
{
    struct demo *demo = ctx;

    (void)s;
    loop_stop(demo->loop);
}

static void on_signal(struct io *io, uint32_t events)
{
    struct program *p = CONTAINER_OF(io, struct program, signals);
    struct signalfd_siginfo info;

    (void)events;
    if (read(io->fd, &info, sizeof(info)) != sizeof(info))
        return;
    loop_io_remove(p->demo.loop, io);
    jobs_clear(&p->demo.jobs);
    server_drain(p->demo.server, 0, on_empty, &p->demo);
    server_abort(p->demo.server);
}

/* Before the first thread, so that all of them inherit the mask. */
static int catch_signals(void)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static enum status build(struct demo *demo, struct err *err)
{
    const struct workers_config drawers = {
        .name = "draw", .threads = DRAWERS, .queue_length = DRAW_QUEUE};

    TRY(crypto_init(err));
    TRY(render_check(err));
    demo->loop = loop_new();
    demo->workers = workers_new(&drawers);
    TRY(media_store_new(demo->loop, demo->workers, DRAWERS, demo->options.data, &demo->store, err));
    demo->settings = settings_default(&demo->options);
    demo->started_ms = clock_wall_ms();
    demo->router = routes_new();
    const struct server_config config = {
        .loop = demo->loop,
        .limits = http_default_limits,
        .head_timeout_ms = 15000,
        .body_timeout_ms = 60000,
        .idle_timeout_ms = 75000,
        .write_timeout_ms = 120000,
        .max_connections = MAX_CONNECTIONS,
        .out_high = 256 * 1024,
        .out_low = 64 * 1024,
        .on_request = call_begin,
        .ctx = demo,
    };
    demo->server = server_new(&config);
    jobs_init(&demo->jobs, demo->loop, demo->store, &demo->settings, (uint64_t)demo->options.seed);
    return OK;
}

/* In this order: what a worker has posted still runs in loop_free(), and needs the media. */
static void tear_down(struct demo *demo)
{
    if (demo->workers)
        workers_stop(demo->workers);
    if (demo->server)
        server_free(demo->server);
    faults_clear(&demo->faults);
    journal_clear(&demo->journal);
    counts_release(&demo->counts);
    router_free(demo->router);
    if (demo->loop)
        loop_free(demo->loop);
    media_store_free(demo->store);
    workers_free(demo->workers);
}

static enum status serve(struct program *p, int signal_fd, struct err *err)
{
    struct demo *demo = &p->demo;

    TRY(build(demo, err));
    int fd = server_bind(demo->options.listen, false, err);
    if (fd < 0)
        return err->status;
    p->signals.fn = on_signal;
    if (!loop_io_add(demo->loop, &p->signals, signal_fd, EPOLLIN))
        return err_errno(err, "watch for signals");
    server_listen(demo->server, fd);
    say_ready(fd);
    loop_run(demo->loop);
    return OK;
}

int main(int argc, char **argv)
{
    static struct program p; /* zeroed; its tables are too large for a stack */
    struct err err = {.status = OK};
    struct demo *demo = &p.demo;

    if (options_parse(argc, argv, &demo->options, &err) != OK)
        return fail(&err, 2);
    if (demo->options.help) {
        fputs(options_usage, stdout);
        return 0;
    }
    _cleanup_close_ int signal_fd = catch_signals();
    list_init(&demo->calls);
    faults_init(&demo->faults);
    journal_init(&demo->journal);
    enum status status = serve(&p, signal_fd, &err);
    tear_down(demo);
    return status == OK ? 0 : fail(&err, 1);
}
