/* SPDX-License-Identifier: Apache-2.0 */
/* What a bucket that answers badly, or not at all, does to its caller. */
#include "media/s3.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "peer.h"

static struct s3 bucket_of(const struct peer *peer, struct fetcher *fetcher, atomic_llong *skew_ms)
{
    return (struct s3){
        .endpoint = {.host = STR("127.0.0.1"),
                     .host_is_ip = true,
                     .port = peer->port,
                     .port_given = true,
                     .path = STR("/")},
        .key = {STR("key"), STR("secret"), STR("us-east-1")},
        .bucket = STR("bucket"),
        .path_style = true,
        .guard = {GUARD_ADMIN, NULL, 0},
        .fetcher = fetcher,
        .skew_ms = skew_ms,
        .tries = 3,
    };
}

/* Refuses without words, and says no more. */
static void serve(struct peer_link *l)
{
    while (peer_request(l)) {
        if (strncmp(l->in, "HEAD ", 5) != 0) {
            peer_wait_until_gone(l);
            return;
        }
        peer_send(l, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    }
}

static void a_check_has_one_time_for_all_that_it_asks(void **state)
{
    struct peer *peer = peer_new(serve, NULL);
    struct fetcher *fetcher = fetcher_new(STR_NONE);
    atomic_llong skew_ms = 0;
    struct err err = {0};
    (void)state;
    struct s3 s3 = bucket_of(peer, fetcher, &skew_ms);
    s3.until_ms = clock_mono_ms() + 3000;
    int64_t begin = clock_mono_ms();
    /* The refusal stands, though its reason did not come. */
    assert_int_equal(s3_check(&s3, &err), E_FORBIDDEN);
    assert_int_equal(atomic_load(&peer->requests), 2);
    assert_true(clock_mono_ms() - begin < 20000);

    /* The time over, nobody is asked. */
    assert_int_equal(s3_check(&s3, &err), E_UNAVAILABLE);
    assert_string_equal(err.code, "timeout");
    assert_int_equal(atomic_load(&peer->requests), 2);
    fetcher_free(fetcher);
    peer_free(peer);
}

/* ---- deletions that a bucket refuses one by one */

static const char *refusals;

static void serve_deletions(struct peer_link *l)
{
    char answer[1024], body[512];
    while (peer_request(l)) {
        int n = snprintf(body, sizeof(body), "<DeleteResult>%s</DeleteResult>", refusals);
        snprintf(answer, sizeof(answer),
                 "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%s",
                 n, body);
        peer_send(l, answer);
    }
}

#define REFUSED(key, code) "<Error><Key>" key "</Key><Code>" code "</Code></Error>"

/* kept: a character for each of the keys, x where it is there still. */
static void expect_kept(const char *said, const char *kept)
{
    static const struct str keys[] = {{"a/1.mp4", 7}, {"a&b/2.mp4", 9}, {"a/3.mp4", 7}};
    struct peer *peer = peer_new(serve_deletions, NULL);
    struct fetcher *fetcher = fetcher_new(STR_NONE);
    atomic_llong skew_ms = 0;
    struct err err = {0};
    bool gone[ARRAY_SIZE(keys)];
    refusals = said;
    const struct s3 s3 = bucket_of(peer, fetcher, &skew_ms);
    assert_int_equal(s3_delete_many(&s3, keys, ARRAY_SIZE(keys), gone, &err), OK);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        assert_int_equal(gone[i], kept[i] != 'x');
    fetcher_free(fetcher);
    peer_free(peer);
}

static void what_a_bucket_refuses_to_delete_is_not_gone(void **state)
{
    (void)state;
    expect_kept("", "...");
    expect_kept(REFUSED("a/3.mp4", "AccessDenied"), "..x");
    expect_kept(REFUSED("a/1.mp4", "NoSuchKey"), "...");
    expect_kept(REFUSED("a&amp;b/2.mp4", "InternalError") REFUSED("a/3.mp4", "SlowDown"), ".xx");
}

static void a_refusal_of_a_key_in_another_spelling_may_be_of_any(void **state)
{
    (void)state;
    expect_kept(REFUSED("a%26b/2.mp4", "AccessDenied"), "xxx");
    expect_kept(REFUSED("a&#x26;b/2.mp4", "AccessDenied"), "xxx");
    expect_kept("<Error><Code>InternalError</Code></Error>", "xxx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[SG-7] what a bucket refuses to delete is not gone",
         what_a_bucket_refuses_to_delete_is_not_gone, NULL, NULL, NULL},
        {"[SG-7] a refusal of a key in another spelling may be of any",
         a_refusal_of_a_key_in_another_spelling_may_be_of_any, NULL, NULL, NULL},
        cmocka_unit_test(a_check_has_one_time_for_all_that_it_asks),
    };
    return cmocka_run_group_tests_name("s3", tests, NULL, NULL);
}
