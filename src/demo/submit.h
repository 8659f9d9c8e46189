/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* submit — from a request's body to a job: reading the three dialects' forms. */
#include "demo/call.h"

/* Actions' read(): fill c->wish from the body. */
enum status submit_read_chat(struct call *c, struct err *err);
enum status submit_read_video(struct call *c, struct err *err);
enum status submit_read_remix(struct call *c, struct err *err);
enum status submit_read_image(struct call *c, struct err *err);

/* Actions' make(): c->job, a new one or (idempotency switched on) the one that the same
 * key made before. */
enum status submit_job(struct call *c, struct err *err);
enum status submit_remix(struct call *c, struct err *err);
