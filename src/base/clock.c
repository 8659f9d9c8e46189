/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000LL + t.tv_nsec;
}

int64_t clock_wall_ms(void)
{
    return read_ns(CLOCK_REALTIME) / 1000000;
}

int64_t clock_mono_ms(void)
{
    return read_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

static void split(int64_t wall_ms, struct tm *tm, int *ms)
{
    int64_t seconds = wall_ms / 1000;
    *ms = (int)(wall_ms % 1000);
    if (*ms < 0) {
        *ms += 1000;
        seconds--;
    }
    time_t t = (time_t)seconds;
    gmtime_r(&t, tm);
}

struct str clock_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_SIZE])
{
    struct tm tm;
    int ms;
    split(wall_ms, &tm, &ms);
    size_t n = strftime(out, CLOCK_RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    n += (size_t)snprintf(out + n, CLOCK_RFC3339_SIZE - n, ".%03dZ", ms);
    return (struct str){out, n};
}

/* Reads exactly n digits at *s and moves past them. */
static bool digits(struct str *s, size_t n, int *ret)
{
    uint64_t value;
    if (s->n < n || !str_to_u64(str_to(*s, n), &value))
        return false;
    *s = str_from(*s, n);
    *ret = (int)value;
    return true;
}

/* Letters in either case (RFC 3339 5.6). */
static bool literal(struct str *s, char c)
{
    if (!str_eq_ci(str_to(*s, 1), (struct str){&c, 1}))
        return false;
    *s = str_from(*s, 1);
    return true;
}

static bool parse_date(struct str *s, struct tm *tm)
{
    bool ok = digits(s, 4, &tm->tm_year) && literal(s, '-') && digits(s, 2, &tm->tm_mon) &&
              literal(s, '-') && digits(s, 2, &tm->tm_mday);
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return ok && tm->tm_mon >= 0 && tm->tm_mon < 12 && tm->tm_mday >= 1 && tm->tm_mday <= 31;
}

static bool parse_time(struct str *s, struct tm *tm)
{
    bool ok = digits(s, 2, &tm->tm_hour) && literal(s, ':') && digits(s, 2, &tm->tm_min) &&
              literal(s, ':') && digits(s, 2, &tm->tm_sec);
    return ok && tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 61;
}

static bool parse_fraction(struct str *s, int *ret_ms)
{
    int scale = 100;
    struct str rest = *s;
    *ret_ms = 0;
    if (!literal(&rest, '.'))
        return true;
    *s = rest;
    while (rest.n && rest.p[0] >= '0' && rest.p[0] <= '9') {
        *ret_ms += (rest.p[0] - '0') * scale;
        scale /= 10;
        rest = str_from(rest, 1);
    }
    bool some = rest.n < s->n;
    *s = rest;
    return some;
}

/* False for a day that its month does not have, which timegm() would carry over. */
static bool seconds_of(const struct tm *tm, int64_t *ret)
{
    struct tm carried = *tm;
    *ret = timegm(&carried);
    return tm->tm_sec == 60 || carried.tm_mday == tm->tm_mday;
}

static bool parse_offset(struct str *s, int *ret_minutes)
{
    int hours, minutes;
    *ret_minutes = 0;
    if (literal(s, 'Z'))
        return true;
    if (!s->n || (s->p[0] != '+' && s->p[0] != '-'))
        return false;
    int sign = s->p[0] == '-' ? -1 : 1;
    *s = str_from(*s, 1);
    if (!digits(s, 2, &hours) || !literal(s, ':') || !digits(s, 2, &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

bool clock_parse_rfc3339(struct str s, int64_t *ret_wall_ms)
{
    struct tm tm = {0};
    int offset, ms;
    int64_t seconds;
    if (!parse_date(&s, &tm) || !literal(&s, 'T') || !parse_time(&s, &tm) ||
        !parse_fraction(&s, &ms) || !parse_offset(&s, &offset) || s.n)
        return false;
    if (!seconds_of(&tm, &seconds))
        return false;
    *ret_wall_ms = (seconds - (int64_t)offset * 60) * 1000 + ms;
    return true;
}

static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct str clock_http_date(int64_t wall_ms, char out[CLOCK_HTTP_SIZE])
{
    struct tm tm;
    int ms;
    split(wall_ms, &tm, &ms);
    int n = snprintf(out, CLOCK_HTTP_SIZE, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
                     tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                     tm.tm_sec);
    return (struct str){out, n < CLOCK_HTTP_SIZE ? (size_t)n : CLOCK_HTTP_SIZE - 1};
}

static bool parse_month(struct str *s, int *ret)
{
    for (int i = 0; i < 12; i++) {
        if (str_starts(*s, str_of(months[i]))) {
            *ret = i;
            *s = str_from(*s, 3);
            return true;
        }
    }
    return false;
}

bool clock_parse_http_date(struct str s, int64_t *ret_wall_ms)
{
    struct tm tm = {0};
    ptrdiff_t comma = str_find(s, STR(", "));
    if (comma != 3)
        return false;
    s = str_from(s, 5);
    bool ok = digits(&s, 2, &tm.tm_mday) && literal(&s, ' ') && parse_month(&s, &tm.tm_mon) &&
              literal(&s, ' ') && digits(&s, 4, &tm.tm_year) && literal(&s, ' ') &&
              parse_time(&s, &tm) && str_eq(s, STR(" GMT"));
    int64_t seconds;
    tm.tm_year -= 1900;
    if (!ok || !seconds_of(&tm, &seconds))
        return false;
    *ret_wall_ms = seconds * 1000;
    return true;
}
