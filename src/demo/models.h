/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* models — what a model's name promises: kind, size, length.  Pure. */
#include "base/str.h"

enum kind { KIND_VIDEO, KIND_IMAGE, KIND_TEXT };

struct spec {
    enum kind kind;
    int width, height; /* pixels, even */
    int seconds;       /* videos */
};

extern const char *const model_names[];
extern const size_t model_count;

const char *kind_name(enum kind kind);
/* Any name gives something: see docs/demo-upstream.md, Models. */
struct spec model_spec(struct str name);
/* What `size` ("1280x720") and `seconds` ("4") of the Videos and Images API say on top;
 * false when one of them is unreadable or out of bounds.  Empty ones change nothing. */
bool spec_refine(struct spec *spec, struct str size, struct str seconds);
