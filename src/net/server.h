/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server — HTTP/1.1 connections on a loop; each request is an exchange.
 *
 * Thread: an exchange belongs to its connection's loop.  Owner: the server; an
 * exchange is valid from on_head until after on_done has returned, which is always
 * called exactly once, last, whatever happens (answered, client gone, deadline,
 * shutdown): free what you hung on it there.  Without a handler it is valid during
 * on_request only: set one before keeping x.  No callback ever comes from inside an
 * exchange_…() call; after exchange_abort() or a failed write too, on_done follows later
 * in the turn.
 *
 * Request bodies stream in under back-pressure: on_body says how much it took; the
 * rest waits in a bounded buffer and the socket is not read until
 * exchange_resume_body().  Answers stream out under back-pressure: exchange_write()
 * accepts what it is given (bounded by what the handler holds at once) and says
 * whether to go on; on_drain follows when the buffer has emptied below its low mark.
 * A client that leaves is noticed also while nothing is read or written (RDHUP).
 * Requests that were pipelined wait their turn.  A client that shuts its side behind a
 * whole request (`nc -N`, some proxies) cannot be told from one that has left.  It is
 * served to the end if an answer of stated length has begun, or any has been handed over
 * whole, or if its handler says so; in all other cases (a stream that goes on, nothing
 * begun) the end of its side is the end of the client.  A reset is gone at once. */
#include "net/http1.h"
#include "net/loop.h"

struct server;
struct exchange;

/* What is 0 takes the value named. */
struct server_config {
    struct loop *loop;
    struct http_limits limits; /* http_default_limits */
    int head_timeout_ms;    /* absolute, from the first byte (or accept) to the head's end: 15 s */
    int body_timeout_ms;    /* absolute per 1 MiB of body progress, minimum rate: 60 s */
    int idle_timeout_ms;    /* between requests: 75 s */
    int write_timeout_ms;   /* no progress of a pending answer: 60 s */
    size_t max_connections; /* per loop, 10000; over it new ones are answered 503 and closed */
    size_t out_high, out_low; /* answer buffer marks in bytes: 256 KiB, 64 KiB */
    /* Called for every complete request head; sets handler and ctx by
     * exchange_handle(), or replies at once.  Unknown methods (501), OPTIONS * (204) and
     * what is no request never come here. */
    void (*on_request)(struct exchange *x, void *ctx);
    /* Writes the JSON of a refusal that the server gives in a handler's place (400, 413,
     * 408), at most 512 bytes; false (what it wrote is dropped), or NULL: it is told in
     * OpenAI's shape. */
    bool (*explain)(struct exchange *x, int status, struct buf *out, void *ctx);
    void *ctx;
};

struct exchange_handler {
    /* Payload as it arrives; returns how many bytes were taken.  NULL: the body is
     * read and dropped up to exchange_max_body.  Not called once the answer is complete:
     * then up to 256 KiB more are dropped to keep the connection, else it closes. */
    size_t (*on_body)(struct exchange *x, struct str piece);
    /* Once, also when there is no body. */
    void (*on_body_end)(struct exchange *x);
    /* Room again after exchange_write() returned false. */
    void (*on_drain)(struct exchange *x);
    /* The client left before the answer was complete.  Optional; on_done follows. */
    void (*on_gone)(struct exchange *x);
    /* The last call. complete: the whole answer reached the socket, and it was the
     * handler's, not one that the server gave in its place (408, 413, a bad chunk). */
    void (*on_done)(struct exchange *x, bool complete);
    /* The answer comes soon and in one piece: made also for a client that has shut its side
     * behind its whole request.  False, for what streams or costs: such a one is gone. */
    bool serves_half_closed;
};

struct server *server_new(const struct server_config *config);
/* Accepts on a listening socket, which becomes the server's (several servers may share one
 * port by SO_REUSEPORT). */
void server_listen(struct server *s, int fd);
/* Takes who stands in the kernel's queues, then closes the listening sockets. */
void server_stop_listening(struct server *s);
/* Stops listening and answers with Connection: close from now on; on_empty is called once
 * when the last connection has ended.  patience_ms: how long an idle connection may stay for
 * one request more (its client may be sending it right now); 0 closes it at once. */
void server_drain(struct server *s, int patience_ms, void (*on_empty)(struct server *s, void *ctx),
                  void *ctx);
/* Cuts what is left; every on_done has been called on return, but for an exchange that is
 * in a callback right now. */
void server_abort(struct server *s);
/* Stops listening and aborts; before its loop is freed. */
void server_free(struct server *s);
size_t server_connection_count(const struct server *s);

/* A non-blocking listening TCP socket, or -1 with err filled ("address in use").
 * host_port: "127.0.0.1:8080", "[::1]:8080", ":8080" (every address); port 0: any.  May
 * look a name up: at start only. */
struct err;
int server_bind(struct str host_port, bool reuse_port, struct err *err);
/* A socket that the starter of this process listens on already and left to it (sd_listen_fds(3),
 * "socket activation"), as the caller's own; -1 with err untouched when there is none, -1 with
 * err filled when it is not one listening TCP socket. */
int server_inherited(struct err *err);
enum { SERVER_ADDRESS_SIZE = 64 };
/* Where a listening socket is bound: "127.0.0.1:8080", "[::1]:8080". */
void server_bound_to(int fd, char ret[SERVER_ADDRESS_SIZE]);
/* Of the sockets that share fd's address (SO_REUSEPORT), the place-th gets all connections
 * from now on, counted from 0 in the order they began to listen; when one is closed, the last
 * takes its place (net/core/sock_reuseport.c).  A place that nobody has is as before: by
 * chance.  False, with errno, when the kernel does not do it. */
bool server_divert(int fd, unsigned place);

/* The request. */
const struct http_head *exchange_head(const struct exchange *x);
struct loop *exchange_loop(const struct exchange *x);
/* "req_" + 24 characters, made here, or the client's own x-request-id when it is
 * 1–64 characters of [A-Za-z0-9._-]. */
struct str exchange_request_id(const struct exchange *x);
/* The peer's numeric address (the socket's; the trusted-proxy rule is the caller's). */
struct str exchange_peer(const struct exchange *x);
bool exchange_body_done(const struct exchange *x);

void exchange_handle(struct exchange *x, const struct exchange_handler *h, void *ctx);
void *exchange_ctx(const struct exchange *x);
/* 1 MiB at first.  Over it (also by Content-Length, before any byte): 413 is answered and
 * on_done comes; answers of the handler's are then ignored. */
void exchange_max_body(struct exchange *x, uint64_t bytes);
void exchange_resume_body(struct exchange *x);

/* The answer.  Content-Length or chunked framing, Date, Connection and x-request-id
 * are the server's; headers given must not be hop-by-hop (they are dropped, and so is one
 * with a line break in it).  A given x-request-id takes the place of the server's.  Only
 * the first answer counts: later ones are ignored.  status is 200 or more.  HTTP/1.0
 * clients get no chunks: the connection's end is the answer's. */
enum { EXCHANGE_CHUNKED = -1 };
void exchange_start(struct exchange *x, int status, const struct http_header *headers, size_t n,
                    int64_t length /* or EXCHANGE_CHUNKED */);
/* False: above the high mark, wait for on_drain.  Bytes past the stated length are dropped;
 * small pieces leave together at the end of the turn. */
bool exchange_write(struct exchange *x, struct str bytes);
/* Short of the stated length: as exchange_abort(). */
void exchange_end(struct exchange *x);
/* All of it in one call. */
void exchange_reply(struct exchange *x, int status, const struct http_header *headers, size_t n,
                    struct str body);
/* The same with a body that is there, unchanged, as long as the process: a slow client has no copy
 * of it. */
void exchange_reply_lasting(struct exchange *x, int status, const struct http_header *headers,
                            size_t n, struct str body);
bool exchange_started(const struct exchange *x);
/* Cut the connection now: an answer that cannot be finished must not look finished. */
void exchange_abort(struct exchange *x);
/* The same by RST: what is on its way may be lost too. */
void exchange_reset(struct exchange *x);
/* Bytes accepted and not yet in the socket. */
size_t exchange_pending(const struct exchange *x);
/* The answer will be quiet for long (SSE): gives back what memory it can.  While nothing is
 * pending and the body is read, an exchange has no deadline of the server's. */
void exchange_keep_open(struct exchange *x);
