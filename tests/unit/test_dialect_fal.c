/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect_world.h"

#define REF "/api/a/b/requests/r1/status\n/api/a/b/requests/r1\n/api/a/b/requests/r1/cancel"

static const struct dialect_task waiting = {{"r1", 2}, {REF, sizeof(REF) - 1}};
static const struct dialect_task finished = {
    {"r1", 2}, {REF + 27, sizeof(REF) - 1 - 27}}; /* from the first line's end on */

static const struct dialect *fal(void)
{
    return dialect_find(STR("fal"));
}

static enum status submit(struct world *w, const struct dialect_request *r,
                          struct dialect_http *ret)
{
    return fal()->build_submit(&w->target, r, w->arena, ret, &w->err);
}

static void expect_body(struct world *w, const struct dialect_request *r, const char *body)
{
    struct dialect_http http;
    assert_int_equal(submit(w, r, &http), OK);
    expect_str(http.body, body);
}

static void a_submission_is_the_models_own_input(void **state)
{
    struct world *w = *state;
    struct dialect_request r = {.model = STR("fal-ai/veo3.1"),
                                .prompt = STR("a paper boat"),
                                .orientation = STR("portrait"),
                                .seconds = 6};
    struct dialect_http http;
    assert_int_equal(submit(w, &r, &http), OK);
    expect_str(url_text(&http.url, w->arena), "https://up.example/api/fal-ai/veo3.1");
    expect_str(http.method, "POST");
    expect_str(http.headers[0].value, "Key sk-upstream");
    assert_true(http.sends_credential);
    expect_str(http.body,
               "{\"prompt\":\"a paper boat\",\"duration\":\"6s\",\"aspect_ratio\":\"9:16\"}");
    r.size = STR("1280x720");
    expect_body(w, &r,
                "{\"prompt\":\"a paper boat\",\"duration\":\"6s\",\"aspect_ratio\":\"16:9\","
                "\"resolution\":\"720p\"}");
}

static void each_model_has_its_own_fields(void **state)
{
    struct world *w = *state;
    struct str image = STR("data:image/png;base64,AA==");
    expect_body(w,
                &(struct dialect_request){.model = STR("fal-ai/kling-video/v4/image-to-video"),
                                          .prompt = STR("p"),
                                          .image_url = image},
                "{\"prompt\":\"p\",\"start_image_url\":\"data:image/png;base64,AA==\"}");
    expect_body(w,
                &(struct dialect_request){.model = STR("bytedance/seedance-2.0/image-to-video"),
                                          .prompt = STR("p"),
                                          .size = STR("1920x1080"),
                                          .image_url = image},
                "{\"prompt\":\"p\",\"resolution\":\"1080p\",\"image_url\":"
                "\"data:image/png;base64,AA==\"}");
    expect_body(w,
                &(struct dialect_request){.model = STR("fal-ai/flux/dev"),
                                          .media_type = MEDIA_IMAGE,
                                          .prompt = STR("p"),
                                          .size = STR("1024x1536"),
                                          .count = 2},
                "{\"prompt\":\"p\",\"image_size\":{\"width\":1024,\"height\":1536},"
                "\"num_images\":2}");
    expect_body(w, &(struct dialect_request){.model = STR("who/knows"), .prompt = STR("p")},
                "{\"prompt\":\"p\"}");
}

static void what_a_model_cannot_take_is_refused(void **state)
{
    struct world *w = *state;
    struct str image = STR("https://a.example/b.png");
    const struct {
        struct dialect_request r;
        const char *code;
    } cases[] = {
        {{.model = STR("fal-ai/veo3.1"), .seconds = 10}, "seconds_not_offered"},
        {{.model = STR("fal-ai/veo3.1"), .size = STR("100x100")}, "size_not_offered"},
        {{.model = STR("fal-ai/veo3.1"), .size = STR("wide")}, "size_not_offered"},
        {{.model = STR("fal-ai/veo3.1"), .image_url = image}, "takes_no_image"},
        {{.model = STR("fal-ai/veo3.1"), .count = 2}, "makes_one_video"},
        {{.model = STR("fal-ai/veo3.1"), .media_type = MEDIA_IMAGE}, "makes_videos_only"},
        {{.model = STR("fal-ai/veo3.1"), .remix_of = STR("x")}, "takes_no_remix"},
        {{.model = STR("fal-ai/veo3.1/image-to-video")}, "needs_image"},
        {{.model = STR("fal-ai/flux/dev")}, "makes_images_only"},
        {{.model = STR("fal-ai/flux/dev"), .media_type = MEDIA_IMAGE, .count = 5},
         "makes_fewer_images"},
        {{.model = STR("who/knows"), .seconds = 5}, "seconds_not_offered"},
        {{.model = STR("who/knows"), .orientation = STR("portrait")}, "orientation_not_offered"},
        {{.model = STR("who/knows"), .size = STR("1280x720")}, "size_not_offered"},
        {{.model = STR("who/knows"), .media_type = MEDIA_IMAGE, .count = 2}, "makes_fewer_images"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dialect_http http;
        assert_int_equal(submit(w, &cases[i].r, &http), E_INVALID);
        assert_string_equal(w->err.code, cases[i].code);
    }
}

static void only_a_path_is_a_model(void **state)
{
    static const char *const bad[] = {"",       "veo",   "/a/b",  "a//b",       "a/b/",
                                      "a/../b", "a/b?c", "a/b#c", "a/b c",      "a/%2e%2e",
                                      "a\\b/c", "./a/b", "a/.b",  "https://x/y"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct world *w = *state;
        struct dialect_http http;
        struct dialect_request r = {.model = str_of(bad[i]), .prompt = STR("p")};
        assert_int_equal(submit(w, &r, &http), E_INVALID);
        assert_string_equal(w->err.code, "no_model_path");
    }
}

static enum status submitted(struct world *w, const char *origin, struct dialect_outcome *ret)
{
    struct str body = arena_printf(w->arena,
                                   "{\"request_id\":\"r1\",\"status_url\":\"%s/a/b/requests/r1/"
                                   "status?logs=1\",\"response_url\":\"%s/a/b/requests/r1\","
                                   "\"cancel_url\":\"%s/a/b/requests/r1/cancel\"}",
                                   origin, origin, origin);
    struct dialect_answer in = {200, STR("application/json"), body};
    return fal()->read_submit(&w->target, &in, w->arena, ret, &w->err);
}

/* Whatever host the answer names, the key goes to the account's own. */
static void the_key_stays_at_the_accounts_own_origin(void **state)
{
    static const char *const origins[] = {
        "https://up.example/api", "https://queue.fal.run", "http://up.example",
        "https://up.example:444", "//evil.example",        "https://169.254.169.254",
    };
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_SIZE(origins); i++) {
        struct dialect_outcome o;
        struct dialect_http http;
        assert_int_equal(submitted(w, origins[i], &o), OK);
        struct dialect_task task = {o.task_id, o.ref};
        assert_int_equal(fal()->build_poll(&w->target, &task, w->arena, &http, &w->err), OK);
        expect_str(url_text(&http.url, w->arena),
                   "https://up.example/api/a/b/requests/r1/status?logs=1");
        assert_int_equal(fal()->build_cancel(&w->target, &task, w->arena, &http, &w->err), OK);
        expect_str(http.method, "PUT");
        expect_str(url_text(&http.url, w->arena), "https://up.example/api/a/b/requests/r1/cancel");
    }
}

static void a_ref_that_names_an_origin_leads_nowhere(void **state)
{
    static const char *const refs[] = {"https://evil.example/x\nhttps://evil.example/y\n",
                                       "//evil.example/x\n//evil.example/y\n", "\n\n", ""};
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_SIZE(refs); i++) {
        struct dialect_task task = {STR("r1"), str_of(refs[i])};
        struct dialect_http http;
        if (fal()->build_poll(&w->target, &task, w->arena, &http, &w->err) == OK)
            assert_true(url_same_origin(&http.url, &w->target.base));
    }
}

static void an_answer_that_does_not_say_where_to_ask_is_a_bad_answer(void **state)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"request_id\":\"r1\"}",
        "{\"request_id\":\"r1\",\"status_url\":\"/s\"}",
        "{\"status_url\":\"/s\",\"response_url\":\"/r\"}",
        "{\"request_id\":7,\"status_url\":\"/s\",\"response_url\":\"/r\"}",
        "{\"request_id\":\"r1\",\"status_url\":\"ftp://x/s\",\"response_url\":\"/r\"}",
    };
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        struct dialect_answer in = {200, STR("application/json"), str_of(bodies[i])};
        struct dialect_outcome o;
        assert_int_equal(fal()->read_submit(&w->target, &in, w->arena, &o, &w->err), E_UPSTREAM);
        assert_string_equal(w->err.code, "bad_answer");
    }
}

static enum status poll(struct world *w, const struct dialect_task *task, int status,
                        const char *body, struct dialect_outcome *ret)
{
    struct dialect_answer in = {status, STR("application/json"), str_of(body)};
    return fal()->read_poll(&w->target, task, &in, w->arena, ret, &w->err);
}

static void a_finished_request_is_asked_for_its_result(void **state)
{
    struct world *w = *state;
    struct dialect_outcome o;
    struct dialect_http http;
    assert_int_equal(poll(w, &waiting, 202, "{\"status\":\"IN_QUEUE\",\"queue_position\":3}", &o),
                     OK);
    assert_int_equal(o.state, DIALECT_PENDING);
    assert_int_equal(o.queue_position, 3);
    assert_int_equal(poll(w, &waiting, 202, "{\"status\":\"IN_PROGRESS\",\"logs\":[]}", &o), OK);
    assert_int_equal(o.state, DIALECT_RUNNING);
    assert_null(o.ref.p);
    assert_int_equal(poll(w, &waiting, 200, "{\"status\":\"COMPLETED\"}", &o), OK);
    assert_int_equal(o.state, DIALECT_RUNNING);
    assert_true(o.at_once);
    struct dialect_task next = {STR("r1"), o.ref};
    assert_int_equal(fal()->build_poll(&w->target, &next, w->arena, &http, &w->err), OK);
    expect_str(url_text(&http.url, w->arena), "https://up.example/api/a/b/requests/r1");
    /* It can still be cancelled, and is not polled from the beginning. */
    assert_int_equal(fal()->build_cancel(&w->target, &next, w->arena, &http, &w->err), OK);
    assert_int_equal(poll(w, &next, 400, "{\"detail\":\"Request is still in progress\"}", &o), OK);
    assert_int_equal(o.state, DIALECT_RUNNING);
    assert_null(o.ref.p);
}

static void completed_may_be_a_failure(void **state)
{
    struct world *w = *state;
    struct dialect_outcome o;
    assert_int_equal(poll(w, &waiting, 200,
                          "{\"status\":\"COMPLETED\",\"error\":\"gave up\","
                          "\"error_type\":\"request_timeout\"}",
                          &o),
                     OK);
    assert_int_equal(o.state, DIALECT_FAILED);
    assert_int_equal(o.failure.class, FAILURE_TIMEOUT);
    expect_str(o.failure.words, "gave up");
}

static void results_are_videos_or_images(void **state)
{
    struct world *w = *state;
    struct dialect_outcome o;
    assert_int_equal(
        poll(w, &finished, 200, "{\"video\":{\"url\":\"https://v3.fal.media/f/a.mp4\"}}", &o), OK);
    assert_int_equal(o.state, DIALECT_DONE);
    assert_int_equal(o.media_count, 1);
    assert_int_equal(o.media[0].type, MEDIA_VIDEO);
    expect_str(o.media[0].url, "https://v3.fal.media/f/a.mp4");
    assert_int_equal(poll(w, &finished, 200,
                          "{\"images\":[{\"url\":\"https://up.example/tmp/1.png\"},"
                          "{\"url\":\"https://h/2.png\"}],\"seed\":1}",
                          &o),
                     OK);
    assert_int_equal(o.media_count, 2);
    assert_int_equal(o.media[1].type, MEDIA_IMAGE);
    /* Even where the path would say so of another upstream. */
    assert_false(o.media[0].needs_credential);
    assert_int_equal(poll(w, &finished, 200, "{\"images\":[\"data:image/png;base64,AA\"]}", &o),
                     OK);
    assert_int_equal(o.state, DIALECT_FAILED);
    expect_str(o.failure.code, "no_result");
}

static void only_the_models_own_error_is_a_failure(void **state)
{
    struct world *w = *state;
    struct dialect_outcome o;
    const char *policy = "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"flagged\","
                         "\"type\":\"content_policy_violation\"}]}";
    assert_int_equal(poll(w, &finished, 422, policy, &o), OK);
    assert_int_equal(o.state, DIALECT_FAILED);
    assert_int_equal(o.failure.class, FAILURE_CONTENT_POLICY);
    expect_str(o.failure.words, "flagged");
    assert_int_equal(poll(w, &finished, 422, "{\"detail\":\"no such voice\"}", &o), OK);
    assert_int_equal(o.state, DIALECT_FAILED);
    static const int passing[] = {401, 402, 403, 404, 408, 429, 500, 502, 503};
    for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
        assert_int_equal(poll(w, &finished, passing[i], "{\"detail\":\"not now\"}", &o),
                         E_UPSTREAM);
    assert_int_equal(poll(w, &finished, 503, "<html>", &o), E_UPSTREAM);
    /* Seen of results that were there a moment later. */
    static const char *const gateways[] = {"<html>", "", "{\"detail\":\"Gateway Timeout\"}"};
    for (size_t i = 0; i < ARRAY_SIZE(gateways); i++) {
        assert_int_equal(poll(w, &finished, 504, gateways[i], &o), OK);
        assert_int_equal(o.state, DIALECT_RUNNING);
        assert_null(o.ref.p);
    }
    assert_int_equal(poll(w, &waiting, 500, "{\"status\":\"COMPLETED\"}", &o), E_UPSTREAM);
}

static void knows_its_own_api_by_what_it_says(void **state)
{
    struct world *w = *state;
    static const struct {
        int status;
        const char *body;
        enum status result;
    } cases[] = {
        {404, "{\"detail\":\"Request not found\"}", OK},
        {404, "{\"detail\":\"Not Found\"}", E_UPSTREAM}, /* any FastAPI server's */
        {404, "{\"error\":{\"message\":\"no\"}}", E_UPSTREAM},
        {200, "{\"request_id\":\"0\",\"status\":\"COMPLETED\"}", OK},
        {200, "<html>", E_UPSTREAM},
        {500, "{\"detail\":\"down\"}", E_UPSTREAM},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dialect_answer in = {cases[i].status, STR(""), str_of(cases[i].body)};
        struct str names[1];
        size_t n = 9;
        assert_int_equal(fal()->read_models(&in, w->arena, names, 1, &n, &w->err), cases[i].result);
    }
}

int main(void)
{
#define CASE(title, fn)                                                                            \
    {                                                                                              \
        title, fn, world_open, world_close, NULL                                                   \
    }
    const struct CMUnitTest tests[] = {
        CASE("[AC-4] a submission is the model's own input", a_submission_is_the_models_own_input),
        CASE("[AC-4] each model has its own fields", each_model_has_its_own_fields),
        CASE("[AC-4] what a model cannot take is refused", what_a_model_cannot_take_is_refused),
        CASE("[AC-4] only a path is a model", only_a_path_is_a_model),
        CASE("[AC-7] [GW-9] the key stays at the account's own origin",
             the_key_stays_at_the_accounts_own_origin),
        CASE("[AC-7] a ref that names an origin leads nowhere else",
             a_ref_that_names_an_origin_leads_nowhere),
        CASE("[AC-4] an answer that does not say where to ask is a bad answer",
             an_answer_that_does_not_say_where_to_ask_is_a_bad_answer),
        CASE("[ST-2] a finished request is asked for its result",
             a_finished_request_is_asked_for_its_result),
        CASE("[ST-8] completed may be a failure", completed_may_be_a_failure),
        CASE("[AC-4] results are videos or images, open to all", results_are_videos_or_images),
        CASE("[ST-2] only the model's own error is a failure",
             only_the_models_own_error_is_a_failure),
        CASE("[AC-5] knows its own API by what it says", knows_its_own_api_by_what_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
