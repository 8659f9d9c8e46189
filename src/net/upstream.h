/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* upstream — the HTTP client on a loop, plain or TLS: our own keep-alive HTTP/1.1, or libcurl
 * behind the same calls where a proxy or HTTP/2 is asked for.
 *
 * Thread: one client per loop; calls belong to that loop.  A call is valid from
 * upstream_start() until on_end or on_fail has been called (exactly one of them, once,
 * never from inside upstream_start) or upstream_cancel() has returned; after cancel no
 * callback comes.
 *
 * Names are looked up by c-ares; every resolved address is checked by the guard and the
 * connection goes to the checked address; addresses are tried in turn within the connect
 * time.  TLS always verifies: SNI and name for hosts, IP-SAN for literals, the account's
 * own CA where given; sessions are resumed.  Idle connections are kept per origin and CA,
 * at most 50 s, or as long as the peer's Keep-Alive field promises; one is used again only
 * where the new call's guard allows its address.  A request whose reused connection dies
 * before any byte of an answer is sent again on a fresh one by itself only if no byte of it
 * can have been processed (nothing was written, or the method is GET/HEAD).
 *
 * Through a proxy the same holds with its address in the target's place, which is judged as
 * guard.h says, and with a connection of its own for every POST. */
#include "base/err.h"
#include "net/guard.h"
#include "net/http1.h"
#include "net/loop.h"
#include "net/url.h"

struct upstream_client;
struct upstream_call;

struct upstream_config {
    struct loop *loop;
    struct str resolver;    /* "ip:port,…" instead of the system's; for tests and split DNS */
    size_t idle_per_origin; /* 64 */
    size_t idle_total;      /* 512 */
    /* Bytes of answer read at once, which is all that is held when the taker pauses: nothing
     * more is read then.  64 KiB, or less if this says so. */
    size_t in_high;
};
enum status upstream_client_new(const struct upstream_config *config, struct upstream_client **ret,
                                struct err *err);
/* Live calls are forgotten without a callback. */
void upstream_client_free(struct upstream_client *c);

enum upstream_fault {
    UPSTREAM_NAME,         /* name not found or look-up failed */
    UPSTREAM_FORBIDDEN,    /* the guard refused every address */
    UPSTREAM_REFUSED,      /* refused, unreachable, or the proxy said no */
    UPSTREAM_CONNECT_TIME, /* no connection within connect_timeout_ms */
    UPSTREAM_TLS,          /* handshake or certificate */
    UPSTREAM_BROKEN,       /* connection ended before the answer was complete */
    UPSTREAM_FIRST_BYTE_TIME,
    UPSTREAM_IDLE_TIME,  /* for idle_timeout_ms nothing came inside the answer, or nothing of
                            the request was taken */
    UPSTREAM_BAD_ANSWER, /* not HTTP, or framing that cannot be trusted */
    UPSTREAM_STARVED,    /* this machine has no descriptor, port or memory for a connection:
                            nothing that the upstream did; always unsent */
};
const char *upstream_fault_name(enum upstream_fault f);

struct upstream_failure {
    enum upstream_fault fault;
    bool unsent;   /* no byte of the request can have been processed */
    bool answered; /* on_head had been called */
    bool stale;    /* a kept connection ended before any byte of an answer: a server may hang up on
                      what is idle at any time, and this may have crossed the request (RFC 9112 9.5) */
    char detail[160];
};

struct upstream_handler {
    /* The final head (1xx are swallowed); views valid during the call only. */
    void (*on_head)(struct upstream_call *call, const struct http_head *head, void *ctx);
    /* Returns bytes taken; fewer pauses reading until upstream_resume(). */
    size_t (*on_body)(struct upstream_call *call, struct str piece, void *ctx);
    void (*on_end)(struct upstream_call *call, void *ctx);
    void (*on_fail)(struct upstream_call *call, const struct upstream_failure *failure, void *ctx);
    /* Room for more request body. */
    void (*on_drain)(struct upstream_call *call, void *ctx);
};

struct upstream_request {
    const struct url *url;
    struct str method;
    const struct http_header *headers; /* Host, Connection and framing are the client's */
    size_t header_count;
    int64_t body_length; /* 0: none; -1: chunked */
    struct str body;     /* if whole already (then body_length == body.n) */
    /* The body stays where it is until on_head, on_end or on_fail is called, or upstream_cancel()
     * has returned; else, or where libcurl carries it, it is copied if it must wait. */
    bool body_lent;
    struct guard guard;
    struct str ca_pem; /* STR_NONE: the system's */
    /* "scheme://[user:password@]host[:port]", scheme http, https, socks5, socks5h or socks4a;
     * STR_NONE: none.  The name of the target is the proxy's to look up, but for socks5. */
    struct str proxy_url;
    bool http2; /* where the server's TLS agrees */
    /* 0: none.  Name, connection and TLS; from the last byte of the request to the whole
     * head; between two reads of the answer, while the taker does not pause. */
    int connect_timeout_ms, first_byte_timeout_ms, idle_timeout_ms;
};

/* Copies what it keeps.  NULL only with err filled: "bad_ca", "bad_request" (a field that
 * cannot be sent). */
struct upstream_call *upstream_start(struct upstream_client *c, const struct upstream_request *r,
                                     const struct upstream_handler *h, void *ctx, struct err *err);
/* Request body by pieces: all of it is taken; false: give no more until on_drain. */
bool upstream_write(struct upstream_call *call, struct str bytes);
void upstream_write_end(struct upstream_call *call);
void upstream_resume(struct upstream_call *call);
/* Ends it now, also from inside any callback: the connection is closed (or kept, if the
 * answer was complete). */
void upstream_cancel(struct upstream_call *call);
