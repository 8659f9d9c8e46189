/* SPDX-License-Identifier: Apache-2.0 */
#include "net/guard.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/mem.h"

/* Who may reach it: anybody's link; only what an administrator typed; only with a setting
 * that names it; nobody ever. */
enum who { LINK, ADMIN, NAMED, NOBODY };

static const struct {
    const char *address;
    enum who who;
} addresses[] = {
    /* the public internet, and the neighbours of what is not */
    {"1.1.1.1", LINK},
    {"8.8.8.8", LINK},
    {"9.255.255.255", LINK},
    {"11.0.0.0", LINK},
    {"100.63.255.255", LINK},
    {"100.128.0.0", LINK},
    {"126.255.255.255", LINK},
    {"128.0.0.1", LINK},
    {"168.63.129.15", LINK},
    {"168.63.129.17", LINK},
    {"169.253.255.255", LINK},
    {"169.255.0.0", LINK},
    {"172.15.255.255", LINK},
    {"172.32.0.0", LINK},
    {"191.255.255.255", LINK},
    {"192.0.1.0", LINK},
    {"192.0.3.0", LINK},
    {"192.88.98.255", LINK},
    {"192.88.100.0", LINK},
    {"192.167.255.255", LINK},
    {"192.169.0.0", LINK},
    {"198.17.255.255", LINK},
    {"198.20.0.0", LINK},
    {"198.51.99.255", LINK},
    {"198.51.101.0", LINK},
    {"203.0.112.255", LINK},
    {"203.0.114.0", LINK},
    {"223.255.255.255", LINK},
    {"93.184.216.34", LINK},
    {"2001:200::1", LINK},
    {"2001:db7:ffff::1", LINK},
    {"2001:db9::1", LINK},
    {"2400:cb00::1", LINK},
    {"2606:4700:4700::1111", LINK},
    {"2a00:1450:4001:800::200e", LINK},
    {"2620:0:2d0:200::7", LINK},
    {"3ffe::1", LINK},
    {"3fff:1000::1", LINK},
    {"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", LINK},
    /* private and loopback */
    {"10.0.0.0", ADMIN},
    {"10.0.0.1", ADMIN},
    {"10.255.255.255", ADMIN},
    {"100.64.0.0", ADMIN},
    {"100.100.100.199", ADMIN},
    {"100.100.100.201", ADMIN},
    {"100.127.255.255", ADMIN},
    {"127.0.0.0", ADMIN},
    {"127.0.0.1", ADMIN},
    {"127.1.2.3", ADMIN},
    {"127.255.255.255", ADMIN},
    {"172.16.0.0", ADMIN},
    {"172.17.0.1", ADMIN},
    {"172.31.255.255", ADMIN},
    {"192.168.0.0", ADMIN},
    {"192.168.1.1", ADMIN},
    {"192.168.255.255", ADMIN},
    {"::1", ADMIN},
    {"fc00::", ADMIN},
    {"fc00::1", ADMIN},
    {"fd00::1", ADMIN},
    {"fd00:ec2::253", ADMIN},
    {"fd00:ec2::255", ADMIN},
    {"fd00:ec2:0:1::254", ADMIN},
    {"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADMIN},
    /* reserved: documentation, benchmarks, old transitions, not yet given out */
    {"192.0.2.0", NAMED},
    {"192.0.2.255", NAMED},
    {"192.88.99.0", NAMED},
    {"192.88.99.1", NAMED},
    {"198.18.0.0", NAMED},
    {"198.18.0.1", NAMED},
    {"198.19.255.255", NAMED},
    {"198.51.100.0", NAMED},
    {"198.51.100.255", NAMED},
    {"203.0.113.0", NAMED},
    {"203.0.113.255", NAMED},
    {"240.0.0.0", NAMED},
    {"250.1.2.3", NAMED},
    {"255.255.255.254", NAMED},
    {"::2", NAMED},
    {"::7f00:1", NAMED},
    {"::127.0.0.1", NAMED},
    {"::10.0.0.1", NAMED},
    {"::169.254.169.254", NAMED},
    {"::8.8.8.8", NAMED},
    {"::ffff:0:127.0.0.1", NAMED},
    {"::ffff:0:169.254.169.254", NAMED},
    {"64:ff9b:1::1", NAMED},
    {"64:ff9b:1::7f00:1", NAMED},
    {"64:ff9b:0:1::a9fe:a9fe", NAMED},
    {"100::", NAMED},
    {"100::1", NAMED},
    {"1::1", NAMED},
    {"1fff:ffff::1", NAMED},
    {"2001::1", NAMED},
    {"2001:0:4136:e378:8000:63bf:3fff:fdd2", NAMED},
    {"2001:2::1", NAMED},
    {"2001:10::1", NAMED},
    {"2001:20::1", NAMED},
    {"2001:1ff:ffff::1", NAMED},
    {"2001:db8::", NAMED},
    {"2001:db8::1", NAMED},
    {"2001:db8:ffff::1", NAMED},
    {"3fff::1", NAMED},
    {"3fff:fff::1", NAMED},
    {"4000::1", NAMED},
    {"5f00::1", NAMED},
    {"8000::1", NAMED},
    {"e000::1", NAMED},
    {"fe00::1", NAMED},
    {"fe7f:ffff::1", NAMED},
    {"fec0::1", NAMED},
    {"feff:ffff::1", NAMED},
    /* link-local, metadata, multicast, unspecified */
    {"0.0.0.0", NOBODY},
    {"0.0.0.1", NOBODY},
    {"0.255.255.255", NOBODY},
    {"100.100.100.200", NOBODY},
    {"168.63.129.16", NOBODY},
    {"169.254.0.0", NOBODY},
    {"169.254.1.1", NOBODY},
    {"169.254.169.253", NOBODY},
    {"169.254.169.254", NOBODY},
    {"169.254.170.2", NOBODY},
    {"169.254.255.255", NOBODY},
    {"192.0.0.0", NOBODY},
    {"192.0.0.8", NOBODY},
    {"192.0.0.192", NOBODY},
    {"192.0.0.255", NOBODY},
    {"224.0.0.0", NOBODY},
    {"224.0.0.1", NOBODY},
    {"233.252.0.1", NOBODY},
    {"239.255.255.250", NOBODY},
    {"239.255.255.255", NOBODY},
    {"255.255.255.255", NOBODY},
    {"::", NOBODY},
    {"fe80::", NOBODY},
    {"fe80::1", NOBODY},
    {"fe80::a9fe:a9fe", NOBODY},
    {"febf:ffff::1", NOBODY},
    {"ff00::1", NOBODY},
    {"ff02::1", NOBODY},
    {"ff05::1:3", NOBODY},
    {"ff0e::1", NOBODY},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NOBODY},
    {"fd00:ec2::254", NOBODY},
    {"fd20:ce::254", NOBODY},
    {"fd00:c1::a9fe:a9fe", NOBODY},
    /* an IPv4 address inside: mapped */
    {"::ffff:8.8.8.8", LINK},
    {"::ffff:808:808", LINK},
    {"::ffff:127.0.0.1", ADMIN},
    {"::ffff:7f00:1", ADMIN},
    {"::ffff:10.1.2.3", ADMIN},
    {"::ffff:192.168.0.1", ADMIN},
    {"::ffff:198.18.0.1", NAMED},
    {"::ffff:169.254.169.254", NOBODY},
    {"::ffff:a9fe:a9fe", NOBODY},
    {"::ffff:100.100.100.200", NOBODY},
    {"::ffff:0.0.0.0", NOBODY},
    {"::ffff:224.0.0.1", NOBODY},
    /* NAT64 */
    {"64:ff9b::8.8.8.8", LINK},
    {"64:ff9b::808:808", LINK},
    {"64:ff9b::127.0.0.1", ADMIN},
    {"64:ff9b::10.0.0.1", ADMIN},
    {"64:ff9b::c0a8:1", ADMIN},
    {"64:ff9b::203.0.113.1", NAMED},
    {"64:ff9b::169.254.169.254", NOBODY},
    {"64:ff9b::a9fe:a9fe", NOBODY},
    {"64:ff9b::", NOBODY},
    {"64:ff9b::e000:1", NOBODY},
    /* 6to4 */
    {"2002:808:808::1", LINK},
    {"2002:7f00:1::", ADMIN},
    {"2002:7f00:1::1", ADMIN},
    {"2002:a00:1::1", ADMIN},
    {"2002:c0a8:101::1", ADMIN},
    {"2002:cb00:7101::1", NAMED},
    {"2002:a9fe:a9fe::1", NOBODY},
    {"2002:6464:64c8::1", NOBODY},
    {"2002::1", NOBODY},
    {"2002:e000:1::1", NOBODY},
};

static struct sockaddr_storage parsed(const char *text)
{
    struct sockaddr_storage address;
    socklen_t size;

    if (!guard_parse_address(str_of(text), 443, &address, &size))
        fail_msg("%s is not read as an address", text);
    return address;
}

static bool allows(enum guard_level level, const struct cidr *allowed, size_t count,
                   const char *text)
{
    const struct guard g = {level, allowed, count};
    struct sockaddr_storage address = parsed(text);
    return guard_allows(&g, (struct sockaddr *)&address);
}

static void judges_every_address_by_what_it_is_for(void **state)
{
    (void)state;
    struct cidr all[2];

    assert_true(cidr_parse(STR("0.0.0.0/0"), &all[0]));
    assert_true(cidr_parse(STR("::/0"), &all[1]));
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        const char *text = addresses[i].address;
        enum who who = addresses[i].who;
        if (allows(GUARD_PUBLIC, NULL, 0, text) != (who == LINK))
            fail_msg("a link may %sreach %s", who == LINK ? "not " : "", text);
        if (allows(GUARD_ADMIN, NULL, 0, text) != (who <= ADMIN))
            fail_msg("an administrator may %sreach %s", who <= ADMIN ? "not " : "", text);
        if (allows(GUARD_PUBLIC, all, 2, text) != (who <= NAMED))
            fail_msg("a setting may %sopen %s", who <= NAMED ? "not " : "", text);
    }
}

static void a_setting_opens_only_what_it_names(void **state)
{
    (void)state;
    struct cidr own[2];

    assert_true(cidr_parse(STR("10.1.0.0/16"), &own[0]));
    assert_true(cidr_parse(STR("fd12:3456::/32"), &own[1]));
    assert_true(allows(GUARD_PUBLIC, own, 2, "10.1.255.255"));
    assert_true(allows(GUARD_PUBLIC, own, 2, "::ffff:10.1.0.1"));
    assert_true(allows(GUARD_PUBLIC, own, 2, "64:ff9b::10.1.0.1"));
    assert_true(allows(GUARD_PUBLIC, own, 2, "fd12:3456::1"));
    assert_false(allows(GUARD_PUBLIC, own, 2, "10.0.255.255"));
    assert_false(allows(GUARD_PUBLIC, own, 2, "10.2.0.0"));
    assert_false(allows(GUARD_PUBLIC, own, 2, "192.168.0.1"));
    assert_false(allows(GUARD_PUBLIC, own, 2, "fd12:3457::1"));
}

static void a_setting_that_names_metadata_opens_nothing(void **state)
{
    (void)state;
    static const char *const metadata[] = {"169.254.169.254", "100.100.100.200", "192.0.0.192",
                                           "168.63.129.16",   "fd00:ec2::254",   "fe80::1"};
    for (size_t i = 0; i < ARRAY_SIZE(metadata); i++) {
        struct cidr named;
        assert_true(cidr_parse(str_of(metadata[i]), &named));
        assert_false(allows(GUARD_PUBLIC, &named, 1, metadata[i]));
        assert_false(allows(GUARD_ADMIN, &named, 1, metadata[i]));
    }
}

static void other_families_are_nobodys(void **state)
{
    (void)state;
    const struct guard g = {GUARD_ADMIN, NULL, 0};
    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/docker.sock"};
    char text[GUARD_TEXT_SIZE];

    assert_false(guard_allows(&g, (struct sockaddr *)&local));
    guard_address_text((struct sockaddr *)&local, text);
    assert_string_equal(text, "(family 1)");
}

/* Forms that inet_aton(3) or a browser would take for an address. */
static const char *const not_addresses[] = {
    "",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0177.0.0.1",
    "127.0.0.01",
    "00127.0.0.1",
    "1.2.3.256",
    "1.2.3.4.5",
    "1.2.3.4.",
    ".1.2.3.4",
    "1..2.3",
    "1.2.3.-4",
    "+1.2.3.4",
    " 1.2.3.4",
    "1.2.3.4 ",
    "1.2.3.4\n",
    "1.2.3.4/32",
    "0x1.0x2.0x3.4",
    "1.2.3.0x4",
    "1,2,3,4",
    "localhost",
    "example.com",
    "[::1]",
    "::1%lo",
    "fe80::1%1",
    ":::1",
    "1:2:3",
    "::g",
    "12345::",
    "::ffff:1.2.3",
    "::1/128",
    "::127.0.0.01",
    "1:2:3:4:5:6:7:8:9",
    "::1::2",
    ":",
    "1.2.3.4:80",
    "[::1]:80",
    "1:2:3:4:5:6:7:1.2.3.4",
    "\xef\xbc\x91.2.3.4",
    "0000000000000000000000000001.2.3.4",
};

static void only_plain_numeric_forms_are_addresses(void **state)
{
    (void)state;
    struct sockaddr_storage address;
    socklen_t size;

    for (size_t i = 0; i < ARRAY_SIZE(not_addresses); i++) {
        if (guard_parse_address(str_of(not_addresses[i]), 1, &address, &size))
            fail_msg("%s was read as an address", not_addresses[i]);
    }
    assert_false(guard_parse_address(STR("127.0.0.1\0"), 1, &address, &size));
}

static void addresses_are_read_and_written(void **state)
{
    (void)state;
    struct sockaddr_storage address;
    socklen_t size;
    char text[GUARD_TEXT_SIZE];

    assert_true(guard_parse_address(STR("192.0.2.7"), 8080, &address, &size));
    assert_int_equal(address.ss_family, AF_INET);
    assert_int_equal(size, sizeof(struct sockaddr_in));
    assert_int_equal(ntohs(((struct sockaddr_in *)&address)->sin_port), 8080);
    assert_true(str_eq(guard_address_text((struct sockaddr *)&address, text), STR("192.0.2.7")));
    assert_true(guard_parse_address(STR("2001:DB8::0:7"), 443, &address, &size));
    assert_int_equal(address.ss_family, AF_INET6);
    assert_int_equal(size, sizeof(struct sockaddr_in6));
    assert_int_equal(ntohs(((struct sockaddr_in6 *)&address)->sin6_port), 443);
    assert_true(str_eq(guard_address_text((struct sockaddr *)&address, text), STR("2001:db8::7")));
}

static const struct {
    const char *range, *address;
    bool holds;
} ranges[] = {
    {"10.0.0.0/8", "10.255.0.1", true},
    {"10.0.0.0/8", "11.0.0.0", false},
    {"10.1.2.3/8", "10.9.9.9", true},
    {"192.168.1.128/25", "192.168.1.127", false},
    {"192.168.1.128/25", "192.168.1.128", true},
    {"1.2.3.4", "1.2.3.4", true},
    {"1.2.3.4", "1.2.3.5", false},
    {"1.2.3.4/32", "::ffff:1.2.3.4", true},
    {"0.0.0.0/0", "255.1.2.3", true},
    {"0.0.0.0/0", "::1", false},
    {"::/0", "2001:db8::1", true},
    {"::/0", "1.2.3.4", false},
    {"fd00::/8", "fdff::1", true},
    {"fd00::/8", "fe00::1", false},
    {"2001:db8::/33", "2001:db8:7fff::", true},
    {"2001:db8::/33", "2001:db8:8000::", false},
    {"::1", "::1", true},
    {"::ffff:10.0.0.0/104", "10.2.3.4", true},
};

static const char *const not_ranges[] = {
    "",           "/",        "/8",         "10.0.0.0/",   "10.0.0.0/33",  "10.0.0.0/-1",
    "10.0.0.0/a", "10/8",     "::/129",     "::/",         "10.0.0.0/8/8", "example.com/8",
    "*",          "10.0.0.*", "::1%lo/128", "10.0.0.0 /8", "10.0.0.0/ 8",  "10.0.0.0/0008",
};

static void ranges_hold_what_their_bits_say(void **state)
{
    (void)state;
    struct cidr c;

    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
        struct sockaddr_storage address = parsed(ranges[i].address);
        assert_true(cidr_parse(str_of(ranges[i].range), &c));
        if (cidr_holds(&c, (struct sockaddr *)&address) != ranges[i].holds)
            fail_msg("%s and %s", ranges[i].range, ranges[i].address);
    }
    for (size_t i = 0; i < ARRAY_SIZE(not_ranges); i++) {
        if (cidr_parse(str_of(not_ranges[i]), &c))
            fail_msg("%s was read as a range", not_ranges[i]);
    }
}

static void a_target_behind_a_proxy_is_judged_by_what_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool admin, public;
    } cases[] = {
        {"api.example.com", true, true},   {"gpu", true, false},
        {"localhost", true, false},        {"nas.local", true, false},
        {"db.internal", true, false},      {"93.184.216.34", true, true},
        {"10.0.0.1", true, false},         {"::1", true, false},
        {"169.254.169.254", false, false}, {"::ffff:169.254.169.254", false, false},
        {"fd00:ec2::254", false, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct guard admin = {.level = GUARD_ADMIN}, public = {.level = GUARD_PUBLIC};
        if (guard_allows_behind_proxy(&admin, str_of(cases[i].host)) != cases[i].admin ||
            guard_allows_behind_proxy(&public, str_of(cases[i].host)) != cases[i].public)
            fail_msg("%s", cases[i].host);
    }
}

int main(void)
{
#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }
    const struct CMUnitTest tests[] = {
        TEST("[AC-7] every address is judged by what it is for, in all its forms",
             judges_every_address_by_what_it_is_for),
        TEST("[AC-7] a setting opens only what it names", a_setting_opens_only_what_it_names),
        TEST("[AC-7] a setting that names metadata opens nothing",
             a_setting_that_names_metadata_opens_nothing),
        TEST("addresses of other families are nobody's", other_families_are_nobodys),
        TEST("[AC-7] decimal, octal, hex and short forms are no addresses",
             only_plain_numeric_forms_are_addresses),
        TEST("addresses are read and written", addresses_are_read_and_written),
        TEST("[AC-7] a target behind a proxy is judged by what is known of it",
             a_target_behind_a_proxy_is_judged_by_what_is_known),
        TEST("ranges hold what their bits say", ranges_hold_what_their_bits_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
