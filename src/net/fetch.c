/* SPDX-License-Identifier: Apache-2.0 */
#include "net/fetch.h"

#include <string.h>

#include "base/clock.h"
#include "net/fetch_impl.h"

enum { HEAD_MAX = 64 * 1024, BODY_MAX = 1024 * 1024 };

struct fetcher *fetcher_new(struct str resolver)
{
    struct fetcher *f = mem_zalloc(sizeof(*f));

    libcurl_init();
    f->easy = curl_easy_init();
    if (!f->easy)
        abort(); /* no memory for a small struct */
    f->resolver = mem_strndup(resolver.n ? resolver.p : "", resolver.n);
    return f;
}

void fetcher_free(struct fetcher *f)
{
    if (!f)
        return;
    curl_easy_cleanup(f->easy);
    free(f->resolver);
    free(f);
}

struct str fetcher_resolver(const struct fetcher *f)
{
    return str_of(f->resolver);
}

/* ---- outcomes ---- */

static enum status stopped(const struct fetch_run *run, struct err *err)
{
    switch (run->stop) {
    case FETCH_FORBIDDEN:
        return err_set(err, E_FORBIDDEN, "address_forbidden");
    case FETCH_STALLED:
        return err_set(err, E_TIMEOUT, "timeout");
    case FETCH_TOO_LARGE:
        return err_set(err, E_TOO_LARGE, "too_large");
    case FETCH_NO_MEMORY:
        return err_set(err, E_NO_MEMORY, "no_memory");
    case FETCH_BAD_HEAD:
        err_set(err, E_UPSTREAM, "bad_answer");
        err_detail(err, "the head of the answer cannot be trusted");
        return E_UPSTREAM;
    case FETCH_BAD_REDIRECT:
        err_set(err, E_UPSTREAM, "bad_answer");
        err_detail(err, "a bad redirect, or too many");
        return E_UPSTREAM;
    default: /* cancelled, or the caller's own callback refused */
        return err_set(err, E_UNAVAILABLE, "cancelled");
    }
}

static enum status refused(const struct fetch_run *run, struct err *err)
{
    if (run->refused_any)
        return err_set(err, E_FORBIDDEN, "address_forbidden");
    return err_set(err, E_UPSTREAM, "connection_refused");
}

static enum status failed(const struct fetch_run *run, CURLcode code, struct err *err)
{
    switch (libcurl_meaning_of(code)) {
    case LIBCURL_TLS:
        return err_set(err, E_UPSTREAM, "tls_failed");
    case LIBCURL_NAME:
        return err_set(err, E_UPSTREAM, "name_not_found");
    case LIBCURL_TIME:
        return err_set(err, E_TIMEOUT, run->connected ? "timeout" : "connect_timeout");
    case LIBCURL_BROKEN:
        if (run->connected)
            return err_set(err, E_UPSTREAM, "connection_broken");
        return refused(run, err);
    case LIBCURL_NOT_CONNECTED:
        return refused(run, err);
    case LIBCURL_OTHER:
        break;
    }
    if (code == CURLE_OUT_OF_MEMORY)
        return err_set(err, E_NO_MEMORY, "no_memory");
    /* An unsupported protocol is the proxy's, or an answer that is neither HTTP/1 nor 2. */
    bool malformed = code == CURLE_BAD_FUNCTION_ARGUMENT || code == CURLE_UNSUPPORTED_PROTOCOL;
    if (malformed && !run->connected)
        return err_say(err, E_INVALID, "bad_request", "The request or its proxy is malformed.");
    return err_set(err, E_UPSTREAM, "bad_answer");
}

static enum status outcome(const struct fetch_run *run, CURLcode code, struct err *err)
{
    if (run->stop == FETCH_SEEN_ENOUGH)
        return OK;
    if (run->stop != FETCH_GOES_ON)
        return stopped(run, err);
    if (code == CURLE_OK && run->head_done && !run->whole)
        return err_set(err, E_UPSTREAM, "connection_broken");
    if (code == CURLE_OK)
        return run->head_done ? OK : err_set(err, E_UPSTREAM, "bad_answer");
    enum status status = failed(run, code, err);
    err_detail(err, "%s (%d)", run->curl_error[0] ? run->curl_error : curl_easy_strerror(code),
               (int)code);
    return status;
}

/* ---- a hop ---- */

static enum status look_up(const struct fetch_run *run, struct addresses *found, struct err *err)
{
    const struct fetch_request *r = run->request;
    int64_t left = run->deadline_ms == INT64_MAX ? 0 : run->deadline_ms - clock_mono_ms();

    if (r->connect_timeout_ms && (!left || left > r->connect_timeout_ms))
        left = r->connect_timeout_ms;
    return resolve_wait(str_of(run->fetcher->resolver), run->url.host, left, r->cancelled, found,
                        err);
}

/* Of the name's addresses those that a proxy may be told; the gate of sockets sees only the
 * proxy's own. */
static enum status look_up_for_proxy(const struct fetch_run *run, struct addresses *found,
                                     struct err *err)
{
    size_t n = 0;

    TRY(look_up(run, found, err));
    for (size_t i = 0; i < found->count; i++) {
        if (guard_allows(&run->guard, &found->at[i].any))
            found->at[n++] = found->at[i];
    }
    found->count = n;
    return n ? OK : err_set(err, E_FORBIDDEN, "address_forbidden");
}

/* By a proxy: judges the target, and from then on the guard is the proxy's own. */
static enum status prepare_proxy(struct fetch_run *run, struct addresses *found, bool *ret_pinned,
                                 struct err *err)
{
    bool names_are_ours = str_starts(run->request->proxy_url, STR("socks5://"));

    *ret_pinned = names_are_ours && !run->url.host_is_ip;
    if (*ret_pinned)
        TRY(look_up_for_proxy(run, found, err));
    else if (!guard_allows_behind_proxy(&run->guard, run->url.host))
        return err_set(err, E_FORBIDDEN, "address_forbidden");
    run->guard.level = GUARD_ADMIN;
    return OK;
}

/* Sets whom this hop may connect to, and looks the name up where that is ours to do. */
static enum status prepare_peer(struct fetch_run *run, struct addresses *found, bool *ret_pinned,
                                struct err *err)
{
    const struct fetch_request *r = run->request;

    run->guard = r->guard;
    if (r->trusted_origin && url_same_origin(&run->url, r->trusted_origin))
        run->guard.level = GUARD_ADMIN;
    if (r->proxy_url.n)
        return prepare_proxy(run, found, ret_pinned, err);
    *ret_pinned = run->fetcher->resolver[0] && !run->url.host_is_ip;
    return *ret_pinned ? look_up(run, found, err) : OK;
}

static void reset_hop(struct fetch_run *run)
{
    run->following = run->connected = run->refused_any = run->head_done = false;
    run->stop = FETCH_GOES_ON;
    run->status = 0;
    run->body_seen = run->body_read = 0;
    run->progress = 0;
    run->progress_ms = 0;
    run->curl_error[0] = '\0';
    buf_reset(&run->head);
    buf_reset(&run->body);
}

static enum status run_hop(struct fetch_run *run, struct err *err)
{
    struct addresses found;
    bool pinned;

    reset_hop(run);
    if (run->request->cancelled && atomic_load(run->request->cancelled))
        return err_set(err, E_UNAVAILABLE, "cancelled");
    if (run->deadline_ms <= clock_mono_ms())
        return err_set(err, E_TIMEOUT, "timeout");
    TRY(prepare_peer(run, &found, &pinned, err));
    return outcome(run, fetch_curl_hop(run, pinned ? &found : NULL), err);
}

/* RFC 9110 15.4: 307 and 308 keep method and body, the others become a GET. */
static void follow(struct fetch_run *run, const struct url *first)
{
    bool keep = run->status == 307 || run->status == 308;

    if (!keep) {
        run->with_body = false;
        if (!str_eq(run->method, STR("HEAD")))
            run->method = STR("GET");
    }
    run->url = run->next;
    /* Once away, credentials stay away. */
    run->same_origin = run->same_origin && url_same_origin(&run->url, first);
    run->hops++;
}

static bool has_body(const struct fetch_request *r, struct str method)
{
    return r->read_body || r->body.n || str_eq(method, STR("POST")) || str_eq(method, STR("PUT")) ||
           str_eq(method, STR("PATCH"));
}

static enum status run_hops(struct fetch_run *run, struct err *err)
{
    TRY(url_parse(run->request->url, run->arena, &run->url, err));
    struct url first = run->url;

    for (;;) {
        TRY(run_hop(run, err));
        if (!run->following)
            break;
        follow(run, &first);
    }
    if (!run->request->on_body) {
        run->answer->body = arena_str(run->arena, buf_str(&run->body));
        if (!run->answer->body.p)
            return err_set(err, E_NO_MEMORY, "no_memory");
    }
    return OK;
}

enum status fetch_run(struct fetcher *f, const struct fetch_request *r, struct arena *a,
                      struct fetch_answer *ret, struct err *err)
{
    int64_t now = clock_mono_ms();
    struct fetch_run run = {
        .fetcher = f,
        .request = r,
        .arena = a,
        .answer = ret,
        .started_ms = now,
        .deadline_ms = r->total_timeout_ms ? now + r->total_timeout_ms : INT64_MAX,
        .method = r->method.n ? r->method : STR("GET"),
        .same_origin = true,
        .head = BUF_INIT(HEAD_MAX),
        .body = BUF_INIT(r->max_body ? r->max_body : BODY_MAX),
    };

    memset(ret, 0, sizeof(*ret));
    ret->length = -1;
    run.with_body = has_body(r, run.method);
    enum status status = run_hops(&run, err);
    ret->elapsed_ms = clock_mono_ms() - run.started_ms;
    buf_release(&run.head);
    buf_release(&run.body);
    return status;
}
