/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* upload_tiers — what a tier may upload: sub-types, sizes, quotas (SPEC UP-5, UP-6).
 *
 * A tier is the user's group.  The settings have a first value for everybody and a list of
 * rules that differ; of those that fit, the one that names tier and sub-type wins, then one
 * that names the tier, then one that names the sub-type: for each figure by itself.
 *
 * Thread: any that holds the settings. */
#include "model/upload.h"

enum { UPLOAD_RULES_MAX = 64 };

/* One entry of the setting upload_rules.  -1: it says nothing of this figure. */
struct upload_rule {
    int64_t group_id;    /* 0: every tier */
    int sub_type;        /* -1: every one */
    int64_t max_bytes;   /* of one file */
    int64_t max_pixels;  /* of one image */
    int64_t quota_bytes; /* of a tier; 0: unlimited */
};

/* In struct settings. */
struct upload_settings {
    bool quota_enabled;
    int64_t quota_bytes; /* 0: unlimited */
    int64_t image_max_bytes, video_max_bytes, max_pixels;
    unsigned extra; /* bit set of enum upload_sub_type: UPLOAD_SCENE, UPLOAD_OTHER */
    struct upload_rule rules[UPLOAD_RULES_MAX];
    size_t rule_count;
};

bool upload_is_allowed(const struct upload_settings *s, enum upload_sub_type t);
struct upload_limits upload_limits_of(const struct upload_settings *s, int64_t group_id,
                                      enum upload_sub_type t);
/* The largest file that is anybody's to bring. */
int64_t upload_limit_of_all(const struct upload_settings *s);
/* Bytes that a tier may have; 0: unlimited.  Whether it is kept to says quota_enabled. */
int64_t upload_quota_of(const struct upload_settings *s, int64_t group_id);
