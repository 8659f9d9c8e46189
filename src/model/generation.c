/* SPDX-License-Identifier: Apache-2.0 */
#include "model/generation.h"

#include "model/words.h"

static const char *const statuses[] = {"pending", "generating", "completed",
                                       "failed",  "cancelled",  NULL};
static const char *const storages[] = {"none", "upstream", "local", "s3", NULL};

#define BIT(s) (1u << (s))
static const unsigned allowed[] = {
    [GENERATION_PENDING] = BIT(GENERATION_GENERATING) | BIT(GENERATION_FAILED) |
                           BIT(GENERATION_CANCELLED),
    [GENERATION_GENERATING] = BIT(GENERATION_COMPLETED) | BIT(GENERATION_FAILED) |
                              BIT(GENERATION_CANCELLED),
    [GENERATION_COMPLETED] = 0,
    [GENERATION_FAILED] = 0,
    [GENERATION_CANCELLED] = 0,
};

bool generation_may_move(enum generation_status from, enum generation_status to)
{
    return allowed[from] & BIT(to);
}

bool generation_is_final(enum generation_status s)
{
    return allowed[s] == 0;
}

const char *generation_status_name(enum generation_status s)
{
    return statuses[s];
}

bool generation_status_parse(struct str s, enum generation_status *ret)
{
    int i = word_index(statuses, s);
    if (i >= 0)
        *ret = (enum generation_status)i;
    return i >= 0;
}

const char *storage_type_name(enum storage_type t)
{
    return storages[t];
}

bool storage_type_parse(struct str s, enum storage_type *ret)
{
    int i = word_index(storages, s);
    if (i >= 0)
        *ret = (enum storage_type)i;
    return i >= 0;
}
