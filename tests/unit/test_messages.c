/* SPDX-License-Identifier: Apache-2.0 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/messages.h"
#include "base/mem.h"
#include "base/utf8.h"

static bool has_chinese(const char *text)
{
    while (*text && (unsigned char)*text < 0x80)
        text++;
    return *text != '\0';
}

static void every_code_is_once_in_both_languages(void **state)
{
    size_t count;
    const struct message *table = message_table(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_true(strlen(table[i].code) < ERR_CODE_MAX);
        assert_true(table[i].http_status >= 400 && table[i].http_status < 600);
        assert_true(utf8_valid(str_of(table[i].zh)) && has_chinese(table[i].zh));
        assert_false(has_chinese(table[i].en));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(table[i].code, table[k].code);
    }
}

/* The quoted code that follows, if there is one. */
static void check_code(const char *path, const char *at)
{
    char code[ERR_CODE_MAX];
    if (sscanf(at + strspn(at, ", \n"), "\"%47[a-z0-9_]\"", code) == 1 &&
        !message_of(code, LANG_EN))
        fail_msg("%s: the code %s is not in the table of api/messages", path, code);
}

/* Every `E_…, "code"` and `err_field(err, "code"` of a text. */
static void check_codes(const char *path, const char *text)
{
    for (const char *at = strstr(text, "E_"); at; at = strstr(at + 2, "E_")) {
        size_t name = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        if (at > text && strchr(" (", at[-1]) && at[name] == ',')
            check_code(path, at + name);
    }
    for (const char *at = strstr(text, "FAILURE_"); at; at = strstr(at + 1, "FAILURE_")) {
        size_t name = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        if (at[name] == ',')
            check_code(path, at + name);
    }
    const char *field = "err_field(err,";
    for (const char *at = strstr(text, field); at; at = strstr(at + 1, field))
        check_code(path, at + strlen(field));
}

static void every_code_in_use_has_its_sentence(void **state)
{
    static const char *const folders[] = {"api", "service", "pool", "media", "dialect", "store"};
    static char text[1 << 20];
    size_t files = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        char pattern[64];
        glob_t found;
        snprintf(pattern, sizeof(pattern), "src/%s/*.c", folders[i]);
        assert_int_equal(glob(pattern, 0, NULL, &found), 0);
        for (size_t k = 0; k < found.gl_pathc; k++, files++) {
            FILE *file = fopen(found.gl_pathv[k], "r");
            assert_non_null(file);
            text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
            fclose(file);
            check_codes(found.gl_pathv[k], text);
        }
        globfree(&found);
    }
    assert_true(files > 20);
}

/* Whatever the class, with words of the upstream's and without, in both languages. */
static void every_failure_is_a_sentence(void **state)
{
    struct arena *a = arena_new(64 << 10);
    (void)state;
    for (int class = FAILURE_UPSTREAM; class <= FAILURE_INTERNAL; class ++) {
        struct failure f = {.class = (enum failure_class) class};
        for (int language = LANG_ZH; language <= LANG_EN; language++) {
            struct str text = message_of_failure(&f, (enum language)language, a);
            assert_true(text.n > 8);
            assert_int_equal(has_chinese(arena_strz(a, text)), language == LANG_ZH);
        }
    }
    struct failure f = {FAILURE_UPSTREAM, STR("no_result"), STR_NONE};
    assert_string_equal(arena_strz(a, message_of_failure(&f, LANG_EN, a)),
                        "The upstream finished without a result.");
    f = (struct failure){FAILURE_CONTENT_POLICY, STR_NONE, STR("no dragons")};
    assert_string_equal(arena_strz(a, message_of_failure(&f, LANG_EN, a)),
                        "The upstream declined this prompt: no dragons");
    assert_string_equal(arena_strz(a, message_of_failure(&f, LANG_ZH, a)),
                        "上游拒绝了这条提示词：no dragons");
    /* A newer program's code. */
    f.code = STR("no_such_code");
    assert_string_equal(arena_strz(a, message_of_failure(&f, LANG_EN, a)),
                        "The upstream declined this prompt: no dragons");
    arena_free(a);
}

static void the_specified_words_are_used(void **state)
{
    (void)state;
    static const char *const wanted[][2] = {
        {"too_many_jobs", "请等待当前任务完成后再发起新任务"},
        {"quota_exceeded", "存储配额已满，请删除不需要的作品释放空间"},
        {"already_finished", "任务已结束，无法取消"},
        {"link_expired", "媒体链接已过期，无法保存"},
        {"storage_not_configured", "云存储未配置，请联系管理员"},
        {"connect_timeout", "连接超时"},
        {"auth_failed", "认证失败"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
        assert_string_equal(message_of(wanted[i][0], LANG_ZH), wanted[i][1]);
    assert_string_equal(message_of("upload_quota_exceeded", LANG_EN), "Upload quota exceeded");
    assert_null(message_of("no_such_code", LANG_EN));
}

static void row_of(const struct message *m, char line[1024])
{
    snprintf(line, 1024, "| `%s` | %d | %s | %s |\n", m->code, m->http_status, m->zh, m->en);
}

/* With KINORA_WRITE_DOCS set the rows are written anew, behind the document's own words. */
static void write_document(const struct message *table, size_t count)
{
    static char head[16384];
    char line[1024];
    FILE *file = fopen("docs/errors.md", "r+");
    assert_non_null(file);
    head[fread(head, 1, sizeof(head) - 1, file)] = '\0';
    char *rows = strstr(head, "|---|");
    assert_non_null(rows);
    long at = strchr(rows, '\n') + 1 - head;
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    for (size_t i = 0; i < count; i++) {
        row_of(&table[i], line);
        fputs(line, file);
    }
    assert_int_equal(fflush(file), 0);
    assert_int_equal(ftruncate(fileno(file), ftell(file)), 0);
    fclose(file);
}

static void the_document_lists_exactly_the_table(void **state)
{
    size_t count, row = 0;
    const struct message *table = message_table(&count);
    char line[1024], wanted[1024];
    (void)state;
    if (getenv("KINORA_WRITE_DOCS"))
        write_document(table, count);
    FILE *file = fopen("docs/errors.md", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, "| `", 3) != 0)
            continue;
        assert_true(row < count);
        row_of(&table[row], wanted);
        assert_string_equal(line, wanted);
        row++;
    }
    fclose(file);
    assert_int_equal(row, count);
}

static void the_language_is_negotiated(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum language fallback, wanted;
    } cases[] = {
        {NULL, LANG_ZH, LANG_ZH},
        {NULL, LANG_EN, LANG_EN},
        {"", LANG_EN, LANG_EN},
        {"*", LANG_ZH, LANG_ZH},
        {"en", LANG_ZH, LANG_EN},
        {"en-GB,en;q=0.9", LANG_ZH, LANG_EN},
        {"zh-CN,zh;q=0.9,en;q=0.8", LANG_EN, LANG_ZH},
        {"en;q=0.3, zh;q=0.7", LANG_EN, LANG_ZH},
        {"en;q=0.35, zh;q=0.305", LANG_ZH, LANG_EN},
        {"fr, en;q=0.1", LANG_ZH, LANG_EN},
        {"fr, de", LANG_ZH, LANG_ZH},
        {"fr, *;q=0.5", LANG_EN, LANG_EN},
        {"zh;q=0, en;q=0.1", LANG_ZH, LANG_EN},
        {"en;q=0", LANG_ZH, LANG_ZH},
        {"EN-us", LANG_ZH, LANG_EN},
        {",;,q=", LANG_EN, LANG_EN},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(language_of(str_of(cases[i].header), cases[i].fallback), cases[i].wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"[ST-10] every code is there once, in both languages",
         every_code_is_once_in_both_languages, NULL, NULL, NULL},
        {"[ST-10] every code in use has its sentence", every_code_in_use_has_its_sentence, NULL,
         NULL, NULL},
        {"[ST-10] the specified sentences are used", the_specified_words_are_used, NULL, NULL,
         NULL},
        {"[ST-8] every failure is a sentence in both languages", every_failure_is_a_sentence, NULL,
         NULL, NULL},
        {"[ST-10] docs/errors.md lists exactly the table", the_document_lists_exactly_the_table,
         NULL, NULL, NULL},
        {"[ST-10] Accept-Language decides, else the system's language", the_language_is_negotiated,
         NULL, NULL, NULL},
    };
    return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
