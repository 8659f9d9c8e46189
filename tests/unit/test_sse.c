/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

#define _cleanup_buf_ _cleanup_(buf_cleanup)

/* Events as "event|data|id\n", line feeds in data as '/'. */
static void note(const struct sse_event *e, void *ctx)
{
    struct buf *out = ctx;
    buf_add(out, e->event);
    buf_add_char(out, '|');
    for (size_t i = 0; i < e->data.n; i++)
        buf_add_char(out, e->data.p[i] == '\n' ? '/' : e->data.p[i]);
    buf_add_char(out, '|');
    buf_add(out, e->id);
    buf_add_char(out, '\n');
}

/* Whatever the split, the events are the same. */
static void expect_events(struct str text, struct str events)
{
    for (size_t piece = 1; piece <= text.n; piece++) {
        _cleanup_buf_ struct buf out = BUF_INIT(65536);
        struct sse_reader r;
        sse_reader_init(&r, 1024, note, &out);
        for (struct str rest = text; rest.n; rest = str_from(rest, piece))
            assert_true(sse_reader_feed(&r, str_to(rest, piece)));
        sse_reader_release(&r);
        assert_true(str_eq(buf_str(&out), events));
    }
}

static void reads_all_line_endings_in_any_split(void **state)
{
    (void)state;
    expect_events(STR("data: a\n\ndata: b\r\rdata: c\r\n\r\ndata:d\r\ndata: e\r\n\n"),
                  STR("message|a|\nmessage|b|\nmessage|c|\nmessage|d/e|\n"));
}

static void reads_names_ids_comments_and_a_byte_order_mark(void **state)
{
    (void)state;
    expect_events(STR("\xef\xbb\xbf"
                      "event: tick\nid: 7\n: comment\ndata:  x\n\n"
                      "data\n\nevent: none\n\nretry: 10\ndata: y\nunknown: z\n\ndata: cut off"),
                  STR("tick| x|7\nmessage||7\nmessage|y|7\n"));
}

static void stops_at_its_bound(void **state)
{
    _cleanup_buf_ struct buf out = BUF_INIT(65536);
    struct sse_reader r;
    (void)state;
    sse_reader_init(&r, 10, note, &out);
    assert_true(sse_reader_feed(&r, STR("data: 1234\n\n")));
    assert_false(sse_reader_feed(&r, STR("data: 12345678\n\n")));
    assert_false(sse_reader_feed(&r, STR("data: 1\n\n")));
    assert_true(str_eq(buf_str(&out), STR("message|1234|\n")));
    sse_reader_release(&r);

    sse_reader_init(&r, 10, note, &out);
    assert_true(sse_reader_feed(&r, STR("data: 1234\ndata: 5678\n")));
    assert_false(sse_reader_feed(&r, STR("data: 9\n")));
    sse_reader_release(&r);
}

static void writes_what_it_reads(void **state)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1024);
    (void)state;
    assert_true(sse_write(&text, STR("done"), STR("9"), STR("one\ntwo\r\nthree\r")));
    assert_true(sse_write_comment(&text, STR("keep-alive")));
    assert_true(sse_write(&text, STR_NONE, STR_NONE, STR("")));
    expect_events(buf_str(&text), STR("done|one/two/three/|9\nmessage||9\n"));
    assert_false(sse_write(&text, STR("a\nb"), STR_NONE, STR("x")));
    assert_false(sse_write(&text, STR_NONE, STR("a\rb"), STR("x")));
    assert_false(sse_write_comment(&text, STR("a\n\ndata: forged")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_line_endings_in_any_split),
        cmocka_unit_test(reads_names_ids_comments_and_a_byte_order_mark),
        cmocka_unit_test(stops_at_its_bound),
        cmocka_unit_test(writes_what_it_reads),
    };
    return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
