/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* relay — direct calls: a chat request goes to an upstream account byte for byte, and its
 * answer comes back the same way as it arrives (SPEC GW-1 to GW-7, GW-12 to GW-14).
 *
 * Thread: the loop's.  No database and no lock but the pool's short section.  Keeps
 * nothing: no media, no record, no quota (GW-3).  Memory per call: this struct, the body to
 * 1 MiB (service/spool), and what the two connections hold under back-pressure.
 *
 *   intake ─▶ (in line) ─▶ calling ─▶ passing ─▶ over
 *                 ▲            │
 *                 └────────────┘  another account, before a byte went to the client
 *
 * Nothing here knows how an error looks as HTTP: the host does. */
#include "pool/pool.h"
#include "service/app.h"

struct exchange;
struct upstream_client;

/* What a loop offers to its calls. */
struct relay_host {
    struct app *app;
    struct loop *loop;
    struct upstream_client *upstream;
    /* Answers with the error; http_status 0: what err->status means. */
    void (*refuse)(struct exchange *x, int http_status, const struct err *err);
    /* The same error's body, for answers that have begun. */
    void (*write_error)(struct buf *out, const struct err *err);
    /* "https://host" as this exchange's client sees us (ID-7), in the arena. */
    struct str (*origin)(const struct exchange *x, struct app *app, struct arena *a);
};

/* Who calls, by the API key, and whose accounts serve it. */
struct relay_caller {
    struct pool_key key;
    int hop;        /* GW-14: how many Kinoras the request has passed */
    bool ungrouped; /* GW-1: the forced route under another platform's group */
};

/* forced: the route is Sora's own.  E_AUTH, code "invalid_api_key"; E_INVALID, code
 * "platform_not_supported"; E_LOOP, code "loop_detected": it has passed RELAY_HOPS_MAX. */
enum status relay_admit(struct app *app, const struct exchange *x, bool forced,
                        struct relay_caller *ret, struct err *err);

enum { RELAY_BODY_MAX = 256 << 20, RELAY_HOPS_MAX = 4 };
/* Takes the exchange over: it is answered, whatever happens. */
void relay_chat(struct exchange *x, const struct relay_host *host, bool forced);
