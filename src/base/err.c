/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void copy_text(char *to, size_t size, const char *from)
{
    size_t n = strnlen(from, size - 1);
    memcpy(to, from, n);
    to[n] = '\0';
}

void err_fill(struct err *err, enum status status, const char *code)
{
    if (!err)
        return;
    memset(err, 0, sizeof(*err));
    err->status = status;
    copy_text(err->code, sizeof(err->code), code);
}

void err_fill_text(struct err *err, enum status status, const char *code, const char *format, ...)
{
    err_fill(err, status, code);
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof(err->text), format, args);
        va_end(args);
    }
}

void err_fill_field(struct err *err, const char *code, const char *field, const char *format, ...)
{
    err_fill(err, E_INVALID, code);
    if (err) {
        va_list args;
        copy_text(err->field, sizeof(err->field), field);
        va_start(args, format);
        vsnprintf(err->text, sizeof(err->text), format, args);
        va_end(args);
    }
}

void err_number(struct err *err, const char *name, int64_t value)
{
    if (!err)
        return;
    for (size_t i = 0; i < ERR_NUMBERS_MAX; i++) {
        struct err_number *number = &err->numbers[i];
        if (number->name[0] != '\0')
            continue;
        copy_text(number->name, sizeof(number->name), name);
        number->value = value;
        return;
    }
}

void err_detail(struct err *err, const char *format, ...)
{
    if (!err)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(err->detail, sizeof(err->detail), format, args);
    va_end(args);
}

void err_fill_errno(struct err *err, const char *what)
{
    int saved = errno;
    err_fill(err, E_IO, "io_error");
    err_detail(err, "%s: %s", what, strerror(saved));
}

const char *status_name(enum status status)
{
    static const char *const names[] = {
        [OK] = "ok",
        [E_INVALID] = "invalid",
        [E_AUTH] = "unauthenticated",
        [E_FORBIDDEN] = "forbidden",
        [E_NOT_FOUND] = "not_found",
        [E_METHOD] = "method",
        [E_CONFLICT] = "conflict",
        [E_GONE] = "gone",
        [E_PRECONDITION] = "precondition",
        [E_TOO_LARGE] = "too_large",
        [E_UNSUPPORTED] = "unsupported",
        [E_UNPROCESSABLE] = "unprocessable",
        [E_LOCKED] = "locked",
        [E_LIMIT] = "limit",
        [E_DAMAGED] = "damaged",
        [E_UNAVAILABLE] = "unavailable",
        [E_NO_SPACE] = "no_space",
        [E_UPSTREAM] = "upstream",
        [E_TIMEOUT] = "timeout",
        [E_LOOP] = "loop",
        [E_NO_MEMORY] = "no_memory",
        [E_IO] = "io",
        [E_INTERNAL] = "internal",
    };
    return names[status];
}
