/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* sora_view — a generation and a quota as JSON, as SPEC section 4 names their fields.
 * Links are signed afresh each time. */
#include "base/json_out.h"
#include "model/generation.h"
#include "service/app.h"
#include "service/quota.h"
#include "service/settings.h"

/* ST-4's fields.  origin: "https://host" as the client sees it; language: of what is said
 * about a failure. */
enum status view_generation(struct worker *w, struct arena *a, struct str origin,
                            enum language language, struct generation *g, struct json_out *j,
                            struct err *err);
void view_quota(const struct quota *q, struct json_out *j);
