/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "api/origin.h"
#include "base/mem.h"

struct sample {
    const char *peer, *forwarded_for, *forwarded_for_2, *proto, *host; /* NULL: absent */
    const char *client, *origin;
};

static void add(struct http_head *h, const char *name, const char *value)
{
    if (value)
        h->headers[h->header_count++] = (struct http_header){str_of(name), str_of(value)};
}

static void check(const struct settings *settings, const struct sample *s)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(1 << 16);
    struct http_head head = {.host = STR("kinora.local:8080")};
    struct origin seen;
    add(&head, "X-Forwarded-For", s->forwarded_for);
    add(&head, "x-forwarded-for", s->forwarded_for_2);
    add(&head, "X-Forwarded-Proto", s->proto);
    add(&head, "X-Forwarded-Host", s->host);
    assert_int_equal(origin_of(settings, str_of(s->peer), &head, a, &seen, NULL), OK);
    assert_true(str_eq(seen.client_address, str_of(s->client)));
    assert_true(str_eq(seen.text, str_of(s->origin)));
    assert_int_equal(seen.https, str_starts(seen.text, STR("https://")));
}

static struct settings trusting(const char *first, const char *second)
{
    struct settings s = {.public_url = STR("")};
    assert_true(cidr_parse(str_of(first), &s.trusted_proxies[0]));
    assert_true(cidr_parse(str_of(second), &s.trusted_proxies[1]));
    s.trusted_proxy_count = 2;
    return s;
}

#define LOCAL "http://kinora.local:8080"

static void strangers_are_not_believed(void **state)
{
    const struct settings nobody = {.public_url = STR("")};
    const struct settings proxies = trusting("10.0.0.0/8", "::1");
    const struct sample liar = {.peer = "203.0.113.5",
                                .forwarded_for = "198.51.100.1",
                                .proto = "https",
                                .host = "evil.example",
                                .client = "203.0.113.5",
                                .origin = LOCAL};
    (void)state;
    check(&nobody, &liar);
    check(&proxies, &liar);
}

static void trusted_proxies_are_believed(void **state)
{
    const struct settings s = trusting("10.0.0.0/8", "::1");
    static const struct sample samples[] = {
        {"10.0.0.1", "198.51.100.1", NULL, "https", "k.example", "198.51.100.1",
         "https://k.example"},
        {"::1", "2001:db8::7", NULL, "http", NULL, "2001:db8::7", LOCAL},
        /* The client wrote the first entry itself. */
        {"10.0.0.1", "1.2.3.4, 198.51.100.1, 10.9.9.9", NULL, NULL, NULL, "198.51.100.1", LOCAL},
        {"10.0.0.1", "1.2.3.4", "198.51.100.1", NULL, NULL, "198.51.100.1", LOCAL},
        {"10.0.0.1", "10.2.2.2, 10.3.3.3", NULL, NULL, NULL, "10.2.2.2", LOCAL},
        {"10.0.0.1", "1.2.3.4, unknown, 10.3.3.3", NULL, NULL, NULL, "10.3.3.3", LOCAL},
        {"10.0.0.1", "198.51.100.1:4711", NULL, NULL, NULL, "198.51.100.1", LOCAL},
        {"10.0.0.1", "[2001:db8::7]:4711", NULL, NULL, NULL, "2001:db8::7", LOCAL},
        {"10.0.0.1", "", NULL, "", "", "10.0.0.1", LOCAL},
        {"10.0.0.1", NULL, NULL, "https", "k.example/<x>", "10.0.0.1", "https://kinora.local:8080"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
        check(&s, &samples[i]);
}

static void the_public_url_wins(void **state)
{
    struct settings s = trusting("10.0.0.0/8", "::1");
    const struct sample sample = {.peer = "10.0.0.1",
                                  .forwarded_for = "198.51.100.1",
                                  .proto = "http",
                                  .host = "inner.example",
                                  .client = "198.51.100.1",
                                  .origin = "https://kinora.example"};
    (void)state;
    s.public_url = STR("https://kinora.example");
    check(&s, &sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[ID-7] what strangers say of themselves is not believed", strangers_are_not_believed,
         NULL, NULL, NULL},
        {"[ID-7] what trusted proxies say is believed, and no more", trusted_proxies_are_believed,
         NULL, NULL, NULL},
        {"[ID-7] public_url decides links and Secure cookies", the_public_url_wins, NULL, NULL,
         NULL},
    };
    return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
