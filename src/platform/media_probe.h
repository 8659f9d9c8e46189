/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* media_probe — what a medium holds: size, length, one picture of it.
 *
 * ffprobe and ffmpeg do the work as children with limits (20 s, 1 GiB), so that a
 * crash in a codec stays outside; they may open one file or address only, and
 * only the formats below, so that a playlist cannot send them elsewhere.  Their
 * absence degrades: E_NOT_FOUND, code "program_missing".  What they cannot read is
 * E_UNPROCESSABLE, code "media_unreadable".
 *
 * Thread: any that may block. */
#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"

/* What a child reads, with Range. */
struct media_source {
    const char *url;              /* an http or https address or an absolute path */
    const char *ca_file;          /* authorities of an https address beside the system's, or NULL */
    const atomic_bool *cancelled; /* true: the child is killed; may be NULL */
};

struct media_facts {
    int width, height;   /* pixels as shown, after rotation; 0 unknown */
    int64_t duration_ms; /* 0 unknown or an image */
};

enum status media_probe(const struct media_source *source, struct arena *a, struct media_facts *ret,
                        struct err *err);

enum { MEDIA_POSTER_WIDTH = 640 }; /* pixels, at most */

/* What is decoded, in width times height: a file of a few hundred kilobytes may unpack to frames of
 * gigabytes.  The largest cameras stay below, and with four bytes a pixel there is room for two
 * frames in a child's memory.  What is larger is "media_unreadable" where it has to be decoded. */
enum { MEDIA_PIXELS_MAX = 100000000 };

/* One frame of a video as JPEG, up to 1 MiB, in the arena. */
enum status media_poster(const struct media_source *source, struct arena *a, struct str *ret_jpeg,
                         struct err *err);
/* A picture made smaller, as WebP, which keeps what is transparent; up to 1 MiB, in the arena. */
enum status media_thumbnail(const struct media_source *source, struct arena *a,
                            struct str *ret_webp, struct err *err);

/* --- types --------------------------------------------------------------- */

/* Type from the first bytes (up to 4 KiB is enough): "image/png", "video/mp4" …;
 * "application/octet-stream" when unknown.  A constant string.  The types that are
 * served are told by their signatures, others by libmagic; no child.  Thread: any. */
const char *media_type_sniff(struct str head);
/* A picture or a video that a browser shows without running anything of it: no SVG, whose
 * scripts would be those of the origin that it comes from. */
bool media_type_is_picture(const char *type);
bool media_type_is_video(const char *type);
/* "mp4", "png" … for a type, "bin" otherwise.  Parameters behind `;` do not matter. */
const char *media_type_extension(const char *type);
/* Type by a name's ending, or NULL. */
const char *media_type_by_name(struct str name);
