/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/http1.h"
#include "service/library_impl.h"

static const struct str tag = {"\"one\"", 5}, other = {"\"two\"", 5};

static struct http_head answer(int64_t length, struct str etag, struct str ranges)
{
    struct http_head head = {.status = 200, .content_length = length, .header_count = 2};
    head.headers[0] = (struct http_header){STR("ETag"), etag};
    head.headers[1] = (struct http_header){STR("Accept-Ranges"), ranges};
    return head;
}

static struct http_head rest(struct str etag, struct str range)
{
    struct http_head head = {.status = 206, .content_length = -1, .header_count = 2};
    head.headers[0] = (struct http_header){STR("ETag"), etag};
    head.headers[1] = (struct http_header){STR("Content-Range"), range};
    return head;
}

static void only_a_strong_validator_is_gone_on_with(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(64 << 10);
    (void)state;
    struct http_head good = answer(100, tag, STR("bytes"));
    struct http_head weak = answer(100, STR("W/\"one\""), STR("bytes"));
    struct http_head none = answer(100, STR(""), STR("bytes"));
    struct http_head whole = answer(100, tag, STR("none"));
    struct http_head endless = answer(-1, tag, STR("bytes"));
    assert_true(str_eq(library_resume_source(&good, a), STR("100 \"one\"")));
    assert_int_equal(library_resume_source(&weak, a).n, 0);
    assert_int_equal(library_resume_source(&none, a).n, 0);
    assert_int_equal(library_resume_source(&whole, a).n, 0);
    assert_int_equal(library_resume_source(&endless, a).n, 0);
}

/* What it says of If-Range is the upstream's word: some answer with a part of whatever is there. */
static void the_rest_of_another_file_does_not_fit(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(64 << 10);
    (void)state;
    const struct library_file f = {.arena = a,
                                   .left = {.id = 1, .size = 40, .source = STR("100 \"one\"")}};
    struct http_head same = rest(tag, STR("bytes 40-99/100"));
    struct http_head changed = rest(other, STR("bytes 40-99/100"));
    struct http_head unnamed = rest(STR(""), STR("bytes 40-99/100"));
    struct http_head longer = rest(tag, STR("bytes 40-119/120"));
    struct http_head earlier = rest(tag, STR("bytes 0-99/100"));
    assert_true(str_eq(library_resume_validator(&f), tag));
    assert_int_equal(library_resume_offset(&f), 40);
    assert_true(library_resume_fits(&f, &same));
    assert_false(library_resume_fits(&f, &changed));
    assert_false(library_resume_fits(&f, &unnamed));
    assert_false(library_resume_fits(&f, &longer));
    assert_false(library_resume_fits(&f, &earlier));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[SG-5] only a link with a strong validator and ranges is gone on with",
         only_a_strong_validator_is_gone_on_with, NULL, NULL, NULL},
        {"[SG-5] the rest of another file does not fit to what is there",
         the_rest_of_another_file_does_not_fit, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
