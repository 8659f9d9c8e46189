/* SPDX-License-Identifier: Apache-2.0 */
#include "service/upload_tiers.h"

#include <stddef.h>

#include "base/mem.h"

bool upload_is_allowed(const struct upload_settings *s, enum upload_sub_type t)
{
    return (t != UPLOAD_SCENE && t != UPLOAD_OTHER) || (s->extra & (1u << t));
}

/* 0: it does not fit; else the more the closer. */
static int closeness(const struct upload_rule *r, int64_t group_id, int sub_type)
{
    if ((r->group_id && r->group_id != group_id) || (r->sub_type >= 0 && r->sub_type != sub_type))
        return 0;
    return 1 + (r->group_id ? 2 : 0) + (r->sub_type >= 0 ? 1 : 0);
}

/* figure: the offset of one in struct upload_rule. */
static int64_t choose(const struct upload_settings *s, int64_t group_id, int sub_type,
                      size_t figure, int64_t first)
{
    int closest = 0;
    int64_t chosen = first;
    for (size_t i = 0; i < s->rule_count; i++) {
        int64_t value = *(const int64_t *)((const char *)&s->rules[i] + figure);
        int close = closeness(&s->rules[i], group_id, sub_type);
        if (value >= 0 && close > closest) {
            closest = close;
            chosen = value;
        }
    }
    return chosen;
}

struct upload_limits upload_limits_of(const struct upload_settings *s, int64_t group_id,
                                      enum upload_sub_type t)
{
    int64_t bytes = upload_is_video(t) ? s->video_max_bytes : s->image_max_bytes;
    return (struct upload_limits){
        .bytes = choose(s, group_id, (int)t, offsetof(struct upload_rule, max_bytes), bytes),
        .pixels = choose(s, group_id, (int)t, offsetof(struct upload_rule, max_pixels),
                         s->max_pixels),
    };
}

int64_t upload_limit_of_all(const struct upload_settings *s)
{
    int64_t most = MAX(s->image_max_bytes, s->video_max_bytes);
    for (size_t i = 0; i < s->rule_count; i++)
        most = MAX(most, s->rules[i].max_bytes);
    return most;
}

int64_t upload_quota_of(const struct upload_settings *s, int64_t group_id)
{
    return choose(s, group_id, -1, offsetof(struct upload_rule, quota_bytes), s->quota_bytes);
}
