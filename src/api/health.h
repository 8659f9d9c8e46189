/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* health — /healthz: this loop turns.  Needs no worker, so it says no more than that;
 * /readyz asks the database too. */
struct dispatch;
struct exchange;
struct route_match;

void health_reply(struct exchange *x, struct dispatch *d, const struct route_match *match);
