/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* fault — the rules by which the demo upstream fails on command.
 *
 * The fields and their meaning are those of docs/demo-upstream.md, "Fault rules".
 * A rule is counted: the list holds one reference, each request and each job under
 * it another, so removing a rule never pulls it from under an open answer. */
#include "base/json_out.h"
#include "base/list.h"
#include "demo/counts.h"
#include "net/http1.h"
#include "platform/json_in.h"

enum cut_point { CUT_NONE, CUT_BEFORE_BODY, CUT_BEFORE_HEAD, CUT_AT };
enum malformed { MALFORMED_NO, MALFORMED_JSON, MALFORMED_SSE, MALFORMED_UTF8 };
enum { FAULT_MAX_HEADERS = 16, FAULT_MAX_RULES = 64 };

/* How a job behaves that a request under the rule makes; -1 or STR_NONE: as usual. */
struct job_plan {
    int64_t duration_ms;
    struct str fail; /* JSON: the job's error */
    bool refuse;
    int64_t fail_at; /* percent */
    int64_t stick_at;
    bool progress;
    struct str words[4]; /* queued, in_progress, completed, failed */
    bool new_id, no_result;
    int links;
    int64_t link_ttl_ms, link_status, content_status;
    struct str extra; /* JSON object */
};

struct fault {
    struct list link;
    int refs;
    struct arena *arena; /* of all texts */
    struct str source;   /* as posted */

    struct str name;
    unsigned routes; /* bit per enum route_id */
    struct str prompt, model, key, path;
    int64_t skip, times;
    int64_t seen, applied;

    int64_t status; /* 0: the true answer */
    struct http_header headers[FAULT_MAX_HEADERS];
    size_t header_count;
    struct str body, content_type, json, error, redirect;
    bool html, accept;

    int64_t delay_ms, hold_at, stall_at, stall_ms, drip_bytes, drip_ms;
    bool hold;
    enum cut_point cut;
    int64_t cut_at;
    bool reset;
    int64_t length_delta, truncate;
    int malformed; /* enum malformed */
    bool no_done, idle;

    struct job_plan plan;
};

/* What of a request a rule looks at. */
struct fault_subject {
    enum route_id route;
    struct str target, bearer, prompt, model;
    bool body_read;
};

enum status fault_parse(struct json rule, struct fault **ret, struct err *err);
struct fault *fault_ref(struct fault *f); /* NULL is fine */
void fault_unref(struct fault *f);        /* NULL is fine */
/* Does it answer in place of the handler? */
bool fault_is_canned(const struct fault *f);

struct faults {
    struct list list;
    size_t count;
    uint64_t named; /* for rule-N */
};
void faults_init(struct faults *all);
void faults_clear(struct faults *all);
/* Takes the reference; a rule of the same name is replaced.  E_LIMIT when full. */
enum status faults_add(struct faults *all, struct fault *f, struct err *err);
bool faults_remove(struct faults *all, struct str name);
/* The rule for this request with a reference for the caller, or NULL; counts. */
struct fault *faults_match(struct faults *all, const struct fault_subject *s);
void faults_write(const struct faults *all, struct json_out *j);
