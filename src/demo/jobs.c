/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/jobs.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "platform/crypto.h"

enum {
    JOB_MEMORY = 256 * 1024,
    STEPS = 24,           /* changes of progress in a job's life */
    QUEUED_PERMILLE = 80, /* of its time it waits in line; then drawing begins */
};

/* Kept as views: they are JSON that goes out as it is. */
#define FAILURE(code, message) STR("{\"code\":\"" code "\",\"message\":\"" message "\"}")
#define REFUSAL                FAILURE("moderation_blocked", "Your request was blocked by our moderation system.")
#define PLAIN_FAILURE          FAILURE("video_generation_failed", "The generation failed.")
#define DRAW_FAILURE           FAILURE("internal_error", "The media could not be drawn.")

void jobs_init(struct jobs *all, struct loop *loop, struct media_store *store,
               const struct settings *settings, uint64_t seed)
{
    *all = (struct jobs){.loop = loop, .store = store, .settings = settings, .seed = seed};
    list_init(&all->list);
}

struct job *job_ref(struct job *job)
{
    job->refs++;
    return job;
}

static void drop_media(struct job *job)
{
    for (size_t i = 0; i < job->media_count; i++) {
        list_remove(&job->waits[i].link);
        media_unref(job->media[i]);
    }
    job->media_count = 0;
}

void job_unref(struct job *job)
{
    if (!job || --job->refs > 0)
        return;
    timer_unset(job->jobs->loop, &job->tick);
    drop_media(job);
    fault_unref(job->fault);
    arena_free(job->arena);
    free(job);
}

bool job_ended(const struct job *job)
{
    return job->state >= JOB_COMPLETED;
}

static void tell(struct job *job)
{
    job_ref(job);
    LIST_EACH(node, &job->watches)
    {
        struct job_watch *w = CONTAINER_OF(node, struct job_watch, link);
        w->fn(w);
    }
    job_unref(job);
}

static void unlist(struct job *job)
{
    list_remove(&job->link);
    job->jobs->known--;
    job_unref(job);
}

static void forget_old(struct jobs *all)
{
    LIST_EACH(node, &all->list)
    {
        struct job *job = CONTAINER_OF(node, struct job, link);
        if (all->known - all->active <= JOBS_MAX_ENDED)
            return;
        if (job_ended(job))
            unlist(job);
    }
}

static void end(struct job *job, enum job_state state)
{
    struct jobs *all = job->jobs;

    job->state = state;
    job->ended_ms = clock_wall_ms();
    timer_unset(all->loop, &job->tick);
    all->active--;
    all->completed += state == JOB_COMPLETED;
    all->failed += state == JOB_FAILED;
    all->cancelled += state == JOB_CANCELLED;
    job_ref(job);
    tell(job);
    forget_old(all);
    job_unref(job);
}

void job_cancel(struct job *job)
{
    if (!job_ended(job))
        end(job, JOB_CANCELLED);
}

void job_fail(struct job *job, struct str error_json)
{
    if (job_ended(job))
        return;
    job->error = arena_str(job->arena, error_json);
    end(job, JOB_FAILED);
}

void job_pin(struct job *job, int64_t progress)
{
    if (job_ended(job))
        return;
    job->pinned = true;
    job->progress = progress;
    job->state = JOB_RUNNING;
    timer_unset(job->jobs->loop, &job->tick);
    tell(job);
}

void job_forget(struct job *job)
{
    job_ref(job);
    job_cancel(job);
    if (!list_empty(&job->link))
        unlist(job);
    job_unref(job);
}

void jobs_clear(struct jobs *all)
{
    while (!list_empty(&all->list))
        job_forget(CONTAINER_OF(all->list.next, struct job, link));
    all->made = all->completed = all->failed = all->cancelled = 0;
}

/* Completes a job whose time is up once everything is drawn. */
static void complete_when_drawn(struct job *job)
{
    bool failed = false;

    if (job_ended(job) || !job->due)
        return;
    for (size_t i = 0; i < job->media_count; i++) {
        if (media_state(job->media[i]) == MEDIA_PENDING)
            return;
        failed = failed || media_state(job->media[i]) == MEDIA_FAILED;
    }
    if (failed) {
        job_fail(job, DRAW_FAILURE);
        return;
    }
    job->progress = 100;
    end(job, JOB_COMPLETED);
}

static void on_media(struct media_waiter *w)
{
    complete_when_drawn(w->ctx);
}

static void start_drawing(struct job *job)
{
    const struct wish *wish = &job->wish;
    bool plain = job->jobs->settings->plain_media;
    struct str caption = plain ? wish->model : wish->prompt;

    if (job->media_count || job->plan.no_result || wish->spec.kind == KIND_TEXT)
        return;
    for (int64_t i = 0; i < wish->count; i++) {
        struct render_order order = {
            .spec = wish->spec,
            .format = wish->spec.kind == KIND_VIDEO ? RENDER_MP4 : RENDER_PNG,
            .caption = caption,
            .seed = str_hash(caption) + job->jobs->seed * 977 + (plain ? 0 : (uint64_t)i * 65537),
        };
        struct media *m = media_want(job->jobs->store, &order);
        job->waits[i] = (struct media_waiter){.fn = on_media, .ctx = job};
        list_init(&job->waits[i].link);
        job->media[job->media_count++] = m;
        if (media_state(m) == MEDIA_PENDING)
            media_wait(m, &job->waits[i]);
    }
}

/* Even steps look made up: each is off by up to 2 percent, and none goes back. */
static int64_t percent_at(const struct job *job, int64_t permille)
{
    int64_t even = (permille - QUEUED_PERMILLE) * 100 / (1000 - QUEUED_PERMILLE);
    uint64_t salt = str_hash(str_of(job->id)) + job->jobs->seed + (uint64_t)permille;
    int64_t percent = even + (int64_t)(salt % 5) - 2;

    percent = MAX(MIN(percent, 99), job->progress);
    if (permille >= 1000)
        percent = job->plan.stick_at >= 0 ? job->plan.stick_at : 99;
    return job->plan.stick_at >= 0 ? MIN(percent, job->plan.stick_at) : percent;
}

static bool fails(const struct job *job)
{
    return job->plan.fail.p || job->plan.refuse;
}

static bool wants_to_fail(const struct job *job, int64_t permille)
{
    return fails(job) && (job->progress >= job->plan.fail_at || permille >= 1000);
}

static void fail_as_planned(struct job *job)
{
    if (job->plan.refuse)
        job_fail(job, REFUSAL);
    else if (str_eq(job->plan.fail, STR("true")))
        job_fail(job, PLAIN_FAILURE);
    else
        job_fail(job, job->plan.fail);
}

static void advance(struct job *job)
{
    struct loop *loop = job->jobs->loop;
    int64_t elapsed = clock_mono_ms() - job->started;
    bool over = job->duration == 0 || elapsed >= job->duration;
    int64_t permille = over ? 1000 : elapsed * 1000 / job->duration;
    int64_t progress = permille < QUEUED_PERMILLE ? 0 : percent_at(job, permille);
    enum job_state state = permille < QUEUED_PERMILLE ? JOB_QUEUED : JOB_RUNNING;
    bool changed = state != job->state || progress != job->progress;

    job->state = state;
    job->progress = progress;
    if (state == JOB_RUNNING && !fails(job))
        start_drawing(job);
    if (wants_to_fail(job, permille)) {
        fail_as_planned(job);
        return;
    }
    if (permille < 1000)
        timer_set_in(loop, &job->tick, MAX(job->duration / STEPS, 10));
    if (changed)
        tell(job);
    job->due = permille == 1000 && job->plan.stick_at < 0;
    complete_when_drawn(job);
}

static void on_tick(struct timer *t)
{
    struct job *job = job_ref(CONTAINER_OF(t, struct job, tick));

    advance(job);
    job_unref(job);
}

void job_finish(struct job *job)
{
    if (job_ended(job))
        return;
    job->plan.stick_at = -1;
    job->plan.fail = STR_NONE;
    job->plan.refuse = false;
    job->duration = 0;
    job_ref(job);
    advance(job);
    job_unref(job);
}

/* Making. */

static int64_t duration_of(const struct job *job)
{
    const struct settings *s = job->jobs->settings;
    int64_t at_speed_1 = job->wish.spec.kind == KIND_VIDEO ? s->video_ms : s->image_ms;

    if (job->plan.duration_ms >= 0)
        return job->plan.duration_ms;
    return (int64_t)((double)at_speed_1 / s->speed);
}

static void new_id(const struct job *job, char out[JOB_ID_SIZE])
{
    unsigned char random[16];
    char hex[2 * sizeof(random) + 1];

    crypto_random(random, sizeof(random));
    hex_encode(random, sizeof(random), hex);
    snprintf(out, JOB_ID_SIZE, "%s_%s", kind_name(job->wish.spec.kind), hex);
}

static void copy_wish(struct job *job, const struct wish *wish)
{
    struct wish *w = &job->wish;
    struct str *const texts[] = {&w->model,        &w->prompt, &w->seconds,
                                 &w->size,         &w->bearer, &w->idempotency_key,
                                 &w->remixed_from, &w->path,   &w->digest};

    *w = *wish;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (texts[i]->p)
            *texts[i] = arena_str(job->arena, *texts[i]);
    w->count = MIN(MAX(w->count, 1), JOB_MAX_COUNT);
}

static struct job *new_job(struct jobs *all, enum route_id route, const struct wish *wish,
                           struct fault *fault)
{
    static const struct job_plan usual = {
        .duration_ms = -1, .stick_at = -1, .progress = true, .links = -1, .link_ttl_ms = -1};
    struct job *job = mem_zalloc(sizeof(*job));

    job->jobs = all;
    job->refs = 1; /* the list's */
    job->arena = arena_new(JOB_MEMORY);
    job->route = route;
    job->fault = fault_ref(fault);
    job->plan = fault ? fault->plan : usual;
    list_init(&job->watches);
    copy_wish(job, wish);
    new_id(job, job->id);
    new_id(job, job->shown_id);
    if (!job->plan.new_id)
        snprintf(job->shown_id, JOB_ID_SIZE, "%s", job->id);
    job->created_ms = clock_wall_ms();
    job->started = clock_mono_ms();
    job->duration = duration_of(job);
    job->tick.fn = on_tick;
    return job;
}

enum status jobs_make(struct jobs *all, enum route_id route, const struct wish *wish,
                      struct fault *fault, struct job **ret, struct err *err)
{
    int64_t limit = all->settings->max_jobs ? all->settings->max_jobs : JOBS_MAX_ACTIVE;

    if (all->active >= (size_t)limit)
        return err_say(err, E_LIMIT, "rate_limit_exceeded", "%lld jobs are running, try later",
                       (long long)limit);
    if (wish->prompt.n > JOB_MEMORY / 2)
        return err_field(err, "invalid_field", "prompt", "The prompt is too long.");
    struct job *job = new_job(all, route, wish, fault);
    list_push_back(&all->list, &job->link);
    all->known++;
    all->active++;
    all->made++;
    timer_set_in(all->loop, &job->tick, 0);
    *ret = job_ref(job);
    return OK;
}

struct job *jobs_find(const struct jobs *all, struct str id)
{
    LIST_EACH(node, (struct list *)(uintptr_t)&all->list)
    {
        struct job *job = CONTAINER_OF(node, struct job, link);
        if (str_eq(str_of(job->id), id) || str_eq(str_of(job->shown_id), id))
            return job;
    }
    return NULL;
}

struct job *jobs_find_key(const struct jobs *all, const struct wish *wish)
{
    LIST_EACH(node, (struct list *)(uintptr_t)&all->list)
    {
        struct job *job = CONTAINER_OF(node, struct job, link);
        const struct wish *w = &job->wish;
        if (w->idempotency_key.n && str_eq(w->idempotency_key, wish->idempotency_key) &&
            str_eq(w->bearer, wish->bearer) && str_eq(w->path, wish->path))
            return job;
    }
    return NULL;
}

void job_watch(struct job *job, struct job_watch *w)
{
    list_push_back(&job->watches, &w->link);
}

struct str job_word(const struct job *job)
{
    static const char *const words[] = {"queued", "in_progress", "completed", "failed",
                                        "cancelled"};

    if (job->state < JOB_CANCELLED && job->plan.words[job->state].p)
        return job->plan.words[job->state];
    return str_of(words[job->state]);
}

int64_t job_shown_progress(const struct job *job)
{
    return job->plan.progress || job->state == JOB_COMPLETED ? job->progress : 0;
}

bool job_links_live(const struct job *job)
{
    int64_t ttl = job->plan.link_ttl_ms >= 0 ? job->plan.link_ttl_ms
                                             : job->jobs->settings->media_ttl_ms;

    return job->state == JOB_COMPLETED && !job->links_dead && clock_wall_ms() - job->ended_ms < ttl;
}
