/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* form — the fields of a Videos or Images request, from JSON or multipart/form-data. */
#include "demo/call.h"

struct form {
    struct str prompt, model, seconds, size, response_format, n;
    int64_t files; /* pictures that came along, as files or as references */
};

/* Texts live in the call's arena. */
enum status form_read(struct call *c, struct form *form, struct err *err);
