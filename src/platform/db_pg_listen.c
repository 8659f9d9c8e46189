/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "platform/db_impl.h"
#include "platform/db_pg.h"

enum { RETRY_MS = 1000, RETRY_MAX_MS = 15000, PROBE_MS = 30000 };

struct pg_listener {
    struct db *db;
    const char *url; /* the database's */
    PGconn *conn;    /* the thread's own once it runs; NULL: lost */
    int stop;        /* eventfd */
    pthread_t thread;
};

static enum status connect_listener(const char *url, PGconn **ret, struct err *err)
{
    TRY(pg_connect(url, ret, err));
    enum status status = pg_command(*ret, "LISTEN kinora", err);
    if (status != OK) {
        PQfinish(*ret);
        *ret = NULL;
    }
    return status;
}

/* One PostgreSQL channel carries all of ours as "channel:payload". */
static void deliver(struct pg_listener *l, const char *text)
{
    struct str rest = str_of(text);
    char channel[DB_CHANNEL_MAX];
    struct str name = str_cut(&rest, ':');
    if (name.n >= sizeof(channel))
        return;
    for (size_t i = 0; i <= name.n; i++)
        channel[i] = i < name.n ? name.p[i] : '\0';
    db_listeners_call(l->db, channel, rest.p ? rest : STR(""));
}

/* Waits for the socket (-1: none) or the time; true when asked to stop. */
static bool wait_for(struct pg_listener *l, int socket, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = l->stop, .events = POLLIN}, {.fd = socket, .events = POLLIN}};
    int n = poll(fds, 2, timeout_ms);
    /* A dead peer says nothing by itself: a word every now and then finds out. */
    if (n == 0 && socket >= 0)
        pg_command(l->conn, "SELECT 1", NULL);
    return n > 0 && fds[0].revents;
}

/* Until the connection is lost; true when asked to stop. */
static bool listen_on(struct pg_listener *l)
{
    while (PQstatus(l->conn) == CONNECTION_OK) {
        for (PGnotify *notice; (notice = PQnotifies(l->conn)); PQfreemem(notice))
            deliver(l, notice->extra);
        if (wait_for(l, PQsocket(l->conn), PROBE_MS))
            return true;
        if (!PQconsumeInput(l->conn))
            break;
    }
    PQfinish(l->conn);
    l->conn = NULL;
    return false;
}

/* True when asked to stop. */
static bool reconnect(struct pg_listener *l)
{
    for (int pause = RETRY_MS; connect_listener(l->url, &l->conn, NULL) != OK;) {
        if (wait_for(l, -1, pause))
            return true;
        pause = MIN(pause * 2, RETRY_MAX_MS);
    }
    db_listeners_call(l->db, NULL, STR_NONE);
    return false;
}

static void *run(void *ctx)
{
    struct pg_listener *l = ctx;
    while (!listen_on(l)) {
        if (reconnect(l))
            break;
    }
    return NULL;
}

enum status pg_listener_start(struct db *db, const char *url, struct pg_listener **ret,
                              struct err *err)
{
    struct pg_listener *l = mem_zalloc(sizeof(*l));
    l->db = db;
    l->url = url;
    l->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum status status = l->stop < 0 ? err_errno(err, "eventfd") : OK;
    if (status == OK)
        status = connect_listener(url, &l->conn, err);
    if (status == OK)
        status = thread_start(&l->thread, run, l, "what PostgreSQL tells", err);
    if (status != OK) {
        PQfinish(l->conn);
        if (l->stop >= 0)
            close(l->stop);
        free(l);
        return status;
    }
    *ret = l;
    return OK;
}

void pg_listener_free(struct pg_listener *l)
{
    if (!l)
        return;
    uint64_t one = 1;
    while (write(l->stop, &one, sizeof(one)) < 0)
        ; /* only a signal can disturb it */
    pthread_join(l->thread, NULL);
    PQfinish(l->conn);
    close(l->stop);
    free(l);
}
