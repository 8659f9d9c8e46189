/* SPDX-License-Identifier: Apache-2.0 */
#include "net/resolve.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "dns.h"
#include "net/guard.h"

static const struct dns_name names[] = {
    {"one.test", "192.0.2.1", 60},
    {"short.test", "192.0.2.2", 1},
    {"zero.test", "192.0.2.3", 0},
    {"many.test",
     "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.0.0.7 10.0.0.8 10.0.0.9 10.0.0.10",
     60},
    {"none.test", "", 60},
    {"silent.test", NULL, 0},
    {NULL, NULL, 0},
};

static struct loop *loop;
static struct resolver *resolver;
static struct dns *dns;
static int waiting;

struct ask {
    struct resolve_query query;
    bool called, found;
    struct addresses addresses;
    char why[64];
};

static int begin(void **state)
{
    (void)state;
    loop = loop_new();
    dns = dns_new(names);
    waiting = 0;
    assert_int_equal(resolver_new(loop, str_of(dns->text), &resolver, NULL), OK);
    return 0;
}

static int end(void **state)
{
    (void)state;
    resolver_free(resolver);
    loop_free(loop);
    dns_free(dns);
    return 0;
}

static void answered(struct resolve_query *q, const struct addresses *found, const char *why)
{
    struct ask *a = CONTAINER_OF(q, struct ask, query);
    assert_false(a->called);
    a->called = true;
    a->found = found;
    if (found)
        a->addresses = *found;
    snprintf(a->why, sizeof(a->why), "%s", why);
    if (--waiting == 0)
        loop_stop(loop);
}

static bool ask_start(struct ask *a, const char *host)
{
    *a = (struct ask){.query.fn = answered};
    a->found = resolve_start(resolver, str_of(host), &a->query, &a->addresses);
    waiting += !a->found;
    return a->found;
}

static void ask(struct ask *a, const char *host)
{
    if (!ask_start(a, host))
        loop_run(loop);
}

static void expect_first(const struct ask *a, const char *address)
{
    char text[GUARD_TEXT_SIZE];
    assert_true(a->found);
    guard_address_text(&a->addresses.at[0].any, text);
    assert_string_equal(text, address);
}

static void numeric_hosts_are_no_question(void **state)
{
    (void)state;
    struct ask a;
    assert_true(ask_start(&a, "192.0.2.9"));
    expect_first(&a, "192.0.2.9");
    assert_true(ask_start(&a, "2001:db8::1"));
    expect_first(&a, "2001:db8::1");
    assert_int_equal(atomic_load(&dns->asked), 0);
}

static void an_answer_is_kept_for_its_time(void **state)
{
    (void)state;
    struct ask a;
    ask(&a, "one.test");
    expect_first(&a, "192.0.2.1");
    assert_true(ask_start(&a, "one.test"));
    expect_first(&a, "192.0.2.1");
    assert_int_equal(atomic_load(&dns->asked), 1);
    ask(&a, "short.test");
    usleep(1100 * 1000);
    ask(&a, "one.test"); /* the turn's time moves on */
    ask(&a, "zero.test");
    assert_false(ask_start(&a, "short.test"));
    loop_run(loop);
    expect_first(&a, "192.0.2.2");
    assert_false(ask_start(&a, "zero.test"));
    loop_run(loop);
    expect_first(&a, "192.0.2.3");
    assert_int_equal(atomic_load(&dns->asked), 5);
}

static void the_same_name_at_once_is_one_question(void **state)
{
    (void)state;
    struct ask a[50];
    for (size_t i = 0; i < ARRAY_SIZE(a); i++)
        assert_false(ask_start(&a[i], "one.test"));
    loop_run(loop);
    for (size_t i = 0; i < ARRAY_SIZE(a); i++)
        expect_first(&a[i], "192.0.2.1");
    assert_int_equal(atomic_load(&dns->asked), 1);
}

static void many_addresses_are_cut_to_a_number(void **state)
{
    (void)state;
    struct ask a;
    ask(&a, "many.test");
    assert_true(a.found);
    assert_int_equal(a.addresses.count, RESOLVE_MAX);
}

static void what_does_not_exist_says_so_and_is_asked_again(void **state)
{
    (void)state;
    struct ask a;
    ask(&a, "unknown.test");
    assert_true(a.called && !a.found);
    assert_true(a.why[0] != '\0');
    ask(&a, "unknown.test");
    assert_true(a.called && !a.found);
    assert_true(atomic_load(&dns->asked) >= 2);
    ask(&a, "none.test");
    assert_true(a.called && !a.found);
}

static void the_hosts_file_comes_first(void **state)
{
    (void)state;
    struct ask a;
    ask(&a, "localhost");
    assert_true(a.found);
    assert_true(a.addresses.at[0].any.sa_family == AF_INET6 ||
                a.addresses.at[0].v4.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    assert_int_equal(atomic_load(&dns->asked), 0);
}

static void a_cancelled_query_hears_nothing(void **state)
{
    (void)state;
    struct ask a, b;
    assert_false(ask_start(&a, "one.test"));
    assert_false(ask_start(&b, "one.test"));
    resolve_cancel(&a.query);
    waiting--;
    loop_run(loop);
    assert_false(a.called);
    expect_first(&b, "192.0.2.1");
}

static void freed_under_a_question_it_forgets_it(void **state)
{
    (void)state;
    struct ask a, b, c;
    assert_false(ask_start(&a, "silent.test"));
    ask_start(&b, "localhost"); /* answered, but not yet delivered */
    assert_false(ask_start(&c, "unknown.test"));
    resolver_free(resolver);
    resolver = NULL;
    assert_false(a.called || b.called || c.called);
}

static void more_names_than_are_kept_all_get_answers(void **state)
{
    (void)state;
    for (int i = 0; i < 600; i++) {
        struct ask a;
        char host[32];
        snprintf(host, sizeof(host), "n%d.test", i);
        ask(&a, host);
        assert_true(a.called && !a.found);
    }
}

static void a_bad_server_list_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"x", "1.2.3.4:99999:1", "127.0.0.1:53,?"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct resolver *r;
        struct err err = {0};
        if (resolver_new(loop, str_of(bad[i]), &r, &err) == OK)
            fail_msg("%s was accepted", bad[i]);
        assert_string_equal(err.code, "bad_resolver");
    }
}

static void a_worker_waits_for_the_answer(void **state)
{
    (void)state;
    struct addresses found;
    struct err err = {0};
    struct str servers = str_of(dns->text);

    assert_int_equal(resolve_wait(servers, STR("one.test"), 5000, NULL, &found, &err), OK);
    assert_int_equal(found.count, 1);
    assert_int_equal(resolve_wait(servers, STR("192.0.2.5"), 5000, NULL, &found, &err), OK);
    assert_int_equal(resolve_wait(servers, STR("unknown.test"), 5000, NULL, &found, &err),
                     E_UPSTREAM);
    assert_string_equal(err.code, "name_not_found");
    int64_t started = clock_mono_ms();
    assert_int_equal(resolve_wait(servers, STR("silent.test"), 300, NULL, &found, &err), E_TIMEOUT);
    assert_true(clock_mono_ms() - started < 15000);
    atomic_bool cancelled = true;
    assert_int_equal(resolve_wait(servers, STR("silent.test"), 0, &cancelled, &found, &err),
                     E_UNAVAILABLE);
    assert_string_equal(err.code, "cancelled");
}

int main(void)
{
#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, begin, end, NULL                                                          \
    }
    const struct CMUnitTest tests[] = {
        TEST("numeric hosts are no question", numeric_hosts_are_no_question),
        TEST("an answer is kept for its time", an_answer_is_kept_for_its_time),
        TEST("the same name at once is one question", the_same_name_at_once_is_one_question),
        TEST("many addresses are cut to a number", many_addresses_are_cut_to_a_number),
        TEST("what does not exist says so and is asked again",
             what_does_not_exist_says_so_and_is_asked_again),
        TEST("the hosts file comes first", the_hosts_file_comes_first),
        TEST("a cancelled query hears nothing", a_cancelled_query_hears_nothing),
        TEST("freed under a question it forgets it", freed_under_a_question_it_forgets_it),
        TEST("more names than are kept all get answers", more_names_than_are_kept_all_get_answers),
        TEST("a bad server list is refused", a_bad_server_list_is_refused),
        TEST("a worker waits for the answer", a_worker_waits_for_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
