/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* metrics — what the process has done, in Prometheus' text format (SPEC AD-3).
 *
 * Counters are relaxed atomics of the process: counting is one instruction, and a scrape
 * sees each of them as of some moment near now.  Live jobs are counted in the database
 * when asked for.
 *
 * Thread: counting any; writing a worker. */
#include "base/buf.h"
#include "base/err.h"
#include "platform/db.h"

enum metrics_route { METRICS_GATEWAY, METRICS_MEDIA, METRICS_API, METRICS_ROUTES };

/* An answer of that status began. */
void metrics_answer(enum metrics_route route, int status);
/* Direct calls upstream: one was sent; one failed and another account was asked; the head
 * of an answer came so many ms after the call began. */
void metrics_call(void);
void metrics_switch(void);
void metrics_first_byte(int64_t ms);
/* Answers of the gateway that are under way. */
void metrics_stream_begin(void);
void metrics_stream_end(void);

enum status metrics_write(struct db_conn *db, struct buf *out, struct err *err);
