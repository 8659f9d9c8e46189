/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/images.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "demo/links.h"

/* Base 64 of a picture needs no escaping: straight into the document. */
static void write_picture(struct call *c, size_t i, struct json_out *j)
{
    json_object(j);
    if (c->as_url) {
        json_kv_str(j, "url", links_make(c, c->job, i));
    } else {
        json_key(j, "b64_json");
        json_raw(j, STR("\""));
        base64_encode(&c->out, media_bytes(c->job->media[i]), false);
        buf_add_char(&c->out, '"');
    }
    json_object_end(j);
}

static void send_pictures(struct call *c)
{
    struct json_out j;

    json_out_init(&j, &c->out);
    json_object(&j);
    json_kv_int(&j, "created", c->job->created_ms / CLOCK_SECOND_MS);
    json_kv_z(&j, "output_format", "png");
    json_kv_str(&j, "size",
                arena_printf(c->arena, "%dx%d", c->job->wish.spec.width, c->job->wish.spec.height));
    json_key(&j, "data");
    json_array(&j);
    for (size_t i = 0; i < c->job->media_count; i++)
        write_picture(c, i, &j);
    json_array_end(&j);
    json_object_end(&j);
    call_send_json(c, 200);
}

static void follow(struct call *c)
{
    if (!job_ended(c->job))
        return;
    list_remove(&c->watch.link);
    if (c->job->state == JOB_COMPLETED)
        send_pictures(c);
    else if (c->job->state == JOB_FAILED)
        call_send_job_error(c);
    else
        call_send_error(c, 500, "server_error", "cancelled", STR_NONE,
                        STR("The job was cancelled."));
}

static void on_change(struct job_watch *w)
{
    follow(CONTAINER_OF(w, struct call, watch));
}

void images_present(struct call *c)
{
    c->watch.fn = on_change;
    if (job_ended(c->job))
        follow(c);
    else
        job_watch(c->job, &c->watch);
}
