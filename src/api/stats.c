/* SPDX-License-Identifier: Apache-2.0 */
/* stats — the administrators' overview (SPEC AD-2). */
#include "service/stats.h"

#include "api/handlers.h"
#include "api/messages.h"
#include "api/query.h"
#include "api/views.h"
#include "base/clock.h"
#include "media/local.h"

enum { STORED_MAX_AGE_MS = 2000, UTC_OFFSET_MAX = 14 * 60 };

/* ---- jobs */

static void view_times(struct json_out *j, const struct durations *d)
{
    int64_t half = duration_quantile(d, 500), most = duration_quantile(d, 950);
    if (half)
        json_kv_int(j, "p50_ms", half);
    else
        json_kv_null(j, "p50_ms");
    if (most)
        json_kv_int(j, "p95_ms", most);
    else
        json_kv_null(j, "p95_ms");
}

static void view_counts(struct json_out *j, const struct stats_step *step)
{
    json_kv_int(j, "completed", step->completed);
    json_kv_int(j, "failed", step->failed);
    json_kv_int(j, "cancelled", step->cancelled);
    view_times(j, &step->times);
}

/* By octaves, only those that have any. */
static void view_spread(struct json_out *j, const struct durations *d)
{
    json_key(j, "spread");
    json_array(j);
    for (int first = 0; first < DURATION_BUCKETS; first += DURATION_OCTAVE) {
        int64_t jobs = 0;
        for (int i = first; i < first + DURATION_OCTAVE; i++)
            jobs += d->counts[i];
        if (jobs == 0)
            continue;
        json_object(j);
        json_kv_int(j, "from_ms", duration_bucket_begin(first));
        json_kv_int(j, "to_ms", duration_bucket_begin(first + DURATION_OCTAVE));
        json_kv_int(j, "jobs", jobs);
        json_object_end(j);
    }
    json_array_end(j);
}

static void view_causes(struct call *c, struct json_out *j, const struct stats_jobs *jobs)
{
    json_key(j, "causes");
    json_array(j);
    for (size_t i = 0; i < jobs->cause_count; i++) {
        const struct stats_cause *cause = &jobs->causes[i];
        struct failure failure = {.code = cause->code};
        if (failure_class_parse(cause->code, &failure.class))
            failure.code = str_of(failure_class_code(failure.class));
        json_object(j);
        json_kv_str(j, "code", failure.code);
        json_kv_str(j, "message", message_of_failure(&failure, c->language, c->arena));
        json_kv_int(j, "jobs", cause->jobs);
        json_object_end(j);
    }
    json_array_end(j);
}

static void view_jobs(struct call *c, struct json_out *j, const struct stats_jobs *jobs)
{
    json_key(j, "jobs");
    json_object(j);
    view_counts(j, &jobs->all);
    json_key(j, "steps");
    json_array(j);
    for (size_t i = 0; i < jobs->span.steps; i++) {
        json_object(j);
        json_kv_time(j, "at", jobs->span.from + (int64_t)i * jobs->span.step);
        view_counts(j, &jobs->steps[i]);
        view_spread(j, &jobs->steps[i].times);
        json_object_end(j);
    }
    json_array_end(j);
    view_causes(c, j, jobs);
    json_object_end(j);
}

/* ---- who waits, who uses it */

static void view_ranked(struct json_out *j, const struct stats_user *u, const char *value)
{
    json_object(j);
    json_kv_int(j, "user_id", u->user_id);
    json_kv_str(j, "email", u->email);
    json_kv_int(j, value, u->value);
}

static enum status write_live(struct call *c, struct json_out *j, struct err *err)
{
    struct stats_user users[STATS_LIST];
    struct stats_live live;
    size_t n;
    TRY(stats_live(c->db, &live, err));
    TRY(stats_waiting(c->db, c->arena, users, STATS_LIST, &n, err));
    json_key(j, "live");
    json_object(j);
    json_kv_int(j, "waiting", live.waiting);
    json_kv_int(j, "running", live.running);
    json_kv_time(j, "oldest_at", live.oldest);
    json_key(j, "users");
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        view_ranked(j, &users[i], "waiting");
        json_kv_time(j, "since", users[i].since);
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
    return OK;
}

static enum status write_top(struct call *c, struct json_out *j, int64_t since, struct err *err)
{
    struct stats_user by_bytes[STATS_LIST], by_jobs[STATS_LIST];
    size_t n_bytes, n_jobs;
    TRY(stats_top_by_bytes(c->db, c->arena, by_bytes, STATS_LIST, &n_bytes, err));
    TRY(stats_top_by_jobs(c->db, since, clock_wall_ms(), c->arena, by_jobs, STATS_LIST, &n_jobs,
                          err));
    json_key(j, "top_users");
    json_object(j);
    json_key(j, "by_bytes");
    json_array(j);
    for (size_t i = 0; i < n_bytes; i++) {
        view_ranked(j, &by_bytes[i], "bytes");
        json_object_end(j);
    }
    json_array_end(j);
    json_key(j, "by_jobs");
    json_array(j);
    for (size_t i = 0; i < n_jobs; i++) {
        view_ranked(j, &by_jobs[i], "jobs");
        json_kv_int(j, "failed", by_jobs[i].failed);
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
    return OK;
}

/* ---- accounts */

static void view_health(struct call *c, struct json_out *j, const struct stats_health *h)
{
    const char *sentence = message_of(h->now.reason, c->language);
    json_object(j);
    json_kv_int(j, "id", h->id);
    json_kv_str(j, "name", h->name);
    json_kv_z(j, "status", account_status_name(h->now.status));
    json_kv_str_or_null(j, "status_reason_code",
                        h->now.reason[0] ? str_of(h->now.reason) : STR_NONE);
    json_kv_str_or_null(j, "status_reason",
                        h->now.reason[0] ? str_of(sentence ? sentence : h->now.reason) : STR_NONE);
    json_kv_int(j, "cooling_seconds", (h->cooling_ms + CLOCK_SECOND_MS - 1) / CLOCK_SECOND_MS);
    json_kv_int(j, "in_flight", h->now.in_flight);
    json_kv_int(j, "concurrency", h->concurrency);
    json_kv_int(j, "successes_24h", h->now.successes_24h);
    json_kv_int(j, "failures_24h", h->now.failures_24h);
    view_hours(j, h->hours);
    json_object_end(j);
}

static enum status write_accounts(struct call *c, struct json_out *j, struct err *err)
{
    struct stats_accounts *accounts = arena_alloc(c->arena, sizeof(*accounts));
    if (!accounts)
        return err_set(err, E_NO_MEMORY, "no_memory");
    TRY(stats_gather_accounts(c->app, c->db, c->arena, accounts, err));
    json_key(j, "accounts");
    json_object(j);
    json_kv_int(j, "total", accounts->total);
    json_kv_int(j, "active", accounts->active);
    json_kv_int(j, "cooling", accounts->cooling);
    json_kv_int(j, "error", accounts->error);
    json_kv_int(j, "disabled", accounts->disabled);
    json_kv_int(j, "in_flight", accounts->in_flight);
    json_kv_int(j, "slots", accounts->slots);
    json_key(j, "worst");
    json_array(j);
    for (size_t i = 0; i < accounts->worst_count; i++)
        view_health(c, j, &accounts->worst[i]);
    json_array_end(j);
    json_object_end(j);
    return OK;
}

/* ---- stores */

struct storage_view {
    struct json_out *j;
    int64_t measured_at;
};

static void view_stored(void *ctx, const struct stats_stored *s)
{
    struct storage_view *v = ctx;
    v->measured_at = s->measured_at;
    if (s->storage.n == 0)
        return;
    json_object(v->j);
    json_kv_time(v->j, "day", s->day);
    json_kv_str(v->j, "storage", s->storage);
    json_kv_str(v->j, "counter", s->counter);
    json_kv_int(v->j, "bytes", s->bytes);
    json_kv_int(v->j, "objects", s->objects);
    json_object_end(v->j);
}

static void view_disk(struct call *c, struct json_out *j)
{
    int64_t size, left;
    json_key(j, "disk");
    if (!c->app->local || !local_room(c->app->local, &size, &left)) {
        json_null(j);
        return;
    }
    json_object(j);
    json_kv_int(j, "size_bytes", size);
    json_kv_int(j, "free_bytes", left);
    json_object_end(j);
}

static enum status write_storage(struct call *c, struct json_out *j, struct err *err)
{
    struct storage_view view = {.j = j};
    int64_t since = clock_wall_ms() - STATS_DAYS * CLOCK_DAY_MS, deletions;
    TRY(stats_refresh_stored(c->db, STORED_MAX_AGE_MS, err));
    TRY(stats_deletions(c->db, &deletions, err));
    json_key(j, "storage");
    json_object(j);
    json_key(j, "days");
    json_array(j);
    TRY(stats_each_stored(c->db, since, view_stored, &view, err));
    json_array_end(j);
    json_kv_time(j, "measured_at", view.measured_at);
    json_kv_int(j, "deletions_waiting", deletions);
    view_disk(c, j);
    json_object_end(j);
    return OK;
}

enum status stats_get(struct call *c, struct err *err)
{
    static const char *const periods[] = {"24h", "7d", "30d", NULL};
    int period = STATS_DAY;
    int64_t offset = 0;
    TRY(query_word(c, "period", periods, &period, err));
    TRY(query_number(c, "utc_offset", -UTC_OFFSET_MAX, UTC_OFFSET_MAX, &offset, err));
    struct stats_jobs *jobs = arena_alloc(c->arena, sizeof(*jobs));
    if (!jobs)
        return err_set(err, E_NO_MEMORY, "no_memory");
    const struct stats_span span = stats_span_of((enum stats_period)period, clock_wall_ms(),
                                                 offset * CLOCK_MINUTE_MS);
    TRY(stats_gather_jobs(c->db, &span, c->arena, jobs, err));
    struct json_out *j = call_json(c, 200);
    json_object(j);
    json_kv_z(j, "period", periods[period]);
    json_kv_time(j, "from", span.from);
    json_kv_int(j, "step_seconds", span.step / CLOCK_SECOND_MS);
    view_jobs(c, j, jobs);
    TRY(write_live(c, j, err));
    TRY(write_accounts(c, j, err));
    TRY(write_storage(c, j, err));
    TRY(write_top(c, j, span.from, err));
    json_object_end(j);
    return OK;
}
