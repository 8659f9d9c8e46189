/* SPDX-License-Identifier: Apache-2.0 */
/* kinora serve: opens everything in the order of struct app, runs until a signal, and
 * takes it down in the opposite order. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/dispatch.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "cli/commands.h"
#include "cli/edge.h"
#include "cli/home.h"
#include "cli/options.h"
#include "kinora_version.h"
#include "media/local.h"
#include "net/fetch.h"
#include "net/upstream.h"
#include "platform/migrate.h"
#include "pool/pool.h"
#include "pool/tokens.h"
#include "service/events.h"
#include "service/identity.h"
#include "service/janitor.h"
#include "service/jobs.h"
#include "service/settings.h"
#include "service/spool.h"
#include "service/storage.h"
#include "service/store_keeper.h"

enum { QUEUE_LENGTH = 1024, TAKE_OVER_MS = 100, END_MS = 20, SPOOL_MIB_MOST = 1 << 24 };

static const char *opt_listen = "127.0.0.1:8080", *opt_resolver, *opt_loops, *opt_drain = "30",
                  *opt_drain_replaced = "1800", *opt_spool_mib = "4096",
                  *opt_spool_memory_mib = "512", *opt_log_level = "info";
static bool opt_replace;

struct serving {
    struct home home;
    struct app app;
    struct janitor *janitor;
    struct edge *edge;
    long drain_s, drain_replaced_s;
    bool replaced; /* another server has taken the address */
    bool jobs_ended;
};

/* ---- worker threads */

static void *worker_start(void *ctx)
{
    struct app *app = ctx;
    struct worker *w = mem_zalloc(sizeof(*w));
    w->app = app;
    w->db = db_conn_new(app->db);
    w->fetcher = fetcher_new(str_of(app->resolver));
    w->store_fetcher = fetcher_new(str_of(app->resolver));
    return w;
}

static void worker_end(void *state, void *ctx)
{
    struct worker *w = state;
    (void)ctx;
    fetcher_free(w->fetcher);
    fetcher_free(w->store_fetcher);
    db_conn_free(w->db);
    free(w);
}

static enum status start_workers(struct app *app, const char *name, int threads,
                                 struct workers **ret, struct err *err)
{
    struct workers_config config = {.name = name,
                                    .threads = threads,
                                    .queue_length = QUEUE_LENGTH,
                                    .reserve = QUEUE_LENGTH,
                                    .thread_start = worker_start,
                                    .thread_end = worker_end,
                                    .ctx = app};
    *ret = workers_new(&config);
    return *ret ? OK : thread_refused("the workers", err);
}

static enum status start_all_workers(struct app *app, struct err *err)
{
    TRY(start_workers(app, "api", 8, &app->api_workers, err));
    TRY(start_workers(app, "submit", 24, &app->submit_workers, err));
    TRY(start_workers(app, "step", 8, &app->step_workers, err));
    TRY(start_workers(app, "transfer", 6, &app->transfer_workers, err));
    TRY(start_workers(app, "file", 4, &app->file_workers, err));
    return start_workers(app, "upload", 6, &app->upload_workers, err);
}

/* ---- opening */

/* The database's notice thread: what changed is read anew by the janitor. */
static void on_notice(void *ctx, const char *channel, struct str payload)
{
    struct serving *s = ctx;
    bool settings = !channel || strcmp(channel, "settings") == 0;
    bool pool = !channel || strcmp(channel, "pool") == 0 || strcmp(channel, "keys") == 0 ||
                strcmp(channel, "user") == 0;
    if (settings)
        janitor_reload_settings(s->janitor);
    if (pool)
        janitor_reload_pool(s->janitor);
    if (channel)
        janitor_changed(s->janitor, settings || pool);
    /* Whether there is an active account decides what pages show. */
    if (channel && strcmp(channel, "pool") == 0 && !str_eq(payload, STR("keys")) &&
        !str_eq(payload, STR("tokens")))
        events_tell_site(s->app.events);
}

static size_t allowed_networks(void *ctx, struct cidr *ret, size_t max)
{
    _cleanup_(settings_dropp) const struct settings *now = settings_hold(ctx);
    size_t n = MIN(now->allowed_private_network_count, max);
    memcpy(ret, now->allowed_private_networks, n * sizeof(*ret));
    return n;
}

static enum status open_tokens(struct app *app, struct err *err)
{
    const struct tokens_config config = {.db = app->db,
                                         .keys = app->keys,
                                         .pool = app->pool,
                                         .resolver = str_of(app->resolver),
                                         .node_id = app->node_id,
                                         .networks = allowed_networks,
                                         .ctx = app};
    app->tokens = tokens_new(&config);
    return app->tokens ? OK : thread_refused("the accounts' tokens", err);
}

/* What a dead process has left undone, where there can be no other than this one.  Where servers
 * that were replaced still end what they have begun, their leases do: those of dead ones run
 * out. */
static enum status take_up(struct serving *s, struct err *err)
{
    struct app *app = &s->app;
    if (!home_is_alone(&s->home))
        return OK;
    struct db_conn *db = db_conn_new(app->db);
    enum status status = tokens_take_up(app->tokens, db, err);
    db_conn_free(db);
    return status == OK ? jobs_take_up(app, err) : status;
}

static enum status open_services(struct serving *s, struct db_conn *db, struct err *err)
{
    struct app *app = &s->app;
    TRY(migrate_run(db, NULL, err));
    TRY(settings_open(app, db, err));
    identity_open(app);
    TRY(pool_new(app->keys, &app->pool, err));
    TRY(pool_reload(app->pool, db, err));
    TRY(open_tokens(app, err));
    TRY(events_new(app, err));
    TRY(local_open(app->data_dir, &app->local, err));
    app->storage = storage_new();
    TRY(storage_tell_node(app, db, err));
    TRY(start_all_workers(app, err));
    if (s->home.old_pid == 0)
        TRY(take_up(s, err));
    TRY(jobs_start(app, err));
    TRY(janitor_start(app, &s->janitor, err));
    TRY(store_keeper_start(app, &app->keeper, err));
    return db_listen(app->db, on_notice, s, err);
}

/* ---- stopping */

/* Jobs are begun by the newcomer from now on, and all else that nobody is waiting for. */
static void begin_to_leave(struct serving *s)
{
    struct app *app = &s->app;
    if (app->jobs)
        jobs_drain(app);
    if (s->replaced) {
        store_keeper_stop(app->keeper);
        app->keeper = NULL;
        janitor_leave(s->janitor);
    }
    if (app->events)
        events_closing(app->events, s->replaced);
    if (s->edge)
        edge_drain(s->edge, s->replaced);
    if (s->replaced && !home_hand_on(&s->home))
        log_warn("the newcomer waits for this server's end", LOG_Z("why", "lock"));
}

/* The engine, and who works for it alone: each of them may have a connection to the database. */
static void end_jobs(struct serving *s)
{
    struct app *app = &s->app;
    if (s->jobs_ended)
        return;
    s->jobs_ended = true;
    jobs_cut(app);
    workers_stop(app->submit_workers);
    workers_stop(app->step_workers);
}

static bool is_busy(struct serving *s)
{
    bool jobs = s->app.jobs && jobs_busy_count(&s->app) > 0;
    if (s->replaced && !jobs)
        end_jobs(s);
    return jobs || (s->edge && !edge_is_empty(s->edge));
}

/* What was begun here: calls, uploads, and steps of jobs, which keep their leases.  A server that
 * was replaced holds nobody up and has longer, but for whoever stops it. */
static void let_end(struct serving *s, const sigset_t *signals)
{
    const struct timespec pause = {.tv_nsec = END_MS * 1000000L};
    int64_t drain = s->drain_s * CLOCK_SECOND_MS, began = clock_mono_ms();
    int64_t until = began + (s->replaced ? s->drain_replaced_s * CLOCK_SECOND_MS : drain);
    while (is_busy(s) && clock_mono_ms() < until) {
        int caught = sigtimedwait(signals, NULL, &pause);
        if (caught > 0 && caught != SIGUSR2)
            until = MIN(until, clock_mono_ms() + drain);
    }
}

/* All of them first: loops that still run may offer them work, which they refuse, and an upload
 * that is cut asks for a turn until its exchange has ended (net/receive). */
static void stop_workers(struct app *app)
{
    struct workers *all[] = {app->api_workers,      app->submit_workers, app->step_workers,
                             app->transfer_workers, app->file_workers,   app->upload_workers};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        if (all[i])
            workers_stop(all[i]);
    }
}

static void free_workers(struct app *app)
{
    struct workers **all[] = {&app->api_workers,      &app->submit_workers, &app->step_workers,
                              &app->transfer_workers, &app->file_workers,   &app->upload_workers};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        workers_free(*all[i]);
        *all[i] = NULL;
    }
}

static void stop_serving(struct serving *s, const sigset_t *signals)
{
    struct app *app = &s->app;
    begin_to_leave(s);
    let_end(s, signals);
    if (s->edge)
        edge_cut(s->edge);
    if (app->jobs && !s->jobs_ended)
        jobs_cut(app);
    /* Whoever hears of changes is taken down from here on. */
    db_unlisten_all(app->db);
    stop_workers(app);
    if (app->tokens)
        tokens_stop(app->tokens);
    edge_free(s->edge);
    free_workers(app);
    jobs_free(app);
    store_keeper_stop(app->keeper);
    janitor_stop(s->janitor);
}

static void close_services(struct serving *s)
{
    struct app *app = &s->app;
    storage_free(app->storage);
    local_close(app->local);
    tokens_free(app->tokens);
    pool_free(app->pool);
    identity_close(app);
    settings_close(app);
    events_free(app->events);
    home_close(&s->home);
}

/* ---- running */

static void print_ready(struct serving *s, struct db_conn *db)
{
    char token[SESSION_TOKEN_SIZE];
    bool required = false;
    struct err err;
    printf("kinora " KINORA_VERSION " ready http://%s\n", s->app.listen);
    if (identity_setup_token(db, token, &required, &err) == OK && required)
        printf("no administrator yet: http://%s/setup?token=%s\n", s->app.listen, token);
    fflush(stdout);
}

/* Until the server that this one replaces has handed on, or ended: what is not begun is then ours.
 * The signal that came first, or -1. */
static int take_over(struct serving *s, const sigset_t *signals)
{
    const struct timespec pause = {.tv_nsec = TAKE_OVER_MS * 1000000L};
    struct err err;
    int caught = -1;
    if (s->home.old_pid == 0)
        return -1;
    home_ask_old(&s->home);
    while (caught < 0 && !home_inherit(&s->home))
        caught = sigtimedwait(signals, NULL, &pause);
    if (caught >= 0)
        return caught;
    edge_spread(s->edge);
    log_info("took over from the other server");
    /* What it changed after we had read it, SQLite has told nobody here. */
    db_missed(s->app.db);
    if (take_up(s, &err) != OK)
        log_warn("the old server's jobs wait for its leases' end", LOG_Z("code", err.code));
    return -1;
}

/* Until somebody asks this server to leave. */
static void wait_for_signal(struct serving *s, const sigset_t *signals)
{
    int caught = take_over(s, signals);
    while (caught < 0)
        caught = sigwaitinfo(signals, NULL);
    s->replaced = caught == SIGUSR2;
    log_info(s->replaced ? "another server takes over" : "stopping",
             LOG_Z("signal", strsignal(caught)));
}

static int run(struct serving *s, long loops, const sigset_t *signals)
{
    struct err err = {0};
    struct db_conn *db = db_conn_new(s->app.db);
    enum status status = open_services(s, db, &err);
    if (status == OK)
        status = edge_open(&s->app, (size_t)loops, s->home.old_pid > 0, &s->edge, &err);
    if (status == OK) {
        print_ready(s, db);
        wait_for_signal(s, signals);
    } else {
        home_fail(&err);
    }
    db_conn_free(db);
    stop_serving(s, signals);
    close_services(s);
    return status == OK ? 0 : EXIT_USAGE;
}

static bool read_numbers(long *loops, long *drain_s, long *drain_replaced_s)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN), disk_mib, memory_mib;
    *loops = MIN(MAX(cores, 1), EDGE_LANES_MAX);
    if (!options_int("spool-mib", opt_spool_mib, 1, SPOOL_MIB_MOST, &disk_mib) ||
        !options_int("spool-memory-mib", opt_spool_memory_mib, 4, SPOOL_MIB_MOST, &memory_mib))
        return false;
    spool_set_caps((int64_t)disk_mib << 20, (int64_t)memory_mib << 20);
    return (!opt_loops || options_int("loops", opt_loops, 1, EDGE_LANES_MAX, loops)) &&
           options_int("drain", opt_drain, 0, 3600, drain_s) &&
           options_int("drain-replaced", opt_drain_replaced, 0, 86400, drain_replaced_s);
}

static int set_log_level(void)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(opt_log_level, names[i]) == 0) {
            log_set_level((enum log_level)i);
            return 0;
        }
    }
    return options_fail("--log-level takes debug, info, warn or error, not \"%s\"", opt_log_level);
}

/* Every thread inherits the mask; only the main thread waits for them.  A terminal that closes ends
 * the server as anybody does who asks it to stop, but not under nohup. */
static void block_signals(sigset_t *signals)
{
    struct sigaction hangup;
    sigemptyset(signals);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaddset(signals, SIGHUP);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int cli_serve(int argc, char **argv)
{
    const struct option options[] = {
        {"listen", "HOST:PORT", "where to answer", &opt_listen, NULL},
        HOME_OPTIONS,
        {"loops", "N", "event loops (one per core)", &opt_loops, NULL},
        {"resolver", "IP:PORT", "name server instead of the system's", &opt_resolver, NULL},
        {"drain", "SECONDS", "how long open calls may end when it stops", &opt_drain, NULL},
        {"drain-replaced", "SECONDS", "the same when another server has replaced it",
         &opt_drain_replaced, NULL},
        {"replace", NULL, "take over from the server that is running on the data folder", NULL,
         &opt_replace},
        {"spool-mib", "N", "most MiB of waiting request bodies in the data folder", &opt_spool_mib,
         NULL},
        {"spool-memory-mib", "N", "most MiB of them in memory", &opt_spool_memory_mib, NULL},
        {"log-level", "LEVEL", "debug, info, warn or error", &opt_log_level, NULL},
    };
    const struct command command = {"kinora serve [options]", options, ARRAY_SIZE(options), 0, 0};
    struct serving *s;
    sigset_t signals;
    long loops;
    int status = options_parse(&command, argc, argv, NULL);
    if (status)
        return status < 0 ? 0 : status;
    mem_return_large();
    s = mem_zalloc(sizeof(*s));
    status = set_log_level();
    if (!status && !read_numbers(&loops, &s->drain_s, &s->drain_replaced_s))
        status = EXIT_USAGE;
    block_signals(&signals);
    if (!status)
        status = home_open(&s->home, opt_replace ? HOME_REPLACE : HOME_SERVE);
    if (!status) {
        s->app = (struct app){.data_dir = s->home.data_dir,
                              .listen = opt_listen,
                              .resolver = opt_resolver,
                              .db = s->home.db,
                              .keys = s->home.keys};
        crypto_uuid(s->app.node_id);
        status = run(s, loops, &signals);
    }
    free(s);
    return status;
}
