/* SPDX-License-Identifier: Apache-2.0 */
/* Submissions whose answer is the job itself: read on the engine's own loop, never by a
 * worker, because they last as long as the work does.
 *
 * A stream is the loop's from stream_start() until it has ended, and a worker's after that;
 * its lease is kept by the keeper all the while.  `wake_posted` makes sure that a
 * cancellation on its way has been delivered before the stream is handed on. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/retry_after.h"
#include "service/events.h"
#include "service/jobs_impl.h"
#include "store/generations.h"

enum {
    CONNECT_MS = 10000,
    FIRST_BYTE_MS = 120000, /* GW-5, of what is streamed */
    WHOLE_MS = 30 * 60000,  /* and of what comes in one piece */
    IDLE_MS = 600000,
    REFUSAL_BYTES = 64 << 10,
    NOTE_MS = 1000, /* progress is written at most once a second */
    RETRY_MS = 200, /* when every worker is busy */
    USUAL_BYTES = 32 << 20,
};

struct job_stream {
    struct list link;
    struct jobs *jobs;
    struct step *s;
    struct upstream_request request;
    struct upstream_call *call;
    struct dialect_stream *reader;
    struct task begin, wake;
    struct timer retry, deadline, note;
    bool wake_posted; /* under the engine's lock */
    bool ended, late;
    bool failed;
    struct upstream_failure failure;
    int status;
    int64_t retry_after_ms;
    struct str type;
    struct buf refusal;
    bool unreadable; /* the reader gave up */
    size_t read;     /* bytes given to it */
    bool large, paused;
    int64_t noted_progress;
    /* A worker's, one at a time. */
    struct work note_work;
    bool noting;
    int64_t note_progress;
    struct task note_done;
};

static void stream_end(struct job_stream *st);

/* ---- progress */

static enum status write_progress(struct step *s, struct db_conn *tx, int64_t progress,
                                  struct err *err)
{
    bool changed;
    TRY(db_begin(tx, err));
    TRY(job_set_progress(tx, s->job.id, s->job.fence, progress, &changed, err));
    if (changed && s->job.generation_id) {
        TRY(generation_set_progress(tx, s->job.generation_id, progress, &changed, err));
        TRY(events_note(tx, TOPIC_USER, EVENT_GENERATION, s->job.user_id, s->job.generation_id,
                        err));
    }
    TRY(events_note(tx, TOPIC_JOB, EVENT_JOB, s->job.id, 0, err));
    return db_commit(tx, err);
}

static void note_run(struct work *work, void *thread_state)
{
    struct job_stream *st = CONTAINER_OF(work, struct job_stream, note_work);
    struct worker *w = thread_state;
    struct err err;
    if (write_progress(st->s, w->db, st->note_progress, &err) != OK) {
        db_rollback(w->db);
        log_debug("progress was not written", LOG_I("job", st->s->job.id), LOG_Z("code", err.code));
    }
    loop_post(st->jobs->loop, &st->note_done);
}

static void note_done(struct task *t)
{
    struct job_stream *st = CONTAINER_OF(t, struct job_stream, note_done);
    st->noting = false;
    if (st->ended)
        stream_end(st);
}

static void note_now(struct timer *t)
{
    struct job_stream *st = CONTAINER_OF(t, struct job_stream, note);
    if (st->noting || st->ended || !st->reader)
        return;
    const struct dialect *d = st->s->hold->slot.account->dialect;
    int64_t progress = MIN(d->stream_outcome(st->reader)->progress, 99);
    if (progress <= st->noted_progress)
        return;
    st->note_progress = progress;
    st->noting = workers_submit(st->jobs->app->step_workers, &st->note_work);
    if (st->noting)
        st->noted_progress = progress;
}

/* ---- the end, in a worker */

static enum status conclude_answer(struct job_stream *st)
{
    struct step *s = st->s;
    const struct dialect *d = s->hold->slot.account->dialect;
    if (!st->reader || st->unreadable || d->stream_finish(st->reader, &s->err) != OK)
        return step_unknown(s, JOB_STREAMING, POOL_UNAVAILABLE);
    return step_finished(s, JOB_STREAMING, d->stream_outcome(st->reader));
}

static enum status conclude(struct job_stream *st)
{
    struct step *s = st->s;
    if (step_is_cut(s))
        return step_again_in(s, 0);
    if (atomic_load(&s->hold->cancelled))
        return OK;
    if (st->late)
        return step_gives_back(s, step_fail_as(s, FAILURE_TIMEOUT, "job_too_long"));
    if (st->failed && st->failure.unsent)
        return step_refused(s, JOB_STREAMING,
                            &(struct refusal){.starved = st->failure.fault == UPSTREAM_STARVED});
    /* A refusal is received with its head, whatever becomes of its words (ST-2). */
    bool refused = st->status != 0 && st->status / 100 != 2;
    if (st->failed && !refused)
        return step_unknown(s, JOB_STREAMING, st->failure.stale ? POOL_NEUTRAL : POOL_UNAVAILABLE);
    if (refused) {
        struct dialect_answer in = {st->status, st->type, buf_str(&st->refusal)};
        struct refusal r = step_read_refusal(s, &in, st->retry_after_ms);
        return step_refused(s, JOB_STREAMING, &r);
    }
    return conclude_answer(st);
}

static void stream_free(struct job_stream *st)
{
    struct step *s = st->s;
    buf_release(&st->refusal);
    if (st->large)
        loop_post(st->jobs->loop, &st->jobs->large_ended);
    atomic_fetch_sub(&st->jobs->streams, 1);
    free(st);
    step_free(s);
}

static void end_run(struct work *work, void *thread_state)
{
    struct step *s = CONTAINER_OF(work, struct step, work);
    struct job_stream *st = s->stream;
    const struct dialect *d = s->hold->slot.account->dialect;
    s->w = thread_state;
    s->app = s->w->app;
    enum status status = conclude(st);
    db_rollback(s->w->db);
    step_report(s, status);
    if (st->reader)
        d->stream_free(st->reader);
    step_done(s);
    stream_free(st);
}

static void end_retry(struct timer *t)
{
    stream_end(CONTAINER_OF(t, struct job_stream, retry));
}

/* On the loop: hands the stream to a worker once nothing of it is on its way here. */
static void stream_end(struct job_stream *st)
{
    struct jobs *j = st->jobs;
    if (!st->ended) {
        st->ended = true;
        timer_unset(j->loop, &st->deadline);
        timer_unset(j->loop, &st->note);
        list_remove(&st->link);
    }
    pthread_mutex_lock(&j->lock);
    st->s->hold->stream = NULL;
    bool awaited = st->wake_posted;
    pthread_mutex_unlock(&j->lock);
    if (awaited || st->noting)
        return; /* wake_run() or note_done() comes back here */
    if (!workers_submit(j->app->step_workers, &st->s->work))
        timer_set_in(j->loop, &st->retry, RETRY_MS);
}

/* ---- the answer, on the loop */

/* Every answer may be held to USUAL_BYTES; of those that are longer, ten images of base64, one
 * at a time. The others wait, with what they have read, until it has been freed. */
static bool may_grow(struct job_stream *st, size_t n)
{
    struct jobs *j = st->jobs;
    if (!st->large && st->read + n > USUAL_BYTES) {
        st->paused = j->large != NULL;
        if (st->paused)
            return false;
        st->large = true;
        j->large = st;
    }
    st->read += n;
    return true;
}

static void large_ended(struct task *t)
{
    struct jobs *j = CONTAINER_OF(t, struct jobs, large_ended);
    j->large = NULL;
    LIST_EACH(node, &j->stream_list)
    {
        struct job_stream *st = CONTAINER_OF(node, struct job_stream, link);
        if (st->paused && st->call)
            upstream_resume(st->call);
    }
}

void streams_init(struct jobs *j)
{
    list_init(&j->stream_list);
    j->large_ended.fn = large_ended;
}

static void on_head(struct upstream_call *call, const struct http_head *head, void *ctx)
{
    struct job_stream *st = ctx;
    (void)call;
    st->status = head->status;
    st->type = arena_str(st->s->arena, http_head_get(head, STR("content-type")));
    st->retry_after_ms = retry_after_ms(head);
    if (head->status / 100 != 2)
        return;
    pool_proven(st->jobs->app->pool, &st->s->hold->slot);
    const struct pool_account *account = st->s->hold->slot.account;
    bool sse = str_starts(st->type, STR("text/event-stream"));
    st->reader = account->dialect->stream_new(st->s->arena, &account->target, sse);
}

static size_t on_body(struct upstream_call *call, struct str piece, void *ctx)
{
    struct job_stream *st = ctx;
    (void)call;
    if (!st->reader) {
        buf_add(&st->refusal, str_to(piece, REFUSAL_BYTES - buf_len(&st->refusal)));
        return piece.n;
    }
    if (!may_grow(st, piece.n))
        return 0;
    const struct dialect *d = st->s->hold->slot.account->dialect;
    if (!st->unreadable && d->stream_feed(st->reader, piece, &st->s->err) != OK)
        st->unreadable = true;
    if (!timer_is_set(&st->note))
        timer_set_in(st->jobs->loop, &st->note, st->noted_progress < 0 ? 0 : NOTE_MS);
    return piece.n;
}

static void on_end(struct upstream_call *call, void *ctx)
{
    struct job_stream *st = ctx;
    (void)call;
    st->call = NULL;
    stream_end(st);
}

static void on_fail(struct upstream_call *call, const struct upstream_failure *failure, void *ctx)
{
    struct job_stream *st = ctx;
    (void)call;
    st->call = NULL;
    st->failed = true;
    st->failure = *failure;
    stream_end(st);
}

static const struct upstream_handler answer_handler = {
    .on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
    .on_fail = on_fail,
};

static void stop_call(struct job_stream *st)
{
    if (st->call)
        upstream_cancel(st->call);
    st->call = NULL;
}

static void deadline_passed(struct timer *t)
{
    struct job_stream *st = CONTAINER_OF(t, struct job_stream, deadline);
    st->late = true;
    stop_call(st);
    stream_end(st);
}

/* ---- beginning */

static void begin_run(struct task *t)
{
    struct job_stream *st = CONTAINER_OF(t, struct job_stream, begin);
    struct jobs *j = st->jobs;
    list_push_back(&j->stream_list, &st->link);
    timer_set_in(j->loop, &st->deadline, MAX(st->s->job.deadline_at - clock_wall_ms(), 1));
    if (!atomic_load(&st->s->hold->cancelled))
        st->call = upstream_start(j->upstream, &st->request, &answer_handler, st, &st->s->err);
    /* The call has its own of what it needs, and the answer may take half an hour. */
    step_free_request(st->s);
    if (st->call)
        return;
    st->failed = true;
    st->failure = (struct upstream_failure){.fault = UPSTREAM_TLS, .unsent = true};
    stream_end(st);
}

static void wake_run(struct task *t)
{
    struct job_stream *st = CONTAINER_OF(t, struct job_stream, wake);
    pthread_mutex_lock(&st->jobs->lock);
    st->wake_posted = false;
    pthread_mutex_unlock(&st->jobs->lock);
    stop_call(st);
    stream_end(st);
}

/* Any thread, under the engine's lock. */
void stream_wake(struct job_stream *st)
{
    if (st->wake_posted)
        return;
    st->wake_posted = true;
    loop_post(st->jobs->loop, &st->wake);
}

static void fill_request(struct job_stream *st, const struct dialect_http *http)
{
    struct step *s = st->s;
    const struct pool_account *account = s->hold->slot.account;
    struct url *url = arena_alloc(s->arena, sizeof(*url));
    struct http_header *headers =
        arena_alloc(s->arena, (http->header_count + STEP_OWN_HEADERS) * sizeof(*headers));
    size_t n = 0;
    *url = http->url;
    for (; n < http->header_count; n++)
        headers[n] = (struct http_header){http->headers[n].name, http->headers[n].value};
    n += step_own_headers(s, headers + n);
    st->request = (struct upstream_request){
        .url = url,
        .method = http->method,
        .headers = headers,
        .header_count = n,
        .body = http->body,
        .body_length = (int64_t)http->body.n,
        .guard = step_guard(s),
        .ca_pem = account->ca_pem,
        .proxy_url = account->proxy_url,
        .http2 = account->http2,
        .connect_timeout_ms = CONNECT_MS,
        .first_byte_timeout_ms = account->dialect->streams ? FIRST_BYTE_MS : WHOLE_MS,
        .idle_timeout_ms = IDLE_MS,
    };
}

enum status stream_start(struct step *s, const struct dialect_http *http)
{
    struct jobs *j = s->jobs;
    struct job_stream *st = mem_zalloc(sizeof(*st));
    struct step *mine = mem_zalloc(sizeof(*mine));

    pthread_mutex_lock(&j->lock); /* the steps beside it in the list write its link */
    *mine = *s;
    pthread_mutex_unlock(&j->lock);
    list_init(&mine->link);
    mine->work.run = end_run;
    mine->stream = st;
    step_keep(mine);
    st->jobs = j;
    st->s = mine;
    st->noted_progress = -1;
    buf_init(&st->refusal, REFUSAL_BYTES);
    st->begin.fn = begin_run;
    st->wake.fn = wake_run;
    st->retry.fn = end_retry;
    st->deadline.fn = deadline_passed;
    st->note.fn = note_now;
    st->note_work.run = note_run;
    st->note_done.fn = note_done;
    fill_request(st, http);
    /* The step's arena and hold are the stream's now. */
    s->arena = s->request = NULL;
    s->charged = 0;
    s->hold = NULL;
    atomic_fetch_add(&j->streams, 1);
    /* Posted before anyone can find it, so that a cancellation's wake comes second. */
    pthread_mutex_lock(&j->lock);
    loop_post(j->loop, &st->begin);
    mine->hold->stream = st;
    pthread_mutex_unlock(&j->lock);
    return OK;
}

/* ---- the end of the process */

struct cut {
    struct task task;
    struct jobs *jobs;
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool finished;
};

/* Their rows stay as they are: the next start finds them. */
static void cut_run(struct task *t)
{
    struct cut *c = CONTAINER_OF(t, struct cut, task);
    LIST_EACH(node, &c->jobs->stream_list)
    {
        struct job_stream *st = CONTAINER_OF(node, struct job_stream, link);
        atomic_store(&st->s->hold->cancelled, true);
        stop_call(st);
        stream_end(st);
    }
    pthread_mutex_lock(&c->lock);
    c->finished = true;
    pthread_cond_signal(&c->done);
    pthread_mutex_unlock(&c->lock);
}

void streams_cut(struct jobs *j)
{
    struct cut c = {.task = {.fn = cut_run}, .jobs = j};
    pthread_mutex_init(&c.lock, NULL);
    pthread_cond_init(&c.done, NULL);
    pthread_mutex_lock(&c.lock);
    loop_post(j->loop, &c.task);
    while (!c.finished)
        pthread_cond_wait(&c.done, &c.lock);
    pthread_mutex_unlock(&c.lock);
    pthread_cond_destroy(&c.done);
    pthread_mutex_destroy(&c.lock);
    /* Workers still run and give each of them back. */
    while (atomic_load(&j->streams) > 0) {
        struct timespec pause = {.tv_nsec = 10 * 1000000L};
        nanosleep(&pause, NULL);
    }
}
