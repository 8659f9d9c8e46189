/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
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

/* An outsider's long field must not hide what happened. */
static void a_line_that_is_too_long_keeps_its_message(void **state)
{
    static char text[5000];
    (void)state;
    memset(text, '\x01', sizeof(text) - 1);
    CAPTURE(log_warn("it happened", LOG_I("n", 5), LOG_Z("v", text), LOG_I("m", 6)));
    assert_true(strlen(line) < 4096);
    assert_non_null(strstr(line, "\"level\":\"warn\""));
    assert_non_null(strstr(line, "\"msg\":\"it happened\""));
    assert_non_null(strstr(line, "\"n\":5"));
    assert_non_null(strstr(line, "\"fields_cut\":2}"));
}

static size_t lines_of(int fd)
{
    size_t lines = 0;
    ssize_t n = read(fd, line, sizeof(line) - 1);
    line[n > 0 ? n : 0] = '\0';
    for (const char *p = line; (p = strchr(p, '\n')); p++)
        lines++;
    return lines;
}

static void nobody_waits_for_a_reader_that_stands_still(void **state)
{
    int ends[2], before = dup(2);
    size_t seen = 0, n;
    char told[32];
    (void)state;
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    /* The writer's end as a service manager gives it. */
    assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
    dup2(ends[1], 2);
    alarm(20);
    for (int i = 0; i < 5000; i++)
        log_info("one of many");
    while ((n = lines_of(ends[0])))
        seen += n;
    log_info("after");
    size_t after = lines_of(ends[0]);
    alarm(0);
    dup2(before, 2);
    close(before);
    close(ends[0]);
    close(ends[1]);
    snprintf(told, sizeof(told), "\"count\":%zu}", 5000 - seen);
    assert_true(seen > 0 && seen < 5000);
    assert_int_equal(after, 2);
    assert_non_null(strstr(line, "\"msg\":\"log lines were dropped\""));
    assert_non_null(strstr(line, told));
    assert_non_null(strstr(line, "\"msg\":\"after\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[AD-3] a line is one JSON object that nothing can forge", a_line_is_one_json_object, NULL,
         NULL, NULL},
        {"[AD-3] secrets are redacted", secrets_are_redacted, NULL, NULL, NULL},
        cmocka_unit_test(lines_below_the_level_are_dropped),
        cmocka_unit_test(a_long_value_is_cut),
        cmocka_unit_test(a_line_that_is_too_long_keeps_its_message),
        cmocka_unit_test(nobody_waits_for_a_reader_that_stands_still),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
