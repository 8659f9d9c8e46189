/* SPDX-License-Identifier: Apache-2.0 */
/* After the IANA special-purpose registries (RFC 6890 and its updates). */
#include "net/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* What an address is for.  NEVER: link-local, metadata, multicast, unspecified; no
 * setting opens it.  RESERVED: no service of anybody's own (a setting may open it:
 * 198.18/15 is what some local proxies hand out). */
enum reach { REACH_PUBLIC, REACH_PRIVATE, REACH_RESERVED, REACH_NEVER };

struct range {
    unsigned char addr[16];
    unsigned bits;
    enum reach reach;
};

#define V4(a, b, c, d, n, r)                                                                       \
    {                                                                                              \
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + (n), r                        \
    }

/* The first match decides. */
static const struct range ranges_v4[] = {
    V4(100, 100, 100, 200, 32, REACH_NEVER), /* metadata, Alibaba Cloud */
    V4(168, 63, 129, 16, 32, REACH_NEVER),   /* metadata, Azure */
    V4(0, 0, 0, 0, 8, REACH_NEVER),          V4(169, 254, 0, 0, 16, REACH_NEVER),
    V4(192, 0, 0, 0, 24, REACH_NEVER), /* IETF assignments; Oracle's metadata at .192 */
    V4(224, 0, 0, 0, 4, REACH_NEVER),        V4(255, 255, 255, 255, 32, REACH_NEVER),
    V4(10, 0, 0, 0, 8, REACH_PRIVATE),       V4(100, 64, 0, 0, 10, REACH_PRIVATE),
    V4(127, 0, 0, 0, 8, REACH_PRIVATE),      V4(172, 16, 0, 0, 12, REACH_PRIVATE),
    V4(192, 168, 0, 0, 16, REACH_PRIVATE),   V4(192, 0, 2, 0, 24, REACH_RESERVED),
    V4(192, 88, 99, 0, 24, REACH_RESERVED),  V4(198, 18, 0, 0, 15, REACH_RESERVED),
    V4(198, 51, 100, 0, 24, REACH_RESERVED), V4(203, 0, 113, 0, 24, REACH_RESERVED),
    V4(240, 0, 0, 0, 4, REACH_RESERVED),
};

static const struct range ranges_v6[] = {
    {{0}, 128, REACH_NEVER},
    {{[15] = 1}, 128, REACH_PRIVATE},
    {{0xfe, 0x80}, 10, REACH_NEVER},
    {{0xff}, 8, REACH_NEVER},
    {{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54}, 128, REACH_NEVER}, /* metadata, AWS */
    {{0xfd, 0x20, 0x00, 0xce, [14] = 0x02, 0x54}, 128, REACH_NEVER}, /* metadata, Google */
    {{0xfd, 0x00, 0x00, 0xc1, [12] = 0xa9, 0xfe, 0xa9, 0xfe},
     128,
     REACH_NEVER}, /* metadata, Oracle */
    {{0xfc}, 7, REACH_PRIVATE},
    {{0x20, 0x01, 0x00, 0x00}, 23, REACH_RESERVED}, /* IETF assignments, Teredo */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, REACH_RESERVED},
    {{0x3f, 0xff, 0x00}, 20, REACH_RESERVED},
    {{0x20}, 3, REACH_PUBLIC},
};

static bool prefix_equal(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static const unsigned char mapped_prefix[12] = {[10] = 0xff, 0xff};

static bool is_mapped(const unsigned char addr[16])
{
    return memcmp(addr, mapped_prefix, 12) == 0;
}

static void map_v4(const void *v4, unsigned char ret[16])
{
    memcpy(ret, mapped_prefix, 12);
    memcpy(ret + 12, v4, 4);
}

/* The 16-byte form; false for other families. */
static bool bytes_of(const struct sockaddr *address, unsigned char ret[16])
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        map_v4(&in.sin_addr, ret);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof(in));
        memcpy(ret, &in.sin6_addr, 16);
        return true;
    }
    return false;
}

/* NAT64 (RFC 6052, 64:ff9b::/96) and 6to4 (RFC 3056, 2002::/16) become the IPv4 address
 * that they lead to. */
static void unwrap(unsigned char addr[16])
{
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    unsigned char inside[4];

    if (memcmp(addr, nat64, 12) == 0)
        memcpy(inside, addr + 12, 4);
    else if (addr[0] == 0x20 && addr[1] == 0x02)
        memcpy(inside, addr + 2, 4);
    else
        return;
    map_v4(inside, addr);
}

static enum reach reach_of(const unsigned char addr[16])
{
    bool v4 = is_mapped(addr);
    const struct range *ranges = v4 ? ranges_v4 : ranges_v6;
    size_t count = v4 ? ARRAY_SIZE(ranges_v4) : ARRAY_SIZE(ranges_v6);

    for (size_t i = 0; i < count; i++) {
        if (prefix_equal(addr, ranges[i].addr, ranges[i].bits))
            return ranges[i].reach;
    }
    return v4 ? REACH_PUBLIC : REACH_RESERVED;
}

/* ::/0 does not speak of IPv4, whose addresses are kept in a corner of IPv6. */
static bool holds(const struct cidr *c, const unsigned char addr[16])
{
    if (is_mapped(addr) && c->bits < 96)
        return false;
    return prefix_equal(addr, c->addr, c->bits);
}

bool cidr_holds(const struct cidr *c, const struct sockaddr *address)
{
    unsigned char addr[16];
    return bytes_of(address, addr) && holds(c, addr);
}

bool guard_allows(const struct guard *g, const struct sockaddr *address)
{
    unsigned char addr[16];

    if (!bytes_of(address, addr))
        return false;
    unwrap(addr);
    enum reach reach = reach_of(addr);
    if (reach == REACH_PUBLIC || (reach == REACH_PRIVATE && g->level == GUARD_ADMIN))
        return true;
    if (reach == REACH_NEVER)
        return false;
    for (size_t i = 0; i < g->allowed_count; i++) {
        if (holds(&g->allowed[i], addr))
            return true;
    }
    return false;
}

static bool inward_name(struct str host)
{
    static const char *const inward[] = {".localhost", ".local", ".internal", ".home.arpa"};

    if (!str_has_char(host, '.'))
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(inward); i++) {
        if (str_ends(host, str_of(inward[i])))
            return true;
    }
    return false;
}

bool guard_allows_behind_proxy(const struct guard *g, struct str host)
{
    struct sockaddr_storage address;
    socklen_t size;

    if (guard_parse_address(host, 0, &address, &size))
        return guard_allows(g, (const struct sockaddr *)&address);
    return g->level == GUARD_ADMIN || !inward_name(host);
}

/* ---- text ---- */

static bool numeric(struct str text, int *ret_family, unsigned char ret[16])
{
    char z[INET6_ADDRSTRLEN + 1];
    unsigned char v4[4];

    if (text.n == 0 || text.n >= sizeof(z) || memchr(text.p, '\0', text.n))
        return false;
    memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    /* inet_pton(3) takes four decimal parts without leading zeros, and no zone. */
    if (inet_pton(AF_INET, z, v4) == 1) {
        map_v4(v4, ret);
        *ret_family = AF_INET;
        return true;
    }
    *ret_family = AF_INET6;
    return inet_pton(AF_INET6, z, ret) == 1;
}

static void clear_host_bits(struct cidr *c)
{
    for (unsigned bit = c->bits; bit < 128; bit++)
        c->addr[bit / 8] &= (unsigned char)~(0x80u >> (bit % 8));
}

/* As typed. */
static bool read_cidr(struct str text, struct cidr *ret)
{
    struct cidr c;
    struct str bits = text, address = str_cut(&bits, '/');
    int family;
    uint64_t n;

    if (!numeric(address, &family, c.addr))
        return false;
    uint64_t most = family == AF_INET ? 32 : 128;
    n = most;
    if (bits.p && (bits.n > 3 || !str_to_u64(bits, &n) || n > most))
        return false;
    c.bits = (unsigned)(n + 128 - most);
    *ret = c;
    return true;
}

bool cidr_parse(struct str text, struct cidr *ret)
{
    struct cidr c;

    if (!read_cidr(text, &c))
        return false;
    clear_host_bits(&c);
    *ret = c;
    return true;
}

bool cidr_has_host_bits(struct str text)
{
    struct cidr typed, plain;

    return read_cidr(text, &typed) && cidr_parse(text, &plain) &&
           memcmp(typed.addr, plain.addr, sizeof(plain.addr)) != 0;
}

static bool within(const struct cidr *c, const unsigned char addr[16], unsigned bits)
{
    return c->bits >= bits && prefix_equal(c->addr, addr, bits);
}

bool cidr_can_open(const struct cidr *c)
{
    static const unsigned char nat64[16] = {0x00, 0x64, 0xff, 0x9b}, sixto4[16] = {0x20, 0x02};
    bool v4 = c->bits >= 96 && is_mapped(c->addr);
    const struct range *ranges = v4 ? ranges_v4 : ranges_v6;
    size_t count = v4 ? ARRAY_SIZE(ranges_v4) : ARRAY_SIZE(ranges_v6);

    if (within(c, nat64, 96) || within(c, sixto4, 16))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].reach == REACH_NEVER && within(c, ranges[i].addr, ranges[i].bits))
            return false;
    }
    return true;
}

struct str guard_address_text(const struct sockaddr *address, char out[GUARD_TEXT_SIZE])
{
    unsigned char addr[16];

    if (!bytes_of(address, addr)) {
        snprintf(out, GUARD_TEXT_SIZE, "(family %d)", address->sa_family);
    } else if (address->sa_family == AF_INET) {
        inet_ntop(AF_INET, addr + 12, out, GUARD_TEXT_SIZE);
    } else {
        inet_ntop(AF_INET6, addr, out, GUARD_TEXT_SIZE);
    }
    return str_of(out);
}

bool guard_parse_address(struct str host, uint16_t port, struct sockaddr_storage *ret,
                         socklen_t *ret_size)
{
    unsigned char addr[16];
    int family;

    if (!numeric(host, &family, addr))
        return false;
    memset(ret, 0, sizeof(*ret));
    if (family == AF_INET) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&in.sin_addr, addr + 12, 4);
        memcpy(ret, &in, sizeof(in));
        *ret_size = sizeof(in);
    } else {
        struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&in.sin6_addr, addr, 16);
        memcpy(ret, &in, sizeof(in));
        *ret_size = sizeof(in);
    }
    return true;
}
