/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/child.h"
#include "platform/file.h"
#include "platform/media_probe.h"

static struct arena *arena;
static struct err err;
static char folder[] = "/tmp/kinora-media-XXXXXX";

/* A test picture or film of 320 x 180; the tests are skipped without ffmpeg. */
static const char *make(const char *name, const char *const *options)
{
    static char path[128];
    const struct child_limits limits = {.timeout_ms = 20000, .output_bytes = 4096};
    const char *argv[24] = {"ffmpeg", "-nostdin", "-v",
                            "error",  "-y",       "-f",
                            "lavfi",  "-i",       "testsrc=size=320x180:rate=10:duration=2"};
    size_t n = 9;
    struct child_result result;
    while (*options)
        argv[n++] = *options++;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    argv[n] = path;
    enum status status = child_run(argv, STR_NONE, &limits, arena, &result, &err);
    if (status == E_NOT_FOUND)
        skip();
    assert_int_equal(status, OK);
    assert_int_equal(result.exit_code, 0);
    return path;
}

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct media_facts facts_of(const char *path)
{
    struct media_facts facts = {-1, -1, -1};
    if (media_probe(&(struct media_source){.url = path}, arena, &facts, &err) != OK)
        fail_msg("%s: %s %s", path, err.code, err.detail);
    return facts;
}

static void signatures_tell_the_served_types(void **state)
{
    (void)state;
    assert_string_equal(media_type_sniff(STR("\xff\xd8\xff\xe0..")), "image/jpeg");
    assert_string_equal(media_type_sniff(STR("\x89PNG\r\n\x1a\n....")), "image/png");
    assert_string_equal(media_type_sniff(STR("RIFF....WEBPVP8 ")), "image/webp");
    assert_string_equal(media_type_sniff(STR("GIF89a..")), "image/gif");
    assert_string_equal(media_type_sniff(STR("\0\0\0\x18"
                                             "ftypisom....")),
                        "video/mp4");
    assert_string_equal(media_type_sniff(STR("\0\0\0\x18"
                                             "ftypqt  ....")),
                        "video/quicktime");
    assert_string_equal(media_type_sniff(STR("\0\0\0\x08"
                                             "wide....mdat")),
                        "video/quicktime");
    assert_string_equal(media_type_sniff(STR("\0\0\0\x18"
                                             "ftypavif....")),
                        "image/avif");
    assert_string_equal(media_type_sniff(STR("\x1a\x45\xdf\xa3\x01\x42\x82\x84webm")),
                        "video/webm");
    assert_string_equal(media_type_sniff(STR("\x1a\x45\xdf\xa3\x01\x42\x82\x88matroska")),
                        "video/x-matroska");
}

static void other_types_are_named_and_never_guessed(void **state)
{
    (void)state;
    assert_string_equal(media_type_sniff(STR("%PDF-1.7\n%....")), "application/pdf");
    assert_string_equal(media_type_sniff(STR("<!DOCTYPE html><html><script>")), "text/html");
    assert_string_equal(media_type_sniff(STR("<svg xmlns=\"http://www.w3.org/2000/svg\"/>")),
                        "image/svg+xml");
    assert_string_equal(media_type_sniff(STR("\x01\x02\x03\x04")), "application/octet-stream");
    assert_string_equal(media_type_sniff(STR("")), "application/octet-stream");
    assert_string_equal(media_type_sniff(STR("\0\0\0\x18"
                                             "ft")),
                        "application/octet-stream");
}

static void what_runs_is_no_picture(void **state)
{
    static const char *const pictures[] = {"image/jpeg", "image/png", "image/webp", "image/avif"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(pictures); i++)
        assert_true(media_type_is_picture(pictures[i]));
    assert_false(media_type_is_picture("image/svg+xml"));
    assert_false(media_type_is_picture("text/html"));
    assert_false(media_type_is_picture("video/mp4"));
    assert_true(media_type_is_video("video/mp4"));
    assert_false(media_type_is_video("text/xml"));
}

static void names_and_types_map_both_ways(void **state)
{
    (void)state;
    assert_string_equal(media_type_extension("image/jpeg"), "jpg");
    assert_string_equal(media_type_extension("video/mp4; codecs=avc1"), "mp4");
    assert_string_equal(media_type_extension("x/y"), "bin");
    assert_string_equal(media_type_by_name(STR("a.b/C.JPEG")), "image/jpeg");
    assert_string_equal(media_type_by_name(STR("film.mov")), "video/quicktime");
    assert_null(media_type_by_name(STR("none")));
    assert_null(media_type_by_name(STR("dot.")));
    assert_null(media_type_by_name(STR("")));
}

static void a_film_has_size_and_length(void **state)
{
    (void)state;
    const char *path = make("a.mp4", OPTIONS("-pix_fmt", "yuv420p"));
    struct media_facts facts = facts_of(path);
    assert_int_equal(facts.width, 320);
    assert_int_equal(facts.height, 180);
    assert_int_equal(facts.duration_ms, 2000);
    facts = facts_of(make("a.webm", OPTIONS("-c:v", "libvpx")));
    assert_int_equal(facts.width, 320);
    assert_int_equal(facts.duration_ms, 2000);
    assert_int_equal(facts_of(make("a.mov", OPTIONS("-c:v", "mpeg4"))).duration_ms, 2000);
}

static void a_film_made_upright_is_upright(void **state)
{
    const struct child_limits limits = {.timeout_ms = 20000, .output_bytes = 4096};
    struct child_result result;
    char turned[128];
    (void)state;
    snprintf(turned, sizeof(turned), "%s/u.mp4", folder);
    const char *flat = make("a.mp4", OPTIONS("-pix_fmt", "yuv420p"));
    const char *const argv[] = {"ffmpeg", "-nostdin",      "-y",        "-i",   flat, "-c",
                                "copy",   "-metadata:s:v", "rotate=90", turned, NULL};
    assert_int_equal(child_run(argv, STR_NONE, &limits, arena, &result, &err), OK);
    struct media_facts facts = facts_of(turned);
    assert_int_equal(facts.width, 180);
    assert_int_equal(facts.height, 320);
}

static void a_picture_has_size_and_no_length(void **state)
{
    static const char *const names[] = {"b.png", "b.jpg", "b.webp", "b.gif"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct media_facts facts = facts_of(make(names[i], OPTIONS("-frames:v", "1")));
        assert_int_equal(facts.width, 320);
        assert_int_equal(facts.height, 180);
        assert_int_equal(facts.duration_ms, 0);
    }
}

static void made_files_are_sniffed_as_what_they_are(void **state)
{
    static const char *const names[] = {"a.mp4", "a.webm", "a.mov", "b.png",
                                        "b.jpg", "b.webp", "b.gif"};
    (void)state;
    for (size_t i = 0; i < 7; i++) {
        char path[128];
        struct str bytes;
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        if (file_read(path, 1 << 20, arena, &bytes, &err) != OK)
            skip();
        assert_string_equal(media_type_sniff(bytes), media_type_by_name(str_of(names[i])));
    }
}

static void is_640_by_360(const char *name, struct str bytes)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(file_write_atomic(path, bytes, 0600, &err), OK);
    struct media_facts facts = facts_of(path);
    assert_int_equal(facts.width, 640);
    assert_int_equal(facts.height, 360);
}

static void a_poster_is_a_jpeg_of_at_most_640_pixels(void **state)
{
    struct str jpeg;
    (void)state;
    const char *wide = make("c.mp4", OPTIONS("-vf", "scale=1280:720", "-pix_fmt", "yuv420p"));
    assert_int_equal(media_poster(&(struct media_source){.url = wide}, arena, &jpeg, &err), OK);
    assert_string_equal(media_type_sniff(jpeg), "image/jpeg");
    is_640_by_360("c.jpg", jpeg);
}

/* RFC 9649, 2.7: the flags of a VP8X chunk. */
static bool has_alpha(struct str webp)
{
    return webp.n > 20 && memcmp(webp.p + 12, "VP8X", 4) == 0 && (webp.p[20] & 0x10);
}

static void a_thumbnail_keeps_what_is_transparent(void **state)
{
    struct str webp;
    (void)state;
    const char *wide = make(
        "e.png",
        OPTIONS("-vf", "scale=1280:720,format=rgba,colorchannelmixer=aa=0.5", "-frames:v", "1"));
    assert_int_equal(media_thumbnail(&(struct media_source){.url = wide}, arena, &webp, &err), OK);
    assert_string_equal(media_type_sniff(webp), "image/webp");
    assert_true(has_alpha(webp));
    is_640_by_360("e.webp", webp);
}

/* RFC 9649, 3.1: 10,001 x 10,000 pixels of one colour, whose codes have no bits. */
static void what_unpacks_to_too_much_is_not_decoded(void **state)
{
    static const char image[] = "RIFF\x18\0\0\0WEBPVP8L\x0c\0\0\0"
                                "\x2f\x10\xe7\xc3\x09\x88\x88\x08\0\0\0\0";
    struct str picture = {image, sizeof(image) - 1};
    struct media_facts facts;
    char path[128];
    (void)state;
    make("b.webp", OPTIONS("-frames:v", "1"));
    snprintf(path, sizeof(path), "%s/f.webp", folder);
    assert_int_equal(file_write_atomic(path, picture, 0600, &err), OK);
    const struct media_source source = {.url = path};
    assert_int_equal(media_thumbnail(&source, arena, &picture, &err), E_UNPROCESSABLE);
    assert_string_equal(err.code, "media_unreadable");
    if (media_probe(&source, arena, &facts, &err) == OK)
        assert_int_equal(facts.width, 0);
}

static void what_is_no_medium_is_unprocessable(void **state)
{
    struct media_facts facts;
    struct str jpeg;
    char path[128];
    (void)state;
    make("a.mp4", OPTIONS("-pix_fmt", "yuv420p"));
    snprintf(path, sizeof(path), "%s/d.mp4", folder);
    assert_int_equal(file_write_atomic(path, STR("not a film"), 0600, &err), OK);
    assert_int_equal(media_probe(&(struct media_source){.url = path}, arena, &facts, &err),
                     E_UNPROCESSABLE);
    assert_string_equal(err.code, "media_unreadable");
    assert_int_equal(media_poster(&(struct media_source){.url = path}, arena, &jpeg, &err),
                     E_UNPROCESSABLE);
}

/* A playlist that poses as a film would make the server fetch what it names. */
static void a_playlist_leads_nowhere(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    struct media_facts facts;
    char path[128], text[256];
    (void)state;
    make("a.mp4", OPTIONS("-pix_fmt", "yuv420p"));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(path, sizeof(path), "%s/e.mp4", folder);
    int n = snprintf(text, sizeof(text),
                     "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:%d/x.ts\n"
                     "#EXT-X-ENDLIST\n",
                     ntohs(address.sin_port));
    assert_int_equal(file_write_atomic(path, (struct str){text, (size_t)n}, 0600, &err), OK);
    assert_int_equal(media_probe(&(struct media_source){.url = path}, arena, &facts, &err),
                     E_UNPROCESSABLE);
    struct pollfd asked = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&asked, 1, 0), 0);
    close(fd);
}

static void only_paths_and_http_are_sources(void **state)
{
    static const char *const bad[] = {"", "-version", "a.mp4", "concat:/etc/passwd", "file:/a"};
    struct media_facts facts;
    struct str jpeg;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(media_probe(&(struct media_source){.url = bad[i]}, arena, &facts, &err),
                         E_INTERNAL);
        assert_int_equal(media_poster(&(struct media_source){.url = bad[i]}, arena, &jpeg, &err),
                         E_INTERNAL);
    }
}

static void without_ffmpeg_it_says_so(void **state)
{
    struct media_facts facts;
    struct str jpeg;
    (void)state;
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nowhere", 1);
    assert_int_equal(media_probe(&(struct media_source){.url = "/tmp/x.mp4"}, arena, &facts, &err),
                     E_NOT_FOUND);
    assert_int_equal(media_poster(&(struct media_source){.url = "/tmp/x.mp4"}, arena, &jpeg, &err),
                     E_NOT_FOUND);
    setenv("PATH", path, 1);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_tell_the_served_types),
        cmocka_unit_test(other_types_are_named_and_never_guessed),
        cmocka_unit_test(what_runs_is_no_picture),
        cmocka_unit_test(names_and_types_map_both_ways),
        cmocka_unit_test(a_film_has_size_and_length),
        cmocka_unit_test(a_film_made_upright_is_upright),
        cmocka_unit_test(a_picture_has_size_and_no_length),
        cmocka_unit_test(made_files_are_sniffed_as_what_they_are),
        cmocka_unit_test(a_poster_is_a_jpeg_of_at_most_640_pixels),
        cmocka_unit_test(a_thumbnail_keeps_what_is_transparent),
        cmocka_unit_test(what_unpacks_to_too_much_is_not_decoded),
        cmocka_unit_test(what_is_no_medium_is_unprocessable),
        cmocka_unit_test(a_playlist_leads_nowhere),
        cmocka_unit_test(only_paths_and_http_are_sources),
        cmocka_unit_test(without_ffmpeg_it_says_so),
    };
    if (!mkdtemp(folder))
        return 1;
    arena = arena_new(64 << 20);
    int failed = cmocka_run_group_tests_name("media_probe", tests, NULL, NULL);
    arena_free(arena);
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) == 0 ? failed : 1;
}
