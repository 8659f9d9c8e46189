/* SPDX-License-Identifier: Apache-2.0 */
#include "store/like.h"

struct str like_pattern(struct arena *a, struct str typed)
{
    if (typed.n == 0)
        return STR("%");
    char *out = arena_alloc(a, 2 * typed.n + 3);
    if (!out)
        return STR("%");
    size_t n = 0;
    out[n++] = '%';
    for (size_t i = 0; i < typed.n; i++) {
        char c = typed.p[i];
        if (c == '%' || c == '_' || c == '!')
            out[n++] = '!';
        out[n++] = c;
    }
    out[n++] = '%';
    return (struct str){out, n};
}
