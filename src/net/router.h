/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* router — one table of routes, matched by method and path.
 *
 * Patterns are literal segments and `{name}` segments; `{name...}` as the last takes
 * the rest (maybe empty), and only of paths that lead to no other route whatever its
 * method.  Literal segments win, but where they do not know the method a parameter that
 * does is taken.  A parameter is percent-decoded; of one segment it is never empty and has
 * no slash, while in the rest an encoded slash is one like any other.  A path with a bad
 * escape, a dot segment (encoded or between encoded slashes, too) or broken UTF-8 matches
 * nothing. */
#include "base/arena.h"
#include "net/http1.h"

enum { ROUTER_MAX_PARAMS = 4 };

struct route {
    enum http_method method;
    const char *pattern; /* "/api/v1/sora/generations/{id}" */
    const void *target;  /* what the caller hangs on it */
};

struct route_match {
    const struct route *route;
    size_t param_count;
    struct str names[ROUTER_MAX_PARAMS], values[ROUTER_MAX_PARAMS];
};

struct router;
/* The table must outlive the router.  Two equal patterns of one method, or a pattern that
 * is none: abort(). */
struct router *router_new(const struct route *routes, size_t n);
void router_free(struct router *r);

enum router_result { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD };
/* HEAD falls back to GET.  Decoded values live in the arena.  On ROUTE_NO_METHOD
 * ret_allow is the Allow header's value. */
enum router_result router_match(const struct router *r, enum http_method method, struct str path,
                                struct arena *a, struct route_match *ret, struct str *ret_allow);
