/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "dialect/dialect_http.h"
#include "service/chat_answer_impl.h"

enum { PROMPT_MAX = 256 << 10, COUNT_MAX = 3, SECONDS_MAX = 3600 };

/* A link as a string, or as {"url": …}. */
static struct str link_of(struct json j)
{
    return json_str_or(json_is_object(j) ? json_get(j, "url") : j, STR_NONE);
}

static enum status read_part(struct json part, struct buf *text, struct str *image, struct err *err)
{
    struct str type = json_str_or(json_get(part, "type"), STR_NONE);
    if (str_eq(type, STR("text"))) {
        if (buf_len(text))
            buf_add_char(text, '\n');
        buf_add(text, json_str_or(json_get(part, "text"), STR("")));
    } else if (str_eq(type, STR("image_url"))) {
        struct str link = link_of(json_get(part, "image_url"));
        *image = image->n ? *image : link;
    } else if (str_eq(type, STR("video_url"))) {
        return err_say(err, E_INVALID, "not_in_dialect",
                       "The accounts that serve this model take no video as input.");
    }
    return OK;
}

static enum status read_content(struct json content, struct arena *a, struct chat_request *r,
                                struct err *err)
{
    _cleanup_(buf_cleanup) struct buf text = BUF_INIT(PROMPT_MAX);
    if (json_is_string(content)) {
        r->prompt = json_str_or(content, STR_NONE);
        return OK;
    }
    for (size_t i = 0; json_is_array(content) && i < json_size(content); i++)
        TRY(read_part(json_at(content, i), &text, &r->image, err));
    r->prompt = buf_failed(&text) ? STR_NONE : arena_str(a, buf_str(&text));
    return OK;
}

/* The last thing that the user has said. */
static struct json last_message(struct json messages)
{
    for (size_t i = json_size(messages); i > 0; i--) {
        struct json message = json_at(messages, i - 1);
        if (str_eq(json_str_or(json_get(message, "role"), STR("user")), STR("user")))
            return message;
    }
    return json_at(messages, 0);
}

static bool is_given(struct json j)
{
    return !json_is_absent(j) && !json_is_null(j) && (!json_is_string(j) || link_of(j).n);
}

/* ---- the work's length and shape: fields that another Kinora writes too */

/* A number, or its digits, as the Videos API has it. */
static enum status read_seconds(struct json j, int64_t *ret, struct err *err)
{
    int64_t seconds = json_int_or(j, 0);
    if (!is_given(j))
        return OK;
    if (json_is_string(j) && !str_to_i64(json_str_or(j, STR("")), &seconds))
        seconds = 0;
    if (seconds < 1 || seconds > SECONDS_MAX)
        return err_field(err, "invalid_field", "seconds",
                         "seconds must be a whole number from 1 to %d.", SECONDS_MAX);
    *ret = seconds;
    return OK;
}

static enum status read_shape(struct json body, struct chat_request *r, struct err *err)
{
    static const char *const orientations[] = {"landscape", "portrait", NULL};
    struct str size = STR_NONE;
    int64_t width, height;
    int orientation = -1;
    TRY(json_field_word(body, "orientation", JSON_OPTIONAL, orientations, &orientation, err));
    TRY(json_field_str(body, "size", JSON_OPTIONAL, 0, 16, &size, err));
    if (orientation >= 0)
        r->orientation = str_of(orientations[orientation]);
    if (!size.n || str_eq(size, STR("auto")))
        return OK;
    if (!dialect_read_size(size, &width, &height))
        return err_field(err, "invalid_field", "size",
                         "size must be WIDTHxHEIGHT in pixels, as in 1280x720.");
    r->size = size;
    return OK;
}

enum status chat_request_read(struct json body, struct arena *a, struct chat_request *ret,
                              struct err *err)
{
    *ret = (struct chat_request){.count = 1};
    TRY(json_field_str(body, "model", JSON_REQUIRED, 1, 256, &ret->model, err));
    TRY(json_field_int(body, "video_count", JSON_OPTIONAL, 1, COUNT_MAX, &ret->count, err));
    TRY(json_field_str(body, "remix_target_id", JSON_OPTIONAL, 0, 512, &ret->remix_of, err));
    TRY(read_seconds(json_get(body, "seconds"), &ret->seconds, err));
    TRY(read_shape(body, ret, err));
    TRY(read_content(json_get(last_message(json_get(body, "messages")), "content"), a, ret, err));
    if (is_given(json_get(body, "video")))
        return err_say(err, E_INVALID, "not_in_dialect",
                       "The accounts that serve this model take no video as input.");
    struct str image = link_of(json_get(body, "image"));
    if (image.n)
        ret->image = image;
    if (ret->prompt.n == 0)
        return err_field(err, "missing_field", "messages",
                         "messages must have a user message with text.");
    return ret->prompt.n <= PROMPT_MAX
               ? OK
               : err_field(err, "invalid_field", "messages", "The prompt is too long.");
}
