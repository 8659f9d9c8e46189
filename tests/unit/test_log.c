/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/log.h"
#include "platform/json_in.h"

static char line[20000];

/* What the call writes to standard error. */
#define CAPTURE(call)                                                                              \
    do {                                                                                           \
        int pipe_[2], before_ = dup(2);                                                            \
        assert_int_equal(pipe(pipe_), 0);                                                          \
        dup2(pipe_[1], 2);                                                                         \
        call;                                                                                      \
        dup2(before_, 2);                                                                          \
        close(before_);                                                                            \
        close(pipe_[1]);                                                                           \
        ssize_t n_ = read(pipe_[0], line, sizeof(line) - 1);                                       \
        close(pipe_[0]);                                                                           \
        line[n_ > 0 ? n_ : 0] = '\0';                                                              \
    } while (0)

static void a_line_is_one_json_object(void **state)
{
    struct json_doc *doc = NULL;
    struct err err;
    (void)state;
    CAPTURE(log_warn("it happened", LOG_I("n", 5), LOG_S("s", STR("two\nlines\"}"))));
    assert_int_equal(strcspn(line, "\n"), strlen(line) - 1);
    assert_int_equal(json_parse(str_of(line), &doc, &err), OK);
    struct json root = json_root(doc);
    assert_true(str_eq(json_str_or(json_get(root, "level"), STR_NONE), STR("warn")));
    assert_true(str_eq(json_str_or(json_get(root, "msg"), STR_NONE), STR("it happened")));
    assert_true(str_eq(json_str_or(json_get(root, "s"), STR_NONE), STR("two\nlines\"}")));
    assert_int_equal(json_int_or(json_get(root, "n"), 0), 5);
    assert_int_equal(json_int_or(json_get(root, "pid"), 0), getpid());
    json_doc_free(doc);
}

static void secrets_are_redacted(void **state)
{
    (void)state;
    CAPTURE(log_info("x", LOG_Z("refresh_token", "hidden-one"), LOG_Z("PASSWORD", "hidden-two"),
                     LOG_Z("text", "key sk-abcdefgh12345 and Bearer hidden.three-4 end"),
                     LOG_Z("name", "the task-management of disk-something"), LOG_Z("none", NULL)));
    assert_null(strstr(line, "hidden"));
    assert_null(strstr(line, "abcdefgh"));
    assert_non_null(strstr(line, "key sk-[redacted] and Bearer [redacted] end"));
    assert_non_null(strstr(line, "the task-management of disk-something"));
}

static void lines_below_the_level_are_dropped(void **state)
{
    (void)state;
    CAPTURE(log_debug("quiet"));
    assert_string_equal(line, "");
    log_set_level(LOG_DEBUG);
    CAPTURE(log_debug("heard"));
    assert_non_null(strstr(line, "heard"));
    log_set_level(LOG_ERROR);
    CAPTURE(log_warn("quiet"));
    assert_string_equal(line, "");
    log_set_level(LOG_INFO);
}

static void a_long_value_is_cut(void **state)
{
    static char text[5000];
    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    CAPTURE(log_info("long", LOG_Z("v", text)));
    assert_true(strlen(line) > 900 && strlen(line) < 2000);
    memset(text, '\x01', sizeof(text) - 1);
    CAPTURE(log_info("long", LOG_Z("v", text), LOG_Z("w", text)));
    assert_true(strlen(line) > 0 && line[strlen(line) - 1] == '\n');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[AD-3] a line is one JSON object that nothing can forge", a_line_is_one_json_object, NULL,
         NULL, NULL},
        {"[AD-3] secrets are redacted", secrets_are_redacted, NULL, NULL, NULL},
        cmocka_unit_test(lines_below_the_level_are_dropped),
        cmocka_unit_test(a_long_value_is_cut),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
