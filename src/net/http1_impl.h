/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* http1_impl — what the files of the codec share and nobody else needs. */
#include "net/http1.h"

/* Character classes of RFC 9110 5.6.2 and RFC 9112 3.2. */
enum { CHAR_TOKEN = 1, CHAR_TARGET = 2, CHAR_HOST = 4 };
extern const unsigned char http1_char_class[256];

static inline bool http1_char_is(char c, int class)
{
    return (http1_char_class[(unsigned char)c] & class) != 0;
}

/* By enum http_method. */
extern const struct str http1_method_names[];

bool http1_is_token(struct str s);
/* No control byte but HTAB: what a field value or a reason may hold. */
bool http1_is_text(struct str s);
