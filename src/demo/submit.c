/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/submit.h"

#include "base/mem.h"
#include "demo/form.h"

/* Chat. */

static enum status read_part(struct call *c, struct json part, struct buf *prompt, struct err *err)
{
    struct str type = json_str_or(json_get(part, "type"), STR_NONE);

    if (str_eq(type, STR("text"))) {
        if (buf_len(prompt))
            buf_add_char(prompt, '\n');
        buf_add(prompt, json_str_or(json_get(part, "text"), STR_NONE));
    } else if (str_eq(type, STR("image_url")) || str_eq(type, STR("video_url"))) {
        c->wish.input_images++;
    } else {
        return err_field(err, "invalid_value", "messages", "This kind of part is not supported.");
    }
    return OK;
}

/* The last user message is the prompt. */
static enum status read_messages(struct call *c, struct json messages, struct err *err)
{
    struct buf prompt = BUF_INIT(128 * 1024);
    struct json content = {NULL};
    enum status status = OK;

    for (size_t i = 0; i < json_size(messages); i++) {
        struct json message = json_at(messages, i);
        if (str_eq(json_str_or(json_get(message, "role"), STR_NONE), STR("user")))
            content = json_get(message, "content");
    }
    buf_add(&prompt, json_str_or(content, STR("")));
    for (size_t i = 0; json_is_array(content) && i < json_size(content) && status == OK; i++)
        status = read_part(c, json_at(content, i), &prompt, err);
    c->wish.prompt = arena_str(c->arena, buf_str(&prompt));
    if (status == OK && buf_failed(&prompt))
        status = err_field(err, "invalid_value", "messages", "The prompt is too long.");
    buf_release(&prompt);
    return status;
}

static enum status read_chat(struct call *c, struct json root, struct err *err)
{
    struct json messages = json_get(root, "messages");
    struct str model = STR_NONE;
    int64_t count = 1;

    TRY(json_need_object(root, err));
    TRY(json_field_str(root, "model", JSON_REQUIRED, 1, 200, &model, err));
    c->wish.model = arena_str(c->arena, model);
    if (!json_is_array(messages) || json_size(messages) == 0)
        return err_field(err, "invalid_value", "messages", "messages must be a non-empty array.");
    TRY(json_field_bool(root, "stream", JSON_OPTIONAL, &c->stream, err));
    TRY(json_field_int(root, "video_count", JSON_OPTIONAL, 1, 3, &count, err));
    TRY(read_messages(c, messages, err));
    c->wish.count = count;
    c->wish.input_images += json_is_string(json_get(root, "image"));
    c->wish.input_images += json_is_string(json_get(root, "video"));
    c->wish.remixed_from = arena_str(c->arena,
                                     json_str_or(json_get(root, "remix_target_id"), STR_NONE));
    c->wish.spec = model_spec(c->wish.model);
    return OK;
}

enum status submit_read_chat(struct call *c, struct err *err)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;

    TRY(json_parse(buf_str(&c->body), &doc, err));
    return read_chat(c, json_root(doc), err);
}

/* Videos and images. */

static enum status read_count(struct call *c, struct str n, struct err *err)
{
    uint64_t value = 1;

    if (n.n && (!str_to_u64(n, &value) || value < 1 || value > JOB_MAX_COUNT))
        return err_field(err, "invalid_value", "n", "n must be a number from 1 to %d.",
                         JOB_MAX_COUNT);
    c->wish.count = (int64_t)value;
    return OK;
}

static enum status take_form(struct call *c, const struct form *form, const char *usual_model,
                             enum kind kind, struct err *err)
{
    struct wish *w = &c->wish;

    w->model = form->model.n ? form->model : str_of(usual_model);
    w->prompt = form->prompt;
    w->seconds = form->seconds;
    w->size = form->size;
    w->input_images = form->files;
    w->spec = model_spec(w->model);
    if (w->spec.kind != kind)
        w->spec = model_spec(str_of(usual_model));
    if (!form->prompt.n)
        return err_field(err, "missing_required_parameter", "prompt",
                         "Missing required parameter: 'prompt'.");
    if (!spec_refine(&w->spec, form->size, kind == KIND_VIDEO ? form->seconds : STR_NONE))
        return err_field(err, "invalid_value", form->seconds.n ? "seconds" : "size",
                         "Invalid size or seconds.");
    return OK;
}

enum status submit_read_video(struct call *c, struct err *err)
{
    struct form form = {.files = 0};

    TRY(form_read(c, &form, err));
    c->wish.count = 1;
    return take_form(c, &form, "sora-2", KIND_VIDEO, err);
}

enum status submit_read_remix(struct call *c, struct err *err)
{
    c->wish.remixed_from = call_param(c, "id");
    return submit_read_video(c, err);
}

enum status submit_read_image(struct call *c, struct err *err)
{
    struct form form = {.files = 0};

    TRY(form_read(c, &form, err));
    c->as_url = str_eq(form.response_format, STR("url"));
    TRY(take_form(c, &form, "gpt-image", KIND_IMAGE, err));
    return read_count(c, form.n, err);
}

/* Jobs. */

enum status submit_job(struct call *c, struct err *err)
{
    struct job *before = NULL;

    if (c->demo->settings.idempotency && c->wish.idempotency_key.n)
        before = jobs_find_key(&c->demo->jobs, &c->wish);
    if (!before)
        return jobs_make(&c->demo->jobs, c->action->route, &c->wish, c->fault, &c->job, err);
    if (!str_eq(before->wish.digest, c->wish.digest))
        return err_say(err, E_UNPROCESSABLE, "idempotency_key_reused",
                       "This Idempotency-Key was used with another body.");
    c->job = job_ref(before);
    c->replayed = true;
    return OK;
}

enum status submit_remix(struct call *c, struct err *err)
{
    const struct job *source = jobs_find(&c->demo->jobs, c->wish.remixed_from);

    if (!source)
        return err_say(err, E_NOT_FOUND, "video_not_found", "Video with id '%.*s' not found.",
                       (int)MIN(c->wish.remixed_from.n, (size_t)80), c->wish.remixed_from.p);
    c->wish.model = source->wish.model;
    c->wish.spec = source->wish.spec;
    c->wish.seconds = source->wish.seconds;
    c->wish.size = source->wish.size;
    return submit_job(c, err);
}
