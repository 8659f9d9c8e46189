/* SPDX-License-Identifier: Apache-2.0 */
/* One hop by libcurl: its options and its callbacks. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/fetch_impl.h"

enum { CONNECTIONS_KEPT = 16 };

/* ---- callbacks ---- */

/* The guard's gate: the very address that is about to be connected to. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch_run *run = ctx;

    if (purpose != CURLSOCKTYPE_IPCXN || !guard_allows(&run->guard, &address->addr)) {
        run->refused_any = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Before each request, also on a connection that an earlier request opened under another
 * guard. */
static int before_request(void *ctx, char *peer, char *own, int peer_port, int own_port)
{
    struct fetch_run *run = ctx;
    struct sockaddr_storage address;
    socklen_t size;

    (void)own;
    (void)peer_port;
    (void)own_port;
    if (!guard_parse_address(str_of(peer), 0, &address, &size) ||
        !guard_allows(&run->guard, (const struct sockaddr *)&address)) {
        run->stop = FETCH_FORBIDDEN;
        return CURL_PREREQFUNC_ABORT;
    }
    run->connected = true;
    run->answer->request_sent = true;
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    return fetch_head_line(ctx, (struct str){p, size * n}) ? size * n : 0;
}

static size_t on_data(char *p, size_t size, size_t n, void *ctx)
{
    struct fetch_run *run = ctx;
    bool taken = fetch_body_piece(run, (struct str){p, size * n});
    return taken ? size * n : size * n + 1; /* any other number is a refusal */
}

static size_t read_request(char *to, size_t size, size_t n, void *ctx)
{
    struct fetch_run *run = ctx;
    const struct fetch_request *r = run->request;
    size_t room = size * n;

    if (r->read_body) {
        int64_t got = r->read_body(to, room, r->ctx);
        if (got < 0 || (size_t)got > room) {
            run->stop = FETCH_BODY_FAILED;
            return CURL_READFUNC_ABORT;
        }
        run->body_read += (uint64_t)got;
        return (size_t)got;
    }
    struct str left = str_to(str_from(r->body, run->body_read), room);
    if (left.n)
        memcpy(to, left.p, left.n);
    run->body_read += left.n;
    return left.n;
}

/* libcurl begins a body again when a kept connection turns out to be dead. */
static int seek_request(void *ctx, curl_off_t offset, int origin)
{
    struct fetch_run *run = ctx;

    if (origin != SEEK_SET || offset < 0)
        return CURL_SEEKFUNC_FAIL;
    if (run->request->read_body)
        return (uint64_t)offset == run->body_read ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
    run->body_read = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* Called about once a second, and as bytes move. */
static int on_progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct fetch_run *run = ctx;
    const struct fetch_request *r = run->request;
    int64_t now = clock_mono_ms();

    (void)down_total;
    (void)up_total;
    if (r->on_wait)
        r->on_wait(r->ctx);
    if (r->cancelled && atomic_load(r->cancelled)) {
        run->stop = FETCH_CANCELLED;
        return 1;
    }
    if (down + up != run->progress || !run->progress_ms) {
        run->progress = down + up;
        run->progress_ms = now;
    }
    if (r->stall_timeout_ms && now - run->progress_ms > r->stall_timeout_ms) {
        run->stop = FETCH_STALLED;
        return 1;
    }
    return 0;
}

/* ---- options ---- */

static bool content_header(struct str name)
{
    return name.n > 8 && str_eq_ci(str_to(name, 8), STR("content-"));
}

/* What may follow to another origin: nothing that could be a credential. */
static bool travels(struct str name)
{
    static const char *const harmless[] = {"accept",        "accept-language",  "user-agent",
                                           "range",         "if-range",         "if-match",
                                           "if-none-match", "if-modified-since"};
    for (size_t i = 0; i < ARRAY_SIZE(harmless); i++) {
        if (str_eq_ci(name, str_of(harmless[i])))
            return true;
    }
    return content_header(name);
}

static bool wanted(const struct fetch_run *run, struct str name)
{
    if (http_is_clients(name) || (!run->same_origin && !travels(name)))
        return false;
    return run->with_body || !content_header(name);
}

static bool header_list(const struct fetch_run *run, struct curl_slist **list)
{
    const struct fetch_request *r = run->request;
    bool agent = false;

    for (size_t i = 0; i < r->header_count; i++) {
        const struct http_header *h = &r->headers[i];
        if (!wanted(run, h->name))
            continue;
        agent = agent || str_eq_ci(h->name, STR("user-agent"));
        if (!libcurl_list_add_header(list, h))
            return false;
    }
    if (!agent && !libcurl_list_add(list, "User-Agent: Kinora"))
        return false;
    return libcurl_list_add(list, "Expect:") &&
           (run->with_body || libcurl_list_add(list, "Content-Type:"));
}

static void set_callbacks(CURL *easy, struct fetch_run *run)
{
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, run);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, run);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, run);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, run);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_request);
    curl_easy_setopt(easy, CURLOPT_READDATA, run);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_request);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, run);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, run);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}

/* Of the first origin the given CA stands instead of the system's; elsewhere (a redirect
 * to a CDN) beside it. */
static void set_tls(CURL *easy, const struct fetch_run *run)
{
    struct str pem = run->request->ca_pem;
    struct curl_blob blob = {(void *)(uintptr_t)pem.p, pem.n, CURL_BLOB_COPY};

    libcurl_set_tls(easy);
    if (!pem.n)
        return;
    curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
    if (run->same_origin)
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

static void set_method(CURL *easy, struct fetch_run *run, const char *method)
{
    const struct fetch_request *r = run->request;

    libcurl_set_method(easy, method, run->with_body,
                       r->read_body ? r->body_length : (int64_t)r->body.n);
    /* libcurl sends again by itself what a kept connection has lost: only what may be. */
    if (!libcurl_idempotent(run->method))
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
}

static void set_times(CURL *easy, const struct fetch_run *run)
{
    const struct fetch_request *r = run->request;

    if (r->connect_timeout_ms)
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_timeout_ms);
    if (run->deadline_ms != INT64_MAX)
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                         (long)MAX(run->deadline_ms - clock_mono_ms(), 1));
}

CURLcode fetch_curl_hop(struct fetch_run *run, const struct addresses *pinned)
{
    CURL *easy = run->fetcher->easy;
    _cleanup_(libcurl_list_freep) struct curl_slist *headers = NULL, *pins = NULL;
    struct str url = url_text(&run->url, run->arena);
    const char *method = arena_strz(run->arena, run->method);

    if (!url.p || !method)
        return CURLE_OUT_OF_MEMORY;
    if (!header_list(run, &headers) ||
        (pinned && !libcurl_list_add_pin(&pins, run->url.host, run->url.port, pinned)))
        return CURLE_BAD_FUNCTION_ARGUMENT;
    curl_easy_reset(easy);
    set_callbacks(easy, run);
    set_tls(easy, run);
    set_method(easy, run, method);
    set_times(easy, run);
    curl_easy_setopt(easy, CURLOPT_URL, url.p);
    libcurl_set_manners(easy);
    if (!libcurl_set_proxy(easy, run->request->proxy_url))
        return CURLE_BAD_FUNCTION_ARGUMENT;
    bool http2 = run->request->http2 && run->same_origin;
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_RESOLVE, pins);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, run->curl_error);
    CURLcode code = curl_easy_perform(easy);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(easy, CURLOPT_RESOLVE, NULL);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    return code;
}
