/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_out.h"
#include "base/mem.h"

/* Of a pipe that is ready, so much is taken at once and without waiting (pipe(7)). */
enum { LINE_MAX_BYTES = PIPE_BUF, VALUE_MAX_BYTES = 2048 };

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

/* cut: how many fields were left out. */
static bool compose(struct buf *line, enum log_level level, const char *message,
                    const struct log_field *fields, size_t n, size_t cut)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    struct json_out j;

    buf_reset(line);
    json_out_init(&j, line);
    json_object(&j);
    json_kv_time(&j, "time", clock_wall_ms());
    json_kv_z(&j, "level", names[level]);
    json_kv_z(&j, "msg", message);
    for (size_t i = 0; i < n; i++)
        add_field(&j, &fields[i]);
    if (cut)
        add_field(&j, &LOG_I("fields_cut", cut));
    json_object_end(&j);
    buf_add_char(line, '\n');
    return !buf_failed(line);
}

/* False instead of waiting: a reader that stands still must stop no loop.  The descriptor
 * is shared with others, so it is not made non-blocking. */
static bool put(struct str line)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&ready, 1, 0) == 0)
        return false;
    /* A log that cannot be written at all has nobody left to tell. */
    if (write(STDERR_FILENO, line.p, line.n) < 0) {
    }
    return true;
}

/* One at a time, for what was ready would else be full again at the second's write. */
static void put_or_count(struct str line)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int64_t dropped;
    struct buf note = BUF_INIT(LINE_MAX_BYTES);

    pthread_mutex_lock(&lock);
    if (dropped &&
        compose(&note, LOG_WARN, "log lines were dropped", &LOG_I("count", dropped), 1, 0) &&
        put(buf_str(&note)))
        dropped = 0;
    if (dropped || !put(line))
        dropped++;
    pthread_mutex_unlock(&lock);
    buf_release(&note);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t n)
{
    struct buf line = BUF_INIT(LINE_MAX_BYTES);
    size_t kept = n;

    while (!compose(&line, level, message, fields, kept, n - kept) && kept)
        kept--;
    put_or_count(buf_str(&line));
    buf_release(&line);
}
