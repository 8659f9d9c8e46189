/* SPDX-License-Identifier: Apache-2.0 */
#include "media/look.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

#define BYTES(text)                                                                                \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
#define PNG_HEAD "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"
#define REST     "................................"
/* A segment of Exif with 34 bytes of TIFF. */
#define EXIF(tiff)                                                                                 \
    "\xff\xe1\0\x2a"                                                                               \
    "Exif\0\0" tiff
#define MAKE_BIG    "\x01\x0f\0\x02\0\0\0\x04K\0\0\0"
#define MAKE_LITTLE "\x0f\x01\x02\0\x04\0\0\0K\0\0\0"
#define FRAME_9_7   "\xff\xc0\0\x0b\x08\0\x07\0\x09\x03"

static const struct {
    struct str bytes;
    enum media_look_state state;
    uint32_t width, height;
    const char *type;
} files[] = {
    {BYTES(PNG_HEAD "\0\0\x02\x80\0\0\x01\xe0" REST), LOOK_KNOWN, 640, 480, "image/png"},
    {BYTES(PNG_HEAD "\0\0\0\0\0\0\x01\xe0" REST), LOOK_DAMAGED, 0, 480, "image/png"},
    {BYTES(PNG_HEAD "\xff\xff\xff\xff\xff\xff\xff\xff" REST), LOOK_KNOWN, UINT32_MAX, UINT32_MAX,
     "image/png"},
    {BYTES("GIF89a\x03\x01\x05\0"), LOOK_KNOWN, 259, 5, "image/gif"},
    {BYTES("RIFF....WEBPVP8 ....\x30\x01\0\x9d\x01\x2a\x03\0\x04\0" REST), LOOK_KNOWN, 3, 4,
     "image/webp"},
    {BYTES("RIFF....WEBPVP8L....\x2f\xff\xff\xff\x0f" REST), LOOK_KNOWN, 16384, 16384,
     "image/webp"},
    {BYTES("RIFF....WEBPVP8X....\0\0\0\0\x7f\x02\0\xdf\x01\0" REST), LOOK_KNOWN, 640, 480,
     "image/webp"},
    {BYTES("RIFF....WEBPVP8?...." REST), LOOK_DAMAGED, 0, 0, "image/webp"},
    /* A comment, a fill byte, a restart marker that stands alone, the frame. */
    {BYTES("\xff\xd8\xff\xfe\0\x05...\xff\xff\xd0\xff\xc2\0\x0b\x08\0\x07\0\x09\x03"), LOOK_KNOWN,
     9, 7, "image/jpeg"},
    /* Turned by a quarter, in either order of bytes, behind another segment or not; upside down. */
    {BYTES("\xff\xd8" EXIF("MM\0*\0\0\0\x08\0\x02" MAKE_BIG "\x01\x12\0\x03\0\0\0\x01\0\x06\0\0")
               FRAME_9_7),
     LOOK_KNOWN, 7, 9, "image/jpeg"},
    {BYTES("\xff\xd8\xff\xe0\0\x04.." EXIF("II*\0\x08\0\0\0\x02\0" MAKE_LITTLE
                                           "\x12\x01\x03\0\x01\0\0\0\x08\0\0\0") FRAME_9_7),
     LOOK_KNOWN, 7, 9, "image/jpeg"},
    {BYTES("\xff\xd8" EXIF("II*\0\x08\0\0\0\x02\0" MAKE_LITTLE "\x12\x01\x03\0\x01\0\0\0\x03\0\0\0")
               FRAME_9_7),
     LOOK_KNOWN, 9, 7, "image/jpeg"},
    /* Tags that are not there, an offset beyond all bytes, an order of bytes that is none. */
    {BYTES("\xff\xd8" EXIF("II*\0\x08\0\0\0\xff\xff" MAKE_LITTLE MAKE_LITTLE) FRAME_9_7),
     LOOK_KNOWN, 9, 7, "image/jpeg"},
    {BYTES("\xff\xd8" EXIF("MM\0*\xff\xff\xff\xff\0\x01" MAKE_BIG MAKE_BIG) FRAME_9_7), LOOK_KNOWN,
     9, 7, "image/jpeg"},
    {BYTES("\xff\xd8" EXIF("MM*\0\0\0\0\x08\0\x02" MAKE_BIG MAKE_BIG) FRAME_9_7), LOOK_KNOWN, 9, 7,
     "image/jpeg"},
    {BYTES("\xff\xd8\xff\xe0\0\x10"), LOOK_BEGUN, 0, 0, "image/jpeg"},
    {BYTES("\xff\xd8\xff\xe0\0\x01"), LOOK_DAMAGED, 0, 0, "image/jpeg"},
    {BYTES("\xff\xd8\xff\xda\0\x08"), LOOK_DAMAGED, 0, 0, "image/jpeg"},
    {BYTES("\xff\xd8\xff\xe0\0\x04..x"), LOOK_DAMAGED, 0, 0, "image/jpeg"},
    {BYTES("\0\0\0\x20"
           "ftypisom" REST),
     LOOK_OTHER_KIND, 0, 0, "video/mp4"},
    {BYTES("G"), LOOK_BEGUN, 0, 0, "text/plain"},
};

/* However the bytes are cut, the look is the same. */
static void a_file_says_its_size_in_any_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        struct str bytes = files[i].bytes;
        for (size_t step = 1; step <= bytes.n; step++) {
            struct media_look look = {0};
            for (size_t at = 0; at < bytes.n; at += step)
                media_look_feed(&look, str_to(str_from(bytes, at), step));
            assert_int_equal(look.state, files[i].state);
            if (look.state == LOOK_KNOWN) {
                assert_int_equal(look.width, files[i].width);
                assert_int_equal(look.height, files[i].height);
            }
            if (i + 1 < ARRAY_SIZE(files)) /* the last is too short for its type to be told */
                assert_string_equal(media_look_type(&look), files[i].type);
            assert_memory_equal(look.head, bytes.p, bytes.n);
        }
    }
}

static void the_head_is_the_first_bytes_and_no_more(void **state)
{
    struct media_look look = {0};
    char bytes[2 * MEDIA_LOOK_HEAD];
    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    media_look_feed(&look, (struct str){bytes, MEDIA_LOOK_HEAD - 1});
    assert_false(media_look_has_head(&look));
    media_look_feed(&look, (struct str){bytes, sizeof(bytes)});
    assert_true(media_look_has_head(&look));
    assert_int_equal(look.head_n, MEDIA_LOOK_HEAD);
}

/* Segments of 64 KiB before the frame: each byte of them may come alone. */
static void a_frame_far_behind_is_found(void **state)
{
    static char segment[65537 + 2] = "\xff\xe2\xff\xff";
    static const char frame[] = "\xff\xc0\0\x0b\x08\0\x02\0\x03\x01";
    struct media_look look = {0};
    (void)state;
    media_look_feed(&look, STR("\xff\xd8"));
    for (int i = 0; i < 4; i++) {
        media_look_feed(&look, (struct str){segment, 1000});
        media_look_feed(&look, (struct str){segment + 1000, 65537 - 1000});
    }
    assert_int_equal(look.state, LOOK_BEGUN);
    media_look_feed(&look, (struct str){frame, sizeof(frame) - 1});
    assert_int_equal(look.state, LOOK_KNOWN);
    assert_int_equal(look.width, 3);
    assert_int_equal(look.height, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_says_its_size_in_any_split),
        cmocka_unit_test(the_head_is_the_first_bytes_and_no_more),
        cmocka_unit_test(a_frame_far_behind_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
