/* SPDX-License-Identifier: Apache-2.0 */
#include "pool/marks.h"

#include <stdio.h>

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t marks_backoff(int64_t failures, int64_t min_ms, int64_t max_ms, uint32_t random)
{
    int64_t ms = min_ms;
    for (int64_t i = 1; i < failures && ms < max_ms; i++)
        ms *= 2;
    ms = min64(ms, max_ms);
    /* ± 25 %: accounts that failed together must not come back together. */
    ms += ms / 2 * (int64_t)(random % 1024) / 1024 - ms / 4;
    return min64(ms, max_ms);
}

static void note_cause(struct marks *m, const char *code)
{
    if (m->status != ACCOUNT_ERROR)
        snprintf(m->reason, sizeof(m->reason), "%s", code);
}

static void cool(struct marks *m, const struct mark_event *e, int64_t ms)
{
    m->overloaded_until = max64(m->overloaded_until, e->now_ms + ms);
}

static void mark_auth(struct marks *m, const struct mark_event *e)
{
    if (m->auth_failures_in_row > 0 && e->began_at < m->marked_at)
        return;
    m->auth_failures_in_row++;
    note_cause(m, MARKS_REASON_KEY);
    if (m->auth_failures_in_row < MARKS_AUTH_FAILURES) {
        cool(m, e,
             marks_backoff(m->auth_failures_in_row, MARKS_BACKOFF_MIN_MS, MARKS_BACKOFF_MAX_MS,
                           e->random));
        return;
    }
    note_cause(m, MARKS_REASON_AUTH);
    m->status = ACCOUNT_ERROR;
    cool(m, e,
         marks_backoff(m->auth_failures_in_row - MARKS_AUTH_FAILURES + 1, MARKS_PROBE_MIN_MS,
                       MARKS_PROBE_MAX_MS, e->random));
}

static void mark_backoff(struct marks *m, const struct mark_event *e)
{
    bool same_incident = m->failures_in_row > 0 && e->began_at < m->marked_at;
    if (!same_incident) {
        m->failures_in_row++;
        note_cause(m, e->outcome == POOL_REFUSED ? MARKS_REASON_DECLINED : MARKS_REASON_FAILING);
        cool(m, e,
             marks_backoff(m->failures_in_row, MARKS_BACKOFF_MIN_MS, MARKS_BACKOFF_MAX_MS,
                           e->random));
    }
    if (e->retry_after_ms > 0)
        cool(m, e, min64(e->retry_after_ms, MARKS_RETRY_AFTER_MAX_MS));
}

static void mark_limited(struct marks *m, const struct mark_event *e)
{
    int64_t ms = e->retry_after_ms > 0 ? min64(e->retry_after_ms, MARKS_RETRY_AFTER_MAX_MS)
                                       : MARKS_RATE_LIMIT_MS;
    note_cause(m, MARKS_REASON_LIMITED);
    m->rate_limited_until = max64(m->rate_limited_until, e->now_ms + ms);
}

static bool mark_success(struct marks *m, const struct mark_event *e)
{
    if (e->began_at < m->marked_at)
        return false;
    int64_t limited = m->rate_limited_until > e->now_ms ? m->rate_limited_until : 0;
    bool changed = marks_clear(m);
    m->rate_limited_until = limited;
    if (limited)
        note_cause(m, MARKS_REASON_LIMITED);
    return changed;
}

bool marks_apply(struct marks *m, const struct mark_event *e)
{
    switch (e->outcome) {
    case POOL_SUCCESS:
        return mark_success(m, e);
    case POOL_NEUTRAL:
        return false;
    case POOL_AUTH_FAILED:
        mark_auth(m, e);
        break;
    case POOL_RATE_LIMITED:
        mark_limited(m, e);
        break;
    case POOL_REFUSED:
    case POOL_UNAVAILABLE:
        mark_backoff(m, e);
        break;
    }
    m->marked_at = e->at;
    return true;
}

bool marks_clear(struct marks *m)
{
    bool had = m->status == ACCOUNT_ERROR || m->rate_limited_until || m->overloaded_until ||
               m->failures_in_row || m->auth_failures_in_row;
    *m = (struct marks){.status = ACCOUNT_ACTIVE};
    return had;
}

bool marks_doubt(const struct marks *m)
{
    return m->status == ACCOUNT_ERROR || m->rate_limited_until || m->failures_in_row ||
           m->auth_failures_in_row;
}

int64_t marks_cooling_until(const struct marks *m, bool *ret_limited)
{
    *ret_limited = m->rate_limited_until > m->overloaded_until;
    return max64(m->rate_limited_until, m->overloaded_until);
}

enum pool_outcome pool_outcome_of_status(int status)
{
    switch (status) {
    case 401:
        return POOL_AUTH_FAILED;
    case 402:
    case 403:
        return POOL_REFUSED;
    case 429:
        return POOL_RATE_LIMITED;
    case 508: /* the request's way round, not the account */
        return POOL_NEUTRAL;
    default:
        if (status >= 200 && status < 300)
            return POOL_SUCCESS;
        return status >= 500 || status == 0 ? POOL_UNAVAILABLE : POOL_NEUTRAL;
    }
}

bool pool_may_switch(int status, bool model_missing)
{
    return status == 401 || status == 402 || status == 403 || status == 408 || status == 429 ||
           (status >= 500 && status != 508) || (status == 404 && model_missing);
}
