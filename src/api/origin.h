/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* origin — how a request looks from outside, behind whatever proxies there are (ID-7).
 *
 * What a proxy says counts only when the peer is one of `trusted_proxies`; of the
 * addresses in X-Forwarded-For the last that is not a trusted proxy's is the client.
 * `public_url` wins over any host and scheme.  Pure: no I/O. */
#include "base/arena.h"
#include "net/http1.h"
#include "service/settings.h"

struct origin {
    struct str client_address; /* numeric */
    struct str text;           /* "https://host[:port]" */
    bool https;
};
/* Views live in the arena, the settings or the head.  E_NO_MEMORY. */
enum status origin_of(const struct settings *settings, struct str peer,
                      const struct http_head *head, struct arena *a, struct origin *ret,
                      struct err *err);
