/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What fetch.c (the story of a request over its hops) and fetch_curl.c (one hop by
 * libcurl) share. */
#include "base/buf.h"
#include "net/fetch.h"
#include "net/libcurl.h"

struct fetcher {
    CURL *easy;
    char *resolver; /* "" for the system's */
};

/* Why a hop was ended by a callback of ours. */
enum fetch_stop {
    FETCH_GOES_ON,
    FETCH_FORBIDDEN, /* the guard; not final while another address may be tried */
    FETCH_CANCELLED,
    FETCH_STALLED,
    FETCH_TOO_LARGE,
    FETCH_NO_MEMORY,
    FETCH_BAD_HEAD,
    FETCH_BAD_REDIRECT,
    FETCH_BODY_FAILED, /* read_body said -1 */
    FETCH_SEEN_ENOUGH, /* of a redirect's body */
};

/* One fetch_run(). */
struct fetch_run {
    struct fetcher *fetcher;
    const struct fetch_request *request;
    struct arena *arena;
    struct fetch_answer *answer;
    int64_t started_ms, deadline_ms; /* INT64_MAX: none */
    int hops;
    /* The hop. */
    struct url url;
    struct str method;
    bool with_body, same_origin; /* as the first hop */
    struct guard guard;          /* of the peer that is connected to */
    struct url next;
    bool following, connected;
    enum fetch_stop stop;
    bool refused_any; /* the guard refused an address */
    struct buf head;
    bool head_done;
    bool whole; /* the answer's end, should it come now, is none that a cut could feign */
    int status;
    struct buf body;
    uint64_t body_seen, body_read; /* of the answer; of the request */
    curl_off_t progress;
    int64_t progress_ms;
    char curl_error[CURL_ERROR_SIZE];
};

/* fetch_curl.c: performs the hop that run describes. */
CURLcode fetch_curl_hop(struct fetch_run *run, const struct addresses *pinned);
/* fetch_answer.c: the hop's head, a line at a time; false stops the hop. */
bool fetch_head_line(struct fetch_run *run, struct str line);
bool fetch_body_piece(struct fetch_run *run, struct str piece);
