/* SPDX-License-Identifier: Apache-2.0 */
#include "api/health.h"

#include "net/server.h"

void health_reply(struct exchange *x, struct dispatch *d)
{
    static const struct http_header headers[] = {
        {{"Content-Type", 12}, {"application/json", 16}},
        {{"Cache-Control", 13}, {"no-store", 8}},
    };
    (void)d;
    exchange_reply(x, 200, headers, 2, STR("{\"status\":\"ok\"}"));
}
