/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* models — what can be asked for (SPEC ST-11): the built-in list, or the one in settings,
 * and what active accounts list themselves. */
#include "base/arena.h"
#include "base/err.h"
#include "base/json_out.h"
#include "model/job.h"
#include "service/settings.h"

enum { MODEL_MAX_SECONDS = 8 };

struct model {
    struct str id, name, description;
    enum media_type media_type;
    struct str orientation; /* fixed by the model; STR_NONE: free */
    int64_t seconds[MODEL_MAX_SECONDS];
    size_t seconds_count; /* one: fixed; 0: none, or unknown */
    struct str size;      /* "1280x720" of the result; STR_NONE: unknown */
    bool image_input;
    struct str name_zh, description_zh; /* a built-in model's; STR_NONE: as in English */
    bool served;                        /* an active account of the group would be given it */
};

enum { MODELS_MAX = 256 };
/* Into the arena; hidden ones (prompt-enhance-…, by a setting) left out unless asked for.
 * group_id as in pool_want. */
enum status models_list(struct app *app, int64_t group_id, bool ungrouped, bool with_hidden,
                        struct arena *a, struct model **ret, size_t *ret_count, struct err *err);
/* The list that stands as long as the settings have none, in the form the settings take: an
 * array of {"id","name","media_type","description","orientation","seconds":[…],"size",
 * "image_input"}, what is unknown left out. */
void models_write_built_in(struct json_out *j);
/* Of one that is in no list, what its name says: a built-in one's facts, or the orientation and
 * length of "…-landscape-10s". */
enum status models_describe(struct str id, struct arena *a, struct model *ret, struct err *err);
/* Its words in a language: those of built-in models are translated (ST-10), what an administrator
 * or an upstream has written is not. */
struct str models_name(const struct model *m, enum language language);
struct str models_description(const struct model *m, enum language language);
/* NULL when it is not in a list. */
const struct model *models_find(const struct model *models, size_t n, struct str id);
