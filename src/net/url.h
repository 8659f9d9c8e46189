/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* url — absolute http and https addresses (RFC 3986), read strictly.
 *
 * Refused: other schemes, user info, an empty or over-long host, ports out of range,
 * control or non-ASCII bytes, backslashes, IPv4 in any form but four decimal parts
 * (what inet_aton would read as an address but is no dotted quad is refused, not
 * looked up), bad IPv6 literals and zone ids.  Dot segments are removed.  The characters
 * [ ] { } | ^ are let through in paths and queries, because links out there have them. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct url {
    bool https;
    struct str host; /* lower case, without brackets */
    bool host_is_ip;
    uint16_t port;
    bool port_given;
    struct str path;  /* begins with '/' */
    struct str query; /* without '?'; STR_NONE if none */
};

/* Views and the lowered host live in the arena.  The fragment is dropped. */
enum status url_parse(struct str text, struct arena *a, struct url *ret, struct err *err);
/* scheme://host[:port] with brackets where needed, no default port. */
struct str url_origin(const struct url *u, struct arena *a);
/* Host header's value. */
struct str url_authority(const struct url *u, struct arena *a);
struct str url_text(const struct url *u, struct arena *a);
bool url_same_origin(const struct url *a, const struct url *b);
/* A reference found in an answer (absolute, //host, /path or relative) against base. */
enum status url_resolve(const struct url *base, struct str reference, struct arena *a,
                        struct url *ret, struct err *err);
/* AC-2: base_url and an endpoint's path without doubled, missing or repeated parts:
 *   url_join_endpoint("https://h/x/v1/", "/v1/videos") = https://h/x/v1/videos
 *   ("https://h/sora", "/sora/v1/chat/completions") = https://h/sora/v1/chat/completions */
enum status url_join_endpoint(const struct url *base, struct str endpoint, struct arena *a,
                              struct url *ret, struct err *err);
/* RFC 3986 unreserved characters stay; '/' too when keep_slash. */
bool url_percent_encode(struct str s, bool keep_slash, struct buf *out);
