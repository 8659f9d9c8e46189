/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of the demo upstream.  It is a program, not a library, so they are
 * compiled in here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "demo/caption.c"
#include "demo/counts.c"
#include "demo/fault.c"
#include "demo/fields.c"
#include "demo/models.c"
#include "demo/options.c"
#include "demo/settings.c"

static void wrap(const char *text, unsigned width, unsigned lines, const char *expected)
{
    struct buf out = BUF_INIT(4096);

    assert_true(caption_wrap(str_of(text), width, lines, &out));
    buf_add_char(&out, '\0');
    assert_string_equal(buf_str(&out).p, expected);
    buf_release(&out);
}

static void a_caption_breaks_between_words_and_between_wide_characters(void **state)
{
    (void)state;
    wrap("a paper boat", 560 * 8, 5, "a paper \nboat");
    wrap("纸船穿过雨巷", 2000, 5, "纸船\n穿过\n雨巷");
    wrap("  one\n\ttwo  ", 100000, 5, "one two");
    wrap("", 1000, 5, "");
}

static void a_caption_that_does_not_fit_ends_in_an_ellipsis(void **state)
{
    (void)state;
    wrap("纸船穿过雨巷", 2000, 2, "纸船\n穿过…");
    wrap("aaaaaaaaaaaaaaaaaaaa b", 560 * 4, 1, "aaaa …");
}

static void a_caption_survives_bytes_that_are_no_text(void **state)
{
    (void)state;
    wrap("a\xff\xfe b", 100000, 5, "a b");
}

static void assert_spec(const char *model, enum kind kind, int width, int height, int seconds)
{
    struct spec s = model_spec(str_of(model));

    assert_int_equal(s.kind, kind);
    assert_int_equal(s.width, width);
    assert_int_equal(s.height, height);
    assert_int_equal(s.seconds, seconds);
}

static void a_model_name_says_kind_size_and_length(void **state)
{
    (void)state;
    assert_spec("sora2-landscape-15s", KIND_VIDEO, 1280, 720, 15);
    assert_spec("sora2pro-portrait-25s", KIND_VIDEO, 720, 1280, 25);
    assert_spec("sora2pro-hd-portrait-10s", KIND_VIDEO, 1024, 1792, 10);
    assert_spec("gpt-image", KIND_IMAGE, 1024, 1024, 0);
    assert_spec("gpt-image-portrait", KIND_IMAGE, 1024, 1536, 0);
    assert_spec("anything", KIND_VIDEO, 1280, 720, 10);
    assert_spec("odd-999999s", KIND_VIDEO, 1280, 720, 10);
    assert_spec("", KIND_VIDEO, 1280, 720, 10);
    assert_int_equal(model_spec(STR("prompt-enhance-long-20s")).kind, KIND_TEXT);
}

static void size_and_seconds_refine_a_model_within_bounds(void **state)
{
    struct spec s = model_spec(STR("sora-2"));

    (void)state;
    assert_true(spec_refine(&s, STR("641x361"), STR("4")));
    assert_int_equal(s.width, 640);
    assert_int_equal(s.height, 360);
    assert_int_equal(s.seconds, 4);
    assert_true(spec_refine(&s, STR("auto"), STR_NONE));
    assert_false(spec_refine(&s, STR("640"), STR_NONE));
    assert_false(spec_refine(&s, STR("99999x10"), STR_NONE));
    assert_false(spec_refine(&s, STR_NONE, STR("0")));
    assert_false(spec_refine(&s, STR_NONE, STR("4s")));
}

static enum status parse(struct options *o, const char *one, const char *two)
{
    char *argv[] = {(char *)"demo", (char *)(uintptr_t)one, (char *)(uintptr_t)two, NULL};
    struct err err = {.status = OK};
    enum status status = options_parse(two ? 3 : 2, argv, o, &err);

    assert_true(status == OK || err.text[0]);
    return status;
}

static void options_are_read_or_refused_with_a_sentence(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse(&o, "--speed", "2.5"), OK);
    assert_true(o.speed > 2.4 && o.speed < 2.6);
    assert_int_equal(parse(&o, "--media-ttl=60", NULL), OK);
    assert_int_equal(o.media_ttl_ms, 60000);
    assert_int_equal(parse(&o, "--api-key", "k"), OK);
    assert_int_equal(o.api_key_count, 1);
    assert_int_equal(parse(&o, "--speed", "0"), E_INVALID);
    assert_int_equal(parse(&o, "--speed", "nan"), E_INVALID);
    assert_int_equal(parse(&o, "--seed", "-1"), E_INVALID);
    assert_int_equal(parse(&o, "--speed", NULL), E_INVALID);
    assert_int_equal(parse(&o, "--wrong", NULL), E_INVALID);
    assert_int_equal(parse(&o, "stray", NULL), E_INVALID);
}

static enum status add_rule(struct faults *all, const char *text)
{
    struct json_doc *doc = NULL;
    struct fault *f = NULL;
    struct err err = {.status = OK};

    assert_int_equal(json_parse(str_of(text), &doc, &err), OK);
    enum status status = fault_parse(json_root(doc), &f, &err);
    if (status == OK)
        status = faults_add(all, f, &err);
    else
        assert_true(err.text[0]);
    json_doc_free(doc);
    return status;
}

/* The name's last character of the rule that a chat call falls under, or '-'. */
static char hit(struct faults *all, const char *prompt)
{
    const struct fault_subject s = {.route = ROUTE_CHAT,
                                    .target = STR("/v1/chat/completions"),
                                    .bearer = STR("k"),
                                    .prompt = str_of(prompt),
                                    .model = STR("m"),
                                    .body_read = true};
    struct fault *f = faults_match(all, &s);
    char ret = f ? f->name.p[f->name.n - 1] : '-';

    fault_unref(f);
    return ret;
}

static void the_first_rule_with_turns_left_applies(void **state)
{
    struct faults all;

    (void)state;
    faults_init(&all);
    add_rule(&all, "{\"name\":\"a\",\"route\":\"chat\",\"skip\":1,\"times\":2,\"status\":500}");
    add_rule(&all, "{\"name\":\"b\",\"prompt\":\"cat\",\"times\":0,\"status\":500}");
    assert_int_equal(hit(&all, "a cat"), 'b'); /* a lets one pass */
    assert_int_equal(hit(&all, "a dog"), 'a');
    assert_int_equal(hit(&all, "a cat"), 'a');
    assert_int_equal(hit(&all, "a cat"), 'b'); /* a is used up */
    assert_int_equal(hit(&all, "a dog"), '-');
    add_rule(&all, "{\"name\":\"b\",\"key\":\"other\",\"status\":500}");
    assert_int_equal(hit(&all, "a cat"), '-'); /* replaced by its namesake */
    assert_int_equal(all.count, 2);
    assert_true(faults_remove(&all, STR("a")));
    assert_false(faults_remove(&all, STR("a")));
    faults_clear(&all);
}

static void a_rule_that_makes_no_sense_is_refused(void **state)
{
    static const char *const bad[] = {
        "{\"rout\":\"chat\"}",
        "{\"route\":\"nowhere\"}",
        "{\"status\":99}",
        "{\"status\":\"500\"}",
        "{\"cut\":{\"at\":\"somewhere\"}}",
        "{\"cut\":{\"at\":5,\"how\":\"softly\"}}",
        "{\"cut\":{\"at\":\"before_body\"},\"prompt\":\"x\"}",
        "{\"drip\":{\"bytes\":5}}",
        "{\"malformed\":\"xml\"}",
        "{\"headers\":{\"Retry-After\":7}}",
        "{\"job\":{\"stick_at\":101}}",
        "{\"job\":{\"extra\":[]}}",
        "{\"job\":{\"words\":{\"done\":\"x\"}}}",
    };
    struct faults all;

    (void)state;
    faults_init(&all);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(add_rule(&all, bad[i]), E_INVALID);
    assert_int_equal(all.count, 0);
}

static void there_is_an_end_to_rules(void **state)
{
    struct faults all;

    (void)state;
    faults_init(&all);
    for (int i = 0; i < FAULT_MAX_RULES; i++)
        assert_int_equal(add_rule(&all, "{\"status\":500}"), OK);
    assert_int_equal(add_rule(&all, "{\"status\":500}"), E_LIMIT);
    faults_clear(&all);
    assert_int_equal(all.count, 0);
}

static void settings_change_all_or_nothing(void **state)
{
    struct options o;
    struct json_doc *doc = NULL;
    struct err err = {.status = OK};

    (void)state;
    assert_int_equal(parse(&o, "--speed", "4"), OK);
    struct settings s = settings_default(&o);
    assert_int_equal(json_parse(STR("{\"links\":\"tmp\",\"speed\":-1}"), &doc, &err), OK);
    assert_int_equal(settings_read(json_root(doc), &s, &err), E_INVALID);
    assert_int_equal(s.links, LINK_ABSOLUTE);
    json_doc_free(doc);
    assert_int_equal(json_parse(STR("{\"links\":\"tmp\",\"speed\":0.5}"), &doc, &err), OK);
    assert_int_equal(settings_read(json_root(doc), &s, &err), OK);
    assert_int_equal(s.links, LINK_TMP);
    json_doc_free(doc);
}

static void submissions_keep_the_last_thousand(void **state)
{
    static struct counts c; /* too large for a stack */
    char key[32];

    (void)state;
    for (int i = 0; i < SUBMISSIONS_MAX + 5; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        counts_received(&c, str_of(key), STR_NONE);
    }
    counts_accepted(&c, str_of(key), STR_NONE);
    assert_int_equal(c.received, SUBMISSIONS_MAX + 5);
    assert_int_equal(c.by_key.count, SUBMISSIONS_MAX);
    assert_int_equal(submission(&c.by_key, str_of(key))->accepted, 1);
    assert_int_equal(submission(&c.by_key, STR("key-0"))->received, 0);
    counts_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_caption_breaks_between_words_and_between_wide_characters),
        cmocka_unit_test(a_caption_that_does_not_fit_ends_in_an_ellipsis),
        cmocka_unit_test(a_caption_survives_bytes_that_are_no_text),
        cmocka_unit_test(a_model_name_says_kind_size_and_length),
        cmocka_unit_test(size_and_seconds_refine_a_model_within_bounds),
        cmocka_unit_test(options_are_read_or_refused_with_a_sentence),
        cmocka_unit_test(the_first_rule_with_turns_left_applies),
        cmocka_unit_test(a_rule_that_makes_no_sense_is_refused),
        cmocka_unit_test(there_is_an_end_to_rules),
        cmocka_unit_test(settings_change_all_or_nothing),
        cmocka_unit_test(submissions_keep_the_last_thousand),
    };

    return cmocka_run_group_tests_name("demo", tests, NULL, NULL);
}
