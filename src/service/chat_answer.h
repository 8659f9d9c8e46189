/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* chat_answer — chat completions from accounts that speak something else (SPEC GW-8).
 *
 * The request becomes a durable job of kind JOB_CHAT, and the answer follows the job: by
 * events, each of which means "read the row anew", which a worker does.  Streamed: a role
 * chunk, progress as reasoning_content, one content chunk with the links, a finish chunk
 * and [DONE], with a comment every 10 s.  Not streamed: the same collected into one
 * chat.completion, or, by a setting, refused.  A client that leaves leaves the job running.
 *
 * Thread: the loop's; rows are read and written by API workers. */
#include "service/relay.h"
#include "service/spool.h"

enum { CHAT_BODY_MAX = 32 << 20 };

/* Takes the exchange, and the body, which is whole, out of the spool. */
void chat_answer_start(struct exchange *x, const struct relay_host *host,
                       const struct relay_caller *caller, struct spool *body, bool stream);
