/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the upstream client share and nobody else needs.
 *
 *   upstream.c         the client and the calls: their API, their end
 *   upstream_request.c a call's head and body as bytes to send
 *
 * and below them two transports.  Our own connections:
 *
 *   upstream_pool.c    origins and their idle connections
 *   upstream_dial.c    lookup → connect → handshake
 *   upstream_conn.c    a connection's descriptor, timer, reading and writing
 *   upstream_answer.c  answer bytes → on_head, on_body, on_end
 *
 * and libcurl's: upstream_curl.h.
 *
 * A call owns at most one connection, a connection carries at most one call.  Both are
 * given back at the end of the loop's turn (loop_defer), so that a stack above a callback
 * may still look at them: a call that is over, a connection that is closed. */
#include "net/resolve.h"
#include "net/tls.h"
#include "net/upstream.h"

enum {
    UPSTREAM_OUT_HIGH = 256 * 1024, /* unsent request body at which the writer waits */
    UPSTREAM_OUT_LOW = 64 * 1024,   /* and at which it is called again */
    UPSTREAM_IDLE_MS = 50 * 1000,   /* many servers and balancers hang up after 60 s */
    UPSTREAM_READ_SIZE = 64 * 1024,
    UPSTREAM_INTERIM_MOST = 16, /* 1xx heads before the answer's own */
};
extern const struct http_limits upstream_head_limits;

struct upstream_client {
    struct loop *loop;
    size_t idle_per_origin, idle_most;
    struct resolver *resolver;
    struct tls_contexts *tls;
    struct list *origins; /* buckets */
    struct list origin_ages;
    size_t origin_count;
    struct list idle; /* of upstream_conn.lru, longest idle first */
    size_t idle_count;
    struct list calls, conns;
    struct list spare_calls, spare_conns;
    size_t spare_call_count, spare_conn_count;
    size_t deferred; /* calls and connections that wait for the end of the turn */
    bool released;   /* goes with the last of these */
    size_t read_size;
    char *scratch;          /* every read lands here first */
    struct curl_side *curl; /* NULL until a call needs it */
};

/* How a call travels. */
struct transport {
    /* There is more in call->out, or the end of the body is known now. */
    void (*send)(struct upstream_call *call);
    void (*resume)(struct upstream_call *call);
    /* The call is over, whole or not: it is not touched afterwards. */
    void (*leave)(struct upstream_call *call);
};

/* Where calls go: scheme, host, port and authority. */
struct origin {
    struct list bucket, age;
    struct upstream_client *client;
    struct tls_context *tls; /* NULL: plain */
    struct tls_session session;
    struct str host;
    bool host_is_ip;
    uint16_t port;
    struct str host_field; /* "Host: …\r\n" */
    struct list idle;      /* of upstream_conn.link, latest first */
    size_t idle_count;
    size_t users; /* calls and connections */
    char text[];
};

enum upstream_conn_state { CONN_DIALING, CONN_HANDSHAKE, CONN_ACTIVE, CONN_IDLE, CONN_CLOSED };

/* Needed until there is a connection. */
struct dial {
    struct resolve_query query;
    struct upstream_conn *conn;
    struct addresses addresses;
    size_t next;
    int64_t deadline_ms;
    int last_errno; /* ETIMEDOUT: no answer */
};

struct upstream_conn {
    struct upstream_client *client;
    struct origin *origin;
    struct upstream_call *call; /* NULL when idle */
    enum upstream_conn_state state;
    struct list all, link, lru;
    struct io io; /* fd -1: none */
    bool watched;
    struct timer timer;
    int64_t deadline_ms; /* the timer may ring before it, never after */
    struct tls *tls;
    union net_address peer;
    struct dial *dial;
    struct task task; /* goes on where no event will come; frees when closed */
    bool reused;      /* an earlier call has been answered on it */
    bool write_broken, tls_wants_write;
    /* The answer. */
    struct buf in;       /* held bytes: payload_left of payload, then raw ones */
    size_t payload_left; /* decoded, not taken yet */
    size_t head_scanned; /* bytes of an unfinished head that were looked at */
    int interim;         /* 1xx heads so far */
    struct http_body body;
    bool got_bytes, head_done, body_done, keep_alive;
    bool paused, resume_asked;
    bool reading; /* inside read_answer(): bytes may lie behind the answer's end */
    int keep_ms;  /* what the peer promised for an idle connection */
    /* Its pace: reads in a row close upon each other, how many delay the ACKs, the last one's time. */
    int steady_reads, steady_wanted;
    int64_t read_ms;
};

enum call_phase { CALL_LIVE, CALL_FAILED, CALL_OVER };

struct upstream_call {
    struct upstream_client *client;
    const struct transport *transport;
    struct origin *origin;      /* of our own transport */
    struct upstream_conn *conn; /* of our own transport; NULL: none */
    struct curl_call *curl;     /* of libcurl's; NULL: none */
    struct upstream_handler handler;
    void *ctx;
    enum call_phase phase;
    struct list link;
    struct task task; /* tells of a failure; frees when over */
    enum http_method method;
    bool idempotent;
    struct guard guard; /* allowed is a copy */
    struct cidr *allowed;
    size_t allowed_size;
    int connect_ms, first_byte_ms, idle_ms;
    /* The request. */
    struct buf out;     /* head and body; sent ones are dropped when !keep_sent */
    size_t out_sent;    /* of out */
    struct str lent;    /* what of the body still lies with its owner; it goes behind out */
    bool keep_sent;     /* may be sent again, from its first byte */
    bool may_have_left; /* some byte was handed to the kernel */
    bool unframed;      /* libcurl frames it: out holds nothing but the body */
    bool chunked, all_given, drain_wanted, replayed;
    bool answered;     /* on_head has been called */
    int64_t body_left; /* of the stated length */
    struct upstream_failure failure;
};

/* upstream.c */
void call_fail(struct upstream_call *call, enum upstream_fault fault, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The answer is complete; the connection was given back before. */
void call_end(struct upstream_call *call);
static inline bool call_live(const struct upstream_call *call)
{
    return call->phase == CALL_LIVE;
}
/* More body may be given now, if the writer waits for that. */
void call_drained(struct upstream_call *call);
void client_deferred_done(struct upstream_client *client);

/* upstream_request.c */
void request_begin(struct upstream_call *call, const struct upstream_request *r);
/* Whether an errno says that this machine lacks what a connection needs. */
bool upstream_is_starved(int code);
bool request_write_head(struct upstream_call *call, const struct upstream_request *r);
/* False: more than was announced, or a body beyond any bound. */
bool request_add_body(struct upstream_call *call, struct str bytes);
bool request_end_body(struct upstream_call *call);
static inline struct str request_unsent(const struct upstream_call *call)
{
    return str_from(buf_str(&call->out), call->out_sent);
}
void request_sent(struct upstream_call *call, size_t n);
/* Bytes that have not been sent, wherever they lie. */
static inline size_t request_waiting(const struct upstream_call *call)
{
    return buf_len(&call->out) - call->out_sent + call->lent.n;
}
/* Before its owner may take it away. */
void request_copy_lent(struct upstream_call *call);

/* upstream_pool.c */
enum status origin_get(struct upstream_client *client, const struct url *url, struct str ca_pem,
                       struct origin **ret, struct err *err);
void origin_unref(struct origin *origin);
void origins_release(struct upstream_client *client);
/* The latest used idle connection that the guard still allows and that is quiet, or NULL. */
struct upstream_conn *idle_take(struct origin *origin, const struct guard *guard);
/* False when the peer has closed it, or has sent what nobody asked for: it is of no more use. */
bool idle_is_quiet(struct upstream_conn *c);
void idle_put(struct upstream_conn *c);
void idle_remove(struct upstream_conn *c);

/* upstream_dial.c */
void dial_start(struct upstream_call *call);
void dial_event(struct upstream_conn *c, uint32_t events);
void dial_expired(struct upstream_conn *c);
void dial_release(struct upstream_conn *c);

/* upstream_conn.c */
extern const struct transport upstream_own_transport;
struct upstream_conn *upstream_conn_new(struct upstream_client *client, struct origin *origin);
/* Puts call and connection together; nothing is sent yet. */
void upstream_conn_attach(struct upstream_conn *c, struct upstream_call *call);
void upstream_conn_detach(struct upstream_conn *c);
/* Any state; a call on it is left without one. */
void upstream_conn_close(struct upstream_conn *c);
/* False, with errno, when the kernel cannot watch it; fd is the connection's all the same. */
bool upstream_conn_watch(struct upstream_conn *c, int fd, uint32_t events);
void upstream_conn_close_socket(struct upstream_conn *c);
/* 0: none. */
void upstream_conn_set_deadline(struct upstream_conn *c, int64_t at_ms);
void upstream_conn_arm(struct upstream_conn *c);
/* Sends what waits. */
void upstream_conn_send_out(struct upstream_conn *c);
/* Registered for what an active connection can use now; the call may have failed on return. */
void upstream_conn_want(struct upstream_conn *c);
void upstream_conn_go_on_later(struct upstream_conn *c);

/* upstream_answer.c */
void answer_reset(struct upstream_conn *c);
void answer_bytes(struct upstream_conn *c, struct str in);
void answer_go_on(struct upstream_conn *c);
/* clean: the peer meant it (a plain FIN, a TLS close_notify). */
void answer_eof(struct upstream_conn *c, bool clean, const char *detail);
/* Could the connection carry another call once its body is at its end? */
bool answer_reusable(const struct upstream_conn *c);
