/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* look — what a file is, and how many pixels an image has, from its bytes as they come, without
 * decoding anything (SPEC UP-5).  Width and height are those that are shown: a JPEG's orientation
 * (JEITA CP-3451, Exif 2.2, 4.6.4 A) is minded where it stands in the first 256 bytes.
 *
 * Read are: PNG (W3C PNG 11.2.1, IHDR), GIF (89a, 18: logical screen), WebP (RFC 9649 2.4 to 2.7:
 * VP8, VP8L, VP8X) and JPEG (ITU-T T.81 B.2.2: the first frame header, however far the segments
 * before it push it back).
 *
 * A look is plain bytes: it can be kept in a row and gone on with by another process. */
#include "base/str.h"

enum { MEDIA_LOOK_HEAD = 256, MEDIA_LOOK_WINDOW = 10 };

enum media_look_state {
    LOOK_BEGUN,     /* too little came to say */
    LOOK_KNOWN,     /* width and height */
    LOOK_DAMAGED,   /* they cannot be where they should */
    LOOK_OTHER_KIND /* nothing of the four */
};

struct media_look {
    uint32_t state; /* enum media_look_state */
    uint32_t width, height;
    uint32_t head_n, window_n;
    uint64_t skip;                           /* JPEG: bytes of this segment that do not matter */
    unsigned char window[MEDIA_LOOK_WINDOW]; /* JPEG: a marker and what is behind it */
    char head[MEDIA_LOOK_HEAD];              /* the file's first bytes */
};

/* A zeroed look has seen nothing.  Takes bytes in any split. */
void media_look_feed(struct media_look *l, struct str bytes);
/* Pixels as shown; 0 x 0: not known. */
void media_look_size(const struct media_look *l, int *ret_width, int *ret_height);
/* The first bytes are there, as many as are ever needed to know the type. */
bool media_look_has_head(const struct media_look *l);
/* "image/png" … of what came so far; a constant string. */
const char *media_look_type(const struct media_look *l);
