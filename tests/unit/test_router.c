/* SPDX-License-Identifier: Apache-2.0 */
#include "net/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct route routes[] = {
    {HTTP_GET, "/", "root"},
    {HTTP_GET, "/api/v1/keys", "keys"},
    {HTTP_POST, "/api/v1/keys", "keys-new"},
    {HTTP_PATCH, "/api/v1/keys/{id}", "key"},
    {HTTP_DELETE, "/api/v1/keys/{id}", "key-delete"},
    {HTTP_GET, "/api/v1/keys/mine", "mine"},
    {HTTP_POST, "/api/v1/keys/{id}/test", "test"},
    {HTTP_GET, "/api/v1/{kind}/{id}/files/{path...}", "files"},
    {HTTP_GET, "/{path...}", "page"},
};

struct fixture {
    struct router *router;
    struct arena *arena;
    struct route_match match;
    struct str allow;
};

static int setup(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof(f));
    f.router = router_new(routes, sizeof(routes) / sizeof(routes[0]));
    f.arena = arena_new(4096);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    router_free(f->router);
    arena_free(f->arena);
    return 0;
}

static enum router_result match(struct fixture *f, enum http_method method, const char *path)
{
    return router_match(f->router, method, str_of(path), f->arena, &f->match, &f->allow);
}

static void expect(struct fixture *f, enum http_method method, const char *path, const char *target)
{
    assert_int_equal(match(f, method, path), ROUTE_FOUND);
    assert_string_equal(f->match.route->target, target);
}

static void expect_param(struct fixture *f, size_t i, const char *name, const char *value)
{
    assert_true(f->match.param_count > i);
    assert_true(str_eq(f->match.names[i], str_of(name)));
    assert_true(str_eq(f->match.values[i], str_of(value)));
}

static void literal_segments_win_over_parameters(void **state)
{
    struct fixture *f = *state;
    expect(f, HTTP_GET, "/", "root");
    expect(f, HTTP_GET, "/api/v1/keys", "keys");
    expect(f, HTTP_POST, "/api/v1/keys", "keys-new");
    expect(f, HTTP_GET, "/api/v1/keys/mine", "mine");
    /* The literal node does not know DELETE, the parameter's does. */
    expect(f, HTTP_DELETE, "/api/v1/keys/mine", "key-delete");
    expect_param(f, 0, "id", "mine");
    expect(f, HTTP_POST, "/api/v1/keys/mine/test", "test");
}

static void parameters_are_decoded_into_the_arena(void **state)
{
    struct fixture *f = *state;
    expect(f, HTTP_PATCH, "/api/v1/keys/a%20b%C3%A9+", "key");
    expect_param(f, 0, "id", "a b\xc3\xa9+");
    expect(f, HTTP_GET, "/api/v1/x/7/files/a/b%20c.mp4", "files");
    expect_param(f, 0, "kind", "x");
    expect_param(f, 1, "id", "7");
    expect_param(f, 2, "path", "a/b c.mp4");
    expect(f, HTTP_GET, "/%61pi/v1/keys", "keys");
}

static void the_rest_takes_what_nothing_else_takes(void **state)
{
    struct fixture *f = *state;
    expect(f, HTTP_GET, "/library/x", "page");
    expect_param(f, 0, "path", "library/x");
    expect(f, HTTP_GET, "/api/v1/x/7/files/", "files");
    expect_param(f, 2, "path", "");
    expect(f, HTTP_GET, "/api/v1/keys/", "page");
}

static void an_encoded_slash_is_one_in_the_rest_alone(void **state)
{
    struct fixture *f = *state;
    expect(f, HTTP_GET, "/api/v1/x/7/files/a%2Fb/c%2fd", "files");
    expect_param(f, 2, "path", "a/b/c/d");
    expect(f, HTTP_GET, "/api/v1/keys%2Fmine", "page");
    expect_param(f, 0, "path", "api/v1/keys/mine");
    assert_int_equal(match(f, HTTP_PATCH, "/api/v1/keys/a%2Fb"), ROUTE_NO_METHOD);
    assert_true(str_eq(f->allow, STR("GET, HEAD"))); /* the rest's, not the key's */
}

static void a_known_path_with_another_method_says_what_is_allowed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(match(f, HTTP_PUT, "/api/v1/keys"), ROUTE_NO_METHOD);
    assert_true(str_eq(f->allow, STR("GET, HEAD, POST")));
    /* The page's catch-all does not hide it. */
    assert_int_equal(match(f, HTTP_GET, "/api/v1/keys/9/test"), ROUTE_NO_METHOD);
    assert_true(str_eq(f->allow, STR("POST")));
    assert_int_equal(match(f, HTTP_POST, "/nowhere"), ROUTE_NO_METHOD);
    assert_int_equal(match(f, HTTP_OTHER, "/"), ROUTE_NO_PATH);
}

static void head_falls_back_to_get(void **state)
{
    expect(*state, HTTP_HEAD, "/api/v1/keys", "keys");
}

static void odd_paths_match_nothing(void **state)
{
    static const char *const paths[] = {
        "",    "api",  "/api/../x", "/api/%2e%2e/x", "/./x", "/a%2f..%2fb", "/a%2F%2e",
        "/a%", "/a%0", "/a%zz",     "/a%00",         "/..",  "/a%ff",
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_int_equal(match(*state, HTTP_GET, paths[i]), ROUTE_NO_PATH);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(literal_segments_win_over_parameters),
        TEST(parameters_are_decoded_into_the_arena),
        TEST(the_rest_takes_what_nothing_else_takes),
        TEST(an_encoded_slash_is_one_in_the_rest_alone),
        TEST(a_known_path_with_another_method_says_what_is_allowed),
        TEST(head_falls_back_to_get),
        TEST(odd_paths_match_nothing),
    };
    return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}
