/* SPDX-License-Identifier: Apache-2.0 */
/* What a request says, as libcurl's options; and the names that must be known before it may
 * begin. */
#include <string.h>

#include "base/mem.h"
#include "net/upstream_curl.h"

enum { WORDS_MAX = 512 * 1024, IDLE_S = UPSTREAM_IDLE_MS / 1000 };

/* ---- options ---- */

static bool set_headers(struct curl_call *cc, const struct upstream_request *r)
{
    static const char *const none_of_its_own[] = {
        "Accept:", "User-Agent:", "Expect:", "Content-Type:", "Proxy-Connection:"};
    for (size_t i = 0; i < ARRAY_SIZE(none_of_its_own); i++) {
        if (!libcurl_list_add(&cc->headers, none_of_its_own[i]))
            return false;
    }
    for (size_t i = 0; i < r->header_count; i++) {
        const struct http_header *h = &r->headers[i];
        if (!http_is_clients(h->name) && !libcurl_list_add_header(&cc->headers, h))
            return false;
    }
    curl_easy_setopt(cc->easy, CURLOPT_HTTPHEADER, cc->headers);
    return true;
}

static void set_tls(CURL *easy, struct str pem)
{
    struct curl_blob blob = {(void *)(uintptr_t)pem.p, pem.n, CURL_BLOB_COPY};

    libcurl_set_tls(easy);
    if (!pem.n)
        return;
    curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

static void set_connection(struct curl_call *cc, const struct upstream_request *r)
{
    CURL *easy = cc->easy;
    long version = r->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;

    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_S);
    /* How long one address may take is libcurl's to say, the whole is our timer's. */
    if (r->connect_timeout_ms)
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_timeout_ms);
    if (cc->call->idempotent)
        return;
    /* libcurl sends again by itself what a kept connection has lost, and finds only some of
     * those dead that are. */
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
}

bool curl_call_set_options(struct curl_call *cc, const struct upstream_request *r)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(WORDS_MAX);
    struct str url = url_text(r->url, a);
    const char *url_z = arena_strz(a, url), *method = arena_strz(a, r->method);
    bool body = r->body_length != 0 || cc->call->method == HTTP_POST ||
                cc->call->method == HTTP_PUT || cc->call->method == HTTP_PATCH;

    if (!url_z || !method || !set_headers(cc, r) || !libcurl_set_proxy(cc->easy, r->proxy_url))
        return false;
    curl_easy_setopt(cc->easy, CURLOPT_URL, url_z);
    curl_easy_setopt(cc->easy, CURLOPT_PRIVATE, cc);
    curl_easy_setopt(cc->easy, CURLOPT_ERRORBUFFER, cc->error);
    libcurl_set_manners(cc->easy);
    libcurl_set_method(cc->easy, method, body, r->body_length);
    set_tls(cc->easy, r->ca_pem);
    set_connection(cc, r);
    return true;
}

/* ---- look-ups ---- */

static bool pin(struct curl_look *look)
{
    struct sockaddr_storage address;
    socklen_t size;
    struct str host = str_of(look->host);

    if (guard_parse_address(host, look->port, &address, &size))
        return true; /* nothing that libcurl would look up */
    return libcurl_list_add_pin(&look->cc->pins, host, look->port, &look->found);
}

static void look_found(struct curl_look *look)
{
    struct addresses *all = &look->found;
    struct curl_call *cc = look->cc;
    char text[GUARD_TEXT_SIZE] = "";
    size_t kept = 0;

    for (size_t i = 0; i < all->count; i++) {
        if (guard_allows(&look->guard, &all->at[i].any))
            all->at[kept++] = all->at[i];
        else
            guard_address_text(&all->at[i].any, text);
    }
    all->count = kept;
    if (!kept)
        call_fail(cc->call, UPSTREAM_FORBIDDEN, "%s leads to %s", look->host, text);
    else if (!pin(look))
        call_fail(cc->call, UPSTREAM_NAME, "%s has too many addresses", look->host);
    curl_call_later(cc);
}

static void on_looked_up(struct resolve_query *q, const struct addresses *found, const char *why)
{
    struct curl_look *look = CONTAINER_OF(q, struct curl_look, query);

    look->waits = false;
    if (found) {
        look->found = *found;
        look_found(look);
    } else {
        call_fail(look->cc->call, UPSTREAM_NAME, "%s: %s", look->host, why);
    }
}

static void look_up(struct curl_call *cc, struct curl_look *look, struct str host, uint16_t port,
                    const struct guard *guard)
{
    struct resolver *resolver = cc->side->client->resolver;

    if (!cc->call) /* it has failed over the other name */
        return;
    look->cc = cc;
    look->guard = *guard;
    look->port = port;
    look->host = mem_strndup(host.p, host.n);
    look->query.fn = on_looked_up;
    look->waits = !resolve_start(resolver, host, &look->query, &look->found);
    if (!look->waits)
        look_found(look);
}

/* As libcurl itself reads it. */
static bool proxy_read(struct str proxy, struct arena *a, struct str *ret_host, uint16_t *ret_port,
                       bool *ret_looks_up)
{
    _cleanup_(buf_cleanup) struct buf address = BUF_INIT(WORDS_MAX);
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    uint64_t number = 0;
    bool good = u && libcurl_proxy_address(proxy, &address) &&
                curl_url_set(u, CURLUPART_URL, buf_str(&address).p, CURLU_NON_SUPPORT_SCHEME) ==
                    CURLUE_OK &&
                curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK;

    if (good && curl_url_get(u, CURLUPART_PORT, &port, 0) == CURLUE_OK)
        good = str_to_u64(str_of(port), &number);
    else if (good)
        number = strcmp(scheme, "https") == 0 ? 443 : 1080; /* curl(1), --proxy */
    if (good) {
        struct str bare = str_of(host);
        if (str_starts(bare, STR("[")))
            bare = str_to(str_from(bare, 1), bare.n - 2);
        *ret_host = arena_str(a, bare);
        *ret_port = (uint16_t)number;
        *ret_looks_up = strcmp(scheme, "socks5") != 0;
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return good;
}

void curl_call_start_looks(struct curl_call *cc, const struct upstream_request *r)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(WORDS_MAX);
    struct upstream_call *call = cc->call;
    struct str host;
    uint16_t port;
    bool looks_up = false;

    cc->peer_guard = call->guard;
    if (cc->proxied) {
        cc->peer_guard.level = GUARD_ADMIN;
        if (!proxy_read(r->proxy_url, a, &host, &port, &looks_up)) {
            call_fail(call, UPSTREAM_NAME, "the proxy's address cannot be read");
            return;
        }
        look_up(cc, &cc->looks[0], host, port, &cc->peer_guard);
    }
    if (!looks_up)
        look_up(cc, &cc->looks[1], r->url->host, r->url->port, &call->guard);
    else if (cc->call && !guard_allows_behind_proxy(&call->guard, r->url->host))
        call_fail(call, UPSTREAM_FORBIDDEN, "not through a proxy either");
}
