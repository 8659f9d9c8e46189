/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* err — the one closed set of outcomes, and what to say about a failure.
 *
 * Library code returns a status and never logs; the caller that ends the story
 * logs once.  How a status becomes HTTP is written once, in api/respond. */
#include <stdint.h>

#include "base/str.h"

enum status {
    OK = 0,
    E_INVALID,       /* the input is wrong: 400 */
    E_AUTH,          /* no or wrong credential: 401 */
    E_FORBIDDEN,     /* known, but not allowed: 403 */
    E_NOT_FOUND,     /* absent, or another user's: 404 */
    E_METHOD,        /* 405 */
    E_CONFLICT,      /* the state does not allow it: 409 */
    E_GONE,          /* it existed and has expired: 410 */
    E_PRECONDITION,  /* it asks for what is not spoken here: 412 */
    E_TOO_LARGE,     /* over a size limit: 413 */
    E_UNSUPPORTED,   /* a kind of content that is not taken: 415 */
    E_UNPROCESSABLE, /* well-formed, yet contradicts what is known: 422 */
    E_LOCKED,        /* somebody else is at it: 423 */
    E_LIMIT,         /* over a rate, count or quota: 429 */
    E_DAMAGED,       /* not the bytes that were announced: 460 */
    E_UNAVAILABLE,   /* try again later: 503 */
    E_NO_SPACE,      /* the store is full: 507 */
    E_UPSTREAM,      /* the other side failed or lied: 502 */
    E_TIMEOUT,       /* the other side was too slow: 504 */
    E_LOOP,          /* it comes round to where it has been: 508 */
    E_NO_MEMORY,     /* a stated cap was reached: 503 */
    E_IO,            /* disk, socket, database: 500 */
    E_INTERNAL,      /* a bug of ours: 500 */
};

enum {
    ERR_CODE_MAX = 48,
    ERR_TEXT_MAX = 320,
    ERR_FIELD_MAX = 64,
    ERR_NUMBERS_MAX = 3,
    ERR_NUMBER_NAME_MAX = 24,
};

/* A figure that the answer shows beside code and message ("quota_bytes"). */
struct err_number {
    char name[ERR_NUMBER_NAME_MAX]; /* empty: none from here on */
    int64_t value;
};

/* Owner: the caller, on its stack.  `code` is stable and public, and is what a
 * translation is looked up by; `text` is the public English sentence, empty when
 * the code's own sentence is to be used; `detail` is for the log only. */
struct err {
    enum status status;
    int64_t retry_after_ms; /* 0: none */
    char code[ERR_CODE_MAX];
    char field[ERR_FIELD_MAX]; /* the offending input field, or empty */
    char text[ERR_TEXT_MAX];
    bool text_follows; /* `text` is no sentence, but stands behind the code's own */
    char detail[ERR_TEXT_MAX];
    struct err_number numbers[ERR_NUMBERS_MAX];
};

/* Returns on failure with the callee's status; its err is already filled. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum status try_status_ = (call);                                                          \
        if (try_status_ != OK)                                                                     \
            return try_status_;                                                                    \
    } while (0)

/* These fill err (which may be NULL).  Use the ones below, made for `return err_set(…)`. */
void err_fill(struct err *err, enum status status, const char *code);
void err_fill_text(struct err *err, enum status status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void err_fill_field(struct err *err, const char *code, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void err_fill_errno(struct err *err, const char *what);

/* Each fills err and returns its status, in sight of the compiler, which would otherwise
 * take it for a possible OK and warn about outputs left unset. */
static inline enum status err_set(struct err *err, enum status status, const char *code)
{
    err_fill(err, status, code);
    return status;
}
/* The same with a public sentence: err_say(err, status, code, format, …). */
#define err_say(err, outcome, ...)                                                                 \
    ({                                                                                             \
        enum status err_status_ = (outcome);                                                       \
        err_fill_text((err), err_status_, __VA_ARGS__);                                            \
        err_status_;                                                                               \
    })
/* E_INVALID about one input field, which the sentence names:
 * err_field(err, code, field, format, …). */
#define err_field(...)                                                                             \
    ({                                                                                             \
        err_fill_field(__VA_ARGS__);                                                               \
        E_INVALID;                                                                                 \
    })
/* E_IO with errno's text as the detail. */
static inline enum status err_errno(struct err *err, const char *what)
{
    err_fill_errno(err, what);
    return E_IO;
}

/* Adds a figure; past ERR_NUMBERS_MAX it is left out. */
void err_number(struct err *err, const char *name, int64_t value);
/* Adds what only the log may know (an errno, an upstream's words). */
void err_detail(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "invalid", "not_found" …: for logs and metrics. */
const char *status_name(enum status status);
