/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "base/mem.h"

enum { LINE_MAX_BYTES = 8192, VALUE_MAX_BYTES = 2048 };

static _Atomic int threshold = LOG_INFO;

void log_set_level(enum log_level level)
{
    atomic_store(&threshold, (int)level);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&threshold, memory_order_relaxed);
}

int64_t log_pid(void)
{
    return getpid();
}

static bool names_secret(const char *key)
{
    static const char *const words[] = {"password", "token",         "secret",
                                        "api_key",  "authorization", "cookie"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcasestr(key, words[i]))
            return true;
    }
    return false;
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_token_char(char c)
{
    return is_letter_or_digit(c) || strchr("-_.~+/=", c);
}

/* Length of a secret that begins at s (its marker included), or 0. */
static size_t secret_at(struct str s, size_t *ret_marker)
{
    static const struct str markers[] = {{"Bearer ", 7}, {"bearer ", 7}, {"sk-", 3}};
    for (size_t i = 0; i < ARRAY_SIZE(markers); i++) {
        if (!str_starts(s, markers[i]))
            continue;
        size_t n = markers[i].n;
        while (n < s.n && s.p[n] && is_token_char(s.p[n]))
            n++;
        if (n - markers[i].n >= 8) {
            *ret_marker = markers[i].n;
            return n;
        }
    }
    return 0;
}

static void add_redacted(struct json_out *j, struct str value)
{
    struct buf clean = BUF_INIT(VALUE_MAX_BYTES);
    bool inside_word = false; /* "task-" is no key */
    value = str_to(value, VALUE_MAX_BYTES / 2);
    while (value.n) {
        size_t marker = 0, n = inside_word ? 0 : secret_at(value, &marker);
        if (n) {
            buf_add(&clean, str_to(value, marker));
            buf_add(&clean, STR("[redacted]"));
        } else {
            n = 1;
            buf_add_char(&clean, value.p[0]);
        }
        inside_word = is_letter_or_digit(value.p[n - 1]);
        value = str_from(value, n);
    }
    json_str(j, buf_str(&clean));
    buf_release(&clean);
}

static void add_field(struct json_out *j, const struct log_field *f)
{
    json_key(j, f->key);
    if (f->type == LOG_NUMBER)
        json_int(j, f->number);
    else if (names_secret(f->key))
        json_str(j, STR("[redacted]"));
    else
        add_redacted(j, f->text);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t n)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    struct buf line = BUF_INIT(LINE_MAX_BYTES);
    struct json_out j;

    json_out_init(&j, &line);
    json_object(&j);
    json_kv_time(&j, "time", clock_wall_ms());
    json_kv_z(&j, "level", names[level]);
    json_kv_z(&j, "msg", message);
    for (size_t i = 0; i < n; i++)
        add_field(&j, &fields[i]);
    json_object_end(&j);
    buf_add_char(&line, '\n');

    struct str text = buf_failed(&line)
                          ? STR("{\"level\":\"error\",\"msg\":\"log line too long\"}\n")
                          : buf_str(&line);
    /* A log that cannot be written has nobody left to tell. */
    if (write(STDERR_FILENO, text.p, text.n) < 0) {
    }
    buf_release(&line);
}
