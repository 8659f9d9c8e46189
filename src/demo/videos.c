/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/videos.h"

#include "base/clock.h"
#include "base/mem.h"
#include "demo/links.h"
#include "demo/submit.h"

enum { LIST_MAX = 100, LIST_USUAL = 20 };

static void write_time(struct json_out *j, const char *key, int64_t wall_ms)
{
    if (wall_ms)
        json_kv_int(j, key, wall_ms / CLOCK_SECOND_MS);
    else
        json_kv_null(j, key);
}

static void write_expiry(const struct call *c, const struct job *job, struct json_out *j)
{
    int64_t ttl = job->plan.link_ttl_ms >= 0 ? job->plan.link_ttl_ms
                                             : c->demo->settings.media_ttl_ms;

    write_time(j, "expires_at", job->state == JOB_COMPLETED ? job->ended_ms + ttl : 0);
}

static void write_asked(const struct job *job, struct json_out *j)
{
    const struct wish *w = &job->wish;
    char text[32];
    struct buf number = {.p = text, .size = sizeof(text), .cap = sizeof(text)};

    json_kv_str(j, "prompt", w->prompt);
    if (!w->seconds.n)
        buf_addf(&number, "%d", w->spec.seconds);
    json_kv_str(j, "seconds", w->seconds.n ? w->seconds : buf_str(&number));
    buf_reset(&number);
    buf_addf(&number, "%dx%d", w->spec.width, w->spec.height);
    json_kv_str(j, "size", buf_str(&number));
    json_kv_str_or_null(j, "remixed_from_video_id", w->remixed_from.n ? w->remixed_from : STR_NONE);
}

/* The members a rule adds, without the braces around them. */
static void write_extra(const struct job *job, struct json_out *j)
{
    struct json_doc *doc = NULL;

    if (job->plan.extra.p && json_parse(job->plan.extra, &doc, NULL) == OK) {
        for (size_t i = 0; i < json_size(json_root(doc)); i++) {
            struct str key = STR_NONE, text = STR_NONE;
            struct json value = json_member(json_root(doc), i, &key);
            char *name = mem_strndup(key.p, key.n);
            if (json_dump(value, &text)) {
                json_key(j, name);
                json_raw(j, text);
            }
            free((char *)(uintptr_t)text.p);
            free(name);
        }
    }
    json_doc_free(doc);
}

static void write_job(const struct call *c, const struct job *job, const char *id,
                      struct json_out *j)
{
    json_object(j);
    json_kv_z(j, "id", id);
    json_kv_z(j, "object", "video");
    json_kv_str(j, "model", job->wish.model);
    json_kv_str(j, "status", job_word(job));
    json_kv_int(j, "progress", job_shown_progress(job));
    json_kv_int(j, "created_at", job->created_ms / CLOCK_SECOND_MS);
    write_time(j, "completed_at", job->state == JOB_COMPLETED ? job->ended_ms : 0);
    write_expiry(c, job, j);
    write_asked(job, j);
    json_key(j, "error");
    json_raw(j, job->error.p ? job->error : STR("null"));
    write_extra(job, j);
    json_object_end(j);
}

void videos_present_job(struct call *c)
{
    struct json_out j;

    json_out_init(&j, &c->out);
    write_job(c, c->job, c->job->id, &j);
    call_send_json(c, 200);
}

enum status videos_find(struct call *c, struct err *err)
{
    struct str id = call_param(c, "id");
    struct job *job = jobs_find(&c->demo->jobs, id);

    if (!job || job->wish.spec.kind != KIND_VIDEO)
        return err_say(err, E_NOT_FOUND, "video_not_found", "Video with id '%.*s' not found.",
                       (int)MIN(id.n, (size_t)80), id.p ? id.p : "");
    c->job = job_ref(job);
    return OK;
}

void videos_present_found(struct call *c)
{
    struct json_out j;

    json_out_init(&j, &c->out);
    write_job(c, c->job, c->job->shown_id, &j);
    call_send_json(c, 200);
}

/* Lists. */

struct page {
    struct str after;
    size_t limit;
    bool oldest_first;
};

static struct page read_page(struct call *c)
{
    struct page page = {.after = call_query(c, "after"), .limit = LIST_USUAL};
    uint64_t limit = 0;

    if (str_to_u64(call_query(c, "limit"), &limit) && limit > 0)
        page.limit = MIN(limit, (uint64_t)LIST_MAX);
    page.oldest_first = str_eq(call_query(c, "order"), STR("asc"));
    return page;
}

static bool is_listed(const struct job *job)
{
    return job->route == ROUTE_VIDEOS_CREATE;
}

/* The page's jobs into out (limit + 1 of them at most); returns how many. */
static size_t collect(const struct call *c, const struct page *page, const struct job **out)
{
    const struct list *head = &c->demo->jobs.list;
    bool begun = !page->after.n;
    size_t n = 0;

    for (const struct list *at = page->oldest_first ? head->next : head->prev; at != head;
         at = page->oldest_first ? at->next : at->prev) {
        const struct job *job = CONTAINER_OF(at, struct job, link);
        if (begun && is_listed(job))
            out[n++] = job;
        if (n > page->limit)
            break;
        begun = begun || str_eq(page->after, str_of(job->id)) ||
                str_eq(page->after, str_of(job->shown_id));
    }
    return n;
}

void videos_present_list(struct call *c)
{
    const struct job *jobs[LIST_MAX + 1];
    struct page page = read_page(c);
    size_t found = collect(c, &page, jobs), n = MIN(found, page.limit);
    struct json_out j;

    json_out_init(&j, &c->out);
    json_object(&j);
    json_kv_z(&j, "object", "list");
    json_key(&j, "data");
    json_array(&j);
    for (size_t i = 0; i < n; i++)
        write_job(c, jobs[i], jobs[i]->shown_id, &j);
    json_array_end(&j);
    json_kv_str_or_null(&j, "first_id", n ? str_of(jobs[0]->shown_id) : STR_NONE);
    json_kv_str_or_null(&j, "last_id", n ? str_of(jobs[n - 1]->shown_id) : STR_NONE);
    json_kv_bool(&j, "has_more", found > n);
    json_object_end(&j);
    call_send_json(c, 200);
}

/* Content. */

static void send_awaited(struct call *c)
{
    struct media *m = c->media;

    if (media_state(m) == MEDIA_READY)
        links_send(c, m);
    else
        call_send_error(c, 500, "server_error", "internal_error", STR_NONE,
                        STR("The thumbnail could not be drawn."));
}

static void on_thumbnail(struct media_waiter *w)
{
    send_awaited(w->ctx);
}

static void send_thumbnail(struct call *c)
{
    bool plain = c->demo->settings.plain_media;
    struct str caption = plain ? c->job->wish.model : c->job->wish.prompt;
    const struct render_order order = {
        .spec = c->job->wish.spec,
        .format = RENDER_WEBP,
        .caption = caption,
        .seed = str_hash(caption) + c->demo->jobs.seed * 977,
    };

    c->media = media_want(c->demo->store, &order);
    c->wait = (struct media_waiter){.fn = on_thumbnail, .ctx = c};
    list_init(&c->wait.link);
    if (media_state(c->media) == MEDIA_PENDING)
        media_wait(c->media, &c->wait);
    else
        send_awaited(c);
}

static void refuse(struct call *c, int64_t status, const char *code, struct str why)
{
    call_send_error(c, (int)status, call_error_type((int)status), code, STR_NONE, why);
}

void videos_present_content(struct call *c)
{
    const struct job *job = c->job;
    struct str variant = call_query(c, "variant");
    int64_t early = job->plan.content_status ? job->plan.content_status : 404;

    if (job->state == JOB_FAILED)
        refuse(c, 422, "video_failed", STR("The video generation failed."));
    else if (job->state != JOB_COMPLETED)
        refuse(c, early, "video_not_ready", STR("Generation is still in progress."));
    else if (job->media_count == 0)
        refuse(c, 404, "not_found", STR("The video has no content."));
    else if (!job_links_live(job))
        refuse(c, job->plan.link_status ? job->plan.link_status : 404, "video_expired",
               STR("The video has expired."));
    else if (!variant.n || str_eq(variant, STR("video")))
        links_send(c, media_ref(job->media[0]));
    else if (str_eq(variant, STR("thumbnail")))
        send_thumbnail(c);
    else
        refuse(c, 400, "invalid_value", STR("This variant is not available."));
}

enum status videos_delete(struct call *c, struct err *err)
{
    TRY(videos_find(c, err));
    job_forget(c->job);
    return OK;
}

void videos_present_deleted(struct call *c)
{
    struct json_out j;

    json_out_init(&j, &c->out);
    json_object(&j);
    json_kv_z(&j, "id", c->job->shown_id);
    json_kv_z(&j, "object", "video.deleted");
    json_kv_bool(&j, "deleted", true);
    json_object_end(&j);
    call_send_json(c, 200);
}
