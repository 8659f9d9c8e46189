/* SPDX-License-Identifier: Apache-2.0 */
/* The images that a job was given: out of its row, and into memory for as long as its submission
 * takes.  All that is held so at a time has one bound; who finds no room waits. */
#include "base/hex.h"
#include "platform/json_in.h"
#include "service/jobs_impl.h"
#include "service/library.h"

enum {
    INPUT_BYTES = 21 << 20,
    IN_MEMORY_MAX = 256 << 20, /* of inputs; what is made of them is as much again, twice */
};
static atomic_llong in_memory;

/* ---- out of the row */

static void read_input(struct json j, struct arena *a, struct job_input *ret)
{
    struct str url = json_str_or(json_get(j, "url"), STR_NONE);
    *ret = (struct job_input){.url = url.n ? arena_str(a, url) : STR_NONE,
                              .object_id = json_int_or(json_get(j, "object_id"), 0)};
}

void step_read_inputs(struct step *s, struct json request)
{
    struct json list = json_get(request, "images");
    s->image_count = MIN(json_size(list), (size_t)DIALECT_MAX_IMAGES);
    for (size_t i = 0; i < s->image_count; i++)
        read_input(json_at(list, i), s->arena, &s->images[i]);
    read_input(json_get(request, "mask"), s->arena, &s->mask);
    if (!json_is_absent(list))
        return;
    /* A row of before there could be several. */
    struct str url = json_str_or(json_get(request, "image_url"), STR_NONE);
    s->images[0] = (struct job_input){.url = url.n ? arena_str(s->arena, url) : STR_NONE,
                                      .object_id = s->job.input_object_id};
    s->image_count = url.n || s->job.input_object_id ? 1 : 0;
}

/* ---- into memory */

void step_free_request(struct step *s)
{
    atomic_fetch_sub(&in_memory, s->charged);
    s->charged = 0;
    arena_free(s->request);
    s->request = NULL;
}

static enum status charge(struct step *s, int64_t bytes)
{
    s->charged += bytes;
    if (atomic_fetch_add(&in_memory, bytes) + bytes <= IN_MEMORY_MAX)
        return OK;
    return err_set(&s->err, E_UNAVAILABLE, "overloaded");
}

static enum status load(struct step *s, const struct job_input *input, struct dialect_image *ret)
{
    struct object object;
    *ret = (struct dialect_image){.url = input->url};
    if (!input->object_id)
        return OK;
    TRY(library_read_object(s->w, input->object_id, INPUT_BYTES, s->request, &object, &ret->bytes,
                            &s->err));
    ret->type = object.type;
    return charge(s, (int64_t)ret->bytes.n);
}

static enum status write_data_url(struct step *s, const struct dialect_image *image,
                                  struct str *ret)
{
    _cleanup_(buf_cleanup) struct buf url = BUF_INIT(INPUT_BYTES * 2);
    buf_addf(&url, "data:%.*s;base64,", STR_ARG(image->type));
    base64_encode(&url, image->bytes, false);
    *ret = arena_str(s->request, buf_str(&url));
    return ret->p ? OK : err_set(&s->err, E_NO_MEMORY, "overloaded");
}

enum status step_load_inputs(struct step *s, struct dialect_request *ret)
{
    struct dialect_image first = {.url = STR_NONE};
    if (s->image_count)
        TRY(load(s, &s->images[0], &first));
    ret->image_url = first.url;
    ret->image_bytes = first.bytes;
    ret->image_type = first.type;
    for (size_t i = 1; i < s->image_count; i++)
        TRY(load(s, &s->images[i], &ret->more_images[ret->more_image_count++]));
    TRY(load(s, &s->mask, &ret->mask));
    return first.bytes.n ? write_data_url(s, &first, &ret->image_url) : OK;
}
