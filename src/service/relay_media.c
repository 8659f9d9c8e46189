/* SPDX-License-Identifier: Apache-2.0 */
#include "service/relay_media.h"

#include "base/clock.h"
#include "base/mem.h"
#include "pool/tokens.h"
#include "service/direct_links.h"
#include "service/metrics.h"
#include "service/relay_impl.h"
#include "service/relay_link.h"
#include "service/settings.h"

enum {
    CONNECT_MS = 10000,
    FIRST_BYTE_MS = 60000,
    IDLE_MS = 60000,
    LINK_ARENA = 64 << 10,
    HEADERS_MAX = 16,
    REPLACEMENTS = 2, /* what others had renewed before, and what is new now */
};

/* While a worker has it (`working`) the loop touches only x and the account. */
struct passage {
    struct work work;
    struct task done;
    struct relay_host host;
    struct exchange *x; /* NULL: the client has left */
    struct upstream_call *call;
    struct arena *arena;
    struct pool_ref account;
    struct relay_link link; /* what is asked for; in the arena */
    struct token_waiter *token_waiter;
    bool renewed; /* the account's token, for this call: once is enough */
    bool client_full;
    bool working;
    int replacements; /* other links that were asked for */
    int refused;      /* the status that led to it */
    struct job_media other;
    enum status outcome;
    struct err err;
};

static void refuse(struct passage *p, enum status status, const char *code)
{
    struct err err;
    err_set(&err, status, code);
    p->host.refuse(p->x, 0, &err);
}

/* ---- the account's token ---- */

static void start(struct passage *p);

static void token_came(void *ctx, bool renewed)
{
    struct passage *p = ctx;
    int64_t id = p->account.account->id;
    p->token_waiter = NULL;
    pool_drop(&p->account);
    if (renewed)
        pool_hold(p->host.app->pool, id, &p->account);
    if (p->account.account)
        start(p);
    else
        refuse(p, E_UPSTREAM, "media_unavailable");
}

/* Whether the call goes on when there is another. */
static bool renew_token(struct passage *p)
{
    if (!p->renewed)
        p->token_waiter = tokens_wait(p->host.app->tokens, p->account.account, p->host.loop,
                                      TOKENS_WAIT_MS, token_came, p);
    p->renewed = true;
    return p->token_waiter != NULL;
}

/* ---- a link that has died ---- */

static void refuse_dead(struct passage *p, int status)
{
    if (status == 403 || status == 404 || status == 410)
        refuse(p, E_GONE, "link_expired");
    else
        refuse(p, E_UPSTREAM, "media_unavailable");
}

static void redirect(struct passage *p, struct str to)
{
    struct http_header header = {STR("Location"), to};
    exchange_reply(p->x, 302, &header, 1, STR_NONE);
}

/* Its credential goes nowhere but to the account's own origin. */
static void go_on_with(struct passage *p, const struct job_media *other)
{
    struct url url;
    struct err err;
    bool good = url_parse(other->url, p->arena, &url, &err) == OK;
    bool own = good && url_same_origin(&url, &p->account.account->target.base);
    struct str target = own ? relay_link_target(p->arena, other->url) : STR_NONE;
    if (target.p) {
        p->link.target = target;
        start(p);
    } else if (good && !own && !other->needs_credential) {
        redirect(p, other->url);
    } else {
        refuse(p, E_UPSTREAM, "media_unavailable");
    }
}

static void passage_free(struct passage *p)
{
    if (p->account.account)
        pool_drop(&p->account);
    arena_free(p->arena);
    free(p);
}

static void replaced(struct task *task)
{
    struct passage *p = CONTAINER_OF(task, struct passage, done);
    p->working = false;
    if (!p->x)
        passage_free(p);
    else if (p->outcome == OK)
        go_on_with(p, &p->other);
    else if (p->outcome == E_GONE)
        refuse_dead(p, p->refused);
    else
        p->host.refuse(p->x, 0, &p->err);
}

static void replace(struct work *work, void *thread_state)
{
    struct passage *p = CONTAINER_OF(work, struct passage, work);
    struct worker *w = thread_state;
    p->outcome = direct_links_replace(w, &p->link, p->arena, &p->other, &p->err);
    db_rollback(w->db);
    loop_post(p->host.loop, &p->done);
}

/* Whether a worker looks for another. */
static bool replace_link(struct passage *p, int status)
{
    bool dead = status == 401 || status == 403 || status == 404 || status == 410;
    if (!dead || !p->link.job_id || p->replacements == REPLACEMENTS)
        return false;
    p->replacements++;
    p->refused = status;
    p->work.run = replace;
    p->done.fn = replaced;
    p->working = workers_submit(p->host.app->api_workers, &p->work);
    return p->working;
}

/* ---- the answer ---- */

/* However it is spelt (RFC 9110 8.3.1). */
static bool is_of_type(struct str type, struct str prefix)
{
    return str_eq_ci(str_to(type, prefix.n), prefix);
}

/* Bytes of others must not become a page of ours: pictures and films keep their type. */
static struct str safe_type(struct str type)
{
    bool media = is_of_type(type, STR("video/")) ||
                 (is_of_type(type, STR("image/")) && !is_of_type(type, STR("image/svg")));
    return media ? type : STR("application/octet-stream");
}

static size_t answer_headers(const struct exchange *x, const struct http_head *head,
                             struct http_header *ret)
{
    static const struct relay_field kept[] = {{STR("content-encoding"), true},
                                              {STR("content-range"), false},
                                              {STR("accept-ranges"), false},
                                              {STR("etag"), false},
                                              {STR("last-modified"), false}};
    bool download = str_eq(exchange_head(x)->query, STR("download=1"));
    size_t n = 0;
    ret[n++] = (struct http_header){STR("Content-Type"),
                                    safe_type(http_head_get(head, STR("content-type")))};
    ret[n++] = (struct http_header)HTTP_HEADER("X-Content-Type-Options", "nosniff");
    ret[n++] = (struct http_header)HTTP_HEADER(
        "Content-Security-Policy", "default-src 'none'; media-src 'self'; img-src 'self'; sandbox");
    ret[n++] = (struct http_header)HTTP_HEADER("Cross-Origin-Resource-Policy", "cross-origin");
    ret[n++] = (struct http_header)HTTP_HEADER("Cache-Control", "private, max-age=3600");
    if (download)
        ret[n++] = (struct http_header)HTTP_HEADER("Content-Disposition", "attachment");
    return n + relay_keep_fields(head, kept, ARRAY_SIZE(kept), ret + n, HEADERS_MAX - n);
}

/* Some keep the file elsewhere and say where: an address that needs no credential. */
static bool pass_redirect(struct passage *p, const struct http_head *head)
{
    struct str location = http_head_get(head, STR("location"));
    struct url url;
    struct err ignored;
    if (head->status / 100 != 3 || !location.n ||
        url_parse(location, p->arena, &url, &ignored) != OK ||
        url_same_origin(&url, &p->account.account->target.base))
        return false;
    redirect(p, location);
    return true;
}

static void on_head(struct upstream_call *call, const struct http_head *head, void *ctx)
{
    struct passage *p = ctx;
    struct http_header headers[HEADERS_MAX];
    int status = head->status;
    if (status == 200 || status == 206 || status == 304 || status == 416) {
        size_t n = answer_headers(p->x, head, headers);
        bool known = !head->chunked && head->content_length >= 0;
        metrics_answer(METRICS_MEDIA, status);
        exchange_start(p->x, status, headers, n, known ? head->content_length : EXCHANGE_CHUNKED);
        return;
    }
    upstream_cancel(call);
    p->call = NULL;
    if (status == 401 && token_may_renew(p->account.account) && renew_token(p))
        return;
    if (!replace_link(p, status) && !pass_redirect(p, head))
        refuse_dead(p, status);
}

static size_t on_body(struct upstream_call *call, struct str piece, void *ctx)
{
    struct passage *p = ctx;
    (void)call;
    if (p->client_full)
        return 0;
    p->client_full = !exchange_write(p->x, piece);
    return piece.n;
}

static void on_end(struct upstream_call *call, void *ctx)
{
    struct passage *p = ctx;
    (void)call;
    p->call = NULL;
    exchange_end(p->x);
}

static void on_fail(struct upstream_call *call, const struct upstream_failure *failure, void *ctx)
{
    struct passage *p = ctx;
    (void)call;
    (void)failure;
    p->call = NULL;
    if (exchange_started(p->x))
        exchange_abort(p->x);
    else
        refuse(p, E_UPSTREAM, "media_unavailable");
}

static const struct upstream_handler call_handler = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_fail = on_fail};

/* ---- the client ---- */

static void on_drain(struct exchange *x)
{
    struct passage *p = exchange_ctx(x);
    p->client_full = false;
    if (p->call)
        upstream_resume(p->call);
}

static void on_done(struct exchange *x, bool complete)
{
    struct passage *p = exchange_ctx(x);
    (void)complete;
    if (p->call)
        upstream_cancel(p->call);
    if (p->token_waiter)
        tokens_wait_cancel(p->token_waiter);
    p->x = NULL;
    if (!p->working)
        passage_free(p);
}

static const struct exchange_handler handler = {.on_drain = on_drain, .on_done = on_done};

/* "/media/upstream/<token>/<name>" */
static enum status read_link(struct passage *p, struct relay_link *ret, struct err *err)
{
    struct str name = str_from(exchange_head(p->x)->path, STR("/media/upstream/").n);
    struct str token = str_cut(&name, '/');
    return relay_link_open(p->host.app->keys, p->arena, token, name, clock_wall_ms(), ret, err);
}

/* Several ranges would come as parts of a type that we do not pass on; a server may send the whole
 * instead (RFC 9110 14.2). */
static bool is_several(struct str range)
{
    return str_has_char(range, ',');
}

static void start(struct passage *p)
{
    static const struct str passed[] = {
        {"range", 5}, {"if-range", 8}, {"if-none-match", 13}, {"if-modified-since", 17}};
    const struct pool_account *account = p->account.account;
    const struct http_head *head = exchange_head(p->x);
    struct http_header headers[ARRAY_SIZE(passed) + 1];
    struct url url = account->target.base;
    struct str target = p->link.target;
    struct err err;
    size_t n = 0;
    headers[n++] = (struct http_header){STR("Authorization"), account->bearer};
    for (size_t i = 0; i < ARRAY_SIZE(passed); i++) {
        struct str value = http_head_get(head, passed[i]);
        if (value.n && !(i == 0 && is_several(value)))
            headers[n++] = (struct http_header){passed[i], value};
    }
    url.path = str_cut(&target, '?');
    url.query = target;
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(p->host.app);
    struct upstream_request request = {.url = &url,
                                       .method = head->method == HTTP_HEAD ? STR("HEAD")
                                                                           : STR("GET"),
                                       .headers = headers,
                                       .header_count = n,
                                       .guard = {GUARD_ADMIN, settings->allowed_private_networks,
                                                 settings->allowed_private_network_count},
                                       .ca_pem = account->ca_pem,
                                       .proxy_url = account->proxy_url,
                                       .http2 = account->http2,
                                       .connect_timeout_ms = CONNECT_MS,
                                       .first_byte_timeout_ms = FIRST_BYTE_MS,
                                       .idle_timeout_ms = IDLE_MS};
    p->call = upstream_start(p->host.upstream, &request, &call_handler, p, &err);
    if (!p->call)
        refuse(p, E_UPSTREAM, "media_unavailable");
}

static struct passage *passage_new(struct exchange *x, const struct relay_host *host)
{
    struct passage *p = mem_zalloc(sizeof(*p));
    p->host = *host;
    p->x = x;
    p->arena = arena_new(LINK_ARENA);
    exchange_handle(x, &handler, p);
    return p;
}

static void open_link(struct passage *p, const struct relay_link *link)
{
    p->link = *link;
    pool_hold(p->host.app->pool, link->account_id, &p->account);
    if (!p->account.account)
        refuse(p, E_NOT_FOUND, "account_not_found");
    else if (!token_is_spent(p->account.account))
        start(p);
    else if (!renew_token(p))
        refuse(p, E_UPSTREAM, "media_unavailable");
}

void relay_media(struct exchange *x, const struct relay_host *host)
{
    struct passage *p = passage_new(x, host);
    struct relay_link link;
    struct err err;
    if (read_link(p, &link, &err) == OK)
        open_link(p, &link);
    else
        host->refuse(x, 0, &err);
}

void relay_media_of(struct exchange *x, const struct relay_host *host,
                    const struct relay_link *link)
{
    struct passage *p = passage_new(x, host);
    struct relay_link own = *link;
    own.target = arena_str(p->arena, link->target);
    open_link(p, &own);
}
