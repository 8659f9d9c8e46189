/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* videos_impl — what the two halves of the videos dialect share; nobody else includes it.
 *
 *   videos.c         tasks: submit, poll, content, cancel
 *   videos_images.c  images: one call whose answer is the result */
#include "dialect/dialect_http.h"

/* Input images of 64 MiB in all, and what is said beside them. */
enum { VIDEOS_BODY_MAX = 66 << 20 };

/* From the job's secret: nobody can write a delimiter into a value, and a submission sent
 * again is the same byte for byte, as an upstream that honours the Idempotency-Key compares
 * bodies. */
void videos_choose_boundary(const struct dialect_request *r, char out[40]);
/* Whatever else the caller said, but for members that are written already (NULL-ended). */
void videos_write_extra_form(struct buf *out, const char *boundary, const struct dialect_request *r,
                             const char *const *written);
/* An image as a part of that name; its address under address_name.  Nothing for none. */
void videos_write_image(struct buf *out, const char *boundary, const struct dialect_image *image,
                        struct str name, struct str address_name, struct arena *a);
struct dialect_image videos_first_image(const struct dialect_request *r);
/* The body as a form or as JSON, with the headers that go with it. */
enum status videos_end_form(struct dialect_http *http, const struct dialect_target *t,
                            struct buf *body, const char *boundary, struct arena *a,
                            struct err *err);
enum status videos_end_json(struct dialect_http *http, const struct dialect_target *t,
                            struct buf *body, struct arena *a, struct err *err);

enum status videos_build_image(const struct dialect_target *t, const struct dialect_request *r,
                               struct arena *a, struct dialect_http *ret, struct err *err);
struct dialect_stream *videos_stream_new(struct arena *a, const struct dialect_target *t, bool sse);
enum status videos_stream_feed(struct dialect_stream *s, struct str bytes, struct err *err);
const struct dialect_outcome *videos_stream_outcome(const struct dialect_stream *s);
enum status videos_stream_finish(struct dialect_stream *s, struct err *err);
void videos_stream_free(struct dialect_stream *s);
