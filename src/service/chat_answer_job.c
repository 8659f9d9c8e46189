/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's side: the request becomes a job row, and the row becomes what the loop has
 * to say.  All of the body's memory is given back before the worker turns to the next. */
#include <stdio.h>

#include "base/clock.h"
#include "service/chat_answer_impl.h"
#include "service/direct_job.h"
#include "service/direct_links.h"
#include "store/jobs.h"

enum { MAKE_ARENA = 6 * CHAT_BODY_MAX, ROW_ARENA = 4 << 20 };
#define PENDING_MS (5 * CLOCK_MINUTE_MS)
#define TOTAL_MS   (30 * CLOCK_MINUTE_MS) /* GW-13 */

/* ---- making the job ---- */

static enum status read_order(struct chat_job *j, struct worker *w, struct str body,
                              const struct chat_request *r, struct arena *a,
                              struct direct_order *ret, struct err *err)
{
    struct direct_image *image = arena_alloc(a, sizeof(*image));
    if (!image)
        return err_set(err, E_NO_MEMORY, "overloaded");
    image->said = r->image;
    *ret = (struct direct_order){
        .images = image, .image_count = r->image.n ? 1 : 0, .image_field = "image"};
    TRY(request_key_read(j->idempotency_key, "POST", j->path, body, a, &ret->once, err));
    TRY(direct_job_describe(w, j->caller, r->model, a, &ret->spec, err));
    direct_job_wish(&ret->spec, r->seconds, r->size, r->orientation);
    ret->spec.kind = JOB_CHAT;
    ret->spec.prompt = r->prompt;
    ret->spec.remix_of = r->remix_of;
    ret->spec.count = r->count;
    ret->spec.pending_ms = PENDING_MS;
    ret->spec.total_ms = TOTAL_MS;
    return OK;
}

static enum status make_in(struct chat_job *j, struct worker *w, struct arena *a, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct chat_request request;
    struct direct_order order;
    struct str body;
    struct job job;
    TRY(spool_load(j->body, CHAT_BODY_MAX, a, &body, err));
    TRY(json_parse(body, &doc, err));
    TRY(chat_request_read(json_root(doc), a, &request, err));
    TRY(read_order(j, w, body, &request, a, &order, err));
    TRY(direct_job_make(w, &order, a, &job, err));
    j->id = job.id;
    snprintf(j->public_id, sizeof(j->public_id), "%.*s", STR_ARG(job.public_id));
    j->model = arena_str(j->arena, request.model);
    return OK;
}

enum status chat_job_make(struct chat_job *j, struct worker *w, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(MAKE_ARENA);
    enum status status = make_in(j, w, a, err);
    db_rollback(w->db);
    return status;
}

/* ---- looking at it ---- */

static enum status read_links(struct chat_job *j, struct worker *w, struct job *job,
                              struct arena *a, struct err *err)
{
    struct job_media media[CHAT_MEDIA_MAX];
    size_t n;
    TRY(direct_links_renew(w, job, a, err));
    TRY(jobs_read_media(job->result, j->arena, media, CHAT_MEDIA_MAX, &n, err));
    j->link_count = 0;
    for (size_t i = 0; i < n; i++) {
        struct str link = direct_job_link(w, j->arena, j->origin, job, &media[i], i);
        if (!link.n)
            continue;
        j->types[j->link_count] = media[i].type;
        j->links[j->link_count++] = link;
    }
    return OK;
}

enum status chat_job_look(struct chat_job *j, struct worker *w, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(ROW_ARENA);
    struct job job;
    TRY(job_load(w->db, j->id, a, &job, err));
    j->progress = job.progress;
    if (job.state != JOB_ENDED)
        return OK;
    j->failure = (struct failure){.class = job.failure.class,
                                  .code = arena_str(j->arena, job.failure.code),
                                  .words = arena_str(j->arena, job.failure.words)};
    j->next_at = job.next_at;
    if (j->failure.class == FAILURE_NONE && job.result.n)
        TRY(read_links(j, w, &job, a, err));
    j->ended = true;
    return OK;
}
