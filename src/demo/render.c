/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/render.h"

#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "demo/caption.h"
#include "platform/child.h"
#include "platform/file.h"

enum { RATE = 24, CAPTION_LINES = 5, RENDER_MEMORY = 256 * 1024, MAX_ARGS = 40 };

/* night, deep tone, bright tone, light */
static const char *const palettes[][4] = {
    {"0x0b1026", "0x3b1f6b", "0xb5446e", "0xedae49"},
    {"0x04161f", "0x0b4f6c", "0x2a9d8f", "0xf4e285"},
    {"0x12100e", "0x4a1c40", "0xc44536", "0xffb569"},
    {"0x0a1128", "0x1c3f8f", "0x6f7bf7", "0xd9b8ff"},
    {"0x0d1b1e", "0x1f5f5b", "0x7fb069", "0xe6f2a2"},
    {"0x160f29", "0x6a1b4d", "0xe0527e", "0xffc9b9"},
    {"0x0c1821", "0x1b4965", "0x62b6cb", "0xfaf3dd"},
    {"0x1a1423", "0x5d2e46", "0xb75d69", "0xf2d0a4"},
};

/* With CJK first; without any of them no text is drawn. */
static const char *const fonts[] = {
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationSans-Bold.ttf",
};

static const char *font(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(fonts); i++)
        if (access(fonts[i], R_OK) == 0)
            return fonts[i];
    return NULL;
}

const char *render_suffix(enum render_format format)
{
    static const char *const suffixes[] = {".mp4", ".png", ".webp"};

    return suffixes[format];
}

enum status render_check(struct err *err)
{
    static const char *const argv[] = {"ffmpeg", "-hide_banner", "-loglevel",
                                       "error",  "-encoders",    NULL};
    const struct child_limits limits = {.timeout_ms = 30000, .output_bytes = 1024 * 1024};
    _cleanup_(arena_freep) struct arena *a = arena_new(2 * 1024 * 1024);
    struct child_result result = {.exit_code = -1};
    struct err why = {.status = OK};

    if (child_run(argv, STR_NONE, &limits, a, &result, &why) != OK || result.exit_code != 0)
        return err_say(err, E_NOT_FOUND, "no_ffmpeg",
                       "ffmpeg does not run here, and it draws the media: install it");
    if (str_find(result.out, STR("libx264")) < 0)
        return err_say(err, E_NOT_FOUND, "no_h264", "this ffmpeg cannot encode H.264 (libx264)");
    return OK;
}

/* A path inside a filter's option inside a filter graph: two levels of escaping
 * (ffmpeg-filters, "Notes on filtergraph escaping"). */
static void add_escaped(struct buf *out, const char *path)
{
    for (const char *c = path; *c; c++) {
        if (*c == '\\')
            buf_add(out, STR("\\\\\\\\"));
        else if (*c == '\'' || *c == ':')
            buf_addf(out, *c == ':' ? "\\\\%c" : "\\\\\\%c", *c);
        else if (*c == '[' || *c == ']' || *c == ',' || *c == ';')
            buf_addf(out, "\\%c", *c);
        else
            buf_add_char(out, *c);
    }
}

static void add_caption(struct buf *graph, const struct spec *s, const char *text_path)
{
    int side = MIN(s->width, s->height), size = MAX(side / 15, 10);

    if (!font())
        return;
    buf_addf(graph, ",drawtext=fontfile=%s:textfile=", font());
    add_escaped(graph, text_path);
    buf_addf(graph,
             ":expansion=none:fontsize=%d:fontcolor=white:line_spacing=%d:shadowcolor=black@0.45:"
             "shadowx=2:shadowy=2:x=%d:y=h-text_h-%d",
             size, size * 3 / 10, side * 9 / 100, side * 14 / 100);
}

/* Two slow bands of light over each other, drawn small and enlarged: soft and quick. */
static void build_graph(struct buf *graph, const struct render_order *o, const char *text_path)
{
    const char *const *p = palettes[o->seed % ARRAY_SIZE(palettes)];
    const struct spec *s = &o->spec;
    int width = MAX(s->width * 96 / MAX(s->width, s->height), 2);
    int height = MAX(s->height * 96 / MAX(s->width, s->height), 2);
    int seconds = s->kind == KIND_VIDEO ? s->seconds : 1;
    unsigned seed = (unsigned)(o->seed >> 8 & 0xffff);
    bool rising = seed & 1;

    /* From corner to corner, so that the tones always fill the picture. */
    buf_addf(graph,
             "gradients=s=%dx%d:r=%d:d=%d:nb_colors=4:c0=%s:c1=%s:c2=%s:c3=%s:speed=0.008:"
             "x0=0:y0=%d:x1=%d:y1=%d:seed=%u,format=gbrp[a];",
             width, height, RATE, seconds, p[0], p[1], p[2], p[0], rising ? height - 1 : 0,
             width - 1, rising ? 0 : height - 1, seed);
    buf_addf(graph,
             "gradients=s=%dx%d:r=%d:d=%d:nb_colors=3:c0=0x000000:c1=%s:c2=0x000000:speed=0.006:"
             "seed=%u,format=gbrp[b];",
             width, height, RATE, seconds, p[3], seed + 9);
    buf_addf(graph, "[a][b]blend=all_mode=screen,gblur=sigma=7,scale=%d:%d:flags=bicubic,format=%s",
             s->width, s->height, o->format == RENDER_MP4 ? "yuv420p" : "rgb24");
    add_caption(graph, s, text_path);
}

static void add_args(const char **argv, size_t *n, const char *const *more)
{
    while (*more && *n < MAX_ARGS - 1)
        argv[(*n)++] = *more++;
}

static enum status run_ffmpeg(const struct render_order *o, const char *graph, const char *part,
                              struct arena *a, struct err *err)
{
    static const char *const start[] = {
        "ffmpeg", "-hide_banner",    "-nostdin", "-loglevel",       "error",
        "-y",     "-filter_threads", "1",        "-filter_complex", NULL};
    /* A fixed number of threads: the same bytes on every machine. */
    static const char *const h264[] = {"-c:v", "libx264",  "-preset", "ultrafast", "-crf",
                                       "26",   "-threads", "2",       "-movflags", "+faststart",
                                       "-f",   "mp4",      NULL};
    static const char *const png[] = {"-frames:v", "1", "-f", "image2", "-c:v", "png", NULL};
    static const char *const webp[] = {"-frames:v", "1", "-f", "webp", "-quality", "80", NULL};
    static const char *const *const codecs[] = {h264, png, webp};
    static const char *const exact[] = {"-map_metadata", "-1",        "-fflags", "+bitexact",
                                        "-flags:v",      "+bitexact", NULL};
    const struct child_limits limits = {
        .timeout_ms = 120000, .memory_bytes = (size_t)2 << 30, .output_bytes = 4096};
    const char *const graph_arg[] = {graph, NULL}, *const out_arg[] = {part, NULL};
    const char *argv[MAX_ARGS] = {NULL};
    struct child_result result = {.exit_code = -1};
    size_t n = 0;

    add_args(argv, &n, start);
    add_args(argv, &n, graph_arg);
    add_args(argv, &n, codecs[o->format]);
    add_args(argv, &n, exact);
    add_args(argv, &n, out_arg);
    TRY(child_run(argv, STR_NONE, &limits, a, &result, err));
    if (result.exit_code == 0)
        return OK;
    err_say(err, E_INTERNAL, "ffmpeg_failed", "ffmpeg ended with %d", result.exit_code);
    err_detail(err, "%.*s", (int)MIN(result.err_tail.n, (size_t)200), result.err_tail.p);
    return E_INTERNAL;
}

static enum status write_caption(const struct render_order *o, const char *path, struct err *err)
{
    int side = MIN(o->spec.width, o->spec.height), size = MAX(side / 15, 10);
    unsigned room = (unsigned)((o->spec.width - side * 18 / 100) * 1000 / size);
    struct buf text = BUF_INIT(4096);

    caption_wrap(o->caption, room, CAPTION_LINES, &text);
    enum status status = file_write_atomic(path, buf_str(&text), 0600, err);
    buf_release(&text);
    return status;
}

static enum status draw(const struct render_order *o, const char *path, const char *text_path,
                        struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(RENDER_MEMORY);
    struct str part = arena_printf(a, "%s.part", path);
    struct buf graph = BUF_INIT(16 * 1024);

    build_graph(&graph, o, text_path);
    const char *text = arena_strz(a, buf_str(&graph));
    bool fits = part.p && text && !buf_failed(&graph);
    buf_release(&graph);
    if (!fits)
        return err_set(err, E_NO_MEMORY, "no_memory");
    TRY(write_caption(o, text_path, err));
    TRY(run_ffmpeg(o, text, part.p, a, err));
    return rename(part.p, path) ? err_errno(err, "rename") : OK;
}

enum status render_draw(const struct render_order *order, const char *path, struct err *err)
{
    char text_path[4096];

    if (snprintf(text_path, sizeof(text_path), "%s.txt", path) >= (int)sizeof(text_path))
        return err_set(err, E_INVALID, "path_too_long");
    enum status status = draw(order, path, text_path, err);
    unlink(text_path);
    return status;
}
