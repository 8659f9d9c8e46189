/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"

/* One line each; the order is the one pages show. */
extern const struct dialect dialect_chat, dialect_videos, dialect_fal, dialect_ark;
static const struct dialect *const dialects[] = {&dialect_chat, &dialect_videos, &dialect_fal,
                                                 &dialect_ark};
static const char *const names[] = {"chat", "videos", "fal", "ark", NULL};

const struct dialect *dialect_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_SIZE(dialects); i++) {
        if (str_eq(name, str_of(dialects[i]->name)))
            return dialects[i];
    }
    return NULL;
}

const char *const *dialect_names(void)
{
    return names;
}
