/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "net/upstream_impl.h"

enum {
    HEAD_MAX = 256 * 1024,
    BODY_SLACK = 16 * 1024 * 1024, /* for a writer who does not wait for on_drain */
};

static bool write_target(struct buf *out, struct str method, const struct url *url)
{
    if (!url->query.p)
        return http1_write_request_line(out, method, url->path);
    _cleanup_(buf_cleanup) struct buf target = BUF_INIT(HEAD_MAX);
    return buf_add(&target, url->path) && buf_add_char(&target, '?') &&
           buf_add(&target, url->query) && http1_write_request_line(out, method, buf_str(&target));
}

static bool has_content(enum http_method method)
{
    return method == HTTP_POST || method == HTTP_PUT || method == HTTP_PATCH;
}

static void write_length(struct buf *out, uint64_t length)
{
    buf_add(out, STR("Content-Length: "));
    buf_add_u64(out, length);
    buf_add(out, STR("\r\n"));
}

void request_begin(struct upstream_call *call, const struct upstream_request *r)
{
    call->out.cap = HEAD_MAX + BODY_SLACK + r->body.n;
    call->chunked = r->body_length < 0;
    call->body_left = r->body_length;
    call->all_given = r->body_length == 0;
}

bool request_write_head(struct upstream_call *call, const struct upstream_request *r)
{
    struct buf *out = &call->out;

    if (!write_target(out, r->method, r->url) || !buf_add(out, call->origin->host_field))
        return false;
    for (size_t i = 0; i < r->header_count; i++) {
        const struct http_header *h = &r->headers[i];
        if (!http_is_clients(h->name) && !http1_write_header(out, h->name, h->value))
            return false;
    }
    if (call->chunked)
        buf_add(out, STR("Transfer-Encoding: chunked\r\n"));
    else if (r->body_length > 0 || has_content(call->method))
        write_length(out, (uint64_t)r->body_length);
    return buf_add(out, STR("\r\n"));
}

bool request_add_body(struct upstream_call *call, struct str bytes)
{
    char prefix[HTTP_CHUNK_PREFIX];
    struct buf *out = &call->out;

    if (!bytes.n)
        return true; /* a chunk of no bytes would end the body */
    if (call->chunked && call->unframed)
        return buf_add(out, bytes);
    if (call->chunked) {
        size_t n = http1_chunk_prefix(bytes.n, prefix);
        return buf_add(out, (struct str){prefix, n}) && buf_add(out, bytes) &&
               buf_add(out, STR("\r\n"));
    }
    if ((uint64_t)call->body_left < bytes.n)
        return false;
    call->body_left -= (int64_t)bytes.n;
    return buf_add(out, bytes);
}

bool request_end_body(struct upstream_call *call)
{
    call->all_given = true;
    if (call->chunked)
        return call->unframed || buf_add(&call->out, STR("0\r\n\r\n"));
    return call->body_left == 0;
}

void request_copy_lent(struct upstream_call *call)
{
    if (!call->lent.n)
        return;
    buf_add(&call->out, call->lent); /* its cap has room for it */
    call->lent = STR_NONE;
}

void request_sent(struct upstream_call *call, size_t n)
{
    if (n)
        call->may_have_left = true;
    if (call->keep_sent)
        call->out_sent += n;
    else
        buf_take(&call->out, n);
}
