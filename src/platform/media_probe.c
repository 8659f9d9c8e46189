/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/media_probe.h"

#include <math.h>
#include <stdlib.h>

#include "platform/child.h"
#include "platform/json_in.h"

enum { POSTER_MAX = 1024 * 1024, REPORT_MAX = 64 * 1024 };

static const struct child_limits limits = {
    .timeout_ms = 20000, .memory_bytes = 1024u * 1024 * 1024, .cpu_seconds = 20};

/* http and https for signed addresses, file for the disk.  Without the list of
 * formats, a playlist or a concat script posing as a video could name any address.
 * image2 is what pictures go through when they are files. */
#define SOURCE_LIMITS(s)                                                                           \
    "-protocol_whitelist", is_https(s->url) ? "https,tls,tcp" : "http,tcp,file",                   \
        is_https(s->url) ? "-tls_verify" : NOTHING, is_https(s->url) ? "1" : NOTHING_VALUE,        \
        s->ca_file ? "-ca_file" : NOTHING, s->ca_file ? s->ca_file : NOTHING_VALUE, "-max_pixels", \
        "100000000", "-format_whitelist",                                                          \
        "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,gif,png_pipe,jpeg_pipe,webp_pipe,image2,avi,mpegts"

_Static_assert(MEDIA_PIXELS_MAX == 100000000, "SOURCE_LIMITS says it, too");

/* What is said already: they take no option of TLS for another protocol. */
#define NOTHING       "-v"
#define NOTHING_VALUE "error"

static bool is_https(const char *url)
{
    return str_starts(str_of(url), STR("https://"));
}

/* Anything else could be read as an option or as another of their protocols. */
static enum status check_source(const char *url, struct err *err)
{
    if (url[0] == '/' || is_https(url) || str_starts(str_of(url), STR("http://")))
        return OK;
    return err_set(err, E_INTERNAL, "invalid_media_source");
}

static enum status run(const struct media_source *s, const char *const *argv, size_t output_max,
                       struct arena *a, struct child_result *ret, struct err *err)
{
    struct child_limits own = limits;
    own.output_bytes = output_max;
    own.cancelled = s->cancelled;
    TRY(child_run(argv, STR_NONE, &own, a, ret, err));
    if (ret->exit_code == 0)
        return OK;
    err_set(err, E_UNPROCESSABLE, "media_unreadable");
    err_detail(err, "%s ended with %d: %.200s", argv[0], ret->exit_code, ret->err_tail.p);
    return E_UNPROCESSABLE;
}

/* --- facts --------------------------------------------------------------- */

/* ffprobe writes numbers of this kind as strings, or "N/A". */
static int64_t duration_of(struct json holder)
{
    struct str text = json_str_or(json_get(holder, "duration"), STR_NONE);
    double seconds = text.p ? strtod(text.p, NULL) : 0.0;
    return seconds > 0.0 && seconds < 1e9 ? (int64_t)llround(seconds * 1000.0) : 0;
}

/* A telephone held upright films lying down and says so. */
static bool is_turned(struct json stream)
{
    struct json list = json_get(stream, "side_data_list");
    for (size_t i = 0; i < json_size(list); i++) {
        int64_t angle = json_int_or(json_get(json_at(list, i), "rotation"), 0);
        if (angle % 180 != 0)
            return true;
    }
    return false;
}

static int pixels(struct json stream, const char *key)
{
    int64_t n = json_int_or(json_get(stream, key), 0);
    return n > 0 && n <= 1 << 20 ? (int)n : 0;
}

/* Their reported length is that of one frame of 25 a second, or an animation's. */
static bool is_picture(struct str format_name)
{
    return str_ends(format_name, STR("_pipe")) || str_eq(format_name, STR("image2")) ||
           str_eq(format_name, STR("gif"));
}

static void read_facts(struct json report, struct media_facts *ret)
{
    struct json stream = json_at(json_get(report, "streams"), 0);
    struct json format = json_get(report, "format");
    struct str kind = json_str_or(json_get(format, "format_name"), STR_NONE);
    bool turned = is_turned(stream);
    ret->width = pixels(stream, turned ? "height" : "width");
    ret->height = pixels(stream, turned ? "width" : "height");
    ret->duration_ms = duration_of(format);
    if (!ret->duration_ms)
        ret->duration_ms = duration_of(stream);
    if (is_picture(kind))
        ret->duration_ms = 0;
}

enum status media_probe(const struct media_source *s, struct arena *a, struct media_facts *ret,
                        struct err *err)
{
    const char *const argv[] = {
        /* clang-format off */
        "ffprobe", "-v", "error", SOURCE_LIMITS(s), "-select_streams", "v:0", "-show_entries",
        "stream=width,height,duration:stream_side_data=rotation:format=duration,format_name",
        "-of", "json", s->url, NULL,
        /* clang-format on */
    };
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct child_result result;
    TRY(check_source(s->url, err));
    TRY(run(s, argv, REPORT_MAX, a, &result, err));
    if (json_parse(result.out, &doc, NULL) != OK)
        return err_set(err, E_UNPROCESSABLE, "media_unreadable");
    read_facts(json_root(doc), ret);
    return OK;
}

/* --- posters -------------------------------------------------------------- */

#define SCALED "scale=w='min(640,iw)':h=-2"
_Static_assert(MEDIA_POSTER_WIDTH == 640, "SCALED says it, too");

/* filter: what a frame goes through; the rest: how it is written. */
#define FRAME(s, filter, ...)                                                                      \
    "ffmpeg", "-nostdin", "-v", "error", "-threads", "1", "-filter_threads", "1",                  \
        SOURCE_LIMITS(s), "-i", s->url, "-map", "0:v:0", "-frames:v", "1", "-vf", filter,          \
        "-threads", "1", __VA_ARGS__, "-", NULL

static enum status take_frame(const struct media_source *s, const char *const *argv,
                              struct str signature, struct arena *a, struct str *ret,
                              struct err *err)
{
    struct child_result result;
    TRY(check_source(s->url, err));
    TRY(run(s, argv, POSTER_MAX, a, &result, err));
    if (!str_starts(result.out, signature))
        return err_set(err, E_UNPROCESSABLE, "media_unreadable");
    *ret = result.out;
    return OK;
}

/* `thumbnail` takes the most typical of its frames, since first ones are often black;
 * it holds all of them, so they are made small first. */
enum status media_poster(const struct media_source *s, struct arena *a, struct str *ret_jpeg,
                         struct err *err)
{
    static const char filter[] = SCALED ",thumbnail=30";
    const char *const argv[] = {FRAME(s, filter, "-q:v", "4", "-f", "mjpeg")};
    return take_frame(s, argv, STR("\xff\xd8"), a, ret_jpeg, err);
}

enum status media_thumbnail(const struct media_source *s, struct arena *a, struct str *ret_webp,
                            struct err *err)
{
    const char *const argv[] = {FRAME(s, SCALED, "-c:v", "libwebp", "-quality", "80",
                                      "-compression_level", "2", "-f", "webp")};
    return take_frame(s, argv, STR("RIFF"), a, ret_webp, err);
}
