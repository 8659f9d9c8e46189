/* SPDX-License-Identifier: Apache-2.0 */
#include "net/scan_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static bool scan(struct scan_json *s, struct str text, size_t piece)
{
    scan_json_init(s);
    for (; text.n; text = str_from(text, piece)) {
        if (!scan_json_feed(s, str_to(text, piece)))
            return false;
    }
    return scan_json_end(s);
}

/* Whatever the split, what was read is the same. */
static struct scan_json scan_good(const char *text)
{
    struct scan_json whole, cut;
    assert_true(scan(&whole, str_of(text), strlen(text)));
    for (size_t piece = 1; piece < strlen(text); piece++) {
        assert_true(scan(&cut, str_of(text), piece));
        assert_memory_equal(whole.kinds, cut.kinds, sizeof(whole.kinds));
        assert_true(str_eq(scan_json_model(&whole), scan_json_model(&cut)));
        assert_int_equal(whole.messages_filled, cut.messages_filled);
    }
    return whole;
}

static void expect_model(const char *text, const char *wanted)
{
    struct scan_json s = scan_good(text);
    assert_true(str_eq(scan_json_model(&s), str_of(wanted)));
}

static void finds_the_fields_of_the_outermost_object(void **state)
{
    struct scan_json s = scan_good(
        " {\"x\":{\"model\":\"no\",\"stream\":false,\"messages\":[1]},\"model\":\"m-1\",\n"
        "\"stream\":true,\"image\":null,\"video\":{\"url\":\"v\"},\"remix_target_id\":\"r\","
        "\"video_count\":-1.5e+3,\"messages\":[{\"model\":\"no\",\"content\":[]}]}\t");
    (void)state;
    assert_true(str_eq(scan_json_model(&s), STR("m-1")));
    assert_true(s.messages_filled);
    static const enum scan_kind wanted[SCAN_FIELDS] = {
        [SCAN_MODEL] = SCAN_STRING,       [SCAN_STREAM] = SCAN_TRUE,
        [SCAN_MESSAGES] = SCAN_ARRAY,     [SCAN_IMAGE] = SCAN_NULL,
        [SCAN_VIDEO] = SCAN_OBJECT,       [SCAN_REMIX_TARGET_ID] = SCAN_STRING,
        [SCAN_VIDEO_COUNT] = SCAN_NUMBER,
    };
    for (enum scan_field f = 0; f < SCAN_FIELDS; f++)
        assert_int_equal(scan_json_kind(&s, f), wanted[f]);
}

static void of_equal_names_the_last_one_wins(void **state)
{
    (void)state;
    expect_model("{\"model\":\"a\",\"model\":\"b\"}", "b");
    expect_model("{\"model\":\"a\",\"model\":7}", "");
    expect_model("{\"model\":7,\"model\":\"b\"}", "b");
    assert_false(scan_good("{\"messages\":[1],\"messages\":[]}").messages_filled);
    assert_false(scan_good("{\"messages\":[1],\"messages\":{\"a\":[1]}}").messages_filled);
    assert_true(scan_good("{\"messages\":null,\"messages\":[ [] ]}").messages_filled);
}

static void undoes_escapes_in_names_and_in_the_model(void **state)
{
    (void)state;
    expect_model("{\"m\\u006fdel\":\"a\\\"\\\\\\/\\n\\u6d77\\ud83d\\ude00\"}",
                 "a\"\\/\n\xe6\xb5\xb7\xf0\x9f\x98\x80");
    expect_model("{\"model\":\"\\ud800x\\udc00\\ud800\\ud83d\\ude00\"}",
                 "\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98\x80");
    expect_model("{\"modelx\":\"a\",\"mode\":\"b\",\"models_that_are_longer_than_any\":\"c\"}", "");
}

static void a_model_over_its_bound_is_none(void **state)
{
    char text[2 * SCAN_MODEL_MAX];
    struct scan_json s;
    (void)state;
    for (int n = SCAN_MODEL_MAX - 1; n <= SCAN_MODEL_MAX + 1; n++) {
        int at = snprintf(text, sizeof(text), "{\"model\":\"");
        memset(text + at, 'm', (size_t)n);
        snprintf(text + at + n, sizeof(text) - (size_t)(at + n), "\"}");
        s = scan_good(text);
        assert_int_equal(s.model_too_long, n > SCAN_MODEL_MAX);
        assert_int_equal(scan_json_model(&s).n, n > SCAN_MODEL_MAX ? 0 : n);
    }
}

static void takes_what_the_grammar_takes(void **state)
{
    static const char *const good[] = {
        "{}",
        "\r\n\t {} ",
        "{\"a\":0}",
        "{\"a\":-0.0e-0}",
        "{\"a\":[1,2.5,1E9,true,false,null,\"\",{},[]]}",
        "{\"\":\"\"}",
        "{\"a\":\"\\b\\f\\r\\t\\u0000\x7f\"}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        scan_good(good[i]);
}

static void refuses_what_the_grammar_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "7",
        "\"x\"",
        "null",
        "{",
        "}",
        "{]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{\"a\":1}}",
        "{} {}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":-}",
        "{\"a\":1e}",
        "{\"a\":+1}",
        "{\"a\":tru}",
        "{\"a\":nul}",
        "{\"a\":truee}",
        "{\"a\":[1,]}",
        "{\"a\":[,1]}",
        "{\"a\":[1 2]}",
        "{\"a\":[1}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"",
        "{\"a\":'x'}",
        "\xef\xbb\xbf{}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1e5.5}",
        "{\"a\":--1}",
    };
    struct scan_json s;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_false(scan(&s, str_of(bad[i]), 1000));
        assert_false(scan(&s, str_of(bad[i]), 1));
    }
}

static void bounds_the_depth(void **state)
{
    char text[2 * SCAN_DEPTH_MAX + 16];
    struct scan_json s;
    (void)state;
    for (int deep = SCAN_DEPTH_MAX - 1; deep <= SCAN_DEPTH_MAX; deep++) {
        size_t n = (size_t)snprintf(text, sizeof(text), "{\"a\":");
        memset(text + n, '[', (size_t)deep);
        memset(text + n + deep, ']', (size_t)deep);
        text[n + 2 * (size_t)deep] = '}';
        assert_int_equal(scan(&s, (struct str){text, n + 2 * (size_t)deep + 1}, 7),
                         deep < SCAN_DEPTH_MAX);
    }
}

static void reads_long_strings_in_strides(void **state)
{
    char text[256];
    struct scan_json s;
    (void)state;
    /* The quote, the escape and the bad byte at every place of the eight. */
    for (int pad = 0; pad < 24; pad++) {
        snprintf(text, sizeof(text), "{\"x\":\"%.*s\\\"%.*s\",\"model\":\"m\"}", pad,
                 "0123456789\xe6\xb5\xb7"
                 "abcdefghijklmnop",
                 pad, "0123456789abcdefghijklmnop");
        s = scan_good(text);
        assert_true(str_eq(scan_json_model(&s), STR("m")));
        snprintf(text, sizeof(text), "{\"x\":\"%.*s\x1f\"}", pad, "0123456789abcdefghijklmnop");
        assert_false(scan(&s, str_of(text), 1000));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[GW-2] finds the fields of the outermost object",
         finds_the_fields_of_the_outermost_object, NULL, NULL, NULL},
        {"[GW-13] of equal names the last one wins", of_equal_names_the_last_one_wins, NULL, NULL,
         NULL},
        {"[GW-13] undoes escapes in names and in the model",
         undoes_escapes_in_names_and_in_the_model, NULL, NULL, NULL},
        {"[GW-13] a model over its bound is none", a_model_over_its_bound_is_none, NULL, NULL,
         NULL},
        {"[GW-13] takes what the grammar takes", takes_what_the_grammar_takes, NULL, NULL, NULL},
        {"[GW-2] refuses what the grammar refuses", refuses_what_the_grammar_refuses, NULL, NULL,
         NULL},
        {"[GW-13] bounds the depth", bounds_the_depth, NULL, NULL, NULL},
        {"[GW-13] reads long strings in strides", reads_long_strings_in_strides, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
