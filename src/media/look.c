/* SPDX-License-Identifier: Apache-2.0 */
#include "media/look.h"

#include <string.h>

#include "base/mem.h"
#include "platform/media_probe.h"

static void settle(struct media_look *l, uint32_t width, uint32_t height)
{
    l->width = width;
    l->height = height;
    l->state = width && height ? LOOK_KNOWN : LOOK_DAMAGED;
}

static uint32_t byte(const struct media_look *l, size_t i)
{
    return (unsigned char)l->head[i];
}

static uint32_t little16(const struct media_look *l, size_t i)
{
    return byte(l, i) | byte(l, i + 1) << 8;
}

static uint32_t little24(const struct media_look *l, size_t i)
{
    return little16(l, i) | byte(l, i + 2) << 16;
}

static uint32_t big32(const struct media_look *l, size_t i)
{
    return byte(l, i) << 24 | byte(l, i + 1) << 16 | byte(l, i + 2) << 8 | byte(l, i + 3);
}

static struct str head_of(const struct media_look *l)
{
    return (struct str){l->head, l->head_n};
}

static bool has_at(const struct media_look *l, size_t at, struct str wanted)
{
    return str_starts(str_from(head_of(l), at), wanted);
}

/* ---- kinds whose size stands in their first bytes */

enum { GIF_HEAD = 10, FIXED_HEAD = 30 };

static void read_webp(struct media_look *l)
{
    if (has_at(l, 12, STR("VP8X"))) {
        settle(l, little24(l, 24) + 1, little24(l, 27) + 1);
    } else if (has_at(l, 12, STR("VP8L")) && byte(l, 20) == 0x2f) {
        uint32_t bits = little24(l, 21) | byte(l, 24) << 24;
        settle(l, (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
    } else if (has_at(l, 12, STR("VP8 ")) && has_at(l, 23, STR("\x9d\x01\x2a"))) {
        settle(l, little16(l, 26) & 0x3fff, little16(l, 28) & 0x3fff);
    } else {
        l->state = LOOK_DAMAGED;
    }
}

static void read_head(struct media_look *l)
{
    bool gif = has_at(l, 0, STR("GIF8")); /* the smallest whole one has 26 bytes */
    if (l->head_n < (gif ? GIF_HEAD : FIXED_HEAD))
        return;
    if (gif)
        settle(l, little16(l, 6), little16(l, 8));
    else if (has_at(l, 0, STR("\x89PNG\r\n\x1a\n")) && has_at(l, 12, STR("IHDR")))
        settle(l, big32(l, 16), big32(l, 20));
    else if (has_at(l, 0, STR("RIFF")) && has_at(l, 8, STR("WEBP")))
        read_webp(l);
    else
        l->state = LOOK_OTHER_KIND;
}

/* ---- JPEG: which way up */

enum {
    EXIF_HEAD =
        10, /* marker, length, "Exif\0\0"; then the block of TIFF that all offsets count from */
    TAG_BYTES = 12,
    TAG_ORIENTATION = 0x0112,
    FIRST_TURNED = 5, /* 5 to 8 show the lines as columns */
};

/* 0 beyond what is there. */
static uint32_t tiff16(struct str tiff, bool big, size_t at)
{
    if (at + 2 > tiff.n)
        return 0;
    uint32_t a = (unsigned char)tiff.p[at], b = (unsigned char)tiff.p[at + 1];
    return big ? a << 8 | b : b << 8 | a;
}

static uint32_t orientation_of(struct str tiff)
{
    bool big = str_starts(tiff, STR("MM\0*"));
    if (!big && !str_starts(tiff, STR("II*\0")))
        return 0;
    size_t high = tiff16(tiff, big, big ? 4 : 6), at = tiff16(tiff, big, big ? 6 : 4);
    if (high)
        return 0;
    size_t n = tiff16(tiff, big, at);
    for (size_t i = 0, tag = at + 2; i < n && tag + TAG_BYTES <= tiff.n; i++, tag += TAG_BYTES) {
        if (tiff16(tiff, big, tag) == TAG_ORIENTATION)
            return tiff16(tiff, big, tag + 8);
    }
    return 0;
}

/* A camera held upright stores the picture lying down and says so, in the first segments and among
 * the first tags of all (JEITA CP-3451 4.5.4, 4.6.4): what stands behind the head is not looked
 * for. */
static bool is_turned(const struct media_look *l)
{
    struct str rest = str_from(head_of(l), 2);
    while (rest.n > EXIF_HEAD && (unsigned char)rest.p[0] == 0xff) {
        if (rest.p[1] == (char)0xe1 && str_starts(str_from(rest, 4), STR("Exif\0\0"))) {
            uint32_t orientation = orientation_of(str_from(rest, EXIF_HEAD));
            return orientation >= FIRST_TURNED && orientation < FIRST_TURNED + 4;
        }
        size_t length = (size_t)(unsigned char)rest.p[2] << 8 | (unsigned char)rest.p[3];
        rest = str_from(rest, MIN(length + 2, rest.n));
    }
    return false;
}

/* ---- JPEG: from marker to marker */

enum { SEGMENT_HEAD = 4, FRAME_HEAD = 9 };

static bool is_frame(unsigned char marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static bool stands_alone(unsigned char marker)
{
    return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8);
}

/* Of a marker that has come; false: more of it is needed. */
static bool read_segment(struct media_look *l)
{
    const unsigned char *w = l->window;
    if (w[1] == 0xd9 || w[1] == 0xda || w[1] == 0x00) {
        l->state = LOOK_DAMAGED; /* the picture, or its end, before its frame */
        return true;
    }
    if (stands_alone(w[1])) {
        l->window_n = 0;
        return true;
    }
    if (l->window_n < (is_frame(w[1]) ? FRAME_HEAD : SEGMENT_HEAD))
        return false;
    uint32_t length = (uint32_t)w[2] << 8 | w[3];
    if (length < 2) {
        l->state = LOOK_DAMAGED;
    } else if (is_frame(w[1])) {
        uint32_t width = (uint32_t)w[7] << 8 | w[8], height = (uint32_t)w[5] << 8 | w[6];
        bool turned = is_turned(l);
        settle(l, turned ? height : width, turned ? width : height);
    } else {
        l->skip = length - 2;
        l->window_n = 0;
    }
    return true;
}

static void read_window(struct media_look *l)
{
    if (l->window[0] != 0xff)
        l->state = LOOK_DAMAGED;
    else if (l->window_n == 2 && l->window[1] == 0xff)
        l->window_n = 1; /* a fill byte (B.1.1.2) */
    else if (l->window_n >= 2)
        read_segment(l);
}

static void walk_jpeg(struct media_look *l, struct str bytes)
{
    while (bytes.n && l->state == LOOK_BEGUN) {
        size_t n = (size_t)MIN(l->skip, (uint64_t)bytes.n);
        if (n) {
            l->skip -= n;
        } else {
            l->window[l->window_n++] = (unsigned char)bytes.p[0];
            read_window(l);
            n = 1;
        }
        bytes = str_from(bytes, n);
    }
}

/* ---- */

/* JPEG is known by its first bytes, and walked from the very first. */
static bool is_jpeg(const struct media_look *l)
{
    return l->head_n >= 2 && has_at(l, 0, STR("\xff\xd8"));
}

void media_look_feed(struct media_look *l, struct str bytes)
{
    size_t n = MIN(bytes.n, (size_t)MEDIA_LOOK_HEAD - l->head_n);
    bool was_jpeg = is_jpeg(l);
    memcpy(l->head + l->head_n, bytes.p, n);
    l->head_n += (uint32_t)n;
    if (l->state != LOOK_BEGUN)
        return;
    if (was_jpeg) {
        walk_jpeg(l, bytes);
    } else if (is_jpeg(l)) {
        walk_jpeg(l, head_of(l));
        walk_jpeg(l, str_from(bytes, n));
    } else if (l->head_n >= 2) {
        read_head(l);
    }
}

void media_look_size(const struct media_look *l, int *ret_width, int *ret_height)
{
    bool known = l->state == LOOK_KNOWN;
    *ret_width = known ? (int)MIN(l->width, (uint32_t)INT32_MAX) : 0;
    *ret_height = known ? (int)MIN(l->height, (uint32_t)INT32_MAX) : 0;
}

bool media_look_has_head(const struct media_look *l)
{
    return l->head_n == MEDIA_LOOK_HEAD;
}

const char *media_look_type(const struct media_look *l)
{
    return media_type_sniff(head_of(l));
}
