/* SPDX-License-Identifier: Apache-2.0 */
#include "net/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = arena_new(4 * 1024 * 1024);
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void expect_text(const struct url *u, const char *from, const char *expected)
{
    struct str text = url_text(u, arena);
    if (!str_eq(text, str_of(expected)))
        fail_msg("%s gave %.*s, not %s", from, STR_ARG(text), expected);
}

/* What is accepted, and its one canonical text. */
static const char *const accepted[][2] = {
    {"http://example.com", "http://example.com/"},
    {"http://example.com/", "http://example.com/"},
    {"https://example.com/a/b", "https://example.com/a/b"},
    {"HTTP://EXAMPLE.COM/Path", "http://example.com/Path"},
    {"hTTpS://ExAmPlE.com", "https://example.com/"},
    {"http://example.com:80/", "http://example.com/"},
    {"https://example.com:443/", "https://example.com/"},
    {"http://example.com:443/", "http://example.com:443/"},
    {"https://example.com:80/", "https://example.com:80/"},
    {"http://example.com:8080", "http://example.com:8080/"},
    {"http://example.com:1/", "http://example.com:1/"},
    {"http://example.com:65535/", "http://example.com:65535/"},
    {"http://example.com?x=1", "http://example.com/?x=1"},
    {"http://example.com/?", "http://example.com/?"},
    {"http://example.com/a?b?c", "http://example.com/a?b?c"},
    {"http://example.com/a?b=/c/../d", "http://example.com/a?b=/c/../d"},
    {"http://example.com/#top", "http://example.com/"},
    {"http://example.com#top", "http://example.com/"},
    {"http://example.com/a?b#c?d#e", "http://example.com/a?b"},
    {"http://example.com/#a@b:c", "http://example.com/"},
    {"http://localhost/", "http://localhost/"},
    {"http://gpu_server:9000/v1", "http://gpu_server:9000/v1"},
    {"http://xn--fsq.example/", "http://xn--fsq.example/"},
    {"http://a.b.c.d.e/", "http://a.b.c.d.e/"},
    {"http://1a.example/", "http://1a.example/"},
    {"http://0x.example/", "http://0x.example/"},
    {"http://1.2.3.example/", "http://1.2.3.example/"},
    {"http://127.0.0.1/", "http://127.0.0.1/"},
    {"http://1.2.3.4:8000/x", "http://1.2.3.4:8000/x"},
    {"http://255.255.255.255/", "http://255.255.255.255/"},
    {"http://0.0.0.0/", "http://0.0.0.0/"},
    {"http://[::1]/", "http://[::1]/"},
    {"http://[::1]:8080/", "http://[::1]:8080/"},
    {"https://[2001:DB8:0:0:0:0:0:1]/a", "https://[2001:db8::1]/a"},
    {"http://[::ffff:127.0.0.1]/", "http://[::ffff:127.0.0.1]/"},
    {"http://[::ffff:7f00:1]/", "http://[::ffff:127.0.0.1]/"},
    {"http://[64:ff9b::a00:1]/", "http://[64:ff9b::a00:1]/"},
    {"http://[::]/", "http://[::]/"},
    {"http://h/a/./b", "http://h/a/b"},
    {"http://h/a/../b", "http://h/b"},
    {"http://h/../../b", "http://h/b"},
    {"http://h/a/b/..", "http://h/a/"},
    {"http://h/a/b/.", "http://h/a/b/"},
    {"http://h/..", "http://h/"},
    {"http://h/.", "http://h/"},
    {"http://h/a/b/../../c", "http://h/c"},
    {"http://h/...", "http://h/..."},
    {"http://h/.a/..b", "http://h/.a/..b"},
    {"http://h//a//b", "http://h//a//b"},
    {"http://h//..//a", "http://h//a"},
    {"http://h/%2e%2e/a", "http://h/%2e%2e/a"},
    {"http://h/a%20b%C3%A9", "http://h/a%20b%C3%A9"},
    {"http://h/a%00", "http://h/a%00"},
    {"http://h/a:b@c;d=e,f!$&'()*+~", "http://h/a:b@c;d=e,f!$&'()*+~"},
    {"http://h/a[0]{1}|2^3", "http://h/a[0]{1}|2^3"},
    {"http://h/?a[]=1&b={x}|y", "http://h/?a[]=1&b={x}|y"},
    {"http://h/?next=http://user@other/", "http://h/?next=http://user@other/"},
    {"http://h/user@other", "http://h/user@other"},
};

static void reads_addresses_into_one_canonical_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
        struct url u;
        struct err err = {0};
        if (url_parse(str_of(accepted[i][0]), arena, &u, &err) != OK)
            fail_msg("%s was refused: %s", accepted[i][0], err.text);
        expect_text(&u, accepted[i][0], accepted[i][1]);
    }
}

static const char *const refused[] = {
    "",
    "http",
    "http:",
    "http:/",
    "http://",
    "http:///",
    "http:///path",
    "http://?q",
    "http://#f",
    "http://:80/",
    "http:example.com",
    "http:/example.com",
    "//example.com/",
    "/path",
    "example.com",
    "example.com:80",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_",
    "javascript:alert(1)",
    "data:text/html,x",
    "ws://example.com/",
    "httpss://example.com/",
    "http s://example.com/",
    " http://example.com/",
    "http://example.com/ ",
    "http://exa mple.com/",
    "http://example.com/a b",
    "http://example.com/\t",
    "http://example.com/\r\nHost: x",
    "http://example.com/\x7f",
    "http://example.com\x01/",
    "http://ex\xc3\xa4mple.com/",
    "http://example.com/\xc3\xa4",
    "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/",
    "http:\\\\example.com\\",
    "http://example.com\\@evil.com/",
    "http://example.com/a\\b",
    "http://example.com/<x>",
    "http://example.com/\"x\"",
    "http://example.com/`x`",
    "http://user@example.com/",
    "http://user:secret@example.com/",
    "http://@example.com/",
    "http://example.com@127.0.0.1/",
    "http://a%40b@c/",
    "http://[::1]@evil/",
    "http://example.com:/",
    "http://example.com:0/",
    "http://example.com:00080/",
    "http://example.com:080/",
    "http://example.com:65536/",
    "http://example.com:99999/",
    "http://example.com:123456/",
    "http://example.com:-1/",
    "http://example.com:+80/",
    "http://example.com:8a/",
    "http://example.com:80:80/",
    "http://example.com: 80/",
    "http://exa%6dple.com/",
    "http://%31%32%37.0.0.1/",
    "http://.example.com/",
    "http://example..com/",
    "http://example.com./",
    "http://./",
    "http://-a.example/",
    "http://a-.example/",
    "http://a!b/",
    "http://a,b/",
    "http://a*b/",
    "http://a;b/",
    "http://a&b/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://00/",
    "http://0/",
    "http://0x/",
    "http://127.0.0.0x1/",
    "http://127.0.0.01/",
    "http://01.02.03.04/",
    "http://1.2.3.4.5/",
    "http://1.2.3.4./",
    "http://1.2.3.256/",
    "http://1.2.3.999/",
    "http://256.256.256.256/",
    "http://foo.0x4/",
    "http://foo.09/",
    "http://foo.1/",
    "http://[::1/",
    "http://::1/",
    "http://[]/",
    "http://[::1]x/",
    "http://[::1]:/",
    "http://[::1]:0/",
    "http://[:::1]/",
    "http://[1:2:3:4:5:6:7]/",
    "http://[1:2:3:4:5:6:7:8:9]/",
    "http://[12345::]/",
    "http://[::g]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[::127.0.0.01]/",
    "http://[::ffff:127.0.1]/",
    "http://[v1.x]/",
    "http://[127.0.0.1]/",
    "http://[::1]]/",
    "http://[[::1]]/",
    "http://h/%",
    "http://h/%4",
    "http://h/%zz",
    "http://h/?%g0",
    "http://h/a%2",
};

static void refuses_what_two_readers_could_take_differently(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct url u = {.port = 7};
        struct err err = {0};
        if (url_parse(str_of(refused[i]), arena, &u, &err) == OK)
            fail_msg("%s was accepted", refused[i]);
        assert_int_equal(err.status, E_INVALID);
        assert_true(err.text[0] != '\0');
        assert_int_equal(u.port, 7);
    }
}

static void refuses_a_nul_and_what_is_too_long(void **state)
{
    (void)state;
    struct url u;
    char text[9000];

    assert_int_equal(url_parse(STR("http://h/a\0b"), arena, &u, NULL), E_INVALID);
    assert_int_equal(url_parse(STR("http://h\0.example/"), arena, &u, NULL), E_INVALID);
    memset(text, 'a', sizeof(text));
    memcpy(text, "http://h/", 9);
    assert_int_equal(url_parse((struct str){text, 8192}, arena, &u, NULL), OK);
    assert_int_equal(url_parse((struct str){text, 8193}, arena, &u, NULL), E_INVALID);
    text[8] = 'a'; /* one label of more than 63 */
    assert_int_equal(url_parse((struct str){text, 7 + 63}, arena, &u, NULL), OK);
    assert_int_equal(url_parse((struct str){text, 7 + 64}, arena, &u, NULL), E_INVALID);
    for (size_t i = 7; i < sizeof(text); i += 2)
        text[i] = '.', text[i - 1] = i == 7 ? '/' : 'a';
    assert_int_equal(url_parse((struct str){text, 600}, arena, &u, NULL), E_INVALID);
}

static void says_in_words_that_the_scheme_is_wrong(void **state)
{
    (void)state;
    struct url u;
    struct err err = {0};

    url_parse(STR("sftp://h/"), arena, &u, &err);
    assert_string_equal(err.code, "url_scheme");
    assert_string_equal(err.text, "The address must begin with http:// or https://.");
}

static void an_arena_that_is_full_is_a_failure_of_its_own(void **state)
{
    (void)state;
    for (size_t cap = 1; cap < 64; cap++) {
        _cleanup_(arena_freep) struct arena *small = arena_new(cap);
        struct url u;
        enum status status = url_parse(STR("http://example.com/abc?def"), small, &u, NULL);
        assert_true(status == OK || status == E_NO_MEMORY);
    }
}

static void splits_an_address_into_its_parts(void **state)
{
    (void)state;
    struct url u;

    assert_int_equal(url_parse(STR("https://H.example:8443/a/b?c=d"), arena, &u, NULL), OK);
    assert_true(u.https && u.port_given && !u.host_is_ip);
    assert_int_equal(u.port, 8443);
    assert_true(str_eq(u.host, STR("h.example")));
    assert_true(str_eq(u.path, STR("/a/b")) && str_eq(u.query, STR("c=d")));
    assert_true(str_eq(url_authority(&u, arena), STR("h.example:8443")));
    assert_int_equal(url_parse(STR("http://[::1]:80/"), arena, &u, NULL), OK);
    assert_true(u.host_is_ip && u.port_given && !u.query.p);
    assert_true(str_eq(u.host, STR("::1")));
    assert_true(str_eq(url_authority(&u, arena), STR("[::1]")));
    assert_true(str_eq(url_origin(&u, arena), STR("http://[::1]")));
}

static const struct {
    const char *a, *b;
    bool same;
} origins[] = {
    {"http://h/", "http://H:80/x?y", true},     {"https://h/", "https://h:443/", true},
    {"http://h/", "https://h/", false},         {"http://h/", "http://h:8080/", false},
    {"http://h/", "http://h.example/", false},  {"http://[::1]/", "http://[0::1]/", true},
    {"http://h:443/", "https://h:443/", false}, {"http://a.h/", "http://h/", false},
};

static void compares_origins_by_scheme_host_and_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(origins); i++) {
        struct url a, b;
        assert_int_equal(url_parse(str_of(origins[i].a), arena, &a, NULL), OK);
        assert_int_equal(url_parse(str_of(origins[i].b), arena, &b, NULL), OK);
        assert_int_equal(url_same_origin(&a, &b), origins[i].same);
    }
}

/* RFC 3986 5.4, as far as it speaks of http. */
static const char *const resolved[][2] = {
    {"g", "http://a/b/c/g"},
    {"./g", "http://a/b/c/g"},
    {"g/", "http://a/b/c/g/"},
    {"/g", "http://a/g"},
    {"//g", "http://g/"},
    {"//g:81/x", "http://g:81/x"},
    {"?y", "http://a/b/c/d;p?y"},
    {"g?y", "http://a/b/c/g?y"},
    {"#s", "http://a/b/c/d;p?q"},
    {"g#s", "http://a/b/c/g"},
    {"g?y#s", "http://a/b/c/g?y"},
    {";x", "http://a/b/c/;x"},
    {"g;x", "http://a/b/c/g;x"},
    {"", "http://a/b/c/d;p?q"},
    {".", "http://a/b/c/"},
    {"./", "http://a/b/c/"},
    {"..", "http://a/b/"},
    {"../", "http://a/b/"},
    {"../g", "http://a/b/g"},
    {"../..", "http://a/"},
    {"../../g", "http://a/g"},
    {"../../../g", "http://a/g"},
    {"/./g", "http://a/g"},
    {"/../g", "http://a/g"},
    {"g.", "http://a/b/c/g."},
    {"..g", "http://a/b/c/..g"},
    {"./../g", "http://a/b/g"},
    {"g/./h", "http://a/b/c/g/h"},
    {"g/../h", "http://a/b/c/h"},
    {"g?y/../x", "http://a/b/c/g?y/../x"},
    {"https://other/x", "https://other/x"},
    {"HTTP://Other/x", "http://other/x"},
    {"/a:b", "http://a/a:b"},
    {"./a:b", "http://a/b/c/a:b"},
    {"1:2", "http://a/b/c/1:2"},
};

static const char *const not_resolved[] = {
    "mailto:x@y", "javascript:1", "http:g",      "//user@h/",   "//",       "///x",
    "file:///x",  "ftp://h/",     "/a b",        "\\\\evil\\x", "/%",       "//h:0/",
    "//0x7f.1/",  "http://[::1",  "data:,hello", "/\xc3\xa4",   "//a@b:80",
};

static void resolves_references_as_rfc_3986_says(void **state)
{
    (void)state;
    struct url base, u;

    assert_int_equal(url_parse(STR("http://a/b/c/d;p?q"), arena, &base, NULL), OK);
    for (size_t i = 0; i < ARRAY_SIZE(resolved); i++) {
        if (url_resolve(&base, str_of(resolved[i][0]), arena, &u, NULL) != OK)
            fail_msg("%s was refused", resolved[i][0]);
        expect_text(&u, resolved[i][0], resolved[i][1]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(not_resolved); i++) {
        if (url_resolve(&base, str_of(not_resolved[i]), arena, &u, NULL) == OK)
            fail_msg("%s was accepted", not_resolved[i]);
    }
}

#define CHAT   "/sora/v1/chat/completions"
#define VIDEOS "/v1/videos"

static const char *const joined[][3] = {
    {"https://h", CHAT, "https://h/sora/v1/chat/completions"},
    {"https://h/", CHAT, "https://h/sora/v1/chat/completions"},
    {"https://h//", CHAT, "https://h/sora/v1/chat/completions"},
    {"https://h/v1", CHAT, "https://h/sora/v1/chat/completions"},
    {"https://h/v1/", CHAT, "https://h/sora/v1/chat/completions"},
    {"https://h/sora", CHAT, "https://h/sora/v1/chat/completions"},
    {"https://h/sora/", CHAT, "https://h/sora/v1/chat/completions"},
    {"https://h/sora/v1", CHAT, "https://h/sora/v1/chat/completions"},
    {"https://h/sora/v1/", CHAT, "https://h/sora/v1/chat/completions"},
    {"https://h//sora//v1//", CHAT, "https://h/sora/v1/chat/completions"},
    {"https://h/sora/v1/chat/completions", CHAT, "https://h/sora/v1/chat/completions"},
    {"https://h/x/sora/v1", CHAT, "https://h/x/sora/v1/chat/completions"},
    {"https://h/x/v1", CHAT, "https://h/x/sora/v1/chat/completions"},
    {"https://h/x", CHAT, "https://h/x/sora/v1/chat/completions"},
    {"http://h:8080/api", CHAT, "http://h:8080/api/sora/v1/chat/completions"},
    {"https://h", VIDEOS, "https://h/v1/videos"},
    {"https://h/v1", VIDEOS, "https://h/v1/videos"},
    {"https://h/v1/", VIDEOS, "https://h/v1/videos"},
    {"https://h/x/v1/", VIDEOS, "https://h/x/v1/videos"},
    {"https://h/x/v1/videos", VIDEOS, "https://h/x/v1/videos"},
    {"https://h/sora/v1", VIDEOS, "https://h/sora/v1/videos"},
    {"https://h/videos", VIDEOS, "https://h/videos/v1/videos"},
    {"https://h/v1", "/v1/videos/v1", "https://h/v1/videos/v1"},
    {"https://h/content", "/v1/videos/x/content", "https://h/content/v1/videos/x/content"},
    {"https://h/v1", "v1/models", "https://h/v1/models"},
    {"https://h/v1", "//v1//models", "https://h/v1/models"},
    {"https://h/v1?api-version=2", VIDEOS, "https://h/v1/videos?api-version=2"},
    {"https://h/v1?a=1", "/v1/videos?b=2", "https://h/v1/videos?a=1&b=2"},
    {"https://h/v1", "/v1/videos?limit=2", "https://h/v1/videos?limit=2"},
    {"https://h/x", "", "https://h/x"},
    {"https://h", "/", "https://h/"},
    {"https://[::1]:9/v1", VIDEOS, "https://[::1]:9/v1/videos"},
};

static void joins_base_url_and_endpoint_without_repeats(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(joined); i++) {
        struct url base, u;
        assert_int_equal(url_parse(str_of(joined[i][0]), arena, &base, NULL), OK);
        assert_int_equal(url_join_endpoint(&base, str_of(joined[i][1]), arena, &u, NULL), OK);
        expect_text(&u, joined[i][0], joined[i][2]);
    }
}

static void joins_nothing_to_a_path_of_countless_parts(void **state)
{
    (void)state;
    struct url base, u;
    char text[400] = "http://h";

    for (int i = 0; i < 65; i++)
        strcat(text, "/a");
    assert_int_equal(url_parse(str_of(text), arena, &base, NULL), OK);
    assert_int_equal(url_join_endpoint(&base, STR("/v1/models"), arena, &u, NULL), E_INVALID);
}

static void escapes_all_but_unreserved_characters(void **state)
{
    (void)state;
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(128), tiny = BUF_INIT(2);

    assert_true(url_percent_encode(STR("aZ0-._~/ %\xff+\n"), true, &out));
    assert_true(str_eq(buf_str(&out), STR("aZ0-._~/%20%25%FF%2B%0A")));
    buf_reset(&out);
    assert_true(url_percent_encode(STR("a/b"), false, &out));
    assert_true(str_eq(buf_str(&out), STR("a%2Fb")));
    assert_false(url_percent_encode(STR("a/b"), false, &tiny));
}

int main(void)
{
#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }
    const struct CMUnitTest tests[] = {
        TEST("addresses are read into one canonical form", reads_addresses_into_one_canonical_form),
        TEST("[AC-2] what two readers could take differently is refused",
             refuses_what_two_readers_could_take_differently),
        TEST("a NUL and what is too long is refused", refuses_a_nul_and_what_is_too_long),
        TEST("[AC-2] another scheme is refused in words", says_in_words_that_the_scheme_is_wrong),
        TEST("an arena that is full is a failure of its own",
             an_arena_that_is_full_is_a_failure_of_its_own),
        TEST("an address is split into its parts", splits_an_address_into_its_parts),
        TEST("origins are compared by scheme, host and port",
             compares_origins_by_scheme_host_and_port),
        TEST("references are resolved as RFC 3986 says", resolves_references_as_rfc_3986_says),
        TEST("[AC-2] base_url and endpoint are joined without doubled, missing or repeated parts",
             joins_base_url_and_endpoint_without_repeats),
        TEST("a path of countless parts is refused", joins_nothing_to_a_path_of_countless_parts),
        TEST("all but unreserved characters are escaped", escapes_all_but_unreserved_characters),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
