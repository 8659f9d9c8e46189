/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* routes — the one table of every address this server answers.
 *
 * A route is a call (collected, authenticated and answered by a worker), a stream (the same, but
 * its body is taken as it comes: files), or a loop route (streamed on the loop itself: the
 * gateway). */
#include "api/call.h"
#include "net/server.h"

struct dispatch;
struct call_stream;

struct target {
    struct endpoint endpoint;
    const struct call_stream *stream; /* not NULL: in place of the endpoint's handler */
    /* Not NULL: a loop route; the endpoint's access only says what it asks for itself. */
    void (*loop)(struct exchange *x, struct dispatch *d, const struct route_match *match);
};

const struct route *routes_table(size_t *ret_count);
/* "anyone", "link", "key", "user", "admin" */
const char *access_name(enum access a);
