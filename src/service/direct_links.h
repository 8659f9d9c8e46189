/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* direct_links — the links of a direct job that ended a while ago: some upstreams let theirs die,
 * and give fresh ones to whoever looks at the task again.
 *
 * A link is tried before it is given away a second time; one that answers 401, 403, 404 or 410
 * leads to another look, and what that gives is kept in the row.  The same look follows when a
 * signed link of ours, given away earlier, was refused by its upstream.  One asks for a job and two
 * in all (link_askers): everybody else gets what the row has, unless that is known to be dead.
 *
 * Thread: workers.  Blocks for up to 20 s. */
#include "service/jobs.h"
#include "service/relay_link.h"

/* *job: an ended one with a result, which is renewed in place (views in the arena).  OK too when
 * the link cannot be tried now: nothing is known of it then.  E_GONE, code "link_expired": the
 * links have died, and the upstream has, or a while ago had, no others; E_UPSTREAM, code
 * "media_unavailable": it does not say; E_UNAVAILABLE, code "overloaded", with a time to come back
 * after: they have died, and somebody is asking for others. */
enum status direct_links_renew(struct worker *w, struct job *job, struct arena *a, struct err *err);
/* What is now in the place of a file whose link, one with a job, was refused by the upstream; url
 * in the arena.  Errors as above; E_UNAVAILABLE also when nobody else may ask now. */
enum status direct_links_replace(struct worker *w, const struct relay_link *link, struct arena *a,
                                 struct job_media *ret, struct err *err);
