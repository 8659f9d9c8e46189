/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* frame — what stands around every call: how it is made from a request, who it asks to be
 * allowed, how it is answered, how it ends.
 *
 * Thread: the loop's, but for frame_check_access() and frame_pack(), which are a worker's. */
#include "api/call.h"
#include "net/server.h"

/* Copies what it needs of the request, since the loop's own is gone by the time a worker looks;
 * takes the arena.  caller: of ACCESS_KEY, else zeroed. */
void frame_open(struct call *c, struct dispatch *d, struct exchange *x,
                const struct endpoint *endpoint, const struct route_match *match,
                const struct relay_caller *caller, struct arena *a);
/* All that frame_open() and the handlers made; c itself is the caller's. */
void frame_close(struct call *c);

/* Packs a handler's answer for a caller who takes that, in the same thread as the handler: the
 * loops have better to do. */
void frame_pack(struct call *c);

/* Who asks, and whether the endpoint is for them. */
enum status frame_check_access(struct call *c, struct err *err);

/* The answer that a handler wrote, or its refusal. */
void frame_answer(struct exchange *x, struct call *c, enum status outcome, struct err *err);
/* An error as a whole answer; OpenAI's shape under /v1 and /sora/v1. */
void frame_refuse(struct exchange *x, enum language language, const struct err *err);
void frame_refuse_method(struct exchange *x, enum language language, struct str allow);
void frame_refuse_overloaded(struct exchange *x, enum language language, int64_t retry_after_ms);
/* The error's JSON alone. */
void frame_write_error(struct buf *out, struct str path, enum language language, int status,
                       const struct err *err);

/* ST-10: the header's, else the system's; uploads speak English. */
enum language frame_language(const struct settings *settings, const struct http_head *head);
