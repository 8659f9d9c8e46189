/* SPDX-License-Identifier: Apache-2.0 */
#include "net/retry_after.h"

#include "base/clock.h"
#include "base/mem.h"

#define EPOCH_MS_FROM 100000000000LL /* as seconds, the year 5138 */
#define SPAN_MAX_MS   (10000 * EPOCH_MS_FROM)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int64_t bounded(int64_t ms)
{
    return MIN(MAX(ms, CLOCK_SECOND_MS), (int64_t)RETRY_AFTER_MAX_MS);
}

/* Whole or broken, to a thousandth; false when there is none. */
static bool take_number(struct str *s, int64_t *ret_thousandths)
{
    int64_t n = 0, unit = 1000;
    size_t i = 0;
    for (; i < s->n && is_digit(s->p[i]); i++)
        n = MIN(n * 10 + (s->p[i] - '0'), EPOCH_MS_FROM * 100);
    if (i == 0)
        return false;
    n *= 1000;
    if (i < s->n && s->p[i] == '.') {
        for (i++; i < s->n && is_digit(s->p[i]); i++) {
            unit /= 10;
            n += (s->p[i] - '0') * unit;
        }
    }
    *s = str_from(*s, i);
    *ret_thousandths = n;
    return true;
}

static int64_t take_unit(struct str *s)
{
    static const struct {
        struct str name;
        int64_t ms;
    } units[] = {{{"ms", 2}, 1},
                 {{"s", 1}, CLOCK_SECOND_MS},
                 {{"m", 1}, CLOCK_MINUTE_MS},
                 {{"h", 1}, CLOCK_HOUR_MS},
                 {{"d", 1}, CLOCK_DAY_MS}};
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (str_starts(*s, units[i].name)) {
            *s = str_from(*s, units[i].name.n);
            return units[i].ms;
        }
    }
    return 0;
}

/* "90", "1.5", "20ms", "6m0s" in ms; bare: what a bare number counts in ms. */
static bool parse_span(struct str s, int64_t bare, int64_t *ret_ms)
{
    int64_t ms = 0, thousandths;
    if (s.n == 0)
        return false;
    while (s.n > 0) {
        if (!take_number(&s, &thousandths))
            return false;
        int64_t unit = s.n > 0 ? take_unit(&s) : bare;
        if (unit == 0)
            return false;
        ms = thousandths > INT64_MAX / unit ? SPAN_MAX_MS : ms + thousandths * unit / 1000;
        ms = MIN(ms, SPAN_MAX_MS);
    }
    *ret_ms = ms;
    return true;
}

static int64_t read_retry_after(struct str value)
{
    int64_t ms, at;
    if (parse_span(value, CLOCK_SECOND_MS, &ms))
        return bounded(ms);
    if (!value.n || !clock_parse_http_date(value, &at))
        return 0;
    return bounded(at - clock_wall_ms());
}

/* A number that is too large for a span is a moment. */
static int64_t read_reset(struct str value)
{
    uint64_t n;
    int64_t ms;
    if (!parse_span(value, CLOCK_SECOND_MS, &ms))
        return 0;
    if (!str_to_u64(value, &n) || ms <= RETRY_AFTER_MAX_MS)
        return bounded(ms);
    int64_t at = (int64_t)MIN(n, (uint64_t)SPAN_MAX_MS);
    return bounded((at < EPOCH_MS_FROM ? at * 1000 : at) - clock_wall_ms());
}

static struct str field(const struct http_head *head, struct str name)
{
    return str_trim(http_head_get(head, name));
}

int64_t retry_after_ms(const struct http_head *head)
{
    int64_t ms = read_retry_after(field(head, STR("retry-after")));
    uint64_t stated;
    if (str_to_u64(field(head, STR("retry-after-ms")), &stated))
        ms = bounded((int64_t)MIN(stated, (uint64_t)RETRY_AFTER_MAX_MS));
    if (ms || head->status != 429)
        return ms;
    static const struct str resets[] = {{"ratelimit-reset", 15},
                                        {"x-ratelimit-reset", 17},
                                        {"x-ratelimit-reset-requests", 26},
                                        {"x-ratelimit-reset-tokens", 24}};
    for (size_t i = 0; i < ARRAY_SIZE(resets); i++) {
        int64_t reset = read_reset(field(head, resets[i]));
        ms = MAX(ms, reset);
    }
    return ms;
}
