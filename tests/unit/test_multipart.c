/* SPDX-License-Identifier: Apache-2.0 */
#include "net/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

#define _cleanup_buf_ _cleanup_(buf_cleanup)
DEFINE_CLEANUP(struct multipart, multipart_free)

/* Parts as "name(filename)[type]=data;", absent ones as '-'. */
static void add_or_dash(struct buf *out, struct str s)
{
    buf_add(out, s.p ? s : STR("-"));
}

static enum status on_part(const struct multipart_part *part, void *ctx, struct err *err)
{
    struct buf *out = ctx;
    if (str_eq(part->name, STR("refused")))
        return err_set(err, E_LIMIT, "test");
    buf_add(out, part->name);
    buf_add_char(out, '(');
    add_or_dash(out, part->filename);
    buf_add(out, STR(")["));
    add_or_dash(out, part->type);
    buf_add(out, STR("]="));
    return OK;
}

static enum status on_data(struct str piece, void *ctx, struct err *err)
{
    (void)err;
    assert_true(piece.n > 0);
    buf_add(ctx, piece);
    return OK;
}

static enum status on_part_end(void *ctx, struct err *err)
{
    (void)err;
    buf_add_char(ctx, ';');
    return OK;
}

static const struct multipart_handler handler = {on_part, on_data, on_part_end};
static const char type[] = "multipart/form-data; boundary=xYz";

static enum status read_split(struct str body, size_t piece, struct buf *out)
{
    struct multipart *m = NULL;
    struct err err;
    enum status status = multipart_new(str_of(type), 3, &handler, out, &m, &err);
    assert_int_equal(status, OK);
    for (; body.n && status == OK; body = str_from(body, piece))
        status = multipart_feed(m, str_to(body, piece), &err);
    if (status == OK)
        status = multipart_finish(m, &err);
    multipart_free(m);
    return status;
}

static void expect_parts(struct str body, const char *parts)
{
    for (size_t piece = 1; piece <= body.n; piece++) {
        _cleanup_buf_ struct buf out = BUF_INIT(65536);
        assert_int_equal(read_split(body, piece, &out), OK);
        assert_true(str_eq(buf_str(&out), str_of(parts)));
    }
}

static void expect_refusal(struct str body)
{
    for (size_t piece = 1; piece <= body.n; piece += 3) {
        _cleanup_buf_ struct buf out = BUF_INIT(65536);
        assert_int_equal(read_split(body, piece, &out), E_INVALID);
    }
}

static void reads_fields_and_files_in_any_split(void **state)
{
    (void)state;
    expect_parts(STR("--xYz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
                     "--xYz \t\r\ncontent-disposition: form-data; filename=\"x \\\"y\\\".png\"; "
                     "name=f\r\nContent-Type: image/png\r\n\r\n\r\n--xYnot\r\n--xY\r\n\r\r\n"
                     "--xYz\r\nX-Other: 1\r\nContent-Disposition: form-data; name=\"c:\\d\"\r\n\r\n"
                     "\r\n--xYz--\r\nepilogue"),
                 "a(-)[-]=1;f(x \"y\".png)[image/png]=\r\n--xYnot\r\n--xY\r\n\r;c:\\d(-)[-]=;");
    expect_parts(STR("preamble\r\n--xYz\r\nContent-Disposition: form-data; name=\"\"; filename=\"\""
                     "\r\n\r\n--\r\n--xYz--"),
                 "()[-]=--;");
    expect_parts(STR("--xYz--"), "");
}

static void refuses_what_is_malformed(void **state)
{
    (void)state;
    expect_refusal(STR("no boundary at all"));
    expect_refusal(STR("--xYz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ncut off"));
    expect_refusal(STR("--xYz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--xYz-"));
    expect_refusal(STR("--xYzzy\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--xYz--"));
    expect_refusal(STR("--xYz\r\nContent-Disposition: form-data\r\n\r\n\r\n--xYz--"));
    expect_refusal(STR("--xYz\r\n\r\n\r\n--xYz--"));
    expect_refusal(STR("--xYz\r\nno colon\r\n\r\n\r\n--xYz--"));
    expect_refusal(STR("--xYz\r\nContent-Disposition: form-data; name=\"a\r\n\r\n\r\n--xYz--"));
    expect_refusal(
        STR("--xYz\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n\r\n--xYz--"));
    expect_refusal(
        STR("--xYz\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\n\r\n--xYz--"));
}

static void bounds_parts_and_headers(void **state)
{
    _cleanup_buf_ struct buf body = BUF_INIT(1 << 20), out = BUF_INIT(65536);
    (void)state;
    for (int i = 0; i < 4; i++)
        multipart_write_field(&body, "xYz", STR("n"), STR("v"));
    multipart_write_end(&body, "xYz");
    assert_int_equal(read_split(buf_str(&body), 100, &out), E_INVALID);

    buf_reset(&body);
    buf_add(&body, STR("--xYz\r\nX: "));
    for (int i = 0; i < 10000; i++)
        buf_add_char(&body, 'x');
    expect_refusal(str_to(buf_str(&body), 9000));
    assert_int_equal(read_split(buf_str(&body), buf_len(&body), &out), E_INVALID);
}

static void passes_a_handlers_failure_on(void **state)
{
    _cleanup_buf_ struct buf body = BUF_INIT(4096), out = BUF_INIT(4096);
    (void)state;
    multipart_write_field(&body, "xYz", STR("refused"), STR("v"));
    multipart_write_end(&body, "xYz");
    assert_int_equal(read_split(buf_str(&body), 7, &out), E_LIMIT);
}

static void wants_a_good_boundary(void **state)
{
    static const char *const bad[] = {
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=a",
        "multipart/form-data; boundary=\"a",
        "multipart/form-data; boundary=a{b",
        "multipart/form-data; boundary=\"ends in blank \"",
        "multipart/form-data; boundary=0123456789012345678901234567890123456789012345678901234567890123456789-123",
    };
    static const char *const good[] = {"Multipart/Form-Data;charset=utf-8; Boundary=\"a b\"",
                                       "multipart/form-data ; boundary=----WebKit7A"};
    struct err err;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct multipart *m = NULL;
        assert_int_equal(multipart_new(str_of(bad[i]), 1, &handler, NULL, &m, &err), E_INVALID);
        assert_null(m);
    }
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        _cleanup_(multipart_freep) struct multipart *m = NULL;
        assert_int_equal(multipart_new(str_of(good[i]), 1, &handler, NULL, &m, &err), OK);
    }
}

static void reads_what_it_writes(void **state)
{
    _cleanup_buf_ struct buf body = BUF_INIT(4096);
    char boundary[40];
    (void)state;
    multipart_boundary(boundary);
    assert_int_equal(strlen(boundary), 34);
    assert_true(multipart_write_field(&body, "xYz", STR("a\"b\r\n"), STR("1\r\n")));
    assert_true(
        multipart_write_file_head(&body, "xYz", STR("f"), STR("n\xc3\xa9.png"), STR("image/png")));
    buf_add(&body, STR("bytes"));
    assert_true(multipart_write_end(&body, "xYz"));
    expect_parts(buf_str(&body), "a%22b%0D%0A(-)[-]=1\r\n;f(n\xc3\xa9.png)[image/png]=bytes;");
    assert_false(multipart_write_file_head(&body, "xYz", STR("f"), STR("n"), STR("a\r\nb: c")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_fields_and_files_in_any_split),
        cmocka_unit_test(refuses_what_is_malformed),
        cmocka_unit_test(bounds_parts_and_headers),
        cmocka_unit_test(passes_a_handlers_failure_on),
        cmocka_unit_test(wants_a_good_boundary),
        cmocka_unit_test(reads_what_it_writes),
    };
    return cmocka_run_group_tests_name("multipart", tests, NULL, NULL);
}
