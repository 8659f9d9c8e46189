/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/links.h"

#include "base/mem.h"

static int style_of(const struct call *c, const struct job *job)
{
    int style = job->plan.links >= 0 ? job->plan.links : c->demo->settings.links;

    /* The content address is the Videos API's: pictures have none. */
    return style == LINK_CONTENT && job->wish.spec.kind != KIND_VIDEO ? LINK_ABSOLUTE_TMP : style;
}

struct str links_make(struct call *c, const struct job *job, size_t i)
{
    static const char *const folders[] = {"media", "media", "tmp", "static", "tmp", ""};
    int style = style_of(c, job);
    bool absolute = style == LINK_ABSOLUTE || style == LINK_ABSOLUTE_TMP || style == LINK_CONTENT;
    const char *suffix = job->wish.spec.kind == KIND_VIDEO ? "mp4" : "png";
    struct str host = absolute ? arena_printf(c->arena, "http://%.*s", STR_ARG(c->host)) : STR("");

    if (style == LINK_CONTENT)
        return arena_printf(c->arena, "%.*s/v1/videos/%s/content", STR_ARG(host), job->id);
    return arena_printf(c->arena, "%.*s/%s/%s-%zu.%s", STR_ARG(host), folders[style], job->id, i,
                        suffix);
}

void links_write(struct call *c, const struct job *job, struct json_out *j)
{
    if (job->media_count)
        json_kv_str(j, "media_url", links_make(c, job, 0));
    else
        json_kv_null(j, "media_url");
    json_key(j, "media_urls");
    json_array(j);
    for (size_t i = 0; i < job->media_count; i++)
        json_str(j, links_make(c, job, i));
    json_array_end(j);
}

void links_send(struct call *c, struct media *m)
{
    struct str bytes = media_bytes(m);
    uint64_t first = 0, last = 0;
    int status = 200;

    c->media = m;
    answer_header(&c->answer, "Accept-Ranges", STR("bytes"));
    answer_header(&c->answer, "ETag", media_etag(m));
    answer_header(&c->answer, "Cache-Control", STR("private, max-age=3600"));
    switch (c->range.p ? http_range_parse(c->range, bytes.n, &first, &last) : HTTP_RANGE_NONE) {
    case HTTP_RANGE_OK:
        status = 206;
        answer_header(&c->answer, "Content-Range",
                      arena_printf(c->arena, "bytes %llu-%llu/%zu", (unsigned long long)first,
                                   (unsigned long long)last, bytes.n));
        bytes = str_to(str_from(bytes, first), last - first + 1);
        break;
    case HTTP_RANGE_UNSATISFIABLE:
        answer_header(&c->answer, "Content-Range", arena_printf(c->arena, "bytes */%zu", bytes.n));
        answer_send(&c->answer, 416, STR_NONE, STR(""));
        return;
    case HTTP_RANGE_NONE:
        break;
    }
    answer_send(&c->answer, status, str_of(media_type(m)), bytes);
}

/* "{job}-{i}.{suffix}" */
static struct job *find(struct call *c, struct str file, uint64_t *ret_index)
{
    struct str stem = str_cut(&file, '.'), rest = stem, id = str_cut(&rest, '-');

    if (!str_to_u64(rest, ret_index))
        return NULL;
    return jobs_find(&c->demo->jobs, id);
}

void links_present(struct call *c)
{
    uint64_t index = 0;
    struct job *job = find(c, call_param(c, "file"), &index);

    if (!job || job->state != JOB_COMPLETED || index >= job->media_count) {
        call_send_error(c, 404, "invalid_request_error", "not_found", STR_NONE,
                        STR("There is no such file."));
        return;
    }
    if (!job_links_live(job)) {
        int64_t status = job->plan.link_status ? job->plan.link_status
                                               : c->demo->settings.link_status;
        call_send_error(c, (int)status, call_error_type((int)status), "link_expired", STR_NONE,
                        STR("This link has expired."));
        return;
    }
    links_send(c, media_ref(job->media[index]));
}
