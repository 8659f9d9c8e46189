/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* marks — what an outcome does to an account (SPEC GW-5), as a pure function of the marks
 * it had, the outcome and the time.  The same for every account and every caller.
 *
 *   success        everything is cleared; a rate limit that still runs stays, because only
 *                  a call that was let past it can have succeeded
 *   neutral        nothing
 *   401            back-off; the third in a row makes the account `error`, which is tried
 *                  again with one call at a time after 1, 2, 4 … 30 minutes
 *   402, 403       back-off
 *   429            cool until what the upstream said, else 60 s
 *   5xx, broken    back-off, 2 s doubled up to 5 minutes, each spread by a quarter
 *
 * Calls that began before the last mark belong to the same incident: their failures do not
 * double the back-off again, and their successes prove nothing about now. */
#include "pool/pool.h"

enum {
    MARKS_RATE_LIMIT_MS = 60 * 1000,             /* a 429 that names no time */
    MARKS_RETRY_AFTER_MAX_MS = 24 * 3600 * 1000, /* nobody may lock an account for longer */
    MARKS_BACKOFF_MIN_MS = 2 * 1000,
    MARKS_BACKOFF_MAX_MS = 5 * 60 * 1000,
    MARKS_PROBE_MIN_MS = 60 * 1000,
    MARKS_PROBE_MAX_MS = 30 * 60 * 1000,
    MARKS_AUTH_FAILURES = 3,
};

/* Why an account cools down or is in `error`: codes of api/messages.  AUTH: three 401 in a
 * row have made it an error, and it stays the reason until a success. */
#define MARKS_REASON_AUTH     "account_auth_failed"
#define MARKS_REASON_KEY      "auth_failed"
#define MARKS_REASON_DECLINED "account_declined"
#define MARKS_REASON_LIMITED  "account_rate_limited"
#define MARKS_REASON_FAILING  "account_failing"

struct marks {
    enum account_status status; /* ACCOUNT_ACTIVE or ACCOUNT_ERROR */
    char reason[ERR_CODE_MAX];  /* of the last failure; empty: none since the last success */
    int64_t rate_limited_until, overloaded_until; /* wall ms; 0: none */
    int64_t failures_in_row, auth_failures_in_row;
    int64_t marked_at; /* ticks of the last failure; 0: none in this process */
};

struct mark_event {
    enum pool_outcome outcome;
    int64_t retry_after_ms; /* 0: not said */
    int64_t now_ms;         /* wall */
    int64_t began_at, at;   /* ticks: any clock that never gives a value twice */
    uint32_t random;
};

/* Whether anything changed. */
bool marks_apply(struct marks *m, const struct mark_event *e);
bool marks_clear(struct marks *m);

/* Its last call failed, and no success has come since: it is tried gently (probe.c). */
bool marks_doubt(const struct marks *m);
/* The end of the cool-down, 0 for none; in *ret_limited whether it is for 429 alone. */
int64_t marks_cooling_until(const struct marks *m, bool *ret_limited);
/* Doubled per failure (from 1), spread by a quarter to either side, never above max. */
int64_t marks_backoff(int64_t failures, int64_t min_ms, int64_t max_ms, uint32_t random);
