/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* fetch — the one guarded way for workers to ask another server (libcurl, blocking).
 *
 * Thread: workers; a `struct fetcher` per thread (connections are reused inside it).
 * http(s) only, every resolved address checked, the connection goes to the checked
 * address, each redirect is checked again, at most 3; credentials (Authorization, Cookie
 * and what the caller marks) never follow to another origin. */
#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"
#include "net/guard.h"
#include "net/http1.h"
#include "net/url.h"

struct fetcher;
/* resolver: as in upstream.h, or STR_NONE. */
struct fetcher *fetcher_new(struct str resolver);
void fetcher_free(struct fetcher *f);
/* What it was made with, for another one of its kind. */
struct str fetcher_resolver(const struct fetcher *f);

struct fetch_request {
    struct str url;
    struct str method; /* STR_NONE: GET */
    const struct http_header *headers;
    size_t header_count;
    struct str body; /* in memory */
    /* Instead of body: called for up to n bytes; returns bytes, 0 at the end, -1 to fail.
     * body_length -1: chunked. */
    int64_t (*read_body)(char *to, size_t n, void *ctx);
    int64_t body_length;
    struct guard guard;
    /* Origin that is allowed under GUARD_ADMIN besides (AC-7: the account's own). */
    const struct url *trusted_origin;
    /* Instead of the system's authorities for the first origin; beside them for others. */
    struct str ca_pem;
    /* http, https, socks5h and socks4a look names up themselves, so only a literal target can be
     * checked, and names of the proxy's own network (no dot, .local …) are refused.  socks5 leaves
     * names to us: they are looked up and checked here, and it is told the address. */
    struct str proxy_url;
    bool http2;             /* asked for where the first origin's TLS agrees; else HTTP/1.1 */
    bool follow_redirects;  /* not a 307 or 308 when the body came from read_body */
    int connect_timeout_ms; /* name, connection and TLS; 0: libcurl's 300 s */
    int total_timeout_ms;   /* over all redirects; 0: none */
    int stall_timeout_ms;   /* nothing received or sent for so long; 0: none */
    /* Answer body: to a sink (false aborts), or into the arena.  Over max_body is
     * "too_large"; 0: no limit for a sink, 1 MiB for the arena. */
    bool (*on_body)(struct str piece, void *ctx);
    size_t max_body;
    /* Before the first byte of the body, for status, type and length; false aborts. */
    bool (*on_head)(const struct http_head *head, void *ctx);
    void *ctx;
    const atomic_bool *cancelled; /* looked at every second; may be NULL */
    /* About once a second while the answer is awaited or bytes move; may be NULL. */
    void (*on_wait)(void *ctx);
};

struct fetch_answer {
    int status; /* 0: no answer */
    struct str type;
    int64_t length;      /* -1 unknown */
    struct str body;     /* when no sink was given */
    struct str location; /* of an unfollowed redirect */
    struct str final_url;
    struct str request_id;       /* x-request-id of the answer */
    int64_t retry_after_ms;      /* net/retry_after.h; 0: none */
    struct http_header *headers; /* all, in the arena */
    size_t header_count;
    bool request_sent; /* some byte of the request may have left */
    int64_t elapsed_ms;
};

/* OK whenever an answer with a status came, whatever the status.  Otherwise codes:
 * "name_not_found", "address_forbidden", "connection_refused", "connect_timeout",
 * "timeout", "tls_failed", "connection_broken", "too_large", "cancelled",
 * "bad_answer"; ret->request_sent tells what may have arrived. */
enum status fetch_run(struct fetcher *f, const struct fetch_request *r, struct arena *a,
                      struct fetch_answer *ret, struct err *err);
