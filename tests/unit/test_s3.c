/* SPDX-License-Identifier: Apache-2.0 */
/* How long a bucket that does not answer may keep its caller. */
#include "media/s3.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "peer.h"

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
    struct s3 s3 = {
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
        .skew_ms = &skew_ms,
        .tries = 3,
        .until_ms = clock_mono_ms() + 3000,
    };
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_has_one_time_for_all_that_it_asks),
    };
    return cmocka_run_group_tests_name("s3", tests, NULL, NULL);
}
