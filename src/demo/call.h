/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* call — one request from head to end: its body, the rule it falls under, its answer.
 *
 * Thread: the loop's.  A call lives from the request's head until the exchange is done.
 * Its way: head → body → read() → rule → key → make() → present(). */
#include "demo/answer.h"
#include "demo/demo.h"

struct call;

/* What the table of routes says about a route. */
struct action {
    enum route_id route;
    bool public; /* needs no bearer */
    /* Looks at the request and changes nothing; may be NULL. */
    enum status (*read)(struct call *c, struct err *err);
    /* Does what was asked; a submission then has c->job.  May be NULL. */
    enum status (*make)(struct call *c, struct err *err);
    /* Answers, now or later. */
    void (*present)(struct call *c);
};

struct call {
    struct list link;
    struct demo *demo;
    struct exchange *x;
    const struct action *action;
    struct route_match match;
    struct arena *arena;
    struct buf body;
    struct str target, host, bearer, content_type, range; /* copies */
    struct record *record;                                /* NULL for control */
    struct fault *fault;                                  /* may be NULL */
    struct answer answer;

    struct wish wish;
    bool stream;
    bool as_url;   /* images: links, not base 64 */
    bool replayed; /* the job was made by an earlier request */
    struct job *job;
    struct job_watch watch;
    struct media *media; /* being sent or awaited */
    struct media_waiter wait;
    struct timer beat;
    int64_t shown_progress;
    struct buf out; /* the answer's body */
};

/* The server's on_request; ctx is the struct demo. */
void call_begin(struct exchange *x, void *ctx);

/* One of the path's parameters, decoded. */
struct str call_param(const struct call *c, const char *name);
/* A parameter of the query, in the arena; STR_NONE when absent or bad. */
struct str call_query(struct call *c, const char *name);

/* Answers c->out. */
void call_send_json(struct call *c, int status);
/* An error in the style of the settings (docs/demo-upstream.md, error_style). */
void call_send_error(struct call *c, int status, const char *type, const char *code,
                     struct str param, struct str message);
void call_send_err(struct call *c, const struct err *err);
/* {"error": …} with an error that is JSON already. */
void call_send_job_error(struct call *c);
/* What HTTP calls that outcome here. */
int call_status_of(enum status status);
const char *call_error_type(int status);
/* The value of an error in the body: {"message","type","param","code"}. */
void call_write_error(struct json_out *j, const char *type, const char *code, struct str param,
                      struct str message);
