/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of local share: local.c (one file), local_walk.c (all of them). */
#include "media/local.h"

enum { LOCAL_ROOT_MAX = 1024, LOCAL_KEY_MAX = 512 };

struct local_store {
    char root[LOCAL_ROOT_MAX];
};

bool local_is_safe_key(struct str key);
