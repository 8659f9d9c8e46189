/* SPDX-License-Identifier: Apache-2.0 */
#include "model/user.h"

#include "model/words.h"

static const char *const roles[] = {"user", "admin", NULL};
static const char *const statuses[] = {"active", "disabled", NULL};

const char *user_role_name(enum user_role r)
{
    return roles[r];
}

bool user_role_parse(struct str s, enum user_role *ret)
{
    int i = word_index(roles, s);
    if (i >= 0)
        *ret = (enum user_role)i;
    return i >= 0;
}

const char *user_status_name(enum user_status s)
{
    return statuses[s];
}

bool user_status_parse(struct str s, enum user_status *ret)
{
    int i = word_index(statuses, s);
    if (i >= 0)
        *ret = (enum user_status)i;
    return i >= 0;
}
