/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of a hop: its head read by the strict codec, its body to the taker. */
#include "net/fetch_impl.h"
#include "net/retry_after.h"

enum {
    HEAD_MAX = 64 * 1024,
    REDIRECT_BODY_MAX = 64 * 1024,
    REDIRECTS_MAX = 3,
};

static bool stop(struct fetch_run *run, enum fetch_stop why)
{
    run->stop = why;
    return false;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* 307 and 308 ask for the same body again; one that came from a callback is gone. */
static bool can_follow(const struct fetch_run *run, int status, struct str location)
{
    const struct fetch_request *r = run->request;
    bool same_body = status == 307 || status == 308;

    if (!r->follow_redirects || !is_redirect(status) || !location.p)
        return false;
    return !(same_body && run->with_body && r->read_body);
}

static bool keep_head(struct fetch_run *run, const struct http_head *head)
{
    struct fetch_answer *answer = run->answer;
    size_t count = head->header_count;
    struct http_header *headers = arena_alloc(run->arena, (count + 1) * sizeof(*headers));

    if (!headers)
        return stop(run, FETCH_NO_MEMORY);
    for (size_t i = 0; i < count; i++)
        headers[i] = head->headers[i];
    answer->status = head->status;
    answer->headers = headers;
    answer->header_count = count;
    answer->type = http_head_get(head, STR("content-type"));
    answer->length = head->content_length;
    answer->location = http_head_get(head, STR("location"));
    answer->request_id = http_head_get(head, STR("x-request-id"));
    answer->retry_after_ms = retry_after_ms(head);
    answer->final_url = url_text(&run->url, run->arena);
    return answer->final_url.p || stop(run, FETCH_NO_MEMORY);
}

static void know_end(struct fetch_run *run, const struct http_head *head)
{
    enum http_method method = str_eq(run->method, STR("HEAD")) ? HTTP_HEAD : HTTP_GET;
    struct http_body body;
    long version = 0;

    curl_easy_getinfo(run->fetcher->easy, CURLINFO_HTTP_VERSION, &version);
    http1_body_of_response(&body, head, method);
    if (body.framing == HTTP_BODY_TO_EOF && version != CURL_HTTP_VERSION_2_0)
        libcurl_hear_end(run->fetcher->easy, &run->whole);
    else
        run->whole = true;
}

static bool head_complete(struct fetch_run *run)
{
    static const struct http_limits limits = {
        .line_bytes = 1024, .head_bytes = HEAD_MAX, .header_count = HTTP_MAX_HEADERS};
    struct http_head head;
    struct http_fault fault = {0};
    size_t used;
    /* The views that the caller gets live in the arena. */
    struct str text = arena_str(run->arena, buf_str(&run->head));

    if (!text.p)
        return stop(run, FETCH_NO_MEMORY);
    if (http1_parse_response(text, &limits, &head, &used, &fault) != HTTP_PARSE_DONE)
        return stop(run, FETCH_BAD_HEAD);
    buf_reset(&run->head);
    if (head.status < 200)
        return true;
    run->head_done = true;
    know_end(run, &head);
    run->status = head.status;
    struct str location = http_head_get(&head, STR("location"));
    if (can_follow(run, head.status, location)) {
        run->following = true;
        if (run->hops >= REDIRECTS_MAX ||
            url_resolve(&run->url, location, run->arena, &run->next, NULL) != OK)
            return stop(run, FETCH_BAD_REDIRECT);
        return true;
    }
    if (!keep_head(run, &head))
        return false;
    size_t max = run->request->max_body;
    if (max && head.content_length > 0 && (uint64_t)head.content_length > max &&
        !str_eq(run->method, STR("HEAD")))
        return stop(run, FETCH_TOO_LARGE);
    if (run->request->on_head && !run->request->on_head(&head, run->request->ctx))
        return stop(run, FETCH_CANCELLED);
    return true;
}

bool fetch_head_line(struct fetch_run *run, struct str line)
{
    if (run->head_done)
        return true; /* trailers */
    if (str_starts(line, STR("HTTP/"))) {
        /* libcurl has read this line; in HTTP/2 it made it up.  The codec reads the rest. */
        long status = 0;
        curl_easy_getinfo(run->fetcher->easy, CURLINFO_RESPONSE_CODE, &status);
        buf_reset(&run->head);
        buf_addf(&run->head, "HTTP/1.1 %03ld x\r\n", status);
        return true;
    }
    if (!buf_add(&run->head, line))
        return stop(run, FETCH_BAD_HEAD);
    if (str_eq(line, STR("\r\n")))
        return head_complete(run);
    return true;
}

bool fetch_body_piece(struct fetch_run *run, struct str piece)
{
    const struct fetch_request *r = run->request;

    /* libcurl takes bare line feeds for the end of a head; the codec did not see one then. */
    if (!run->head_done)
        return stop(run, FETCH_BAD_HEAD);
    run->body_seen += piece.n;
    if (run->following)
        return run->body_seen <= REDIRECT_BODY_MAX || stop(run, FETCH_SEEN_ENOUGH);
    if (r->max_body && run->body_seen > r->max_body)
        return stop(run, FETCH_TOO_LARGE);
    if (r->on_body)
        return r->on_body(piece, r->ctx) || stop(run, FETCH_CANCELLED);
    return buf_add(&run->body, piece) || stop(run, FETCH_TOO_LARGE);
}
