/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "api/respond.h"

static void assert_api(enum language language, const struct err *err, const char *wanted)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(4096);
    respond_error(&out, language, err);
    buf_add_char(&out, '\0');
    assert_string_equal(buf_str(&out).p, wanted);
}

static void assert_openai(int status, const struct err *err, const char *wanted)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(4096);
    respond_openai_error(&out, status, err);
    buf_add_char(&out, '\0');
    assert_string_equal(buf_str(&out).p, wanted);
}

static void outcomes_become_http(void **state)
{
    (void)state;
    assert_int_equal(respond_status(E_INVALID), 400);
    assert_int_equal(respond_status(E_AUTH), 401);
    assert_int_equal(respond_status(E_LIMIT), 429);
    assert_int_equal(respond_status(E_GONE), 410);
    assert_int_equal(respond_status(E_UPSTREAM), 502);
    for (int status = E_INVALID; status <= E_INTERNAL; status++)
        assert_true(respond_status((enum status)status) >= 400);
}

static void messages_follow_the_language(void **state)
{
    struct err err;
    (void)state;
    err_set(&err, E_CONFLICT, "already_finished");
    assert_api(LANG_ZH, &err,
               "{\"error\":{\"code\":\"already_finished\",\"message\":\"任务已结束，无法取消\"}}");
    assert_api(LANG_EN, &err,
               "{\"error\":{\"code\":\"already_finished\","
               "\"message\":\"The job has ended and cannot be cancelled.\"}}");
    err_field(&err, "invalid_field", "seconds", "%s must be 10 or 15", "seconds");
    assert_api(LANG_ZH, &err,
               "{\"error\":{\"code\":\"invalid_field\",\"message\":\"字段的值无效：seconds\","
               "\"field\":\"seconds\"}}");
    assert_api(LANG_EN, &err,
               "{\"error\":{\"code\":\"invalid_field\",\"message\":\"seconds must be 10 or 15\","
               "\"field\":\"seconds\"}}");
}

static void figures_stand_beside_the_message(void **state)
{
    struct err err;
    (void)state;
    err_set(&err, E_LIMIT, "quota_exceeded");
    err_number(&err, "quota_bytes", 100);
    err_number(&err, "used_bytes", 99);
    assert_api(LANG_ZH, &err,
               "{\"error\":{\"code\":\"quota_exceeded\","
               "\"message\":\"存储配额已满，请删除不需要的作品释放空间\",\"quota_bytes\":100,"
               "\"used_bytes\":99,\"guide\":\"delete_works\"}}");
    err_set(&err, E_LIMIT, "too_many_attempts");
    err.retry_after_ms = 1001;
    assert_api(LANG_EN, &err,
               "{\"error\":{\"code\":\"too_many_attempts\","
               "\"message\":\"Too many attempts. Try again later.\",\"retry_after\":2}}");
}

static void details_stay_inside(void **state)
{
    struct err err;
    (void)state;
    err_set(&err, E_INTERNAL, "never_heard_of");
    err_detail(&err, "password=hunter2");
    assert_api(LANG_ZH, &err,
               "{\"error\":{\"code\":\"never_heard_of\",\"message\":\"服务器内部错误\"}}");
    assert_openai(500, &err,
                  "{\"error\":{\"message\":\"Something went wrong on the server.\","
                  "\"type\":\"server_error\",\"param\":null,\"code\":\"never_heard_of\"}}");
}

static void openai_types_follow_the_status(void **state)
{
    struct err err;
    (void)state;
    err_field(&err, "missing_field", "model", "model is required");
    assert_openai(
        400, &err,
        "{\"error\":{\"message\":\"model is required\",\"type\":\"invalid_request_error\","
        "\"param\":\"model\",\"code\":\"missing_field\"}}");
    err_set(&err, E_AUTH, "invalid_api_key");
    assert_openai(
        401, &err,
        "{\"error\":{\"message\":\"The API key is wrong, disabled or expired.\","
        "\"type\":\"authentication_error\",\"param\":null,\"code\":\"invalid_api_key\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"every outcome has its HTTP status", outcomes_become_http, NULL, NULL, NULL},
        {"[ST-10] messages follow the language, codes stay", messages_follow_the_language, NULL,
         NULL, NULL},
        {"[ST-1] figures stand beside the message", figures_stand_beside_the_message, NULL, NULL,
         NULL},
        {"[AD-3] details are for the log alone", details_stay_inside, NULL, NULL, NULL},
        {"[GW-12] OpenAI's error types follow the status", openai_types_follow_the_status, NULL,
         NULL, NULL},
    };
    return cmocka_run_group_tests_name("respond", tests, NULL, NULL);
}
