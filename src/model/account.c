/* SPDX-License-Identifier: Apache-2.0 */
#include "model/account.h"

#include "model/words.h"

static const char *const types[] = {"oauth", "apikey", NULL};
static const char *const statuses[] = {"active", "disabled", "error", NULL};

const char *account_type_name(enum account_type t)
{
    return types[t];
}

bool account_type_parse(struct str s, enum account_type *ret)
{
    int i = word_index(types, s);
    if (i >= 0)
        *ret = (enum account_type)i;
    return i >= 0;
}

const char *account_status_name(enum account_status s)
{
    return statuses[s];
}

bool account_status_parse(struct str s, enum account_status *ret)
{
    int i = word_index(statuses, s);
    if (i >= 0)
        *ret = (enum account_status)i;
    return i >= 0;
}

struct str account_proxy_with_auth(struct str proxy_url, struct str auth, struct arena *a)
{
    const struct str mark = STR("://" ACCOUNT_PROXY_HIDDEN "@");
    ptrdiff_t at = str_find(proxy_url, mark);
    if (at < 0)
        return proxy_url.p ? arena_str(a, proxy_url) : STR_NONE;
    return arena_printf(a, "%.*s://%.*s@%.*s", (int)at, proxy_url.p, STR_ARG(auth),
                        STR_ARG(str_from(proxy_url, (size_t)at + mark.n)));
}
