/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* settings — what tests may change while the demo upstream runs. */
#include "base/json_out.h"
#include "demo/options.h"
#include "platform/json_in.h"

enum link_style {
    LINK_ABSOLUTE,
    LINK_RELATIVE,
    LINK_TMP,
    LINK_STATIC,
    LINK_ABSOLUTE_TMP,
    LINK_CONTENT,
};
enum error_style { ERRORS_OPENAI, ERRORS_DETAIL, ERRORS_CODE, ERRORS_TEXT };

extern const char *const link_style_words[];
extern const char *const error_style_words[];

struct settings {
    double speed;
    int64_t video_ms, image_ms; /* time of a job at speed 1 */
    int64_t heartbeat_ms;
    bool idempotency;
    int links; /* enum link_style */
    int64_t media_ttl_ms;
    int64_t link_status; /* what a dead link answers */
    int error_style;     /* enum error_style */
    bool plain_media;
    int64_t max_jobs; /* active ones; 0: JOBS_MAX_ACTIVE */
};

struct settings settings_default(const struct options *options);
/* All or nothing. */
enum status settings_read(struct json object, struct settings *settings, struct err *err);
void settings_write(const struct settings *settings, struct json_out *j);
