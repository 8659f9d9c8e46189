/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* log — structured lines on standard error: one JSON object each.
 *
 * Thread: any; a line is one write(2) of at most 4 KiB (PIPE_BUF), and never waits: when
 * nobody reads, lines are dropped, and how many is told by the next one that is not.  Of
 * a line that would be longer the last fields are left out (fields_cut says how many),
 * its message never.  Values go through the JSON writer, so
 * nothing that came from outside can forge a line.  Keys that name a secret
 * (password, token, api_key, secret, authorization, cookie) are written as
 * "[redacted]", and so is anything in a value that looks like a bearer token or
 * an `sk-` key. */
#include <stdint.h>

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key;
    enum { LOG_TEXT, LOG_NUMBER } type;
    struct str text;
    int64_t number;
};

#define LOG_S(k, v) ((struct log_field){.key = (k), .type = LOG_TEXT, .text = (v)})
#define LOG_Z(k, v) ((struct log_field){.key = (k), .type = LOG_TEXT, .text = str_of(v)})
#define LOG_I(k, v) ((struct log_field){.key = (k), .type = LOG_NUMBER, .number = (int64_t)(v)})

/* Lines below the level are dropped; LOG_INFO at first. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
/* message is a constant sentence; what varies goes into fields. */
void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t n);

#define LOG_LINE(level, message, ...)                                                              \
    do {                                                                                           \
        if (log_enabled(level)) {                                                                  \
            const struct log_field log_fields_[] = {LOG_I("pid", log_pid()), ##__VA_ARGS__};       \
            log_write(level, message, log_fields_, sizeof(log_fields_) / sizeof(log_fields_[0]));  \
        }                                                                                          \
    } while (0)
#define log_debug(message, ...) LOG_LINE(LOG_DEBUG, message, ##__VA_ARGS__)
#define log_info(message, ...)  LOG_LINE(LOG_INFO, message, ##__VA_ARGS__)
#define log_warn(message, ...)  LOG_LINE(LOG_WARN, message, ##__VA_ARGS__)
#define log_error(message, ...) LOG_LINE(LOG_ERROR, message, ##__VA_ARGS__)

int64_t log_pid(void);
