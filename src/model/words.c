/* SPDX-License-Identifier: Apache-2.0 */
#include "model/words.h"

int word_index(const char *const *words, struct str s)
{
    for (int i = 0; words[i]; i++) {
        if (str_eq(s, str_of(words[i])))
            return i;
    }
    return -1;
}
