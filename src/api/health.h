/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* health — /healthz: this loop turns.  Needs no worker, so it says no more than that;
 * /readyz asks the database too. */
struct dispatch;
struct exchange;

void health_reply(struct exchange *x, struct dispatch *d);
