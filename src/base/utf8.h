/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* utf8 — validity and length of text (RFC 3629: no surrogates, no overlongs). */
#include "base/str.h"

bool utf8_valid(struct str s);
/* Code points of valid text. */
size_t utf8_length(struct str s);
/* The longest prefix of at most max_bytes that does not split a code point. */
struct str utf8_prefix(struct str s, size_t max_bytes);
/* Decodes one code point at s and returns its length in bytes, 0 when invalid. */
size_t utf8_decode(struct str s, uint32_t *ret);
