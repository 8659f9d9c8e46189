/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* guard — which network addresses may be connected to (AC-7).
 *
 * Checked on the resolved address of every connection, never on a name alone. */
#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"

/* GUARD_PUBLIC: a link that came from outside: global unicast only.
 * GUARD_ADMIN: what an administrator typed: private and loopback too, never
 * link-local, metadata, multicast, unspecified or reserved addresses. */
enum guard_level { GUARD_PUBLIC, GUARD_ADMIN };

struct cidr {
    unsigned char addr[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;          /* 0–128 */
};
bool cidr_parse(struct str text, struct cidr *ret);
bool cidr_holds(const struct cidr *c, const struct sockaddr *address);
/* Whether a text that cidr_parse() takes has bits set beyond its length: "10.0.0.5/8". */
bool cidr_has_host_bits(struct str text);
/* False where naming the range among those that are allowed opens nothing: all of it is
 * link-local, metadata, multicast or unspecified, or stands for IPv4 (NAT64, 6to4). */
bool cidr_can_open(const struct cidr *c);

/* allowed: ranges the setting names (may be empty), private or reserved (198.18/15 of a local
 * proxy); they never open link-local, metadata, multicast or unspecified addresses.  IPv4-mapped,
 * NAT64 and 6to4 forms are judged by the address inside. */
struct guard {
    enum guard_level level;
    const struct cidr *allowed;
    size_t allowed_count;
};
bool guard_allows(const struct guard *g, const struct sockaddr *address);
/* A target that is reached through a proxy.  The proxy's own address is judged like a
 * base_url, as GUARD_ADMIN: an administrator typed it.  What lies behind it is the proxy's to
 * look up, in a network that is not ours: a numeric host is judged as ever, a name is let
 * through, but at GUARD_PUBLIC not one of the proxy's own network (no dot, .local …). */
bool guard_allows_behind_proxy(const struct guard *g, struct str host);
/* Numeric text of an address, without the port. */
enum { GUARD_TEXT_SIZE = 64 };
struct str guard_address_text(const struct sockaddr *address, char out[GUARD_TEXT_SIZE]);
/* Parses a numeric host. */
bool guard_parse_address(struct str host, uint16_t port, struct sockaddr_storage *ret,
                         socklen_t *ret_size);
