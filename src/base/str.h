/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* str — a view of bytes that somebody else owns.
 *
 * Never NUL-terminated by contract; may contain NUL.  A view is two words and
 * is passed by value.  It is valid as long as its owner says (a request's
 * arena, a connection's buffer, a string literal). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE     ((struct str){NULL, 0})
/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).n, (s).p

/* View of a NUL-terminated string; NULL gives STR_NONE. */
struct str str_of(const char *z);
/* The bytes of two texts of one length. */
bool str_same_bytes(const char *a, const char *b, size_t n);
bool str_same_bytes_ci(const char *a, const char *b, size_t n);
/* Most that are compared differ in length: no call for those. */
static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && str_same_bytes(a.p, b.p, a.n);
}
/* ASCII case folded (RFC 9110 field names, schemes, hosts). */
static inline bool str_eq_ci(struct str a, struct str b)
{
    return a.n == b.n && str_same_bytes_ci(a.p, b.p, a.n);
}
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_has_char(struct str s, char c);
/* Offset of the first match, or -1. */
ptrdiff_t str_find(struct str s, struct str needle);
ptrdiff_t str_find_char(struct str s, char c);
/* ASCII case folded. */
ptrdiff_t str_find_ci(struct str s, struct str needle);
/* Lexicographic by bytes, as memcmp. */
int str_cmp(struct str a, struct str b);

/* s without its first n bytes / only its first n; n is clamped to the length. */
struct str str_from(struct str s, size_t n);
struct str str_to(struct str s, size_t n);
/* Without leading and trailing space and tab (OWS of RFC 9110 5.6.3). */
struct str str_trim(struct str s);
/* Cuts s at the first sep: returns what stands before it and leaves the rest
 * in *s.  Without a sep the whole is returned and *s becomes STR_NONE. */
struct str str_cut(struct str *s, char sep);

/* Decimal digits only, no sign, no space; false on overflow or anything else. */
bool str_to_u64(struct str s, uint64_t *ret);
/* As above with an optional leading '-'. */
bool str_to_i64(struct str s, int64_t *ret);

/* 64-bit hash (FNV-1a folded); for tables fed by trusted or bounded keys. */
uint64_t str_hash(struct str s);
