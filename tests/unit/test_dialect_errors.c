/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect_world.h"

static const char *const servers[] = {"openai",  "vllm-omni", "sglang",
                                      "litellm", "new-api",   "openrouter"};

static void read_one(struct world *w, struct json answer)
{
    struct json error = json_get(json_get(answer, "reads"), "error");
    struct dialect_answer in = wire_answer(w, answer);
    struct str code;
    if (json_is_string(error))
        assert_true(str_eq(dialect_error_message(&in, w->target.credential, w->arena, &code),
                           json_str_or(error, STR_NONE)));
}

static void finds_the_words_of_other_servers(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
        each_answer(*state, servers[i], read_one);
}

static struct str message_in(struct world *w, struct str body, struct str *ret_code)
{
    struct dialect_answer in = {500, STR("application/json"), body};
    return dialect_error_message(&in, w->target.credential, w->arena, ret_code);
}

static void says_nothing_for_pages_and_noise(void **state)
{
    static const char *const bodies[] = {"",
                                         "<html><body>502</body></html>",
                                         "oops",
                                         "[]",
                                         "{}",
                                         "{\"error\":null}",
                                         "{\"error\":{\"message\":\"<!DOCTYPE html><p>x\"}}",
                                         "{\"message\":\"  <h1>no</h1>\"}",
                                         "{\"error\":{\"message\":\"a\""};
    struct str code;
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
        assert_int_equal(message_in(*state, str_of(bodies[i]), &code).n, 0);
}

static void cleans_and_bounds_what_it_repeats(void **state)
{
    struct world *w = *state;
    struct str code;
    expect_str(message_in(w, STR("{\"error\":{\"message\":\" a\\nb\\u0007c \"}}"), &code), "a b c");
    char body[4096];
    int n = snprintf(body, sizeof(body), "{\"error\":\"");
    for (int i = 0; i < 400; i++)
        n += snprintf(body + n, sizeof(body) - (size_t)n, "\xe6\xb5\xb7");
    snprintf(body + n, sizeof(body) - (size_t)n, "\"}");
    struct str message = message_in(w, str_of(body), &code);
    assert_int_equal(message.n, 300); /* whole characters */
}

/* A key that stands across the bound is no key any more to whoever looks at what is left. */
static void repeats_no_part_of_the_credential(void **state)
{
    struct world *w = *state;
    struct str code, key = w->target.credential;
    for (int before = 0; before < 320; before++) {
        char body[1024];
        snprintf(body, sizeof(body), "{\"error\":{\"message\":\"%0*d%.*s\",\"code\":\"bad_key\"}}",
                 before + 1, 0, STR_ARG(key));
        assert_int_equal(message_in(w, str_of(body), &code).n, 0);
        expect_str(code, "bad_key");
    }
    char long_key[1025], body[2048];
    snprintf(long_key, sizeof(long_key), "%01024d", 7);
    snprintf(body, sizeof(body), "{\"detail\":\"%s was refused\"}", long_key);
    w->target.credential = str_of(long_key);
    assert_int_equal(message_in(w, str_of(body), &code).n, 0);
    w->target.credential = STR("");
    assert_int_equal(message_in(w, str_of(body), &code).n, 300);
}

static void finds_codes_beside_the_words(void **state)
{
    struct str code;
    message_in(*state, STR("{\"error\":{\"message\":\"m\",\"code\":\"model_not_found\"}}"), &code);
    expect_str(code, "model_not_found");
    message_in(*state, STR("{\"error\":{\"message\":\"m\",\"type\":\"quota\"}}"), &code);
    expect_str(code, "quota");
    message_in(*state, STR("{\"code\":\"sensitive\",\"message\":\"m\"}"), &code);
    expect_str(code, "sensitive");
}

static void classes_failures_by_code_and_words(void **state)
{
    static const struct {
        const char *code, *message;
        enum failure_class wanted;
    } cases[] = {
        {"moderation_blocked", "", FAILURE_CONTENT_POLICY},
        {"", "Your request VIOLATES our rules", FAILURE_CONTENT_POLICY},
        {"", "\xe6\x8f\x90\xe7\xa4\xba\xe8\xaf\x8d\xe8\xbf\x9d\xe8\xa7\x84",
         FAILURE_CONTENT_POLICY},
        {"insufficient_quota", "", FAILURE_ACCOUNT},
        {"", "Request timed out", FAILURE_TIMEOUT},
        {"", "CUDA out of memory", FAILURE_UPSTREAM},
        {"", "", FAILURE_UPSTREAM},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(dialect_failure_class(str_of(cases[i].code), str_of(cases[i].message)),
                         cases[i].wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[GW-6] finds the words in other servers' documented errors",
         finds_the_words_of_other_servers, world_open, world_close, NULL},
        {"[GW-6] says nothing for pages and noise", says_nothing_for_pages_and_noise, world_open,
         world_close, NULL},
        {"[GW-6] cleans and bounds what it repeats", cleans_and_bounds_what_it_repeats, world_open,
         world_close, NULL},
        {"[GW-6] [ST-8] repeats no part of the account's credential",
         repeats_no_part_of_the_credential, world_open, world_close, NULL},
        {"[GW-5] finds codes beside the words", finds_codes_beside_the_words, world_open,
         world_close, NULL},
        {"[ST-8] classes failures by code and words", classes_failures_by_code_and_words,
         world_open, world_close, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
