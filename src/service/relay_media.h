/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* relay_media — media that only an account's credential opens, streamed through by a signed
 * link (SPEC GW-9).  Range included; nothing is kept.  What the upstream refuses as a dead link is
 * looked for once more where the link says of which job it is (direct_links).
 *
 * Thread: the loop's. */
#include "service/relay.h"
#include "service/relay_link.h"

/* GET and HEAD of /media/upstream/{token}/{name}.  Takes the exchange over.  Refusals:
 * E_FORBIDDEN bad_link; E_GONE link_ended, link_expired; E_NOT_FOUND account_not_found;
 * E_UPSTREAM media_unavailable. */
void relay_media(struct exchange *x, const struct relay_host *host);
/* The same of a path (and query) at the account's own origin, for a caller who may have it. */
void relay_media_of(struct exchange *x, const struct relay_host *host,
                    const struct relay_link *link);
