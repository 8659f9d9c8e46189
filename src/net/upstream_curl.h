/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* upstream_curl — libcurl's multi interface as the upstream client's second transport, for
 * calls through a proxy or over HTTP/2.
 *
 *   upstream_curl.c        libcurl on the loop: sockets, its timer, what has ended
 *   upstream_curl_call.c   a call: look-ups, deadlines, its end
 *   upstream_curl_setup.c  a call's words as libcurl's options
 *   upstream_curl_bytes.c  request and answer bytes between libcurl and the handler
 *
 * libcurl may not be entered again from inside its own callbacks, and handlers do what they
 * like in theirs.  So whatever a call asks of it (to begin, to go on after a pause, to end)
 * waits for the end of the loop's turn, in one task per call: on_task() is the only place
 * that adds, unpauses or removes a transfer.  A call that is over has left its transfer at
 * once (`call` is NULL), and callbacks for such a one refuse.
 *
 * Over HTTP/2 an answer that ends before the request's body has left is told as broken, after
 * its head and what came of it: libcurl (7.88) does not say whether it was whole.
 *
 * Memory per call: the head (64 KiB at most), libcurl's two buffers of 64 KiB and, when the taker
 * pauses, what of one of them it has not been given; no socket is read meanwhile.  Transfers never
 * share a connection, so that one paused taker stops no other. */
#include "net/libcurl.h"
#include "net/upstream_impl.h"

struct curl_side {
    struct upstream_client *client;
    CURLM *multi;
    struct timer timer;      /* when libcurl wants to be called */
    struct list sockets[64]; /* by descriptor */
    struct list spare;       /* of curl_call.link */
    size_t spare_count;
};

/* A name that is looked up by our resolver, so that libcurl never waits for one. */
struct curl_look {
    struct resolve_query query;
    struct curl_call *cc;
    struct guard guard;
    char *host; /* NULL: nothing is looked up here */
    uint16_t port;
    bool waits;
    struct addresses found;
};

/* A transfer; outlives its upstream_call to the end of the turn. */
struct curl_call {
    struct curl_side *side;
    struct upstream_call *call; /* NULL: nobody waits for it any more */
    CURL *easy;
    struct list link;
    struct task task;
    struct timer timer;
    struct curl_look looks[2]; /* of the proxy; of the target */
    struct curl_slist *headers, *pins;
    struct guard peer_guard; /* of whom the connection goes to */
    bool proxied, http2;
    bool added;     /* to the multi handle */
    bool connected; /* the request is about to leave, or has */
    bool forbidden; /* the guard refused the last address */
    bool starved;   /* … or no socket could be had for it */
    bool is_http2;  /* the answer */
    bool whole;     /* its end, should it come now, is none that a cut could feign */
    bool send_paused, take_paused, resume_asked;
    struct buf head;
    int interim;
    size_t taken; /* of the piece that libcurl will bring again after a pause */
    char error[CURL_ERROR_SIZE];
};

extern const struct transport upstream_curl_transport;
/* False: a field cannot be sent; the caller lets it leave again. */
bool curl_call_start(struct upstream_call *call, const struct upstream_request *r);
void curl_side_free(struct curl_side *side);

/* upstream_curl.c */
struct curl_side *curl_side_of(struct upstream_client *client);
/* With a handle of its own, used or new. */
struct curl_call *curl_call_new(struct curl_side *side);
void curl_call_give_back(struct curl_call *cc);
/* A new socket; a connection; the end of one (libcurl's callback: closes it). */
void curl_side_opens(struct curl_side *side, int fd);
void curl_side_keeps(struct curl_side *side, int fd);
int curl_side_closes(void *side, curl_socket_t fd);

/* upstream_curl_call.c */
/* libcurl says that the transfer is over. */
void curl_call_done(struct curl_call *cc, CURLcode code);
/* Sets the deadline of what the call waits for now. */
void curl_call_arm(struct curl_call *cc);
/* Lets on_task() see to it. */
void curl_call_later(struct curl_call *cc);

/* upstream_curl_setup.c */
bool curl_call_set_options(struct curl_call *cc, const struct upstream_request *r);
void curl_call_start_looks(struct curl_call *cc, const struct upstream_request *r);

/* upstream_curl_bytes.c */
void curl_call_set_callbacks(struct curl_call *cc);
