/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* counts — what came in and how it ended, by route; submissions by key and prompt. */
#include "base/json_out.h"

enum route_id {
    ROUTE_CHAT,
    ROUTE_MODELS,
    ROUTE_VIDEOS_CREATE,
    ROUTE_VIDEOS_LIST,
    ROUTE_VIDEOS_GET,
    ROUTE_VIDEOS_CONTENT,
    ROUTE_VIDEOS_DELETE,
    ROUTE_IMAGES,
    ROUTE_MEDIA,
    ROUTE_OTHER,
    ROUTE_COUNT,
    ROUTE_CONTROL = ROUTE_COUNT, /* neither counted nor faulted */
};
/* "videos.create"; ends with NULL. */
extern const char *const route_names[];

struct route_counts {
    uint64_t requests, open, max_open, answered, left, cut, faulted;
};

/* The last SUBMISSIONS_MAX texts seen and how often. */
enum { SUBMISSIONS_MAX = 1000, SUBMISSION_TEXT_MAX = 500 };
struct submission {
    char *text;
    uint64_t received, accepted;
};
struct submissions {
    struct submission rows[SUBMISSIONS_MAX];
    size_t count, oldest;
};

struct counts {
    struct route_counts routes[ROUTE_COUNT];
    uint64_t received, accepted;
    struct submissions by_key, by_prompt;
    uint64_t held, streams; /* open now */
};

void counts_release(struct counts *c);
/* Forgets what ended; what is open stays counted. */
void counts_reset(struct counts *c);
void counts_open(struct counts *c, enum route_id route);
/* key and prompt may be empty: not entered then. */
void counts_received(struct counts *c, struct str key, struct str prompt);
void counts_accepted(struct counts *c, struct str key, struct str prompt);
/* The members "open" (but its connections), "routes", "submissions". */
void counts_write(const struct counts *c, size_t connections, struct json_out *j);
