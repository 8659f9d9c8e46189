/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* reset — ends a connection with a TCP reset in place of a regular close. */
#include "net/server.h"

/* As exchange_abort(); bytes that the peer has not yet acknowledged may be lost. */
void reset_connection(struct exchange *x);
