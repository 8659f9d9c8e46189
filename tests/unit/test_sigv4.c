/* SPDX-License-Identifier: Apache-2.0 */
/* The examples that Amazon publishes with the protocol ("Signature Calculations for the
 * Authorization Header" and "Authenticating Requests: Using Query Parameters", API version
 * 2006-03-01); tests/s3/signing.test.ts compares many more with Amazon's own package. */
#include "media/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define EMPTY_HASH STR("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")

static const struct sigv4_key key = {{"AKIAIOSFODNN7EXAMPLE", 20},
                                     {"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 40},
                                     {"us-east-1", 9}};
static const int64_t may_24 = INT64_C(1369353600000);
static struct arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct sigv4_request request(const char *method, const char *path)
{
    return (struct sigv4_request){.method = str_of(method),
                                  .host = STR("examplebucket.s3.amazonaws.com"),
                                  .path = str_of(path)};
}

static void expect_signed(const struct sigv4_request *r, struct str hash, const char *names,
                          const char *signature)
{
    struct http_header headers[SIGV4_HEADERS_MAX];
    struct str query;
    assert_int_equal(sigv4_sign(&key, r, hash, may_24, arena, &query, headers, NULL), OK);
    struct http_header *own = &headers[r->header_count];
    assert_true(str_eq(own[0].value, hash));
    assert_true(str_eq(own[1].value, STR("20130524T000000Z")));
    struct str expected = arena_printf(
        arena,
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=%s, Signature=%s",
        names, signature);
    assert_string_equal(own[2].value.p, expected.p);
}

static void test_get_object(void **state)
{
    (void)state;
    const struct http_header range[] = {{STR("Range"), STR("bytes=0-9")}};
    struct sigv4_request r = request("GET", "/test.txt");
    r.headers = range;
    r.header_count = 1;
    expect_signed(&r, EMPTY_HASH, "host;range;x-amz-content-sha256;x-amz-date",
                  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void test_put_object(void **state)
{
    (void)state;
    const struct http_header headers[] = {{STR("Date"), STR("Fri, 24 May 2013 00:00:00 GMT")},
                                          {STR("x-amz-storage-class"), STR("REDUCED_REDUNDANCY")}};
    struct sigv4_request r = request("PUT", "/test%24file.text");
    r.headers = headers;
    r.header_count = 2;
    expect_signed(&r, STR("44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
                  "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static void test_parameter_without_value(void **state)
{
    (void)state;
    const struct sigv4_param params[] = {{STR("lifecycle"), STR("")}};
    struct sigv4_request r = request("GET", "/");
    r.params = params;
    r.param_count = 1;
    expect_signed(&r, EMPTY_HASH, "host;x-amz-content-sha256;x-amz-date",
                  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

static void test_parameters_in_any_order(void **state)
{
    (void)state;
    const struct sigv4_param params[] = {{STR("prefix"), STR("J")}, {STR("max-keys"), STR("2")}};
    struct sigv4_request r = request("GET", "/");
    r.params = params;
    r.param_count = 2;
    expect_signed(&r, EMPTY_HASH, "host;x-amz-content-sha256;x-amz-date",
                  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void test_presigned(void **state)
{
    (void)state;
    struct sigv4_request r = request("GET", "/test.txt");
    struct str query = sigv4_presign(&key, &r, may_24, 86400, arena);
    assert_string_equal(
        query.p, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524"
                 "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
                 "&X-Amz-SignedHeaders=host&X-Amz-Signature="
                 "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

static void test_full_arena(void **state)
{
    (void)state;
    struct sigv4_request r = request("GET", "/test.txt");
    struct http_header headers[SIGV4_HEADERS_MAX];
    struct str query;
    struct err err;
    enum status status = E_NO_MEMORY;
    for (size_t cap = 1; status != OK; cap++) {
        struct arena *small = arena_new(cap);
        status = sigv4_sign(&key, &r, EMPTY_HASH, may_24, small, &query, headers, &err);
        assert_true(status == OK || status == E_NO_MEMORY);
        arena_reset(small);
        struct str link = sigv4_presign(&key, &r, may_24, 60, small);
        assert_true(!link.p || str_has_char(link, '='));
        arena_free(small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get_object, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(test_put_object, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(test_parameter_without_value, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(test_parameters_in_any_order, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(test_presigned, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(test_full_arena, make_arena, free_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
