/* SPDX-License-Identifier: Apache-2.0 */
/* A request's head: when it is parsed, what is kept of it, and the refusal of what is none. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/server_impl.h"

enum { HEAD_BLOCK_KEPT = 4096 };

static void move_view(struct str *view, const char *from, const char *to, size_t n)
{
    if (view->p >= from && view->p < from + n)
        view->p = to + (view->p - from);
}

/* A copy that lives as long as the exchange: head, as many fields as there are, bytes. */
static const struct http_head *keep_head(struct server_conn *c, const struct http_head *h,
                                         struct str raw)
{
    size_t fixed = offsetof(struct http_head, headers) + h->header_count * sizeof(h->headers[0]);
    if (c->head_block_size < fixed + raw.n || c->head_block_size > HEAD_BLOCK_KEPT) {
        free(c->head_block);
        c->head_block_size = fixed + raw.n;
        c->head_block = mem_zalloc(c->head_block_size);
    }
    struct http_head *copy = c->head_block;
    char *bytes = (char *)copy + fixed;
    memcpy((void *)copy, h, fixed);
    memcpy(bytes, raw.p, raw.n);
    struct str *const views[] = {&copy->method_text, &copy->target, &copy->path, &copy->query,
                                 &copy->host};
    for (size_t i = 0; i < ARRAY_SIZE(views); i++)
        move_view(views[i], raw.p, bytes, raw.n);
    struct http_header *fields = copy->headers;
    for (size_t i = 0; i < h->header_count; i++) {
        move_view(&fields[i].name, raw.p, bytes, raw.n);
        move_view(&fields[i].value, raw.p, bytes, raw.n);
    }
    return copy;
}

static void begin_exchange(struct server_conn *c, struct str raw)
{
    const struct http_head *head = keep_head(c, &c->server->head, raw);
    server_conn_consume(c, raw.n);
    c->served = true;
    server_conn_enter(c, PHASE_EXCHANGE, 0);
    exchange_begin(c, head);
    if (head->method == HTTP_OTHER)
        exchange_fail(&c->x, 501, "the method is not known");
    else if (str_eq(head->target, STR("*")))
        exchange_reply(&c->x, 204, NULL, 0, STR_NONE);
    else
        c->server->config.on_request(&c->x, c->server->config.ctx);
}

void server_head_refuse(struct server_conn *c, int status, const char *reason)
{
    struct http_head *nothing = &c->server->head;
    memset(nothing, 0, offsetof(struct http_head, headers));
    nothing->method = HTTP_OTHER;
    nothing->minor = 1;
    const struct http_head *head = keep_head(c, nothing, STR(""));
    server_conn_enter(c, PHASE_EXCHANGE, 0);
    exchange_begin(c, head);
    exchange_fail(&c->x, status, reason);
}

/* A head is parsed from its first byte each time, so only when it can have got further: a
 * byte now and then must not cost a parse each. */
static bool worth_parsing(const struct server_conn *c, struct str in)
{
    const struct http_limits *limits = &c->server->config.limits;
    return c->head_lf || in.n > limits->head_bytes ||
           (in.n > limits->line_bytes && !memchr(in.p, '\n', limits->line_bytes));
}

bool server_head_step(struct server_conn *c)
{
    const struct server_config *config = &c->server->config;
    struct str in = server_conn_input(c);
    struct http_fault fault;
    size_t used;

    if (in.n == 0)
        return false;
    if (c->phase == PHASE_IDLE) {
        int64_t from_accept = c->read_deadline;
        server_conn_enter(c, PHASE_HEAD, config->head_timeout_ms);
        if (!c->served)
            c->read_deadline = from_accept;
    }
    if (!worth_parsing(c, in))
        return false;
    c->head_lf = false;
    switch (http1_parse_request(in, &config->limits, &c->server->head, &used, &fault)) {
    case HTTP_PARSE_MORE:
        return false;
    case HTTP_PARSE_BAD:
        server_head_refuse(c, fault.status, fault.reason);
        return true;
    case HTTP_PARSE_DONE:
        break;
    }
    begin_exchange(c, str_to(in, used));
    return true;
}
