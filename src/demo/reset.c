/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/reset.h"

#include <sys/socket.h>

#include "base/mem.h"
#include "net/server_impl.h" /* the socket: a well-behaved server has no call for this */

void reset_connection(struct exchange *x)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(conn_of(x)->io.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    exchange_abort(x);
}
