/* SPDX-License-Identifier: Apache-2.0 */
#include "model/object.h"

#include "model/words.h"

static const char *const counters[] = {"sora", "upload", "free", NULL};

const char *object_counter_name(enum object_counter c)
{
    return counters[c];
}

bool object_counter_parse(struct str s, enum object_counter *ret)
{
    int i = word_index(counters, s);
    if (i >= 0)
        *ret = (enum object_counter)i;
    return i >= 0;
}
