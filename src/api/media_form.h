/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* media_form — what a call of the OpenAI surface asks for (SPEC GW-10), whether its body is
 * JSON or multipart/form-data.
 *
 * Both become one list of named values first, so that a field means the same in either.
 * Fields that are not ours are passed on as they are, for upstreams that know them. */
#include "api/call.h"
#include "service/direct_job.h"

enum { MEDIA_FORM_FIELDS = 64 };

struct media_form {
    struct str model, prompt, size; /* STR_NONE: not given */
    struct str orientation;         /* of videos; also in extra */
    int64_t seconds, count;         /* 0: not given */
    bool as_url, as_base64;         /* response_format; neither: not given */
    struct direct_image images[DIALECT_MAX_IMAGES], mask;
    size_t image_count;
    struct str extra;  /* JSON object of the rest; STR_NONE: nothing */
    struct str hashed; /* what an Idempotency-Key stands for: the body, or, of a
                                     * form, its fields, since a boundary is made anew each time */
};

enum media_form_kind { FORM_VIDEO, FORM_REMIX, FORM_IMAGE, FORM_EDIT };
/* Views live in the body, or in the arena.  E_INVALID names the field. */
enum status media_form_read(struct call *c, enum media_form_kind kind, struct arena *a,
                            struct media_form *ret, struct err *err);
