/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server_impl — what the files of the server share and nobody else needs.
 *
 *   server.c         listening, accepting, draining; the date and the request ids
 *   server_bind.c    the listening socket
 *   server_conn.c    a connection's life: events, phases, deadlines
 *   server_head.c    a request's head, from its first byte to the exchange
 *   server_out.c     its way out: cork, socket, waiting bytes
 *   exchange.c       the public calls and the answer's head
 *   exchange_body.c  the request's body on its way to the handler
 *
 * A handler is only ever called from the top of the stack (an event, a timer, a deferred
 * task), never from inside an exchange_…() call: those note what they want and kick the
 * connection, whose advance does the rest.
 *
 * Memory: bytes are read into one scratch buffer per server and parsed there; only what
 * cannot be dealt with at once is kept in the connection.  Small writes gather in one cork
 * per server, which is flushed when the answer ends, when another connection needs it, or
 * at the end of the turn.  So a quiet connection is its struct, its request's head, and
 * nothing else. */
#include <sys/uio.h>

#include "base/buf.h"
#include "net/server.h"

enum {
    SCRATCH_SIZE = 64 * 1024,
    CORK_SIZE = 16 * 1024,
    COMPOSE_MAX = 128 * 1024,       /* of an answer's head */
    OUT_EXTRA = 64 * 1024 * 1024,   /* waiting bytes past the high mark before we give up */
    DRAIN_MAX = 256 * 1024,         /* of a body nobody wants, to keep the connection */
    LINGER_MAX = 256 * 1024 * 1024, /* read and dropped after the last answer */
    LINGER_MS = 2000,               /* between two reads of that */
    DEFAULT_MAX_BODY = 1024 * 1024,
    BODY_STEP = 1024 * 1024, /* progress that renews the body's deadline */
    REFUSED_EXTRA = 64,      /* connections over the limit that get their 503 read */
    PEER_SIZE = 48,
    REQUEST_ID_MAX = 64,
    REQUEST_ID_RANDOM = 24,
};
#define NO_DEADLINE INT64_MAX

enum answer_state { ANSWER_NONE, ANSWER_OPEN, ANSWER_ENDED };

struct exchange {
    const struct exchange_handler *handler;
    void *ctx;
    const struct http_head *head; /* in the connection's head_block */
    struct http_body body;
    uint64_t max_body;
    uint64_t renew_at;    /* body bytes at which the deadline is renewed */
    size_t piece_left;    /* payload at the input's front that the handler has not taken */
    uint64_t answer_left; /* of a stated Content-Length */
    enum answer_state answer;
    bool body_read; /* the framing has ended; piece_left may still wait */
    bool body_told; /* on_body_end was called, or need not be */
    bool stalled;   /* the handler took less than offered */
    bool resumed;   /* it asked for more meanwhile */
    bool owes_continue;
    bool want_drain;
    bool failed; /* the server answered in the handler's place */
    bool bodiless, chunked, to_eof;
    unsigned char id_length;
    char id[REQUEST_ID_MAX];
};

enum server_phase {
    PHASE_IDLE,     /* no byte of a request yet */
    PHASE_HEAD,     /* some */
    PHASE_EXCHANGE, /* from the head's end to the answer's last byte in the socket */
    PHASE_DRAIN,    /* the rest of a body that nobody wants */
    PHASE_LINGER,   /* our side is shut; reading until the client has seen it */
};

struct server_conn {
    struct io io;
    struct list link; /* in server->connections */
    struct server *server;
    struct timer timer;
    struct task task; /* advance soon; at last: free */
    enum server_phase phase;
    int64_t read_deadline, write_deadline;
    struct str scratch; /* unread bytes in the server's scratch, during an event only */
    struct buf in;      /* unread bytes kept between events */
    struct buf out;     /* bytes the socket did not take */
    struct str lasting; /* the same behind them, but never copied */
    struct http_head *head_block;
    size_t head_block_size;
    size_t dropped; /* in DRAIN and LINGER */
    bool busy;      /* advancing: no kick needed */
    bool broken;    /* to be ended at the next advance */
    bool gone;      /* … because the client left */
    bool closed;    /* ended; only the memory is left */
    bool eof;       /* the client has shut its side */
    bool head_lf;   /* a line feed came since the last look at the head */
    bool served;    /* at least one head was read */
    bool late;      /* a deadline of the client's has passed */
    bool close_after;
    struct exchange x;
    char peer[PEER_SIZE];
};

struct listener {
    struct io io;
    struct list link;
    struct server *server;
    struct timer retry;
};

struct server {
    struct server_config config;
    struct loop *loop;
    struct list listeners, connections;
    size_t count;
    bool draining;
    int64_t patient_until_ms; /* when draining: idle connections may stay as long */
    void (*on_empty)(struct server *s, void *ctx);
    void *empty_ctx;
    struct task empty_task, free_task, flush_task;
    uint64_t random[2];
    int64_t date_until_ms;
    struct str date; /* "Date: …\r\n" in date_line */
    char date_line[64];
    struct buf compose;
    struct server_conn *corked;
    size_t cork_used;
    struct http_head head; /* being parsed */
    char cork[CORK_SIZE];
    char scratch[SCRATCH_SIZE];
};

static inline struct server_conn *server_conn_of(const struct exchange *x)
{
    return CONTAINER_OF(x, struct server_conn, x);
}

/* server.c */
struct str server_date(struct server *s);
size_t server_make_id(struct server *s, char out[REQUEST_ID_MAX]);
void server_connection_ended(struct server *s);

/* server_conn.c */
/* fd becomes the connection's.  NULL when the kernel cannot watch it: it stays the caller's. */
struct server_conn *server_conn_open(struct server *s, int fd);
/* Answers something that is not a request, and closes. */
void server_conn_refuse(struct server_conn *c, int status, const char *reason);
/* Ends it if it is idle and the server not patient; a fresh one gets so long to send its
 * request. */
void server_conn_drain(struct server_conn *c, int grace_ms);
/* timeout_ms 0: as long as it likes. */
void server_conn_enter(struct server_conn *c, enum server_phase phase, int timeout_ms);
void server_conn_advance(struct server_conn *c);
/* Advances at the end of this turn, if it is not advancing already. */
void server_conn_kick(struct server_conn *c);
/* Brings the wanted events and the timer in line with the state. */
void server_conn_update(struct server_conn *c);
/* Ends it now, calling what the handler is owed. */
void server_conn_end(struct server_conn *c);
struct str server_conn_input(const struct server_conn *c);
void server_conn_consume(struct server_conn *c, size_t n);

/* server_head.c */
/* Looks at what has come of a head; a whole one begins its exchange.  True when something
 * changed. */
bool server_head_step(struct server_conn *c);
/* An answer to something that is not a request, after which the connection closes. */
void server_head_refuse(struct server_conn *c, int status, const char *reason);

/* server_out.c */
static inline struct iovec part_of(struct str s)
{
    return (struct iovec){(void *)(uintptr_t)s.p, s.n};
}
/* Hands bytes to the socket; what it does not take waits.  push: not to be corked. */
void server_conn_send(struct server_conn *c, const struct iovec *parts, int count, bool push);
/* The whole of an answer, whose body will be there until it has gone: no copy is made of it. */
void server_conn_send_lasting(struct server_conn *c, const struct iovec *head, struct str body);
void server_conn_flush(struct server_conn *c);
void cork_flush(struct server *s);
void cork_forget(struct server_conn *c);
size_t server_conn_pending(const struct server_conn *c);

/* exchange.c */
void exchange_begin(struct server_conn *c, const struct http_head *head);
/* The server's own answer, after which the connection closes; cuts it when an answer has
 * begun already. */
void exchange_fail(struct exchange *x, int status, const char *reason);

/* exchange_body.c */
/* True when something changed. */
bool exchange_pump_body(struct exchange *x);
/* Drops what has come of the body. */
bool exchange_drop_body(struct exchange *x);
