/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect_world.h"

#define CHUNK(delta)                                                                               \
    "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{" delta      \
    "},\"finish_reason\":null}]}\n\n"
#define STOP "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"

static const struct dialect *chat(void)
{
    return dialect_find(STR("chat"));
}

/* Reads text in pieces; the outcome's media and words are copied into the arena already. */
static enum status read_pieces(struct world *w, struct str text, bool sse, size_t piece,
                               struct dialect_outcome *ret)
{
    struct dialect_stream *s = chat()->stream_new(w->arena, &w->target, sse);
    enum status status = OK;
    for (; text.n && status == OK; text = str_from(text, piece))
        status = chat()->stream_feed(s, str_to(text, piece), &w->err);
    if (status == OK)
        status = chat()->stream_finish(s, &w->err);
    *ret = *chat()->stream_outcome(s);
    chat()->stream_free(s);
    return status;
}

static struct dialect_outcome read_stream(struct world *w, struct str text)
{
    struct dialect_outcome o;
    assert_int_equal(read_pieces(w, text, true, text.n + 1, &o), OK);
    return o;
}

static void reads_a_stream_in_any_split(void **state)
{
    static const char text[] =
        CHUNK("\"role\":\"assistant\",\"content\":\"\"") ": heartbeat\n\n" CHUNK(
            "\"reasoning_content\":\"Progress 12%\\n\"") CHUNK("\"reasoning_content\":\"now 37.5 "
                                                               "%\"")
            CHUNK("\"content\":\"```html\\n<video src='/tmp/a.mp4' controls></video>\\n```\"") STOP;
    struct str whole = {text, sizeof(text) - 1};
    for (size_t piece = 1; piece < whole.n; piece += 7) {
        struct dialect_outcome o;
        assert_int_equal(read_pieces(*state, whole, true, piece, &o), OK);
        assert_int_equal(o.state, DIALECT_DONE);
        assert_int_equal(o.progress, 37);
        assert_int_equal(o.media_count, 1);
        expect_str(o.media[0].url, "https://up.example/tmp/a.mp4");
        assert_true(o.media[0].needs_credential);
        assert_int_equal(o.media[0].type, MEDIA_VIDEO);
    }
}

static void reads_one_document_the_same_way(void **state)
{
    static const char text[] =
        "{\"object\":\"chat.completion\",\"choices\":[{\"message\":{\"content\":"
        "\"![image](https://cdn.example/1)\\n![image](https://cdn.example/2)\"},"
        "\"finish_reason\":\"stop\"}]}";
    struct dialect_outcome o;
    assert_int_equal(read_pieces(*state, str_of(text), false, 10, &o), OK);
    assert_int_equal(o.state, DIALECT_DONE);
    assert_int_equal(o.media_count, 2);
    assert_int_equal(o.media[1].type, MEDIA_IMAGE);
    expect_str(o.media[1].url, "https://cdn.example/2");
    assert_false(o.media[1].needs_credential);
}

static void a_link_named_twice_counts_once(void **state)
{
    static const char text[] = CHUNK(
        "\"content\":\"<video src=\\\"https://c.example/a\\\"></video>\","
        "\"media_url\":\"https://c.example/a\",\"media_urls\":[\"https://c.example/a\"]") STOP;
    struct dialect_outcome o = read_stream(*state, str_of(text));
    assert_int_equal(o.media_count, 1);
    assert_int_equal(o.media[0].type, MEDIA_VIDEO);
}

static void links_of_other_schemes_are_none(void **state)
{
    static const char text[] = CHUNK("\"media_urls\":[\"javascript:alert(1)\",\"file:///etc\","
                                     "\"data:video/mp4;base64,AA\",7,\"\"]") STOP;
    struct dialect_outcome o = read_stream(*state, str_of(text));
    assert_int_equal(o.state, DIALECT_FAILED);
    assert_int_equal(o.media_count, 0);
}

static void only_the_own_origin_needs_the_credential(void **state)
{
    static const char text[] = CHUNK("\"media_urls\":[\"https://up.example/static/a.mp4\","
                                     "\"https://up.example/public/a.mp4\","
                                     "\"https://up.example.evil.test/tmp/a.mp4\","
                                     "\"http://up.example/tmp/a.mp4\"]") STOP;
    struct dialect_outcome o = read_stream(*state, str_of(text));
    static const bool wanted[] = {true, false, false, false};
    assert_int_equal(o.media_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(o.media[i].needs_credential, wanted[i]);
}

static void an_error_event_is_a_failure_with_its_class(void **state)
{
    static const char text[] =
        CHUNK("\"reasoning_content\":\"10%\"") "data: {\"error\":{\"message\":\"blocked by our "
                                               "guardrails\",\"code\":\"x\"}}\n\ndata: [DONE]\n\n";
    struct dialect_outcome o = read_stream(*state, str_of(text));
    assert_int_equal(o.state, DIALECT_FAILED);
    assert_int_equal(o.failure.class, FAILURE_CONTENT_POLICY);
    expect_str(o.failure.words, "blocked by our guardrails");
}

static void a_stream_cut_short_is_no_outcome(void **state)
{
    static const char text[] = CHUNK("\"reasoning_content\":\"90%\"");
    struct world *w = *state;
    struct dialect_outcome o;
    assert_int_equal(read_pieces(w, str_of(text), true, 50, &o), E_UPSTREAM);
    assert_int_equal(o.state, DIALECT_RUNNING);
    assert_int_equal(o.progress, 90);
}

static void progress_never_goes_back_nor_beyond(void **state)
{
    static const char text[] = CHUNK("\"reasoning_content\":\"50%\"")
        CHUNK("\"reasoning_content\":\"20% 140% -3%\"") "data: {\"progress\":60}\n\n"
                                                        "data: {\"progress\":900}\n\n" STOP;
    assert_int_equal(read_stream(*state, str_of(text)).progress, 60);
}

static void noise_passes_and_size_is_bounded(void **state)
{
    static const char text[] = "data: not json\n\ndata: 7\n\ndata: []\n\ndata: {\"choices\":7}\n\n"
                               "data: {\"choices\":[1,null]}\n\n" STOP;
    struct world *w = *state;
    struct dialect_outcome o;
    assert_int_equal(read_stream(w, str_of(text)).state, DIALECT_FAILED);
    size_t n = (2 << 20) + 6;
    _cleanup_free_ char *long_line = mem_calloc(1, n);
    memset(long_line, 'x', n);
    memcpy(long_line, "data: ", 6);
    assert_int_equal(read_pieces(w, (struct str){long_line, n}, true, 4096, &o), E_UPSTREAM);
}

static void submits_what_was_asked(void **state)
{
    struct world *w = *state;
    struct dialect_http http;
    struct dialect_request r = {.model = STR("m"),
                                .prompt = STR("say \"hi\""),
                                .count = 2,
                                .image_url = STR("https://x.example/i.png"),
                                .remix_of = STR("s_1")};
    assert_int_equal(chat()->build_submit(&w->target, &r, w->arena, &http, &w->err), OK);
    expect_str(url_text(&http.url, w->arena), "https://up.example/api/sora/v1/chat/completions");
    expect_str(http.body,
               "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
               "\"text\":\"say \\\"hi\\\"\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
               "\"https://x.example/i.png\"}}]}],\"stream\":true,\"video_count\":2,"
               "\"remix_target_id\":\"s_1\"}");
}

static enum status submit(struct world *w, const struct dialect_request *r, struct str *ret_more)
{
    struct dialect_http http;
    TRY(chat()->build_submit(&w->target, r, w->arena, &http, &w->err));
    ptrdiff_t at = str_find(http.body, STR("\"stream\":true"));
    *ret_more = str_from(http.body, (size_t)at);
    return OK;
}

static void what_no_name_says_is_a_field(void **state)
{
    struct world *w = *state;
    struct str more;
    struct dialect_request r = {.model = STR("sora-x"),
                                .asked_model = STR("sora-x"),
                                .prompt = STR("p"),
                                .seconds = 8,
                                .orientation = STR("portrait"),
                                .extra = STR("{\"seed\":7,\"stream\":false,\"style\":\"a\"}")};
    assert_int_equal(submit(w, &r, &more), OK);
    expect_str(more, "\"stream\":true,\"seconds\":8,\"orientation\":\"portrait\",\"seed\":7,"
                     "\"style\":\"a\"}");
    r.size = STR("1280x720");
    r.size_said = true;
    r.extra = STR_NONE;
    assert_int_equal(submit(w, &r, &more), OK);
    expect_str(more, "\"stream\":true,\"seconds\":8,\"size\":\"1280x720\"}");
}

static void what_a_models_name_says_is_not_said_again(void **state)
{
    struct world *w = *state;
    static const char *const upstream[] = {"sora2-landscape-10s", "sora-x", "sora2-portrait-15s"};
    struct dialect_request r = {.asked_model = STR("sora2-landscape-10s"),
                                .prompt = STR("p"),
                                .seconds = 10,
                                .size = STR("1280x720"),
                                .orientation = STR("landscape")};
    /* The last of them is an administrator's will: the caller has said no more than a name. */
    for (size_t i = 0; i < ARRAY_SIZE(upstream); i++) {
        struct str more;
        r.model = str_of(upstream[i]);
        assert_int_equal(submit(w, &r, &more), OK);
        expect_str(more, "\"stream\":true}");
    }
}

static void what_a_models_name_says_otherwise_is_refused(void **state)
{
    struct world *w = *state;
    struct str more;
    struct dialect_request r = {.model = STR("sora2-landscape-10s"),
                                .asked_model = STR("sora2-landscape-10s"),
                                .prompt = STR("p"),
                                .seconds = 4};
    assert_int_equal(submit(w, &r, &more), E_INVALID);
    assert_string_equal(w->err.code, "seconds_not_offered");
    assert_string_equal(w->err.text, "10 s");
    r.seconds = 10;
    r.orientation = STR("portrait");
    assert_int_equal(submit(w, &r, &more), E_INVALID);
    assert_string_equal(w->err.code, "orientation_not_offered");
    r.size = STR("720x1280");
    r.size_said = true;
    assert_int_equal(submit(w, &r, &more), E_INVALID);
    assert_string_equal(w->err.code, "size_not_offered");
    r.more_image_count = 1;
    assert_int_equal(submit(w, &r, &more), E_INVALID);
    assert_string_equal(w->err.code, "takes_one_image");
}

#define TEST(title, fn)                                                                            \
    {                                                                                              \
        title, fn, world_open, world_close, NULL                                                   \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("[AC-4] reads a stream in any split", reads_a_stream_in_any_split),
        TEST("[AC-4] reads one document the same way", reads_one_document_the_same_way),
        TEST("[AC-4] a link named twice counts once", a_link_named_twice_counts_once),
        TEST("[AC-4] links of other schemes are none", links_of_other_schemes_are_none),
        TEST("[GW-9] only guarded places of the own origin need the credential",
             only_the_own_origin_needs_the_credential),
        TEST("[ST-8] an error event is a failure with its class",
             an_error_event_is_a_failure_with_its_class),
        TEST("[ST-3] a stream cut short is no outcome", a_stream_cut_short_is_no_outcome),
        TEST("[AC-4] progress never goes back, nor beyond 100",
             progress_never_goes_back_nor_beyond),
        TEST("[AC-4] noise passes, and size is bounded", noise_passes_and_size_is_bounded),
        TEST("[AC-4] submits what was asked", submits_what_was_asked),
        TEST("[GW-10] what no model's name says is a field", what_no_name_says_is_a_field),
        TEST("[GW-10] what the model's name says is not said again",
             what_a_models_name_says_is_not_said_again),
        TEST("[GW-10] what the model's name says otherwise is refused",
             what_a_models_name_says_otherwise_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
