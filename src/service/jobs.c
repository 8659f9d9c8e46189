/* SPDX-License-Identifier: Apache-2.0 */
#include "service/jobs.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "base/log.h"
#include "base/thread.h"
#include "platform/json_in.h"
#include "service/events.h"
#include "service/jobs_impl.h"
#include "store/cancels.h"

/* ---- rows */

static void write_input(struct json_out *j, const struct job_input *input)
{
    json_object(j);
    json_kv_str_or_null(j, "url", input->url);
    json_kv_int(j, "object_id", input->object_id);
    json_object_end(j);
}

static void write_inputs(struct json_out *j, const struct job_spec *spec)
{
    json_key(j, "images");
    json_array(j);
    for (size_t i = 0; i < spec->image_count; i++)
        write_input(j, &spec->images[i]);
    json_array_end(j);
    json_key(j, "mask");
    write_input(j, &spec->mask);
}

static struct str write_request(const struct job_spec *spec, struct arena *a)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(1 << 20);
    struct json_out j;
    json_out_init(&j, &out);
    json_object(&j);
    json_kv_z(&j, "media_type", media_type_name(spec->media_type));
    json_kv_str(&j, "prompt", spec->prompt);
    json_kv_int(&j, "count", spec->count);
    json_kv_str_or_null(&j, "orientation", spec->orientation);
    json_kv_int(&j, "seconds", spec->seconds);
    json_kv_int(&j, "hop", spec->hop);
    json_kv_str_or_null(&j, "size", spec->size);
    json_kv_bool(&j, "size_said", spec->size_said);
    write_inputs(&j, spec);
    json_kv_bool(&j, "as_base64", spec->as_base64);
    json_kv_str_or_null(&j, "remix_of", spec->remix_of);
    json_kv_str_or_null(&j, "remixed_from", spec->remixed_from);
    if (spec->extra.n) {
        json_key(&j, "extra");
        json_raw(&j, spec->extra);
    }
    json_object_end(&j);
    return buf_failed(&out) ? STR_NONE : arena_str(a, buf_str(&out));
}

/* The row names one of the objects, job_inputs the others: they go together. */
static enum status add_inputs(struct db_conn *tx, const struct job_spec *spec,
                              const struct job *job, struct err *err)
{
    for (size_t i = 0; i < spec->image_count; i++) {
        int64_t id = spec->images[i].object_id;
        if (id && id != job->input_object_id)
            TRY(job_add_input(tx, job->id, id, err));
    }
    int64_t mask = spec->mask.object_id;
    return mask && mask != job->input_object_id ? job_add_input(tx, job->id, mask, err) : OK;
}

static int64_t first_object(const struct job_spec *spec)
{
    for (size_t i = 0; i < spec->image_count; i++) {
        if (spec->images[i].object_id)
            return spec->images[i].object_id;
    }
    return spec->mask.object_id;
}

enum status jobs_add(struct db_conn *tx, const struct job_spec *spec, struct arena *a,
                     struct job *ret, struct err *err)
{
    char id[40], uuid[UUID_SIZE];
    int64_t now = clock_wall_ms();
    crypto_random_text(18, id);
    crypto_uuid(uuid);
    *ret = (struct job){
        .public_id = arena_printf(a, "%s_%s", job_kind_name(spec->kind), id),
        .kind = spec->kind,
        .generation_id = spec->generation_id,
        .user_id = spec->user_id,
        .api_key_id = spec->api_key_id,
        .group_id = spec->group_id,
        .ungrouped = spec->ungrouped,
        .pinned_to = spec->pinned_to,
        .model = spec->model,
        .request = write_request(spec, a),
        .input_object_id = first_object(spec),
        .idempotency_key = arena_printf(a, "kinora-%s", uuid),
        .state = JOB_QUEUED,
        .next_at = now,
        .pending_until = now + spec->pending_ms,
        .deadline_at = now + spec->total_ms,
        .created_at = now,
    };
    if (!ret->request.p)
        return err_set(err, E_TOO_LARGE, "too_large");
    TRY(job_insert(tx, ret, err));
    return add_inputs(tx, spec, ret, err);
}

/* ---- results */

struct str jobs_write_media(const struct job_media *media, size_t n, struct arena *a)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(1 << 20);
    struct json_out j;
    json_out_init(&j, &out);
    json_object(&j);
    json_key(&j, "media");
    json_array(&j);
    for (size_t i = 0; i < n; i++) {
        json_object(&j);
        if (media[i].object_id)
            json_kv_int(&j, "object_id", media[i].object_id);
        else
            json_kv_str(&j, "url", media[i].url);
        json_kv_bool(&j, "needs_credential", media[i].needs_credential);
        json_kv_z(&j, "type", media_type_name(media[i].type));
        json_object_end(&j);
    }
    json_array_end(&j);
    json_object_end(&j);
    return buf_failed(&out) ? STR_NONE : arena_str(a, buf_str(&out));
}

struct str jobs_write_links(const struct dialect_outcome *outcome, struct arena *a)
{
    struct job_media media[DIALECT_MAX_MEDIA];
    for (size_t i = 0; i < outcome->media_count; i++) {
        const struct dialect_media *from = &outcome->media[i];
        media[i] = (struct job_media){
            .url = from->url, .needs_credential = from->needs_credential, .type = from->type};
    }
    return jobs_write_media(media, outcome->media_count, a);
}

enum status jobs_read_media(struct str result, struct arena *a, struct job_media *ret, size_t max,
                            size_t *ret_count, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    TRY(json_parse(result, &doc, err));
    struct json list = json_get(json_root(doc), "media");
    size_t n = MIN(json_size(list), max);
    for (size_t i = 0; i < n; i++) {
        struct json item = json_at(list, i);
        struct str url = json_str_or(json_get(item, "url"), STR_NONE);
        ret[i] = (struct job_media){
            .url = url.p ? arena_str(a, url) : STR_NONE,
            .needs_credential = json_bool_or(json_get(item, "needs_credential"), false),
            .object_id = json_int_or(json_get(item, "object_id"), 0)};
        media_type_parse(json_str_or(json_get(item, "type"), STR("video")), &ret[i].type);
    }
    *ret_count = n;
    return OK;
}

bool jobs_same_media(struct str one, struct str other, struct arena *a)
{
    struct job_media media[DIALECT_MAX_MEDIA];
    struct str plain[2] = {one, other};
    struct err ignored;
    for (size_t i = 0; i < 2; i++) {
        size_t n;
        if (jobs_read_media(plain[i], a, media, DIALECT_MAX_MEDIA, &n, &ignored) != OK)
            return false;
        plain[i] = jobs_write_media(media, n, a);
    }
    return plain[0].p && plain[1].p && str_eq(plain[0], plain[1]);
}

/* ---- the end by its owner */

enum status jobs_cancel(struct db_conn *tx, int64_t job_id, struct err *err)
{
    int64_t now = clock_wall_ms();
    TRY(cancel_note_job(tx, job_id, now + JOBS_TELL_MS, err));
    TRY(job_end_by_owner(tx, job_id, now, err));
    return events_note(tx, TOPIC_JOB, EVENT_JOB, job_id, 1, err);
}

/* ---- beginning and end */

static void *stream_main(void *arg)
{
    struct jobs *j = arg;
    loop_run(j->loop);
    return NULL;
}

/* The database's notice thread: must not block. */
static void on_event(void *ctx, const struct event *e)
{
    if (e->topic == TOPIC_JOB && e->kind == EVENT_JOB && e->subject == 1)
        jobs_after_cancel(ctx, e->id);
}

enum status jobs_take_up(struct app *app, struct err *err)
{
    if (db_engine_of(app->db) != DB_SQLITE)
        return OK;
    struct db_conn *db = db_conn_new(app->db);
    enum status status = job_void_leases(db, str_of(app->node_id), err);
    db_conn_free(db);
    if (status == OK && app->jobs)
        jobs_wake(app->jobs);
    return status;
}

/* In this order: the scheduler, which begins jobs, comes last. */
static enum status start_threads(struct jobs *j, struct err *err)
{
    TRY(thread_start(&j->stream_thread, stream_main, j, "the jobs' streams", err));
    j->streaming = true;
    TRY(thread_start(&j->keeper, keeper_main, j, "the jobs' leases", err));
    j->keeping = true;
    TRY(thread_start(&j->scheduler, scheduler_main, j, "the jobs' schedule", err));
    j->scheduling = true;
    return OK;
}

enum status jobs_start(struct app *app, struct err *err)
{
    struct jobs *j = mem_zalloc(sizeof(*j));
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&j->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&j->lock, NULL);
    list_init(&j->holds);
    list_init(&j->places);
    list_init(&j->steps);
    streams_init(j);
    j->app = app;
    j->loop = loop_new();
    struct upstream_config config = {.loop = j->loop,
                                     .resolver = str_of(app->resolver),
                                     .idle_per_origin = 16,
                                     .idle_total = 256,
                                     .in_high = 256 << 10};
    enum status status = upstream_client_new(&config, &j->upstream, err);
    if (status != OK) {
        loop_free(j->loop);
        free(j);
        return status;
    }
    app->jobs = j;
    events_tap(app->events, on_event, j);
    return start_threads(j, err);
}

void jobs_drain(struct app *app)
{
    struct jobs *j = app->jobs;
    pthread_mutex_lock(&j->lock);
    j->stopping = true;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
    if (j->scheduling)
        pthread_join(j->scheduler, NULL);
}

int jobs_busy_count(struct app *app)
{
    struct jobs *j = app->jobs;
    int n = 0;
    pthread_mutex_lock(&j->lock);
    LIST_EACH(node, &j->steps)
    n++;
    pthread_mutex_unlock(&j->lock);
    return n;
}

static void stop_holders(struct jobs *j)
{
    pthread_mutex_lock(&j->lock);
    LIST_EACH(node, &j->holds)
    {
        struct hold *h = CONTAINER_OF(node, struct hold, link);
        if (h->busy)
            atomic_store(&h->cancelled, true);
    }
    pthread_mutex_unlock(&j->lock);
}

void jobs_cut(struct app *app)
{
    struct jobs *j = app->jobs;
    struct timespec pause = {.tv_nsec = 10 * 1000000L};
    atomic_store(&j->cut, true);
    /* A step that runs may still begin a stream; workers give back one after the other. */
    while (jobs_busy_count(app) > 0) {
        stop_holders(j);
        streams_cut(j);
        nanosleep(&pause, NULL);
    }
    if (j->keeping)
        pthread_join(j->keeper, NULL);
    loop_stop(j->loop);
    if (j->streaming)
        pthread_join(j->stream_thread, NULL);
}

const atomic_bool *jobs_are_cut(struct app *app)
{
    return &app->jobs->cut;
}

void jobs_free(struct app *app)
{
    struct jobs *j = app->jobs;
    if (!j)
        return;
    LIST_EACH(node, &j->holds)
    {
        struct hold *h = CONTAINER_OF(node, struct hold, link);
        list_remove(&h->link);
        hold_release_slot(j, h, POOL_NEUTRAL, 0);
        free(h->upstream_id);
        free(h->upstream_ref);
        free(h);
    }
    places_free(j);
    upstream_client_free(j->upstream);
    loop_free(j->loop);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
    free(j);
    app->jobs = NULL;
}
