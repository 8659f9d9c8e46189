/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* dialect_http — what dialects share in writing requests. */
#include "base/json_out.h"
#include "dialect/dialect.h"

/* method and the joined endpoint (AC-2). */
enum status dialect_http_begin(struct dialect_http *h, const struct dialect_target *t,
                               struct str method, struct str endpoint, struct arena *a,
                               struct err *err);
void dialect_http_header(struct dialect_http *h, struct str name, struct str value);
/* Authorization: Bearer …; marks the request as one that carries the credential. */
void dialect_http_bearer(struct dialect_http *h, const struct dialect_target *t, struct arena *a);
/* The body as JSON, with its header: E_INVALID, code "too_large", past the buffer's cap. */
enum status dialect_http_end_json(struct dialect_http *h, const struct buf *body, struct arena *a,
                                  struct err *err);
/* Of what the caller said besides, each member but those that are written already (NULL-ended):
 * as JSON text, and as the text it is. */
typedef void dialect_write_extra(void *out, const char *name, struct str json, struct str text);
void dialect_each_extra(const struct dialect_request *r, const char *const *written,
                        dialect_write_extra *write, void *out);
/* The same into a JSON object. */
void dialect_write_extra_json(struct json_out *j, const struct dialect_request *r,
                              const char *const *written);
/* For who can say no more than one input image: E_INVALID, code "takes_one_image" or
 * "takes_no_mask". */
enum status dialect_one_image(const struct dialect_request *r, struct err *err);
/* A link found in an answer: absolute; needs_credential when it leads to the account's own
 * origin at a place that only its credential opens (GW-9).  False: no usable address. */
bool dialect_media_link(const struct dialect_target *t, struct str text, enum media_type type,
                        struct arena *a, struct dialect_media *ret);

/* OpenAI's model list: 2xx, {"data":[{"id"}]}.  E_UPSTREAM, code "not_this_api". */
enum status dialect_read_model_list(const struct dialect_answer *in, struct arena *a,
                                    struct str *ret_names, size_t max, size_t *ret_count,
                                    struct err *err);

/* What a picture is to be like, in the words that most upstreams share: the aspect ratio ("16:9",
 * "9:16", "1:1", "4:3", "3:4", "21:9") and the resolution ("480p", "720p", "1080p") that are
 * nearest to the request's size, else the ratio of its orientation.  Unset where nothing is asked
 * for.  E_INVALID, code "size_not_offered": the size is near none of these. */
struct dialect_shape {
    struct str ratio, resolution;
};
enum status dialect_shape_of(const struct dialect_request *r, struct dialect_shape *ret,
                             struct err *err);
/* "1280x720"; false for anything else. */
bool dialect_read_size(struct str size, int64_t *ret_width, int64_t *ret_height);
