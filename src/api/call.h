/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* call — one API request inside a worker: what came, who asks, what to answer.
 *
 * The loop matches the route, checks the length, collects the body, and hands the call
 * to a worker, which authenticates, runs the handler and posts the answer back.  A
 * handler parses, makes one call into the rules, and writes one view; every failure is
 * returned as a status with its err and becomes HTTP in api/respond.
 *
 * Thread: the worker's, until the handler returns.  Owner of everything in it: the
 * call's arena. */
#include "base/json_out.h"
#include "model/user.h"
#include "net/router.h"
#include "platform/json_in.h"
#include "service/app.h"
#include "service/relay.h"
#include "service/settings.h"

enum access {
    ACCESS_ANYONE, /* who is filled in when a session is there */
    ACCESS_LINK,   /* the signed address itself is the permission */
    ACCESS_KEY,    /* an API key, asked for before the body is read; loop routes do it themselves */
    ACCESS_USER,
    ACCESS_ADMIN,
};

struct call;
struct dispatch;
struct exchange;
typedef enum status call_handler(struct call *c, struct err *err);

struct endpoint {
    enum access access;
    call_handler *handle;
    size_t max_body;    /* bytes; 0: none is read */
    bool optional_body; /* JSON is parsed only if there is any */
    bool takes_form;    /* a body of multipart/form-data is the handler's to read */
    bool transfers;     /* may last for minutes: the transfer threads' */
    bool spooled;       /* a body of which more than 1 MiB waits on disk until it is whole */
};

enum { CALL_MAX_HEADERS = 12, CALL_ARENA_BYTES = 64 << 20, CALL_ANSWER_BYTES = 16 << 20 };

struct call {
    struct app *app;
    struct worker *worker;
    struct db_conn *db; /* the worker's */
    struct arena *arena;
    const struct settings *settings;
    const struct endpoint *endpoint;
    struct route_match match;

    struct http_head *head;
    struct str body;
    struct json json; /* the body, an object; absent without one */
    struct str request_id, peer, client_address,
        origin;             /* origin: "https://host" as seen outside */
    bool https;             /* as seen outside (ID-7) */
    enum language language; /* ST-10 */
    struct identity who;
    struct relay_caller caller; /* of ACCESS_KEY */

    /* The answer. */
    int status;
    struct buf out;
    struct json_out j;
    struct http_header headers[CALL_MAX_HEADERS];
    size_t header_count;
    struct json_doc *doc;

    /* Instead of an answer: run on the loop when the handler has returned OK, and the
     * exchange is its own from then on.  The call is freed when it returns. */
    void (*takeover)(struct exchange *x, struct call *c);
    /* Gives back what takeover_arg holds when the client left before it could run; may be
     * NULL. */
    void (*abandon)(struct call *c);
    void *takeover_arg;
    struct dispatch *dispatch; /* the loop's: for the takeover */

    /* Instead of an answer: OK with `waits` set parks the call until this job may have
     * changed; then `resume` runs in its place, as the handler did, and may wait again.  The
     * body and what was parsed of it are gone by then; the arena is not, so what each look
     * reads belongs elsewhere.  A client that shuts its side meanwhile is gone. */
    bool waits;
    int64_t wait_job;
    call_handler *resume;

    void *state; /* of a stream, between its turns (api/stream) */
};

/* Begins a JSON answer and returns its writer. */
struct json_out *call_json(struct call *c, int status);
/* 204. */
enum status call_empty(struct call *c);
/* Adds an answer header; the value is copied. */
void call_header(struct call *c, const char *name, struct str value);

/* The route's {name} as a positive integer; E_NOT_FOUND otherwise. */
enum status call_id(struct call *c, const char *name, int64_t *ret, struct err *err);
struct str call_param(struct call *c, const char *name);
/* A query parameter, decoded; STR_NONE if absent or no valid text. */
struct str call_query(struct call *c, const char *name);
/* page (from 1) and page_size (1–100, 20 at first); E_INVALID names the bad one. */
struct page {
    int64_t page, size, offset;
};
enum status call_page(struct call *c, struct page *ret, struct err *err);
/* The list envelope: call_list_begin … rows … call_list_end. */
struct json_out *call_list_begin(struct call *c);
void call_list_end(struct call *c, const struct page *page, int64_t total);
