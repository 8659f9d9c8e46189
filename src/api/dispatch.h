/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* dispatch — from a request's head to its route, one per loop.
 *
 * Calls are collected on the loop within their endpoint's limit, run by an API worker,
 * and answered on the loop again; a full queue is 503 with Retry-After.  What no route
 * names and is not under /api, /v1, /sora/v1 or /media is the page. */
#include "net/server.h"
#include "service/app.h"
#include "service/settings.h"

struct dispatch;
struct upstream_client;

struct dispatch *dispatch_new(struct app *app, struct loop *loop, struct upstream_client *upstream);
void dispatch_free(struct dispatch *d);
/* server_config.on_request; ctx is the dispatch. */
void dispatch_request(struct exchange *x, void *ctx);
/* server_config.explain: in the shape and the language of our own errors. */
bool dispatch_explain(struct exchange *x, int status, struct buf *out, void *ctx);

struct app *dispatch_app(const struct dispatch *d);
struct loop *dispatch_loop(const struct dispatch *d);
struct upstream_client *dispatch_upstream(const struct dispatch *d);
