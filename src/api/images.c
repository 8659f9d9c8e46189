/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAI Images surface (GW-10): one call, answered when its job has ended.  Links are
 * those of GW-9; bytes are streamed out of the store. */
#include <unistd.h>

#include "api/handlers.h"
#include "api/image_stream.h"
#include "api/media_form.h"
#include "base/clock.h"
#include "service/direct_job.h"
#include "service/direct_links.h"
#include "service/library.h"
#include "store/jobs.h"
#include "store/objects.h"

enum { ROW_ARENA = 4 << 20, FORM_ARENA = 32 << 20 };
#define PENDING_MS (30 * CLOCK_SECOND_MS) /* GW-4 */
#define TOTAL_MS   (30 * CLOCK_MINUTE_MS) /* GW-13 */

static const struct str usual_model = {"gpt-image", 9};

/* ---- the answer */

static enum status write_links(struct call *c, const struct job *job, const struct job_media *media,
                               size_t n)
{
    struct json_out *j = call_json(c, 200);
    json_object(j);
    json_kv_int(j, "created", job->created_at / CLOCK_SECOND_MS);
    json_key(j, "data");
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        json_object(j);
        json_kv_str(j, "url", direct_job_link(c->worker, c->arena, c->origin, job, &media[i], i));
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
    return OK;
}

static void close_images(struct call *c)
{
    const struct image_stream_order *order = c->takeover_arg;
    for (size_t i = 0; i < order->count; i++)
        close(order->fds[i]);
}

static void stream_images(struct exchange *x, struct call *c)
{
    image_stream_start(x, c->app->file_workers, c->takeover_arg);
}

static enum status open_image(struct call *c, const struct job_media *m,
                              struct image_stream_order *order, struct err *err)
{
    struct object object;
    enum status status = object_load(c->db, m->object_id, c->arena, &object, err);
    if (status == E_NOT_FOUND)
        return err_set(err, E_GONE, "result_gone");
    TRY(status);
    TRY(library_open_object(c->worker, &object, &order->fds[order->count],
                            &order->sizes[order->count], err));
    order->count++;
    return OK;
}

static enum status write_bytes(struct call *c, const struct job *job, const struct job_media *media,
                               size_t n, struct err *err)
{
    struct image_stream_order *order = arena_alloc(c->arena, sizeof(*order));
    enum status status = OK;
    if (!order)
        return err_set(err, E_NO_MEMORY, "overloaded");
    order->created_s = job->created_at / CLOCK_SECOND_MS;
    c->takeover_arg = order;
    for (size_t i = 0; i < n && i < IMAGE_STREAM_MAX && status == OK; i++)
        status = open_image(c, &media[i], order, err);
    if (status != OK) {
        close_images(c);
        return status;
    }
    c->takeover = stream_images;
    c->abandon = close_images;
    return OK;
}

static bool has_bytes(const struct job *job)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct err ignored;
    return json_parse(job->request, &doc, &ignored) == OK &&
           json_bool_or(json_get(json_root(doc), "as_base64"), false);
}

/* again: the bytes may be asked for again. */
static enum status answer(struct call *c, bool again, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(ROW_ARENA);
    struct job_media media[IMAGE_STREAM_MAX];
    struct job job;
    size_t n;
    TRY(job_load(c->db, c->wait_job, a, &job, err));
    c->waits = job.state != JOB_ENDED;
    if (c->waits)
        return OK;
    if (job.failure.class != FAILURE_NONE || !job.result.n) {
        direct_job_error(&job.failure, job.next_at, err);
        return err->status;
    }
    TRY(direct_links_renew(c->worker, &job, a, err));
    TRY(jobs_read_media(job.result, a, media, ARRAY_SIZE(media), &n, err));
    if (!has_bytes(&job))
        return write_links(c, &job, media, n);
    TRY(write_bytes(c, &job, media, n, err));
    if (!again)
        direct_job_delivered(c->worker, &job);
    return OK;
}

static enum status answer_once(struct call *c, struct err *err)
{
    return answer(c, false, err);
}

static enum status answer_again(struct call *c, struct err *err)
{
    return answer(c, true, err);
}

/* ---- making them */

/* Who does not say gets what OpenAI gives: bytes from GPT Image models, else addresses. */
static bool as_base64(const struct media_form *form, struct str model)
{
    return form->as_base64 || (!form->as_url && str_starts(model, STR("gpt-image")));
}

static enum status make(struct call *c, enum media_form_kind kind, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(FORM_ARENA);
    struct direct_order order = {.image_field = "image"};
    struct job_spec *spec = &order.spec;
    struct media_form form;
    struct job job;
    TRY(media_form_read(c, kind, a, &form, err));
    struct str model = form.model.n ? form.model : usual_model;
    TRY(direct_job_describe(c->worker, &c->caller, model, a, spec, err));
    spec->kind = JOB_IMAGE;
    spec->media_type = MEDIA_IMAGE;
    spec->seconds = 0;
    spec->prompt = form.prompt;
    spec->count = MAX(form.count, 1);
    direct_job_wish(spec, 0, form.size, STR_NONE);
    spec->as_base64 = as_base64(&form, model);
    spec->extra = form.extra;
    spec->pending_ms = PENDING_MS;
    spec->total_ms = TOTAL_MS;
    order.images = form.images;
    order.image_count = form.image_count;
    order.mask = form.mask;
    TRY(request_key_read(http_head_get(c->head, STR("idempotency-key")), "POST", c->head->path,
                         form.hashed, a, &order.once, err));
    TRY(direct_job_make(c->worker, &order, a, &job, err));
    c->wait_job = job.id;
    c->waits = true;
    c->resume = order.once.key.n ? answer_again : answer_once;
    return OK;
}

enum status images_generate(struct call *c, struct err *err)
{
    return make(c, FORM_IMAGE, err);
}

enum status images_edit(struct call *c, struct err *err)
{
    return make(c, FORM_EDIT, err);
}
