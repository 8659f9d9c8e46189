/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* account_request — what a dialect has to say, on its account's own way: authorities, proxy, HTTP/2
 * (SPEC AC-1).  Thread: any. */
#include "dialect/dialect.h"
#include "net/fetch.h"
#include "pool/pool.h"

/* All of *ret but its guard and its limits.  headers: the caller's, with room for all of http's;
 * *ret views them, the account, what http views, and the arena. */
void account_request_build(const struct pool_account *account, const struct dialect_http *http,
                           struct http_header *headers, struct arena *a, struct fetch_request *ret);
