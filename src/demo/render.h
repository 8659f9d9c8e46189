/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* render — draws one picture, moving or still, with ffmpeg: soft coloured light that
 * drifts, and the prompt on it in clear type.
 *
 * Thread: workers (it blocks for a second or two).  No state. */
#include "base/arena.h"
#include "base/err.h"
#include "demo/models.h"

enum render_format { RENDER_MP4, RENDER_PNG, RENDER_WEBP };

struct render_order {
    struct spec spec;
    enum render_format format; /* of a video, PNG and WEBP give its first frame */
    struct str caption;        /* any text; only what fits is drawn */
    uint64_t seed;             /* colours and motion */
};

/* ".mp4" … */
const char *render_suffix(enum render_format format);
/* Is there an ffmpeg that can encode H.264?  E_NOT_FOUND with a sentence if not. */
enum status render_check(struct err *err);
/* Writes path (through path + ".part", so it is whole or absent). */
enum status render_draw(const struct render_order *order, const char *path, struct err *err);
