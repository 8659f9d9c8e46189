/* SPDX-License-Identifier: Apache-2.0 */
/* How errors are worded: the part of call.h that speaks of them. */
#include <string.h>

#include "demo/call.h"

int call_status_of(enum status status)
{
    switch (status) {
    case E_AUTH:
        return 401;
    case E_FORBIDDEN:
        return 403;
    case E_NOT_FOUND:
        return 404;
    case E_CONFLICT:
        return 409;
    case E_TOO_LARGE:
        return 413;
    case E_UNPROCESSABLE:
        return 422;
    case E_LIMIT:
        return 429;
    case E_INVALID:
        return 400;
    default:
        return 500;
    }
}

const char *call_error_type(int status)
{
    if (status == 401)
        return "authentication_error";
    if (status == 403)
        return "permission_error";
    if (status == 429)
        return "rate_limit_error";
    if (status == 402)
        return "insufficient_quota";
    return status >= 500 ? "server_error" : "invalid_request_error";
}

void call_write_error(struct json_out *j, const char *type, const char *code, struct str param,
                      struct str message)
{
    json_object(j);
    json_kv_str(j, "message", message);
    json_kv_z(j, "type", type);
    json_kv_str_or_null(j, "param", param.n ? param : STR_NONE);
    if (code && *code)
        json_kv_z(j, "code", code);
    else
        json_kv_null(j, "code");
    json_object_end(j);
}

void call_send_error(struct call *c, int status, const char *type, const char *code,
                     struct str param, struct str message)
{
    struct json_out j;

    buf_reset(&c->out);
    if (c->demo->settings.error_style == ERRORS_TEXT) {
        buf_add(&c->out, message);
        answer_send(&c->answer, status, STR("text/plain; charset=utf-8"), buf_str(&c->out));
        return;
    }
    json_out_init(&j, &c->out);
    json_object(&j);
    if (c->demo->settings.error_style == ERRORS_DETAIL) {
        json_kv_str(&j, "detail", message);
    } else if (c->demo->settings.error_style == ERRORS_CODE) {
        json_kv_z(&j, "code", code ? code : "");
        json_kv_str(&j, "message", message);
        json_kv_null(&j, "data");
    } else {
        json_key(&j, "error");
        call_write_error(&j, type, code, param, message);
    }
    json_object_end(&j);
    call_send_json(c, status);
}

void call_send_err(struct call *c, const struct err *err)
{
    int status = call_status_of(err->status);
    struct str text = str_of(err->text[0] ? err->text : err->code);

    if (status == 401)
        answer_header(&c->answer, "WWW-Authenticate", STR("Bearer"));
    call_send_error(c, status, call_error_type(status), err->code, str_of(err->field), text);
}

void call_send_job_error(struct call *c)
{
    bool refused = str_find(c->job->error, STR("moderation_blocked")) >= 0;
    struct json_out j;

    buf_reset(&c->out);
    json_out_init(&j, &c->out);
    json_object(&j);
    json_key(&j, "error");
    json_raw(&j, c->job->error);
    json_object_end(&j);
    call_send_json(c, refused ? 400 : 500);
}
