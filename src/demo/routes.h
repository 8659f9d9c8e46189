/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* routes — the one table of what the demo upstream answers. */
#include "demo/call.h"

struct router *routes_new(void);
/* Never NULL: what is not there is an action too.  Values live in the arena. */
const struct action *routes_find(const struct router *router, const struct http_head *head,
                                 struct arena *a, struct route_match *ret);
