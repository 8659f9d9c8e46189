/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect_world.h"

static const struct dialect_task task = {{"cgt-1/..", 8}, {NULL, 0}};

static const struct dialect *ark(void)
{
    return dialect_find(STR("ark"));
}

static void a_submission_has_its_parts(void **state)
{
    struct world *w = *state;
    struct dialect_request r = {.model = STR("doubao-seedance-1-0-pro"),
                                .prompt = STR("a paper boat"),
                                .orientation = STR("portrait"),
                                .seconds = 5,
                                .image_url = STR("data:image/png;base64,AA==")};
    struct dialect_http http;
    assert_int_equal(ark()->build_submit(&w->target, &r, w->arena, &http, &w->err), OK);
    expect_str(url_text(&http.url, w->arena),
               "https://up.example/api/v3/contents/generations/tasks");
    expect_str(http.headers[0].value, "Bearer sk-upstream");
    expect_str(http.body,
               "{\"model\":\"doubao-seedance-1-0-pro\",\"content\":[{\"type\":\"text\",\"text\":"
               "\"a paper boat\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
               "\"data:image/png;base64,AA==\"},\"role\":\"first_frame\"}],\"ratio\":\"9:16\","
               "\"duration\":5}");
}

static void a_size_is_a_ratio_and_a_resolution(void **state)
{
    static const struct {
        const char *size, *ratio, *resolution; /* NULL: refused */
    } cases[] = {
        {"1280x720", "16:9", "720p"},
        {"720x1280", "9:16", "720p"},
        {"1920x1080", "16:9", "1080p"},
        {"1792x1024", "16:9", "1080p"},
        {"1024x1792", "9:16", "1080p"},
        {"480x480", "1:1", "480p"},
        {"960x720", "4:3", "720p"},
        {"1680x720", "21:9", "720p"},
        {"1280x200", NULL, NULL},
        {"4096x2160", NULL, NULL},
        {"0x0", NULL, NULL},
        {"1280", NULL, NULL},
        {"-1280x720", NULL, NULL},
        {"1280x720x2", NULL, NULL},
        {"99999999999999999999x1", NULL, NULL},
    };
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dialect_request r = {.model = STR("m"), .size = str_of(cases[i].size)};
        struct dialect_http http;
        enum status status = ark()->build_submit(&w->target, &r, w->arena, &http, &w->err);
        assert_int_equal(status, cases[i].ratio ? OK : E_INVALID);
        if (status != OK) {
            assert_string_equal(w->err.code, "size_not_offered");
            continue;
        }
        struct str words = arena_printf(w->arena, "\"ratio\":\"%s\",\"resolution\":\"%s\"",
                                        cases[i].ratio, cases[i].resolution);
        assert_true(str_find(http.body, words) >= 0);
    }
}

static void says_no_to_what_it_does_not_make(void **state)
{
    struct world *w = *state;
    const struct {
        struct dialect_request r;
        const char *code;
    } cases[] = {{{.media_type = MEDIA_IMAGE}, "makes_videos_only"},
                 {{.count = 2}, "makes_one_video"},
                 {{.remix_of = STR("x")}, "takes_no_remix"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dialect_http http;
        assert_int_equal(ark()->build_submit(&w->target, &cases[i].r, w->arena, &http, &w->err),
                         E_INVALID);
        assert_string_equal(w->err.code, cases[i].code);
    }
}

static void a_task_is_one_segment_of_the_address(void **state)
{
    struct world *w = *state;
    struct dialect_http http;
    assert_int_equal(ark()->build_poll(&w->target, &task, w->arena, &http, &w->err), OK);
    expect_str(url_text(&http.url, w->arena),
               "https://up.example/api/v3/contents/generations/tasks/cgt-1%2F..");
    assert_int_equal(ark()->build_cancel(&w->target, &task, w->arena, &http, &w->err), OK);
    expect_str(http.method, "DELETE");
}

static enum status poll(struct world *w, int status, const char *body, struct dialect_outcome *ret)
{
    struct dialect_answer in = {status, STR("application/json"), str_of(body)};
    return ark()->read_poll(&w->target, &task, &in, w->arena, ret, &w->err);
}

static void every_state_has_its_word(void **state)
{
    static const struct {
        const char *body;
        enum dialect_state state;
        enum failure_class class;
    } cases[] = {
        {"{\"status\":\"queued\"}", DIALECT_PENDING, FAILURE_NONE},
        {"{\"status\":\"running\"}", DIALECT_RUNNING, FAILURE_NONE},
        {"{\"status\":\"rethinking\"}", DIALECT_RUNNING, FAILURE_NONE},
        {"{\"status\":\"succeeded\",\"content\":{\"video_url\":\"https://h/v.mp4?X=1\"}}",
         DIALECT_DONE, FAILURE_NONE},
        {"{\"status\":\"succeeded\",\"content\":{}}", DIALECT_FAILED, FAILURE_UPSTREAM},
        {"{\"status\":\"succeeded\"}", DIALECT_FAILED, FAILURE_UPSTREAM},
        {"{\"status\":\"failed\",\"error\":{\"code\":\"OutputVideoSensitiveContentDetected\","
         "\"message\":\"no\"}}",
         DIALECT_FAILED, FAILURE_CONTENT_POLICY},
        {"{\"status\":\"failed\",\"error\":{\"code\":\"InternalServiceError\"}}", DIALECT_FAILED,
         FAILURE_UPSTREAM},
        {"{\"status\":\"expired\"}", DIALECT_FAILED, FAILURE_TIMEOUT},
        {"{\"status\":\"cancelled\"}", DIALECT_CANCELLED, FAILURE_UPSTREAM},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dialect_outcome o;
        assert_int_equal(poll(*state, 200, cases[i].body, &o), OK);
        assert_int_equal(o.state, cases[i].state);
        assert_int_equal(o.failure.class, cases[i].class);
        assert_int_equal(o.media_count, o.state == DIALECT_DONE);
        assert_false(o.media[0].needs_credential);
    }
}

static void an_error_is_not_about_the_task(void **state)
{
    static const int statuses[] = {400, 401, 404, 429, 500, 503};
    struct dialect_outcome o;
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
        assert_int_equal(poll(*state, statuses[i], "{\"error\":{\"code\":\"x\"}}", &o), E_UPSTREAM);
    assert_int_equal(poll(*state, 502, "{\"status\":\"failed\"}", &o), E_UPSTREAM);
    assert_int_equal(poll(*state, 200, "{}", &o), E_UPSTREAM);
    assert_int_equal(poll(*state, 200, "<html>", &o), E_UPSTREAM);
}

static void a_submission_is_known_by_its_id(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *body;
        enum status result;
    } cases[] = {{"{\"id\":\"cgt-1\"}", OK},
                 {"{\"id\":\"\"}", E_UPSTREAM},
                 {"{}", E_UPSTREAM},
                 {"{\"id\":7}", E_UPSTREAM},
                 {"", E_UPSTREAM}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dialect_answer in = {200, STR(""), str_of(cases[i].body)};
        struct dialect_outcome o;
        assert_int_equal(ark()->read_submit(&w->target, &in, w->arena, &o, &w->err),
                         cases[i].result);
    }
}

static void knows_its_own_api_by_its_list(void **state)
{
    struct world *w = *state;
    static const struct {
        int status;
        const char *body;
        enum status result;
    } cases[] = {{200, "{\"items\":[],\"total\":0}", OK},
                 {200, "{\"data\":[]}", E_UPSTREAM},
                 {404, "{\"total\":0}", E_UPSTREAM}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dialect_answer in = {cases[i].status, STR(""), str_of(cases[i].body)};
        struct str names[1];
        size_t n = 9;
        assert_int_equal(ark()->read_models(&in, w->arena, names, 1, &n, &w->err), cases[i].result);
    }
}

int main(void)
{
#define CASE(title, fn)                                                                            \
    {                                                                                              \
        title, fn, world_open, world_close, NULL                                                   \
    }
    const struct CMUnitTest tests[] = {
        CASE("[AC-4] a submission has its parts", a_submission_has_its_parts),
        CASE("[AC-4] a size is a ratio and a resolution", a_size_is_a_ratio_and_a_resolution),
        CASE("[AC-4] says no to what it does not make", says_no_to_what_it_does_not_make),
        CASE("[AC-4] a task is one segment of the address", a_task_is_one_segment_of_the_address),
        CASE("[AC-4] [ST-8] every state has its word", every_state_has_its_word),
        CASE("[ST-3] an error is not about the task", an_error_is_not_about_the_task),
        CASE("[ST-3] a submission is known by its id", a_submission_is_known_by_its_id),
        CASE("[AC-5] knows its own API by its list", knows_its_own_api_by_its_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
