/* SPDX-License-Identifier: Apache-2.0 */
#include "api/respond.h"

#include <stdio.h>
#include <string.h>

#include "api/messages.h"

int respond_status(enum status status)
{
    static const int http[] = {
        [OK] = 200,          [E_INVALID] = 400,     [E_AUTH] = 401,         [E_FORBIDDEN] = 403,
        [E_NOT_FOUND] = 404, [E_METHOD] = 405,      [E_CONFLICT] = 409,     [E_GONE] = 410,
        [E_TOO_LARGE] = 413, [E_UNSUPPORTED] = 415, [E_LIMIT] = 429,        [E_UNPROCESSABLE] = 422,
        [E_NO_SPACE] = 507,  [E_UPSTREAM] = 502,    [E_TIMEOUT] = 504,      [E_UNAVAILABLE] = 503,
        [E_LOCKED] = 423,    [E_DAMAGED] = 460,     [E_PRECONDITION] = 412, [E_LOOP] = 508,
        [E_NO_MEMORY] = 503, [E_INTERNAL] = 500,    [E_IO] = 500,
    };
    return http[status];
}

size_t respond_headers(const struct err *err, char seconds[24],
                       struct http_header ret[RESPOND_HEADERS])
{
    size_t n = 0;
    ret[n++] = (struct http_header)HTTP_HEADER("Content-Type", "application/json");
    if (err->retry_after_ms) {
        snprintf(seconds, 24, "%lld", (long long)(err->retry_after_ms + 999) / 1000);
        ret[n++] = (struct http_header){STR("Retry-After"), str_of(seconds)};
    }
    if (strcmp(err->code, "submission_unknown") == 0 || strcmp(err->code, "job_too_long") == 0)
        ret[n++] = (struct http_header)HTTP_HEADER("x-should-retry", "false");
    return n;
}

static const char *last_words(enum language language)
{
    return message_of("internal_error", language);
}

/* In English the sentence of the occurrence wins, for it says more; it has no Chinese
 * twin, so there the code's own sentence stands, with the field behind it. */
void respond_message(struct json_out *j, enum language language, const struct err *err)
{
    const char *sentence = message_of(err->code, language);
    const char *behind = err->text_follows ? err->text : err->field;
    if (err->text[0] && !err->text_follows && (language == LANG_EN || !sentence)) {
        json_kv_z(j, "message", err->text);
        return;
    }
    if (!sentence)
        sentence = last_words(language);
    if (!behind[0]) {
        json_kv_z(j, "message", sentence);
        return;
    }
    _cleanup_(buf_cleanup) struct buf text = BUF_INIT(1024);
    struct str first = str_of(sentence);
    if (str_ends(first, STR(".")))
        first.n--;
    buf_addf(&text, language == LANG_ZH ? "%.*s：%s" : "%.*s: %s", STR_ARG(first), behind);
    json_kv_str(j, "message", buf_str(&text));
}

static void write_extras(struct json_out *j, const struct err *err)
{
    if (err->field[0])
        json_kv_z(j, "field", err->field);
    for (size_t i = 0; i < ERR_NUMBERS_MAX && err->numbers[i].name[0]; i++)
        json_kv_int(j, err->numbers[i].name, err->numbers[i].value);
    if (err->retry_after_ms > 0)
        json_kv_int(j, "retry_after", (err->retry_after_ms + 999) / 1000);
    if (strcmp(err->code, "quota_exceeded") == 0)
        json_kv_z(j, "guide", "delete_works"); /* ST-1 */
}

void respond_error(struct buf *out, enum language language, const struct err *err)
{
    struct json_out j;
    json_out_init(&j, out);
    json_object(&j);
    json_key(&j, "error");
    json_object(&j);
    json_kv_z(&j, "code", err->code[0] ? err->code : "internal_error");
    respond_message(&j, language, err);
    write_extras(&j, err);
    json_object_end(&j);
    json_object_end(&j);
}

static const char *openai_type(int http_status)
{
    switch (http_status) {
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 429:
        return "rate_limit_error";
    default:
        return http_status >= 500 ? "server_error" : "invalid_request_error";
    }
}

void respond_openai_error(struct buf *out, int http_status, const struct err *err)
{
    struct json_out j;
    json_out_init(&j, out);
    json_object(&j);
    json_key(&j, "error");
    json_object(&j);
    respond_message(&j, LANG_EN, err);
    json_kv_z(&j, "type", openai_type(http_status));
    json_kv_str_or_null(&j, "param", err->field[0] ? str_of(err->field) : STR_NONE);
    json_kv_str_or_null(&j, "code", err->code[0] ? str_of(err->code) : STR_NONE);
    json_object_end(&j);
    json_object_end(&j);
}
