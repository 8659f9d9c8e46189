/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/settings.h"

#include "base/clock.h"
#include "base/mem.h"
#include "demo/fields.h"

const char *const link_style_words[] = {"absolute",     "relative", "tmp", "static",
                                        "absolute-tmp", "content",  NULL};
const char *const error_style_words[] = {"openai", "detail", "code", "text", NULL};

#define AT(member) offsetof(struct settings, member)
static const struct field settable[] = {
    {"speed", FIELD_REAL, AT(speed), 0, 1000, NULL},
    {"video_ms", FIELD_INT, AT(video_ms), 0, CLOCK_HOUR_MS, NULL},
    {"image_ms", FIELD_INT, AT(image_ms), 0, CLOCK_HOUR_MS, NULL},
    {"heartbeat_ms", FIELD_INT, AT(heartbeat_ms), 10, CLOCK_HOUR_MS, NULL},
    {"idempotency", FIELD_BOOL, AT(idempotency), 0, 0, NULL},
    {"links", FIELD_WORD, AT(links), 0, 0, link_style_words},
    {"media_ttl_ms", FIELD_INT, AT(media_ttl_ms), 0, 365 * CLOCK_DAY_MS, NULL},
    {"link_status", FIELD_INT, AT(link_status), 400, 599, NULL},
    {"error_style", FIELD_WORD, AT(error_style), 0, 0, error_style_words},
    {"plain_media", FIELD_BOOL, AT(plain_media), 0, 0, NULL},
    {"max_jobs", FIELD_INT, AT(max_jobs), 0, 1000, NULL},
};
#undef AT

struct settings settings_default(const struct options *options)
{
    return (struct settings){
        .speed = options->speed,
        .video_ms = 12 * CLOCK_SECOND_MS,
        .image_ms = 4 * CLOCK_SECOND_MS,
        .heartbeat_ms = 2 * CLOCK_SECOND_MS,
        .media_ttl_ms = options->media_ttl_ms,
        .link_status = 403,
        .plain_media = options->plain_media,
    };
}

enum status settings_read(struct json object, struct settings *settings, struct err *err)
{
    struct settings changed = *settings;

    TRY(fields_read(object, settable, ARRAY_SIZE(settable), &changed, NULL, err));
    if (changed.speed < 0.01)
        return err_field(err, "invalid_field", "speed", "speed must be at least 0.01");
    *settings = changed;
    return OK;
}

void settings_write(const struct settings *s, struct json_out *j)
{
    json_object(j);
    json_key(j, "speed");
    json_real(j, s->speed);
    json_kv_int(j, "video_ms", s->video_ms);
    json_kv_int(j, "image_ms", s->image_ms);
    json_kv_int(j, "heartbeat_ms", s->heartbeat_ms);
    json_kv_bool(j, "idempotency", s->idempotency);
    json_kv_z(j, "links", link_style_words[s->links]);
    json_kv_int(j, "media_ttl_ms", s->media_ttl_ms);
    json_kv_int(j, "link_status", s->link_status);
    json_kv_z(j, "error_style", error_style_words[s->error_style]);
    json_kv_bool(j, "plain_media", s->plain_media);
    json_kv_int(j, "max_jobs", s->max_jobs);
    json_object_end(j);
}
