/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to an OAuth server, and what people bring back from it. */
#include "net/oauth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* RFC 7636, appendix B. */
static void the_link_carries_the_challenge(void **state)
{
    (void)state;
    const struct oauth_client client = {
        .authorize_url = STR("https://auth.example/authorize?tenant=a"),
        .client_id = STR("kinora & co"),
        .redirect_uri = STR("http://localhost/cb"),
        .scopes = STR("openid offline_access"),
    };
    struct str url = oauth_authorize_url(&client, STR("st"),
                                         STR("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), arena);
    const char *wanted =
        "https://auth.example/authorize?tenant=a&response_type=code&client_id=kinora%20%26%20co"
        "&redirect_uri=http%3A%2F%2Flocalhost%2Fcb&scope=openid%20offline_access&state=st"
        "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        "&prompt=consent";
    assert_true(str_eq(url, str_of(wanted)));
}

static void a_verifier_is_long_and_new(void **state)
{
    (void)state;
    char a[OAUTH_VERIFIER_SIZE], b[OAUTH_VERIFIER_SIZE];
    oauth_make_verifier(a);
    oauth_make_verifier(b);
    assert_int_equal(strlen(a), 43);
    assert_string_not_equal(a, b);
}

static void people_paste_codes_and_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *pasted, *code, *state, *error;
    } cases[] = {
        {"abc", "abc", "", ""},
        {"  4/0Ab_cd  ", "4/0Ab_cd", "", ""},
        {"abc#xyz", "abc", "xyz", ""},
        {"http://h/cb?code=a%2Fb&state=s&iss=x", "a/b", "s", ""},
        {"kinora://cb?state=s&code=a#frag", "a", "s", ""},
        {"?code=a&code=b", "a", "", ""},
        {"http://h/cb?error=access_denied&state=s", "", "s", "access_denied"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct oauth_callback back;
        struct err err;
        if (oauth_read_callback(str_of(cases[i].pasted), arena, &back, &err) != OK ||
            !str_eq(back.code, str_of(cases[i].code)) ||
            !str_eq(back.state, str_of(cases[i].state)) ||
            !str_eq(back.error, str_of(cases[i].error)))
            fail_msg("%s", cases[i].pasted);
    }
    static const char *const bad[] = {"",           "two words",     "http://h/cb",
                                      "http://h/?", "?code=",        "?code=%zz",
                                      "?code=a%",   "?code=a%0d%0a", "?state=s"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct oauth_callback back;
        struct err err;
        if (oauth_read_callback(str_of(bad[i]), arena, &back, &err) != E_INVALID)
            fail_msg("%s", bad[i]);
    }
}

static void a_client_is_kept_as_it_was(void **state)
{
    (void)state;
    const struct oauth_client client = {.issuer = STR("https://i"),
                                        .authorize_url = STR(""),
                                        .token_url = STR("https://t"),
                                        .client_id = STR("\"c\""),
                                        .scopes = STR("a b"),
                                        .redirect_uri = STR("x://y"),
                                        .discovered = true,
                                        .secret_in_body = true};
    struct oauth_client back;
    struct err err;
    assert_int_equal(oauth_client_read(oauth_client_write(&client, arena), arena, &back, &err), OK);
    assert_true(str_eq(oauth_client_write(&back, arena), oauth_client_write(&client, arena)));
    assert_true(back.discovered && back.secret_in_body);
    assert_int_equal(oauth_client_read(STR("{"), arena, &back, &err), E_INVALID);
}

static void tokens_are_plain_text(void **state)
{
    (void)state;
    assert_true(oauth_is_token(STR("eyJ.a-b_c~+/=")));
    assert_false(oauth_is_token(STR("")));
    assert_false(oauth_is_token(STR("a b")));
    assert_false(oauth_is_token(STR("a\r\nb")));
    assert_false(oauth_is_token(STR("\xc3\xa4")));
}

int main(void)
{
#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, make_arena, free_arena, NULL                                              \
    }
    const struct CMUnitTest tests[] = {
        TEST("[AC-3] the link carries the challenge of RFC 7636", the_link_carries_the_challenge),
        TEST("[AC-3] a verifier is long and new", a_verifier_is_long_and_new),
        TEST("[AC-3] people paste codes and addresses", people_paste_codes_and_addresses),
        TEST("a client is kept as it was", a_client_is_kept_as_it_was),
        TEST("tokens are plain text", tokens_are_plain_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
