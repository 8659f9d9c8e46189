/* SPDX-License-Identifier: Apache-2.0 */
/* A size in pixels, told as a ratio and a resolution. */
#include "base/mem.h"
#include "dialect/dialect_http.h"

enum {
    SIDE_MAX = 16384,
    RATIO_PERCENT = 3, /* 1792x1024 is 16:9 to those that have no better word */
    SIDE_PERCENT = 6,  /* and 1024 lines are 1080p */
};

static bool near(int64_t value, int64_t wanted, int64_t percent)
{
    int64_t off = value > wanted ? value - wanted : wanted - value;
    return off * 100 <= wanted * percent;
}

bool dialect_read_size(struct str size, int64_t *ret_width, int64_t *ret_height)
{
    struct str height = size, width = str_cut(&height, 'x');
    return str_to_i64(width, ret_width) && str_to_i64(height, ret_height) && *ret_width > 0 &&
           *ret_height > 0 && *ret_width <= SIDE_MAX && *ret_height <= SIDE_MAX;
}

static struct str ratio_of(int64_t width, int64_t height)
{
    static const struct {
        int64_t width, height;
        const char *name;
    } ratios[] = {{16, 9, "16:9"}, {9, 16, "9:16"}, {1, 1, "1:1"},
                  {4, 3, "4:3"},   {3, 4, "3:4"},   {21, 9, "21:9"}};
    for (size_t i = 0; i < ARRAY_SIZE(ratios); i++) {
        if (near(width * ratios[i].height, height * ratios[i].width, RATIO_PERCENT))
            return str_of(ratios[i].name);
    }
    return STR_NONE;
}

static struct str resolution_of(int64_t shorter)
{
    static const struct {
        int64_t lines;
        const char *name;
    } resolutions[] = {{480, "480p"}, {720, "720p"}, {1080, "1080p"}};
    for (size_t i = 0; i < ARRAY_SIZE(resolutions); i++) {
        if (near(shorter, resolutions[i].lines, SIDE_PERCENT))
            return str_of(resolutions[i].name);
    }
    return STR_NONE;
}

enum status dialect_shape_of(const struct dialect_request *r, struct dialect_shape *ret,
                             struct err *err)
{
    struct dialect_shape shape = {STR_NONE, STR_NONE};
    int64_t width, height;
    if (r->orientation.n)
        shape.ratio = str_eq(r->orientation, STR("portrait")) ? STR("9:16") : STR("16:9");
    if (r->size.n) {
        if (!dialect_read_size(r->size, &width, &height))
            return err_set(err, E_INVALID, "size_not_offered");
        shape.ratio = ratio_of(width, height);
        shape.resolution = resolution_of(MIN(width, height));
        if (!shape.ratio.n || !shape.resolution.n)
            return err_say(err, E_INVALID, "size_not_offered", "480p, 720p, 1080p");
    }
    *ret = shape;
    return OK;
}
