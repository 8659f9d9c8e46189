/* SPDX-License-Identifier: Apache-2.0 */
#include "service/models.h"

#include <stdlib.h>
#include <string.h>

#include "platform/json_in.h"
#include "pool/pool.h"

/* Room for the list below, with its texts. */
enum { BUILT_IN_BYTES = 256 << 10 };

/* A family is spelled out into one model per orientation and length. */
struct family {
    const char *id, *name, *description, *description_zh;
    const char *landscape, *portrait; /* sizes */
    int lengths[4];
};

static const struct family families[] = {
    {
        .id = "sora2",
        .name = "Sora 2",
        .description = "Video with sound",
        .description_zh = "有声视频",
        .landscape = "1280x720",
        .portrait = "720x1280",
        .lengths = {10, 15, 25},
    },
    {
        .id = "sora2pro",
        .name = "Sora 2 Pro",
        .description = "Finer video with sound",
        .description_zh = "画质更高的有声视频",
        .landscape = "1280x720",
        .portrait = "720x1280",
        .lengths = {10, 15, 25},
    },
    {
        .id = "sora2pro-hd",
        .name = "Sora 2 Pro HD",
        .description = "Finer video in high definition",
        .description_zh = "高清、画质更高的视频",
        .landscape = "1792x1024",
        .portrait = "1024x1792",
        .lengths = {10, 15},
    },
};

struct image_model {
    const char *id, *name, *name_zh, *orientation, *size;
};

static const struct image_model images[] = {
    {"gpt-image", "GPT Image", NULL, NULL, "1024x1024"},
    {"gpt-image-landscape", "GPT Image, landscape", "GPT Image 横屏", "landscape", "1536x1024"},
    {"gpt-image-portrait", "GPT Image, portrait", "GPT Image 竖屏", "portrait", "1024x1536"},
};

static const char *const enhance_lengths[] = {"short", "medium", "long"};
static const int enhance_seconds[] = {10, 15, 20};

struct list {
    struct arena *arena;
    struct model *models;
    size_t count;
};

static struct model *find(const struct list *l, struct str id)
{
    for (size_t i = 0; i < l->count; i++) {
        if (str_eq(l->models[i].id, id))
            return &l->models[i];
    }
    return NULL;
}

static struct model *list_add(struct list *l, struct str id)
{
    if (l->count == MODELS_MAX || find(l, id))
        return NULL;
    struct model *m = &l->models[l->count++];
    memset(m, 0, sizeof(*m));
    m->id = id;
    m->name = id;
    return m;
}

static void add_video(struct list *l, const struct family *f, const char *orientation, int seconds)
{
    bool landscape = orientation[0] == 'l';
    struct model *m = list_add(l, arena_printf(l->arena, "%s-%s-%ds", f->id, orientation, seconds));
    if (!m)
        return;
    m->name = arena_printf(l->arena, "%s, %s, %d s", f->name, orientation, seconds);
    m->description = str_of(f->description);
    m->description_zh = str_of(f->description_zh);
    m->media_type = MEDIA_VIDEO;
    m->orientation = str_of(orientation);
    m->seconds[0] = seconds;
    m->seconds_count = 1;
    m->size = str_of(landscape ? f->landscape : f->portrait);
    m->image_input = true;
}

static void add_families(struct list *l)
{
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(families[i].lengths) && families[i].lengths[k]; k++) {
            add_video(l, &families[i], "landscape", families[i].lengths[k]);
            add_video(l, &families[i], "portrait", families[i].lengths[k]);
        }
    }
}

static void add_images(struct list *l)
{
    for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
        struct model *m = list_add(l, str_of(images[i].id));
        if (!m)
            continue;
        m->name = str_of(images[i].name);
        m->name_zh = str_of(images[i].name_zh);
        m->description = STR("Still image");
        m->description_zh = STR("静态图片");
        m->media_type = MEDIA_IMAGE;
        m->orientation = str_of(images[i].orientation);
        m->size = str_of(images[i].size);
        m->image_input = true;
    }
}

static void add_enhancers(struct list *l)
{
    for (size_t i = 0; i < ARRAY_SIZE(enhance_lengths); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(enhance_seconds); k++) {
            struct model *m = list_add(l, arena_printf(l->arena, "prompt-enhance-%s-%ds",
                                                       enhance_lengths[i], enhance_seconds[k]));
            if (!m)
                continue;
            m->description = STR("Writes a fuller prompt");
            m->description_zh = STR("扩写提示词");
        }
    }
}

static void add_built_in(struct list *l, bool with_enhancers)
{
    add_families(l);
    add_images(l);
    if (with_enhancers)
        add_enhancers(l);
}

static void write_built_in(struct json_out *j, const struct model *m)
{
    json_object(j);
    json_kv_str(j, "id", m->id);
    json_kv_str(j, "name", m->name);
    json_kv_z(j, "media_type", media_type_name(m->media_type));
    json_kv_str(j, "description", m->description);
    if (m->orientation.n)
        json_kv_str(j, "orientation", m->orientation);
    if (m->seconds_count > 0) {
        json_key(j, "seconds");
        json_array(j);
        for (size_t i = 0; i < m->seconds_count; i++)
            json_int(j, m->seconds[i]);
        json_array_end(j);
    }
    if (m->size.n)
        json_kv_str(j, "size", m->size);
    json_kv_bool(j, "image_input", m->image_input);
    json_object_end(j);
}

void models_write_built_in(struct json_out *j)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(BUILT_IN_BYTES);
    struct list l = {.arena = a, .models = arena_alloc(a, MODELS_MAX * sizeof(struct model))};
    if (l.models)
        add_built_in(&l, true);
    json_array(j);
    for (size_t i = 0; i < l.count; i++)
        write_built_in(j, &l.models[i]);
    json_array_end(j);
}

/* ---- the list in settings: [{"id","name","media_type","description","orientation",
 * "seconds":[…],"size","image_input"}] */

/* Words that an administrator has left as they were built in stay translated. */
static void keep_translations(struct model *m, const struct list *built_in)
{
    const struct model *known = find(built_in, m->id);
    if (known && str_eq(known->name, m->name))
        m->name_zh = known->name_zh;
    if (known && str_eq(known->description, m->description))
        m->description_zh = known->description_zh;
}

static void read_model(struct list *l, const struct list *built_in, struct json j)
{
    struct str id = json_str_or(json_get(j, "id"), STR_NONE);
    struct model *m = id.n ? list_add(l, arena_str(l->arena, id)) : NULL;
    if (!m)
        return;
    m->name = arena_str(l->arena, json_str_or(json_get(j, "name"), id));
    m->description = arena_str(l->arena, json_str_or(json_get(j, "description"), STR("")));
    media_type_parse(json_str_or(json_get(j, "media_type"), STR("video")), &m->media_type);
    struct str orientation = json_str_or(json_get(j, "orientation"), STR_NONE);
    if (orientation.n)
        m->orientation = arena_str(l->arena, orientation);
    struct str size = json_str_or(json_get(j, "size"), STR_NONE);
    if (size.n)
        m->size = arena_str(l->arena, size);
    m->image_input = json_bool_or(json_get(j, "image_input"), true);
    struct json seconds = json_get(j, "seconds");
    for (size_t i = 0; i < json_size(seconds) && i < MODEL_MAX_SECONDS; i++)
        m->seconds[m->seconds_count++] = json_int_or(json_at(seconds, i), 0);
    keep_translations(m, built_in);
}

static bool is_enhancer(struct str id)
{
    return str_starts(id, STR("prompt-enhance-"));
}

static enum status read_settings(struct list *l, const struct list *built_in, struct str text,
                                 bool with_enhancers, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    TRY(json_parse(text, &doc, err));
    struct json root = json_root(doc);
    for (size_t i = 0; i < json_size(root); i++) {
        struct json j = json_at(root, i);
        if (with_enhancers || !is_enhancer(json_str_or(json_get(j, "id"), STR(""))))
            read_model(l, built_in, j);
    }
    return OK;
}

/* ---- what a name says by itself */

/* "…-landscape-10s", as the families have it; less than both says nothing: "live-portrait". */
static void read_name(struct model *m)
{
    struct str rest = m->id, shape = STR(""), length = STR("");
    int64_t seconds;
    while (rest.n) {
        shape = length;
        length = str_cut(&rest, '-');
    }
    bool shaped = str_eq(shape, STR("landscape")) || str_eq(shape, STR("portrait"));
    if (!shaped || !str_ends(length, STR("s")) ||
        !str_to_i64(str_to(length, length.n - 1), &seconds) || seconds < 1)
        return;
    m->orientation = shape;
    m->seconds[0] = seconds;
    m->seconds_count = 1;
}

static void describe(const struct list *built_in, struct model *m)
{
    const struct model *known = find(built_in, m->id);
    if (known) {
        *m = *known;
        return;
    }
    m->image_input = true;
    if (str_find(m->id, STR("image")) >= 0)
        m->media_type = MEDIA_IMAGE;
    else
        read_name(m);
}

static enum status list_new(struct arena *a, struct list *ret, struct err *err)
{
    *ret = (struct list){.arena = a, .models = arena_alloc(a, MODELS_MAX * sizeof(struct model))};
    return ret->models ? OK : err_set(err, E_NO_MEMORY, "overloaded");
}

enum status models_describe(struct str id, struct arena *a, struct model *ret, struct err *err)
{
    struct list built_in;
    TRY(list_new(a, &built_in, err));
    add_built_in(&built_in, true);
    *ret = (struct model){.id = id, .name = id};
    describe(&built_in, ret);
    return OK;
}

/* ---- what accounts list themselves */

struct listing {
    struct list list, built_in;
    bool with_enhancers;
};

static void add_listed(struct str id, void *ctx)
{
    struct listing *l = ctx;
    if (!l->with_enhancers && is_enhancer(id))
        return;
    struct model *m = find(&l->list, id);
    struct str own = m ? m->id : arena_str(l->list.arena, id);
    if (!m && own.p && (m = list_add(&l->list, own)))
        describe(&l->built_in, m);
    if (m)
        m->served = true;
}

static int by_id(const void *a, const void *b)
{
    const struct model *x = a, *y = b;
    return str_cmp(x->id, y->id);
}

static enum status fill(struct listing *l, const struct settings *settings, struct arena *a,
                        struct err *err)
{
    TRY(list_new(a, &l->list, err));
    TRY(list_new(a, &l->built_in, err));
    add_built_in(&l->built_in, true);
    if (settings->models.n)
        return read_settings(&l->list, &l->built_in, settings->models, l->with_enhancers, err);
    add_built_in(&l->list, l->with_enhancers);
    return OK;
}

enum status models_list(struct app *app, int64_t group_id, bool ungrouped, bool with_hidden,
                        struct arena *a, struct model **ret, size_t *ret_count, struct err *err)
{
    _cleanup_(settings_dropp) const struct settings *settings = settings_hold(app);
    struct pool_want want = {.platform = STR("sora"), .group_id = group_id, .ungrouped = ungrouped};
    struct listing l = {.with_enhancers = with_hidden || !settings->hide_prompt_enhance};
    TRY(fill(&l, settings, a, err));
    size_t own = l.list.count;
    bool all = pool_each_model(app->pool, &want, add_listed, &l);
    qsort(l.list.models + own, l.list.count - own, sizeof(*l.list.models), by_id);
    for (size_t i = 0; i < l.list.count; i++)
        l.list.models[i].served |= all;
    *ret = l.list.models;
    *ret_count = l.list.count;
    return OK;
}

static struct str in_language(struct str english, struct str chinese, enum language language)
{
    return language == LANG_ZH && chinese.p ? chinese : english;
}

struct str models_name(const struct model *m, enum language language)
{
    return in_language(m->name, m->name_zh, language);
}

struct str models_description(const struct model *m, enum language language)
{
    return in_language(m->description, m->description_zh, language);
}

const struct model *models_find(const struct model *models, size_t n, struct str id)
{
    return find(&(struct list){.models = (struct model *)models, .count = n}, id);
}
