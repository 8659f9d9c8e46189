/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* links — addresses of media, and what they answer. */
#include "demo/call.h"

/* The address of a job's i-th medium as this request's client should see it; in the arena. */
struct str links_make(struct call *c, const struct job *job, size_t i);
/* "media_url" (or null) and "media_urls" inside an open object. */
void links_write(struct call *c, const struct job *job, struct json_out *j);
/* GET /media/{file} and its kin. */
void links_present(struct call *c);
/* Answers with media that is ready, Range honoured; the call takes the reference over. */
void links_send(struct call *c, struct media *m);
