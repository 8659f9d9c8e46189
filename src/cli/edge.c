/* SPDX-License-Identifier: Apache-2.0 */
/* The address is shared by SO_REUSEPORT: the kernel spreads connections over the lanes'
 * sockets, and the server that replaces this one can listen beside it.  Closing a listening
 * socket resets what stands in its queue, so a handover first turns all new connections to
 * the newcomer's sockets, gives handshakes that had begun time to end, takes what is queued,
 * and only then closes. */
#include "cli/edge.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "api/dispatch.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/loop.h"
#include "net/server.h"
#include "net/upstream.h"
#include "service/app.h"

enum {
    /* Round trips of half a second, or one lost SYN-ACK, which is sent again after a second. */
    HANDSHAKES_MS = 3000,
    PATIENCE_MS = 2000,
    ORDER_MS = 5000,
    CLIENTS_MOST = 20000, /* of one lane */
    CLIENTS_LEAST = 64,   /* … however few descriptors there are */
    FILES_RESERVED = 512, /* for the database, media, workers, loops */
    FILES_PER_CLIENT = 2, /* a call's own connection, and the upstream's or its body's file */
    /* Kept to upstreams by one lane: with fewer than there are callers at once, a third of
     * all calls would open a connection of their own. */
    IDLE_MOST = 1024,
    IDLE_SHARE = 8, /* … and at most one in so many of its descriptors */
};
#define NOBODYS_PLACE UINT32_MAX

struct lane {
    pthread_t thread;
    struct loop *loop;
    struct upstream_client *upstream;
    struct dispatch *dispatch;
    struct server *server;
    int fd;                         /* the server's; stays open until it stops listening */
    struct task stop, drain, abort; /* each given once */
    struct edge *edge;
};

struct edge {
    struct lane lane[EDGE_LANES_MAX];
    size_t count;
    bool inherited;
    int patience_ms;
    size_t clients_per_lane, idle_per_lane;
    char address[SERVER_ADDRESS_SIZE];
    /* What an order to a loop waits for. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t listening, busy; /* lanes that still do; each only falls, however late */
};

/* ---- opening */

/* The soft limit is 1024 in many places, for programs that use select(2); ours is the hard
 * one.  Clients get the half of it that leaves a descriptor for what each of them asks. */
static void share_files(struct edge *e, size_t lanes)
{
    struct rlimit files = {.rlim_cur = 1024};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) != 0)
            getrlimit(RLIMIT_NOFILE, &files);
    }
    size_t all = (size_t)MIN(files.rlim_cur, (rlim_t)INT32_MAX);
    size_t left = all > FILES_RESERVED ? all - FILES_RESERVED : 0;
    size_t each = left / lanes;
    e->idle_per_lane = MIN(each / IDLE_SHARE, (size_t)IDLE_MOST);
    size_t clients = (each - e->idle_per_lane) / FILES_PER_CLIENT;
    e->clients_per_lane = MIN(MAX(clients, (size_t)CLIENTS_LEAST), (size_t)CLIENTS_MOST);
}

static void *lane_main(void *arg)
{
    struct lane *lane = arg;
    loop_run(lane->loop);
    return NULL;
}

/* Its thread does not run, or has ended. */
static void release_lane(struct lane *lane)
{
    server_free(lane->server);
    dispatch_free(lane->dispatch);
    upstream_client_free(lane->upstream);
    loop_free(lane->loop);
}

/* fd: the lane's from here on. */
static enum status open_lane(struct app *app, struct lane *lane, int fd, struct err *err)
{
    lane->fd = fd;
    lane->loop = loop_new();
    struct upstream_config upstream = {.loop = lane->loop,
                                       .resolver = str_of(app->resolver),
                                       .idle_per_origin = lane->edge->idle_per_lane,
                                       .idle_total = lane->edge->idle_per_lane,
                                       .in_high = 256 << 10};
    enum status status = upstream_client_new(&upstream, &lane->upstream, err);
    if (status != OK) {
        loop_free(lane->loop);
        close(fd);
        return status;
    }
    lane->dispatch = dispatch_new(app, lane->loop, lane->upstream);
    struct server_config config = {.loop = lane->loop,
                                   .limits = http_default_limits,
                                   .head_timeout_ms = 15000,
                                   .body_timeout_ms = 60000,
                                   .idle_timeout_ms = 75000,
                                   .write_timeout_ms = 60000,
                                   .max_connections = lane->edge->clients_per_lane,
                                   .out_high = 256 << 10,
                                   .out_low = 64 << 10,
                                   .on_request = dispatch_request,
                                   .explain = dispatch_explain,
                                   .ctx = lane->dispatch};
    lane->server = server_new(&config);
    server_listen(lane->server, fd);
    status = thread_start(&lane->thread, lane_main, lane, "an event loop", err);
    if (status != OK) {
        release_lane(lane);
        return status;
    }
    lane->edge->count++;
    return OK;
}

/* Another server's socket would share the address silently. */
static enum status check_free(const char *address, struct err *err)
{
    int fd = server_bind(str_of(address), false, err);
    if (fd < 0)
        return E_IO;
    close(fd);
    return OK;
}

static bool port_is_open(const char *address)
{
    size_t n = strlen(address);
    return n >= 2 && strcmp(address + n - 2, ":0") == 0;
}

/* The socket of one lane, or -1. */
static int next_socket(struct app *app, struct edge *e, int inherited, struct err *err)
{
    int fd = inherited >= 0 ? fcntl(inherited, F_DUPFD_CLOEXEC, 0)
                            : server_bind(str_of(app->listen), true, err);
    if (fd >= 0 && (inherited >= 0 || port_is_open(app->listen))) {
        server_bound_to(fd, e->address);
        app->listen = e->address;
    }
    return fd;
}

static enum status open_all(struct app *app, struct edge *e, size_t count, bool join,
                            struct err *err)
{
    struct err none = {0};
    _cleanup_close_ int inherited = server_inherited(&none);
    if (inherited < 0 && none.code[0]) {
        *err = none;
        return E_INVALID;
    }
    e->inherited = inherited >= 0;
    share_files(e, count);
    if (!e->inherited && !join)
        TRY(check_free(app->listen, err));
    for (size_t i = 0; i < count; i++) {
        int fd = next_socket(app, e, inherited, err);
        if (fd < 0)
            return E_IO;
        e->lane[i].edge = e;
        TRY(open_lane(app, &e->lane[i], fd, err));
    }
    return OK;
}

enum status edge_open(struct app *app, size_t count, bool join, struct edge **ret, struct err *err)
{
    struct edge *e = mem_zalloc(sizeof(*e));
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->changed, NULL);
    *ret = e; /* also on failure: what has begun is taken down by edge_free() */
    return open_all(app, e, count, join, err);
}

/* ---- orders to the loops */

static void order(struct lane *lane, struct task *task, void (*fn)(struct task *t))
{
    task->fn = fn;
    loop_post(lane->loop, task);
}

static void count_down(struct edge *e, size_t *count)
{
    pthread_mutex_lock(&e->lock);
    (*count)--;
    pthread_cond_signal(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

/* Until the count has fallen so far or the time is over; false then. */
static bool wait_down(struct edge *e, const size_t *count, size_t to, int64_t until_ms)
{
    pthread_mutex_lock(&e->lock);
    while (*count > to) {
        int64_t left = until_ms - clock_mono_ms();
        struct timespec at;
        if (left <= 0)
            break;
        clock_gettime(CLOCK_REALTIME, &at);
        at.tv_sec += left / 1000 + 1;
        pthread_cond_timedwait(&e->changed, &e->lock, &at);
    }
    bool done = *count <= to;
    pthread_mutex_unlock(&e->lock);
    return done;
}

static void run_stop_listening(struct task *t)
{
    struct lane *lane = CONTAINER_OF(t, struct lane, stop);
    server_stop_listening(lane->server);
    count_down(lane->edge, &lane->edge->listening);
}

static void on_empty(struct server *server, void *ctx)
{
    struct edge *e = ctx;
    (void)server;
    count_down(e, &e->busy);
}

static void run_drain(struct task *t)
{
    struct lane *lane = CONTAINER_OF(t, struct lane, drain);
    server_drain(lane->server, lane->edge->patience_ms, on_empty, lane->edge);
}

static void run_abort(struct task *t)
{
    server_abort(CONTAINER_OF(t, struct lane, abort)->server);
}

/* ---- stopping */

/* Our sockets began to listen before the newcomer's, so they have the places 0 to count - 1,
 * and the place behind the last of ours is one of the newcomer's. */
static void hand_over(struct edge *e)
{
    const struct timespec pause = {.tv_sec = HANDSHAKES_MS / 1000};
    if (!server_divert(e->lane[0].fd, (unsigned)e->count))
        log_warn("new connections cannot be turned to the other server", LOG_Z("why", "kernel"));
    nanosleep(&pause, NULL);
    e->listening = e->count;
    for (size_t i = e->count; i-- > 0;) {
        server_divert(e->lane[i].fd, (unsigned)i + 1);
        order(&e->lane[i], &e->lane[i].stop, run_stop_listening);
        /* A loop that does not come to it keeps its place, and the next is not ours to name. */
        if (!wait_down(e, &e->listening, i, clock_mono_ms() + ORDER_MS))
            return;
    }
}

/* The one that left has turned all new connections to a single place, and that stays with
 * the address. */
void edge_spread(struct edge *e)
{
    if (!e->inherited)
        server_divert(e->lane[0].fd, NOBODYS_PLACE);
}

void edge_drain(struct edge *e, bool handover)
{
    e->patience_ms = handover || e->inherited ? PATIENCE_MS : 0;
    if (handover && !e->inherited)
        hand_over(e);
    e->busy = e->count;
    for (size_t i = 0; i < e->count; i++)
        order(&e->lane[i], &e->lane[i].drain, run_drain);
}

bool edge_is_empty(struct edge *e)
{
    return wait_down(e, &e->busy, 0, 0);
}

void edge_cut(struct edge *e)
{
    if (edge_is_empty(e))
        return;
    log_warn("connections are cut after the drain time");
    for (size_t i = 0; i < e->count; i++)
        order(&e->lane[i], &e->lane[i].abort, run_abort);
    wait_down(e, &e->busy, 0, clock_mono_ms() + ORDER_MS);
}

void edge_free(struct edge *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->count; i++) {
        struct lane *lane = &e->lane[i];
        loop_stop(lane->loop);
        pthread_join(lane->thread, NULL);
        release_lane(lane);
    }
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->lock);
    free(e);
}
