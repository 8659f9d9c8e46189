/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/models.h"

#include "base/mem.h"

const char *const model_names[] = {
    "gpt-image",
    "gpt-image-landscape",
    "gpt-image-portrait",
    "sora2-landscape-10s",
    "sora2-landscape-15s",
    "sora2-landscape-25s",
    "sora2-portrait-10s",
    "sora2-portrait-15s",
    "sora2-portrait-25s",
    "sora2pro-landscape-10s",
    "sora2pro-landscape-15s",
    "sora2pro-landscape-25s",
    "sora2pro-portrait-10s",
    "sora2pro-portrait-15s",
    "sora2pro-portrait-25s",
    "sora2pro-hd-landscape-10s",
    "sora2pro-hd-landscape-15s",
    "sora2pro-hd-portrait-10s",
    "sora2pro-hd-portrait-15s",
    "prompt-enhance-short-10s",
    "prompt-enhance-short-15s",
    "prompt-enhance-short-20s",
    "prompt-enhance-medium-10s",
    "prompt-enhance-medium-15s",
    "prompt-enhance-medium-20s",
    "prompt-enhance-long-10s",
    "prompt-enhance-long-15s",
    "prompt-enhance-long-20s",
};
const size_t model_count = ARRAY_SIZE(model_names);

enum { MAX_SIDE = 2048, MIN_SIDE = 64, MAX_SECONDS = 60 };

const char *kind_name(enum kind kind)
{
    switch (kind) {
    case KIND_VIDEO:
        return "video";
    case KIND_IMAGE:
        return "image";
    case KIND_TEXT:
        return "text";
    }
    return "";
}

static void turn(struct spec *s)
{
    int width = s->width;
    s->width = s->height;
    s->height = width;
}

/* "…-15s" */
static bool trailing_seconds(struct str name, int *ret)
{
    uint64_t value = 0;
    struct str rest = name, last = STR_NONE;

    while (rest.n)
        last = str_cut(&rest, '-');
    if (!str_ends(last, STR("s")) || !str_to_u64(str_to(last, last.n - 1), &value))
        return false;
    if (value < 1 || value > MAX_SECONDS)
        return false;
    *ret = (int)value;
    return true;
}

static struct spec image_spec(struct str name)
{
    struct spec s = {.kind = KIND_IMAGE, .width = 1024, .height = 1024};

    if (str_ends(name, STR("-landscape")) || str_ends(name, STR("-portrait")))
        s.width = 1536;
    if (str_ends(name, STR("-portrait")))
        turn(&s);
    return s;
}

struct spec model_spec(struct str name)
{
    struct spec s = {.kind = KIND_VIDEO, .width = 1280, .height = 720, .seconds = 10};

    if (str_starts(name, STR("prompt-enhance")))
        return (struct spec){.kind = KIND_TEXT};
    if (str_find(name, STR("image")) >= 0 || str_starts(name, STR("dall-e")))
        return image_spec(name);
    if (str_find(name, STR("-hd")) >= 0) {
        s.width = 1792;
        s.height = 1024;
    }
    if (str_find(name, STR("portrait")) >= 0)
        turn(&s);
    trailing_seconds(name, &s.seconds);
    return s;
}

static bool parse_size(struct str size, int *ret_width, int *ret_height)
{
    uint64_t width = 0, height = 0;
    struct str rest = size, first = str_cut(&rest, 'x');

    if (!str_to_u64(first, &width) || !str_to_u64(rest, &height))
        return false;
    if (width < MIN_SIDE || width > MAX_SIDE || height < MIN_SIDE || height > MAX_SIDE)
        return false;
    *ret_width = (int)width & ~1; /* yuv420p wants even sides */
    *ret_height = (int)height & ~1;
    return true;
}

bool spec_refine(struct spec *spec, struct str size, struct str seconds)
{
    uint64_t value = 0;

    if (size.n && !str_eq(size, STR("auto")) && !parse_size(size, &spec->width, &spec->height))
        return false;
    if (!seconds.n)
        return true;
    if (!str_to_u64(seconds, &value) || value < 1 || value > MAX_SECONDS)
        return false;
    spec->seconds = (int)value;
    return true;
}
