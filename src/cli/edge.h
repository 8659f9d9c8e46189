/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* edge — the loop threads of `kinora serve`: each has a server with a listening socket of its
 * own on the one address, and an upstream client.
 *
 * Thread: main, but for what runs on the loops. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct app;
struct edge;

enum { EDGE_LANES_MAX = 64 };

/* Listens on app->listen, or on the socket that the starter passed (server_inherited()), and
 * starts the threads; app->listen is then the address as it is bound (port 0 has become one).
 * join: another server of this user may be listening there and is about to leave. */
enum status edge_open(struct app *app, size_t count, bool join, struct edge **ret, struct err *err);
/* Accepts nobody any more and lets open calls end.  handover: somebody else accepts on this
 * address now.  Every connection that still came to us is served, and keep-alive connections stay
 * for a last request, so that no caller sees a closed one. */
void edge_drain(struct edge *e, bool handover);
/* After edge_drain(): whether the last connection has ended.  Never waits. */
bool edge_is_empty(struct edge *e);
/* After edge_drain(): cuts what is left, if there is. */
void edge_cut(struct edge *e);
/* The server that was to leave has left: connections are spread over all lanes from now on. */
void edge_spread(struct edge *e);
/* Stops the threads; whatever their loops had is gone.  NULL is fine. */
void edge_free(struct edge *e);
