/* SPDX-License-Identifier: Apache-2.0 */
#include "service/metrics.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/mem.h"
#include "kinora_version.h"

enum { STATUS_CLASSES = 6, BUCKETS = 12 };

static const char *const route_names[METRICS_ROUTES] = {
    [METRICS_GATEWAY] = "gateway", [METRICS_MEDIA] = "media", [METRICS_API] = "api"};

/* Upper bounds in ms; one more bucket has none. */
static const int64_t bounds[BUCKETS] = {5,    10,   25,    50,    100,   250,
                                        1000, 5000, 15000, 30000, 60000, 120000};

static struct {
    atomic_ullong answers[METRICS_ROUTES][STATUS_CLASSES];
    atomic_ullong calls, switches;
    atomic_ullong first_byte[BUCKETS + 1], first_byte_ms;
    atomic_llong streams;
} counts;

static void add(atomic_ullong *counter, unsigned long long n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static unsigned long long get(atomic_ullong *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void metrics_answer(enum metrics_route route, int status)
{
    int class = status / 100;
    add(&counts.answers[route][class < STATUS_CLASSES ? class : 0], 1);
}

void metrics_call(void)
{
    add(&counts.calls, 1);
}

void metrics_switch(void)
{
    add(&counts.switches, 1);
}

void metrics_first_byte(int64_t ms)
{
    size_t i = 0;
    while (i < BUCKETS && ms > bounds[i])
        i++;
    add(&counts.first_byte[i], 1);
    add(&counts.first_byte_ms, (unsigned long long)MAX(ms, 0));
}

void metrics_stream_begin(void)
{
    atomic_fetch_add_explicit(&counts.streams, 1, memory_order_relaxed);
}

void metrics_stream_end(void)
{
    atomic_fetch_sub_explicit(&counts.streams, 1, memory_order_relaxed);
}

/* ---- writing */

static void describe(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_one(struct buf *out, const char *name, const char *type, const char *help,
                      long long value)
{
    describe(out, name, type, help);
    buf_addf(out, "%s %lld\n", name, value);
}

static void write_answers(struct buf *out)
{
    describe(out, "kinora_answers_total", "counter", "Answers begun, by route and status class.");
    for (size_t r = 0; r < METRICS_ROUTES; r++) {
        for (size_t s = 2; s < STATUS_CLASSES; s++)
            buf_addf(out, "kinora_answers_total{route=\"%s\",status=\"%zuxx\"} %llu\n",
                     route_names[r], s, get(&counts.answers[r][s]));
    }
}

static void write_first_byte(struct buf *out)
{
    static const char name[] = "kinora_relay_first_byte_seconds";
    unsigned long long below = 0;
    describe(out, name, "histogram", "From the call upstream to the head of its answer.");
    for (size_t i = 0; i < BUCKETS; i++) {
        below += get(&counts.first_byte[i]);
        buf_addf(out, "%s_bucket{le=\"%g\"} %llu\n", name, (double)bounds[i] / 1000, below);
    }
    below += get(&counts.first_byte[BUCKETS]);
    buf_addf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %g\n%s_count %llu\n", name, below, name,
             (double)get(&counts.first_byte_ms) / 1000, name, below);
}

static enum status write_jobs(struct db_conn *db, struct buf *out, struct err *err)
{
    static const char sql[] =
        "SELECT state, COUNT(*) FROM jobs WHERE state <> 'ended' GROUP BY state ORDER BY state";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    describe(out, "kinora_jobs", "gauge", "Live jobs by state, on all nodes.");
    TRY(db_query(db, sql, DB_NO_ARGS, &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row)
            return OK;
        buf_addf(out, "kinora_jobs{state=\"%.*s\"} %lld\n", STR_ARG(db_text(rows, 0)),
                 (long long)db_int(rows, 1));
    }
}

/* Deletions that wait; those of a bucket that does not open any more do so for good. */
static enum status write_deletions(struct db_conn *db, struct buf *out, struct err *err)
{
    static const char sql[] = "SELECT storage, store_id, COUNT(*) FROM deletions "
                              "GROUP BY storage, store_id ORDER BY storage, store_id";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    describe(out, "kinora_deletions", "gauge",
             "Objects that must still be removed, by the number of their store.");
    TRY(db_query(db, sql, DB_NO_ARGS, &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row)
            return OK;
        buf_addf(out, "kinora_deletions{storage=\"%.*s\",store=\"%lld\"} %lld\n",
                 STR_ARG(db_text(rows, 0)), (long long)db_int(rows, 1), (long long)db_int(rows, 2));
    }
}

static void write_memory(struct buf *out)
{
    long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return;
    if (fscanf(file, "%*s %lld", &pages) == 1)
        write_one(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
                  pages * sysconf(_SC_PAGESIZE));
    fclose(file);
}

enum status metrics_write(struct db_conn *db, struct buf *out, struct err *err)
{
    describe(out, "kinora_build_info", "gauge", "Version of the program.");
    buf_addf(out, "kinora_build_info{version=\"%s\"} 1\n", KINORA_VERSION);
    write_answers(out);
    write_one(out, "kinora_relay_calls_total", "counter", "Direct calls sent upstream.",
              (long long)get(&counts.calls));
    write_one(out, "kinora_relay_switches_total", "counter",
              "Direct calls that were tried again with another account.",
              (long long)get(&counts.switches));
    write_first_byte(out);
    write_one(out, "kinora_gateway_streams", "gauge", "Gateway answers under way.",
              atomic_load_explicit(&counts.streams, memory_order_relaxed));
    write_memory(out);
    TRY(write_deletions(db, out, err));
    return write_jobs(db, out, err);
}
