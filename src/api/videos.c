/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAI Videos surface (GW-10), for every upstream: each video is a job row of its
 * owner's, and what they see of it is that row. */
#include "api/gateway.h"
#include "api/handlers.h"
#include "api/media_form.h"
#include "api/respond.h"
#include "base/clock.h"
#include "service/direct_job.h"
#include "service/direct_links.h"
#include "service/relay_media.h"
#include "store/jobs.h"

/* LIST_BYTES: a page ends behind the video that passes it. */
enum {
    LIST_USUAL = 20,
    LIST_MAX = 100,
    LIST_BYTES = 8 << 20,
    ROW_ARENA = 4 << 20,
    FORM_ARENA = 32 << 20
};
#define PENDING_MS (30 * CLOCK_SECOND_MS) /* GW-4 */
#define TOTAL_MS   (60 * CLOCK_MINUTE_MS)
#define KEPT_MS    (24 * CLOCK_HOUR_MS)

/* OpenAI's own: made by who names no model, shown to who named no length or size. */
static const struct str usual_model = {"sora-2", 6}, usual_size = {"720x1280", 8};
enum { USUAL_SECONDS = 4 };

/* ---- what a video looks like */

static const char *status_of(const struct job *job)
{
    switch (job->state) {
    case JOB_QUEUED:
    case JOB_SUBMITTING:
        return "queued";
    case JOB_STREAMING:
    case JOB_POLLING:
    case JOB_STORING:
        return job->progress > 0 ? "in_progress" : "queued";
    case JOB_ENDED:
        break;
    }
    return job->failure.class == FAILURE_NONE && job->result.n ? "completed" : "failed";
}

static bool is_failed(const struct job *job)
{
    return job->state == JOB_ENDED && (job->failure.class != FAILURE_NONE || !job->result.n);
}

static void write_error(struct json_out *j, const struct job *job)
{
    struct err err;
    json_key(j, "error");
    if (!is_failed(job)) {
        json_null(j);
        return;
    }
    direct_job_error(&job->failure, job->next_at, &err);
    json_object(j);
    json_kv_z(j, "code", err.code);
    respond_message(j, LANG_EN, &err);
    json_object_end(j);
}

static void write_time(struct json_out *j, const char *key, int64_t wall_ms)
{
    if (wall_ms)
        json_kv_int(j, key, wall_ms / CLOCK_SECOND_MS);
    else
        json_kv_null(j, key);
}

/* Of the request as it was stored. */
static void write_asked(struct json_out *j, const struct job *job, struct arena *a)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct err ignored;
    if (json_parse(job->request, &doc, &ignored) != OK)
        return;
    struct json asked = json_root(doc);
    int64_t seconds = json_int_or(json_get(asked, "seconds"), 0);
    struct str size = json_str_or(json_get(asked, "size"), STR_NONE);
    json_kv_str(j, "prompt", json_str_or(json_get(asked, "prompt"), STR("")));
    json_kv_str(j, "seconds",
                arena_printf(a, "%lld", (long long)(seconds ? seconds : USUAL_SECONDS)));
    json_kv_str(j, "size", size.n ? size : usual_size);
    json_kv_str_or_null(j, "remixed_from_video_id",
                        json_str_or(json_get(asked, "remixed_from"), STR_NONE));
}

static void write_video(struct json_out *j, const struct job *job, struct arena *a)
{
    bool completed = job->state == JOB_ENDED && !is_failed(job);
    json_object(j);
    json_kv_str(j, "id", job->public_id);
    json_kv_z(j, "object", "video");
    json_kv_str(j, "model", job->model);
    json_kv_z(j, "status", status_of(job));
    json_kv_int(j, "progress", job->progress);
    write_time(j, "created_at", job->created_at);
    write_time(j, "completed_at", completed ? job->ended_at : 0);
    write_time(j, "expires_at", completed ? job->ended_at + KEPT_MS : 0);
    write_asked(j, job, a);
    write_error(j, job);
    json_object_end(j);
}

static enum status find(struct call *c, struct arena *a, struct job *ret, struct err *err)
{
    return direct_job_find(c->db, c->caller.key.user_id, JOB_VIDEO, call_param(c, "id"), a, ret,
                           err);
}

/* ---- making one */

/* Taken by an upstream, or over. */
static bool is_taken(const struct job *job)
{
    return job->upstream_id.n || job->state == JOB_STREAMING || job->state == JOB_POLLING ||
           job->state == JOB_STORING || job->state == JOB_ENDED;
}

/* GW-10: answered once the upstream's id is committed. */
static enum status answer_taken(struct call *c, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(ROW_ARENA);
    struct job job;
    enum status status = job_load(c->db, c->wait_job, a, &job, err);
    if (status == E_NOT_FOUND)
        return err_set(err, E_NOT_FOUND, "video_not_found");
    TRY(status);
    c->waits = !is_taken(&job);
    if (c->waits)
        return OK;
    if (is_failed(&job) && !job.upstream_id.n) {
        direct_job_error(&job.failure, job.next_at, err);
        return err->status;
    }
    write_video(call_json(c, 200), &job, a);
    return OK;
}

static enum status make(struct call *c, struct direct_order *o, const struct media_form *form,
                        struct arena *a, struct err *err)
{
    struct job job;
    o->spec.kind = JOB_VIDEO;
    o->spec.media_type = MEDIA_VIDEO;
    o->spec.prompt = form->prompt;
    o->spec.extra = form->extra;
    o->spec.pending_ms = PENDING_MS;
    o->spec.total_ms = TOTAL_MS;
    o->images = form->images;
    o->image_count = form->image_count;
    o->image_field = "input_reference";
    TRY(request_key_read(http_head_get(c->head, STR("idempotency-key")), "POST", c->head->path,
                         form->hashed, a, &o->once, err));
    TRY(direct_job_make(c->worker, o, a, &job, err));
    c->wait_job = job.id;
    c->waits = true;
    c->resume = answer_taken;
    return OK;
}

enum status videos_create(struct call *c, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(FORM_ARENA);
    struct direct_order order = {.image_field = NULL};
    struct job_spec *spec = &order.spec;
    struct media_form form;
    TRY(media_form_read(c, FORM_VIDEO, a, &form, err));
    struct str model = form.model.n ? form.model : usual_model;
    TRY(direct_job_describe(c->worker, &c->caller, model, a, spec, err));
    if (spec->media_type != MEDIA_VIDEO)
        return err_field(err, "invalid_field", "model", "This model makes images.");
    direct_job_wish(spec, form.seconds, form.size, form.orientation);
    return make(c, &order, &form, a, err);
}

/* The source's account alone knows the source. */
static enum status remix_of(struct call *c, struct arena *a, struct job_spec *spec, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct job source;
    TRY(find(c, a, &source, err));
    if (source.state != JOB_ENDED)
        return err_set(err, E_NOT_FOUND, "video_not_ready");
    if (is_failed(&source))
        return err_set(err, E_UNPROCESSABLE, "video_failed");
    if (!source.upstream_id.n || !source.account_id)
        return err_set(err, E_INVALID, "not_in_dialect");
    TRY(direct_job_describe(c->worker, &c->caller, source.model, a, spec, err));
    TRY(json_parse(source.request, &doc, err));
    spec->seconds = json_int_or(json_get(json_root(doc), "seconds"), 0);
    spec->size = arena_str(a, json_str_or(json_get(json_root(doc), "size"), STR("")));
    spec->group_id = source.group_id;
    spec->ungrouped = source.ungrouped;
    spec->pinned_to = source.account_id;
    spec->remix_of = source.upstream_id;
    spec->remixed_from = source.public_id;
    return OK;
}

enum status videos_remix(struct call *c, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(FORM_ARENA);
    struct direct_order order = {.image_field = NULL};
    struct media_form form;
    TRY(media_form_read(c, FORM_REMIX, a, &form, err));
    TRY(remix_of(c, a, &order.spec, err));
    return make(c, &order, &form, a, err);
}

/* ---- those that are there */

enum status videos_get(struct call *c, struct err *err)
{
    struct job job;
    TRY(find(c, c->arena, &job, err));
    write_video(call_json(c, 200), &job, c->arena);
    return OK;
}

static enum status read_page(struct call *c, struct job_page *ret, int64_t *ret_limit,
                             struct err *err)
{
    struct str limit = call_query(c, "limit"), order = call_query(c, "order");
    struct str after = call_query(c, "after");
    struct job job;
    *ret = (struct job_page){.kind = JOB_VIDEO, .oldest_first = str_eq(order, STR("asc"))};
    *ret_limit = LIST_USUAL;
    if (order.n && !ret->oldest_first && !str_eq(order, STR("desc")))
        return err_field(err, "invalid_field", "order", "order must be asc or desc.");
    if (limit.p && (!str_to_i64(limit, ret_limit) || *ret_limit < 1 || *ret_limit > LIST_MAX))
        return err_field(err, "invalid_field", "limit", "limit must be a number from 1 to %d.",
                         LIST_MAX);
    if (!after.n)
        return OK;
    TRY(direct_job_find(c->db, c->caller.key.user_id, JOB_VIDEO, after, c->arena, &job, err));
    ret->after_id = job.id;
    return OK;
}

enum status videos_list(struct call *c, struct err *err)
{
    struct job *jobs = arena_alloc(c->arena, (LIST_MAX + 1) * sizeof(*jobs));
    struct job_page page;
    int64_t limit;
    size_t found;
    if (!jobs)
        return err_set(err, E_NO_MEMORY, "overloaded");
    TRY(read_page(c, &page, &limit, err));
    TRY(job_list_of_user(c->db, c->caller.key.user_id, &page, c->arena, jobs, (size_t)limit + 1,
                         &found, err));
    size_t n = MIN(found, (size_t)limit);
    struct json_out *j = call_json(c, 200);
    json_object(j);
    json_kv_z(j, "object", "list");
    json_key(j, "data");
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        write_video(j, &jobs[i], c->arena);
        if (buf_len(&c->out) > LIST_BYTES)
            n = i + 1;
    }
    json_array_end(j);
    json_kv_str_or_null(j, "first_id", n ? jobs[0].public_id : STR_NONE);
    json_kv_str_or_null(j, "last_id", n ? jobs[n - 1].public_id : STR_NONE);
    json_kv_bool(j, "has_more", found > n);
    json_object_end(j);
    return OK;
}

enum status videos_remove(struct call *c, struct err *err)
{
    TRY(direct_job_remove(c->worker, c->caller.key.user_id, JOB_VIDEO, call_param(c, "id"), err));
    struct json_out *j = call_json(c, 200);
    json_object(j);
    json_kv_str(j, "id", call_param(c, "id"));
    json_kv_z(j, "object", "video.deleted");
    json_kv_bool(j, "deleted", true);
    json_object_end(j);
    return OK;
}

/* ---- its bytes */

static void stream_through(struct exchange *x, struct call *c)
{
    struct relay_host host = gateway_host(c->dispatch);
    relay_media_of(x, &host, c->takeover_arg);
}

/* The video itself, or a picture of it. */
struct content {
    struct str variant; /* as asked for */
    bool is_video;
    struct job_media media;
    struct url url;
    bool own; /* at the account's own origin */
};

static enum status read_variant(struct call *c, struct content *ret, struct err *err)
{
    struct str variant = call_query(c, "variant");
    if (variant.n && !str_eq(variant, STR("video")) && !str_eq(variant, STR("thumbnail")) &&
        !str_eq(variant, STR("spritesheet")))
        return err_field(err, "invalid_field", "variant",
                         "variant must be video, thumbnail or spritesheet.");
    ret->variant = variant;
    ret->is_video = !variant.n || str_eq(variant, STR("video"));
    return OK;
}

static enum status read_media(struct call *c, const struct job *job, struct content *ret,
                              struct err *err)
{
    struct pool_ref ref = {0};
    size_t n;
    TRY(jobs_read_media(job->result, c->arena, &ret->media, 1, &n, err));
    if (n == 0)
        return err_set(err, E_UPSTREAM, "media_unavailable");
    TRY(url_parse(ret->media.url, c->arena, &ret->url, err));
    pool_hold(c->app->pool, job->account_id, &ref);
    ret->own = ref.account && url_same_origin(&ret->url, &ref.account->target.base);
    pool_drop(&ref);
    return OK;
}

/* Which the client may have no way or no key to.  The video alone has a place among its job's
 * media, where another is looked for when it is refused. */
static enum status point_at(struct call *c, const struct job *job, const struct content *content,
                            struct err *err)
{
    struct relay_link *link = arena_alloc(c->arena, sizeof(*link));
    struct str path = content->url.path;
    if (!content->is_video && !str_ends(path, STR("/content")))
        return err_set(err, E_INVALID, "variant_unavailable");
    *link = (struct relay_link){.account_id = job->account_id};
    if (content->is_video) {
        link->job_id = job->id;
        link->target = relay_link_target(c->arena, content->media.url);
    } else {
        link->target = arena_printf(c->arena, "%.*s?variant=%.*s", STR_ARG(path),
                                    STR_ARG(content->variant));
    }
    c->takeover_arg = link;
    c->takeover = stream_through;
    return OK;
}

/* Elsewhere the address is the client's to open (GW-9). */
static enum status send_there(struct call *c, const struct content *content, struct err *err)
{
    if (content->media.needs_credential)
        return err_set(err, E_UPSTREAM, "media_unavailable");
    if (!content->is_video)
        return err_set(err, E_INVALID, "variant_unavailable");
    TRY(call_empty(c));
    c->status = 302;
    call_header(c, "location", content->media.url);
    return OK;
}

/* What is streamed through shows by itself whether it has died; an address has to be tried. */
static enum status send_content(struct call *c, struct job *job, struct content *content,
                                struct err *err)
{
    TRY(read_media(c, job, content, err));
    if (!content->own || !content->is_video) {
        TRY(direct_links_renew(c->worker, job, c->arena, err));
        TRY(read_media(c, job, content, err));
    }
    return content->own ? point_at(c, job, content, err) : send_there(c, content, err);
}

enum status videos_content(struct call *c, struct err *err)
{
    struct content content;
    struct job job;
    TRY(find(c, c->arena, &job, err));
    if (job.state != JOB_ENDED)
        return err_set(err, E_NOT_FOUND, "video_not_ready");
    if (is_failed(&job))
        return err_set(err, E_UNPROCESSABLE, "video_failed");
    TRY(read_variant(c, &content, err));
    return send_content(c, &job, &content, err);
}
