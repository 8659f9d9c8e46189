/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* options — the command line of the demo upstream.  Views point into argv. */
#include "base/err.h"

enum { OPTIONS_MAX_KEYS = 16 };

struct options {
    struct str listen; /* HOST:PORT */
    double speed;      /* times are divided by it */
    struct str data;   /* folder for media; STR_NONE: a temporary one */
    struct str api_keys[OPTIONS_MAX_KEYS];
    size_t api_key_count; /* 0: any bearer will do */
    int64_t media_ttl_ms;
    int64_t seed;
    bool plain_media;
    bool help;
};

extern const char options_usage[];

/* E_INVALID with one sentence. */
enum status options_parse(int argc, char *const *argv, struct options *ret, struct err *err);
