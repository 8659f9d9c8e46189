/* SPDX-License-Identifier: Apache-2.0 */
#include "api/health.h"

#include "net/server.h"

void health_reply(struct exchange *x, struct dispatch *d, const struct route_match *match)
{
    static const struct http_header headers[] = {
        HTTP_HEADER("Content-Type", "application/json"),
        HTTP_HEADER("Cache-Control", "no-store"),
    };
    (void)d, (void)match;
    exchange_reply(x, 200, headers, 2, STR("{\"status\":\"ok\"}"));
}
