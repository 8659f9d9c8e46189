/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* media_probe — what bytes are (libmagic, no child) and what a medium holds (ffprobe and
 * ffmpeg as limited children).  Their absence degrades: E_NOT_FOUND. */
#include "base/arena.h"
#include "base/err.h"

struct media_facts {
    int width, height;        /* pixels; 0 unknown */
    int64_t duration_ms;      /* 0 unknown or an image */
};

/* Type from the first bytes (up to 4 KiB is enough): "image/png", "video/mp4" …;
 * "application/octet-stream" when unknown.  A constant string. */
const char *media_type_sniff(struct str head);
/* "mp4", "png" … for a type, "bin" otherwise. */
const char *media_type_extension(const char *type);
/* Type by a name's ending, or NULL. */
const char *media_type_by_name(struct str name);

/* url: an http address on loopback or a path; read by the child with Range. */
enum status media_probe(const char *url, struct arena *a, struct media_facts *ret, struct err *err);
/* One JPEG frame of a video, at most 640 pixels wide. */
enum status media_poster(const char *url, struct arena *a, struct str *ret_jpeg, struct err *err);
