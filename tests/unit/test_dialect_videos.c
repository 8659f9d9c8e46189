/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect_world.h"

static const char *const servers[] = {"openai", "vllm-omni", "sglang", "litellm", "new-api"};

static const struct dialect *videos(void)
{
    return dialect_find(STR("videos"));
}

static enum dialect_state state_named(struct str name)
{
    if (str_eq(name, STR("pending")))
        return DIALECT_PENDING;
    if (str_eq(name, STR("completed")))
        return DIALECT_DONE;
    if (str_eq(name, STR("failed")))
        return DIALECT_FAILED;
    if (str_eq(name, STR("cancelled")))
        return DIALECT_CANCELLED;
    return DIALECT_RUNNING; /* "generating", and "unknown": it goes on */
}

static void compare(struct world *w, struct json reads, const struct dialect_outcome *o)
{
    struct json state = json_get(reads, "state"), url = json_get(reads, "url"),
                error = json_get(reads, "error"), progress = json_get(reads, "progress");
    (void)w;
    assert_int_equal(o->state, state_named(json_str_or(state, STR(""))));
    if (json_is_int(progress) && o->progress >= 0)
        assert_int_equal(o->progress, json_int_or(progress, -1));
    if (json_is_string(error))
        assert_true(str_eq(o->failure.words, json_str_or(error, STR_NONE)));
    if (json_is_string(url)) {
        assert_int_equal(o->media_count, 1);
        assert_true(str_eq(o->media[0].url, json_str_or(url, STR_NONE)));
        assert_false(o->media[0].needs_credential);
    }
}

static void read_one(struct world *w, struct json answer)
{
    struct dialect_answer in = wire_answer(w, answer);
    struct str request = json_str_or(json_get(answer, "request"), STR(""));
    struct json reads = json_get(answer, "reads");
    const struct dialect_task mine = {.id = STR("mine")};
    struct dialect_outcome o = {.progress = -1};
    if (!json_is_string(json_get(reads, "state")))
        return;
    if (str_starts(request, STR("POST "))) {
        assert_int_equal(videos()->read_submit(&w->target, &in, w->arena, &o, &w->err), OK);
        assert_true(str_eq(o.task_id, json_str_or(json_get(reads, "id"), STR_NONE)));
    } else {
        assert_int_equal(videos()->read_poll(&w->target, &mine, &in, w->arena, &o, &w->err), OK);
    }
    compare(w, reads, &o);
    /* What has no address of its own is fetched by the id we were given. */
    if (o.state == DIALECT_DONE && !json_is_string(json_get(reads, "url"))) {
        expect_str(o.media[0].url, "https://up.example/api/v1/videos/mine/content");
        assert_true(o.media[0].needs_credential);
    }
}

static void reads_the_answers_of_other_servers(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
        each_answer(*state, servers[i], read_one);
}

static struct dialect_http submit(struct world *w, const struct dialect_request *r)
{
    struct dialect_http http;
    assert_int_equal(videos()->build_submit(&w->target, r, w->arena, &http, &w->err), OK);
    assert_true(http.sends_credential);
    return http;
}

/* A field of a form, by its name. */
static void expect_part(const struct dialect_http *http, const char *name, const char *value)
{
    char part[256];
    snprintf(part, sizeof(part), "name=\"%s\"\r\n\r\n%s\r\n", name, value);
    assert_true(str_find(http->body, str_of(part)) >= 0);
}

static void submits_a_form_with_size_and_seconds(void **state)
{
    struct world *w = *state;
    struct dialect_request r = {.model = STR("m"),
                                .prompt = STR("a paper boat"),
                                .orientation = STR("portrait"),
                                .seconds = 10,
                                .image_bytes = STR("PNG"),
                                .image_type = STR("image/png")};
    struct dialect_http http = submit(w, &r);
    expect_str(url_text(&http.url, w->arena), "https://up.example/api/v1/videos");
    expect_str(http.method, "POST");
    expect_str(http.headers[0].value, "Bearer sk-upstream");
    static const char *const parts[] = {"a paper boat", "\"model\"",  "720x1280",
                                        "\"seconds\"",  "\r\n10\r\n", "input_reference"};
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        assert_true(str_find(http.body, str_of(parts[i])) >= 0);
}

static void a_remix_is_a_request_of_its_own(void **state)
{
    struct world *w = *state;
    struct dialect_request r = {
        .model = STR("m"), .prompt = STR("now at night"), .remix_of = STR("video_1/../x")};
    struct dialect_http http = submit(w, &r);
    expect_str(url_text(&http.url, w->arena),
               "https://up.example/api/v1/videos/video_1%2F..%2Fx/remix");
    expect_str(http.body, "{\"prompt\":\"now at night\"}");
}

static void what_else_was_said_is_passed_on(void **state)
{
    struct world *w = *state;
    struct dialect_request r = {.model = STR("m"),
                                .prompt = STR("p"),
                                .extra = STR("{\"seed\":7,\"model\":\"x\",\"style\":\"s\"}")};
    struct dialect_http http = submit(w, &r);
    expect_part(&http, "seed", "7");
    expect_part(&http, "style", "s");
    expect_part(&http, "model", "m");
    r.other_form = true;
    http = submit(w, &r);
    expect_str(http.body, "{\"model\":\"m\",\"prompt\":\"p\",\"seed\":7,\"style\":\"s\"}");
}

static struct str form_type(const struct dialect_http *http)
{
    for (size_t i = 0; i < http->header_count; i++) {
        if (str_eq(http->headers[i].name, STR("Content-Type")))
            return http->headers[i].value;
    }
    return STR_NONE;
}

static void nobody_can_foresee_the_delimiter_of_a_form(void **state)
{
    struct world *w = *state;
    struct dialect_request r = {.model = STR("m"), .prompt = STR("p"), .secret = STR("job-1")};
    struct dialect_http one = submit(w, &r), again = submit(w, &r);
    assert_true(str_eq(one.body, again.body));
    r.secret = STR("job-2");
    struct dialect_http other = submit(w, &r);
    assert_false(str_eq(form_type(&one), form_type(&other)));
    r.media_type = MEDIA_IMAGE;
    r.image_url = STR("http://example.org/boat.png");
    struct dialect_http edit = submit(w, &r);
    r.secret = STR("job-3");
    other = submit(w, &r);
    assert_false(str_eq(form_type(&edit), form_type(&other)));
}

static void a_form_that_is_refused_for_its_form_is_said_as_json(void **state)
{
    struct world *w = *state;
    struct dialect_request r = {.model = STR("m"), .prompt = STR("p"), .seconds = 4};
    static const struct {
        int status;
        const char *body;
        bool wants;
    } answers[] = {
        {400, "{\"detail\":\"input_reference file is required\"}", true},
        {415, "Unsupported Media Type", true},
        {422, "{\"detail\":[{\"loc\":[\"body\",\"input_reference\"],\"msg\":\"x\"}]}", true},
        {400, "{\"error\":{\"message\":\"bad size\"}}", false},
        {500, "{\"detail\":\"input_reference\"}", false},
    };
    assert_true(submit(w, &r).has_other_form);
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        struct dialect_answer in = {answers[i].status, STR("application/json"),
                                    str_of(answers[i].body)};
        assert_int_equal(videos()->wants_other_form(&in), answers[i].wants);
    }
    r.other_form = true;
    struct dialect_http http = submit(w, &r);
    assert_false(http.has_other_form);
    expect_str(http.body, "{\"model\":\"m\",\"prompt\":\"p\",\"seconds\":\"4\",\"duration\":4}");
}

static void images_are_one_call(void **state)
{
    struct world *w = *state;
    struct dialect_request r = {.model = STR("wan"),
                                .media_type = MEDIA_IMAGE,
                                .prompt = STR("p"),
                                .count = 2,
                                .orientation = STR("portrait")};
    struct dialect_http http = submit(w, &r);
    assert_true(http.answer_is_job);
    expect_str(url_text(&http.url, w->arena), "https://up.example/api/v1/images/generations");
    expect_str(http.body, "{\"model\":\"wan\",\"prompt\":\"p\",\"n\":2,\"size\":\"1024x1536\","
                          "\"response_format\":\"b64_json\"}");
    r = (struct dialect_request){.model = STR("gpt-image-1"),
                                 .media_type = MEDIA_IMAGE,
                                 .prompt = STR("p"),
                                 .image_bytes = STR("PNG"),
                                 .image_type = STR("image/png")};
    http = submit(w, &r);
    expect_str(url_text(&http.url, w->arena), "https://up.example/api/v1/images/edits");
    expect_part(&http, "prompt", "p");
    assert_true(str_find(http.body, STR("name=\"image\"; filename=\"reference.png\"")) > 0);
    assert_true(str_find(http.body, STR("response_format")) < 0);
}

static void an_edit_carries_all_its_images_and_the_mask(void **state)
{
    struct world *w = *state;
    const struct dialect_image png = {.bytes = STR("SECOND"), .type = STR("image/png")};
    const struct dialect_image far = {.url = STR("https://c.example/third.png")};
    struct dialect_request r = {.model = STR("wan"),
                                .media_type = MEDIA_IMAGE,
                                .prompt = STR("p"),
                                .image_bytes = STR("FIRST"),
                                .image_type = STR("image/jpeg"),
                                .more_images = {png, far},
                                .more_image_count = 2,
                                .mask = {.bytes = STR("MASK"), .type = STR("image/png")}};
    struct dialect_http http = submit(w, &r);
    static const char *const parts[] = {"name=\"image[]\"; filename=\"reference.jpeg\"",
                                        "\r\n\r\nFIRST\r\n",
                                        "name=\"image[]\"; filename=\"reference.png\"",
                                        "\r\n\r\nSECOND\r\n",
                                        "name=\"url[]\"\r\n\r\nhttps://c.example/third.png\r\n",
                                        "name=\"mask\"; filename=\"reference.png\"",
                                        "\r\n\r\nMASK\r\n"};
    ptrdiff_t at = 0;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        ptrdiff_t found = str_find(http.body, str_of(parts[i]));
        assert_true(found > at);
        at = found;
    }
}

static void a_video_takes_one_image_and_no_mask(void **state)
{
    struct world *w = *state;
    struct dialect_http http;
    struct dialect_request r = {.model = STR("m"),
                                .prompt = STR("p"),
                                .image_url = STR("https://c.example/a.png"),
                                .more_images = {{.url = STR("https://c.example/b.png")}},
                                .more_image_count = 1};
    assert_int_equal(videos()->build_submit(&w->target, &r, w->arena, &http, &w->err), E_INVALID);
    assert_string_equal(w->err.code, "takes_one_image");
    r.more_image_count = 0;
    r.mask.url = STR("https://c.example/mask.png");
    assert_int_equal(videos()->build_submit(&w->target, &r, w->arena, &http, &w->err), E_INVALID);
    assert_string_equal(w->err.code, "takes_no_mask");
}

static const struct dialect_outcome *read_images(struct world *w, const char *body)
{
    const struct dialect *d = videos();
    struct dialect_stream *s = d->stream_new(w->arena, &w->target, false);
    struct dialect_outcome *copy = arena_alloc(w->arena, sizeof(*copy));
    struct str rest = str_of(body);
    for (; rest.n; rest = str_from(rest, 3))
        assert_int_equal(d->stream_feed(s, str_to(rest, 3), &w->err), OK);
    enum status status = d->stream_finish(s, &w->err);
    *copy = *d->stream_outcome(s);
    for (size_t i = 0; i < copy->media_count; i++)
        copy->media[i].bytes_base64 = arena_str(w->arena, copy->media[i].bytes_base64);
    d->stream_free(s);
    return status == OK ? copy : NULL;
}

static void images_come_as_bytes_or_addresses(void **state)
{
    struct world *w = *state;
    const struct dialect_outcome *o = read_images(
        w, "{\"created\":1,\"data\":[{\"b64_json\":\"UE5H\"},{\"url\":\"https://c.example/a.png\"},"
           "{\"url\":\"data:image/png;base64,UE5H\"},{\"revised_prompt\":\"x\"}]}");
    assert_int_equal(o->state, DIALECT_DONE);
    assert_int_equal(o->media_count, 3);
    expect_str(o->media[0].bytes_base64, "UE5H");
    expect_str(o->media[1].url, "https://c.example/a.png");
    expect_str(o->media[2].bytes_base64, "UE5H");
    o = read_images(w, "{\"error\":{\"message\":\"blocked\",\"code\":\"moderation_blocked\"}}");
    assert_int_equal(o->state, DIALECT_FAILED);
    assert_int_equal(o->failure.class, FAILURE_CONTENT_POLICY);
    assert_int_equal(read_images(w, "{\"data\":[]}")->state, DIALECT_FAILED);
    assert_null(read_images(w, "{\"data\":[{\"b64_"));
}

static void expect_bad(struct world *w, struct str body)
{
    struct dialect_answer in = {200, STR("application/json"), body};
    struct dialect_outcome o;
    assert_int_equal(videos()->read_submit(&w->target, &in, w->arena, &o, &w->err), E_UPSTREAM);
    assert_string_equal(w->err.code, "bad_answer");
}

static void an_answer_that_is_no_task_is_a_bad_answer(void **state)
{
    expect_bad(*state, STR(""));
    expect_bad(*state, STR("<html>"));
    expect_bad(*state, STR("[]"));
    expect_bad(*state, STR("{\"status\":\"queued\"}"));
    expect_bad(*state, STR("{\"id\":7,\"status\":\"queued\"}"));
    expect_bad(*state, STR("{\"id\":\"a\"}"));
}

static void done_with_an_error_is_failed(void **state)
{
    struct world *w = *state;
    struct dialect_answer in = {
        200, STR("application/json"),
        STR("{\"id\":\"a\",\"status\":\"completed\",\"error\":{\"message\":\"moderation\"}}")};
    const struct dialect_task task = {.id = STR("a")};
    struct dialect_outcome o;
    assert_int_equal(videos()->read_poll(&w->target, &task, &in, w->arena, &o, &w->err), OK);
    assert_int_equal(o.state, DIALECT_FAILED);
    assert_int_equal(o.failure.class, FAILURE_CONTENT_POLICY);
}

static enum status poll_says(struct world *w, int status, struct str body,
                             struct dialect_outcome *ret)
{
    struct dialect_answer in = {status, STR("application/json"), body};
    const struct dialect_task task = {.id = STR("a")};
    return videos()->read_poll(&w->target, &task, &in, w->arena, ret, &w->err);
}

static void a_failed_job_may_come_with_its_own_status(void **state)
{
    struct str failed = STR("{\"id\":\"a\",\"object\":\"video\",\"status\":\"failed\","
                            "\"error\":{\"code\":500,\"message\":\"CUDA out of memory\"}}");
    struct dialect_outcome o;
    assert_int_equal(poll_says(*state, 500, failed, &o), OK);
    assert_int_equal(o.state, DIALECT_FAILED);
    expect_str(o.failure.words, "CUDA out of memory");
}

static void a_failure_repeats_no_credential(void **state)
{
    struct world *w = *state;
    struct str words = STR("{\"id\":\"a\",\"status\":\"failed\","
                           "\"error\":{\"message\":\"no such key: sk-upstream\"}}");
    struct dialect_outcome o;
    assert_int_equal(poll_says(w, 200, words, &o), OK);
    assert_int_equal(o.state, DIALECT_FAILED);
    assert_int_equal(o.failure.words.n, 0);
    words = STR("{\"error\":{\"message\":\"no such key: sk-upstream\"}}");
    assert_int_equal(read_images(w, words.p)->failure.words.n, 0);
}

static void an_error_is_not_about_the_job(void **state)
{
    static const char *const bodies[] = {
        "{\"status\":\"error\",\"message\":\"bad gateway\"}",
        "{\"status\":\"failed\"}",
        "{\"id\":\"a\",\"status\":\"completed\"}",
        "{\"id\":\"a\",\"status\":\"queued\"}",
        "{\"error\":{\"message\":\"no\"}}",
        "<html>502</html>",
    };
    struct dialect_outcome o;
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
        assert_int_equal(poll_says(*state, 502, str_of(bodies[i]), &o), E_UPSTREAM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[AC-4] reads the documented answers of other servers", reads_the_answers_of_other_servers,
         world_open, world_close, NULL},
        {"[AC-4] submits a form with size and seconds", submits_a_form_with_size_and_seconds,
         world_open, world_close, NULL},
        {"[AC-4] a remix is a request of its own, its id a single segment",
         a_remix_is_a_request_of_its_own, world_open, world_close, NULL},
        {"[AC-4] [GW-10] what else was said is passed on", what_else_was_said_is_passed_on,
         world_open, world_close, NULL},
        {"[GW-10] nobody can foresee the delimiter of a form",
         nobody_can_foresee_the_delimiter_of_a_form, world_open, world_close, NULL},
        {"[AC-4] a form that is refused for its form is said as JSON",
         a_form_that_is_refused_for_its_form_is_said_as_json, world_open, world_close, NULL},
        {"[AC-4] images are one call", images_are_one_call, world_open, world_close, NULL},
        {"[GW-10] an edit carries all its images, in their order, and the mask",
         an_edit_carries_all_its_images_and_the_mask, world_open, world_close, NULL},
        {"[GW-10] a video takes one image and no mask", a_video_takes_one_image_and_no_mask,
         world_open, world_close, NULL},
        {"[AC-4] images come as bytes or addresses", images_come_as_bytes_or_addresses, world_open,
         world_close, NULL},
        {"[AC-4] an answer that is no task is a bad answer",
         an_answer_that_is_no_task_is_a_bad_answer, world_open, world_close, NULL},
        {"[AC-4] done with an error is failed, and classed", done_with_an_error_is_failed,
         world_open, world_close, NULL},
        {"[ST-3] a failed job may come with its own status",
         a_failed_job_may_come_with_its_own_status, world_open, world_close, NULL},
        {"[ST-8] a failure repeats no credential", a_failure_repeats_no_credential, world_open,
         world_close, NULL},
        {"[ST-3] an error's body is not about the job", an_error_is_not_about_the_job, world_open,
         world_close, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
