/* SPDX-License-Identifier: Apache-2.0 */
#include "demo/canned.h"

#include "base/mem.h"

struct words {
    int status;
    const char *code, *message;
};

/* What an upstream says with a bare status. */
static const struct words usual[] = {
    {400, "invalid_request", "The request was invalid."},
    {401, "invalid_api_key", "Incorrect API key provided."},
    {402, "insufficient_quota", "You exceeded your current quota, please check your plan."},
    {403, "forbidden", "You are not allowed to use this resource."},
    {404, "model_not_found", "The model does not exist or you do not have access to it."},
    {408, "request_timeout", "The request timed out."},
    {409, "conflict", "The resource is busy, try again."},
    {422, "unprocessable", "The request could not be processed."},
    {429, "rate_limit_exceeded", "Rate limit reached, please try again later."},
    {500, "server_error", "The server had an error while processing your request."},
    {502, "bad_gateway", "The upstream of this server did not answer."},
    {503, "overloaded", "The engine is currently overloaded, please try again later."},
    {504, "timeout", "The upstream of this server took too long."},
};

static const char page[] =
    "<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n<center><h1>%d %s</h1></center>\r\n"
    "<hr><center>nginx/1.25.3</center>\r\n</body>\r\n</html>\r\n";

static void send_usual(struct call *c, int status)
{
    const char *type = call_error_type(status);

    for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
        if (usual[i].status == status) {
            call_send_error(c, status, type, usual[i].code, STR_NONE, str_of(usual[i].message));
            return;
        }
    }
    call_send_error(c, status, type, NULL, STR_NONE, str_of(http_reason(status)));
}

static void send_page(struct call *c, int status)
{
    const char *reason = http_reason(status);

    buf_addf(&c->out, page, status, reason, status, reason);
    answer_send(&c->answer, status, STR("text/html"), buf_str(&c->out));
}

/* A string goes into the usual members; an object stands as it is. */
static void send_given_error(struct call *c, int status)
{
    struct json_doc *doc = NULL;

    if (json_parse(c->fault->error, &doc, NULL) == OK && json_is_string(json_root(doc))) {
        call_send_error(c, status, call_error_type(status), NULL, STR_NONE,
                        json_str_or(json_root(doc), STR_NONE));
    } else {
        buf_add(&c->out, STR("{\"error\":"));
        buf_add(&c->out, c->fault->error);
        buf_add(&c->out, STR("}"));
        call_send_json(c, status);
    }
    json_doc_free(doc);
}

static void send_bytes(struct call *c, int status, struct str usual_type, struct str bytes)
{
    struct str type = c->fault->content_type.p ? c->fault->content_type : usual_type;

    answer_send(&c->answer, status, type, bytes);
}

void canned_send(struct call *c)
{
    const struct fault *f = c->fault;
    int status = (int)f->status;

    if (f->redirect.p) {
        answer_header(&c->answer, "Location", f->redirect);
        send_bytes(c, status ? status : 302, STR("text/plain"), f->body.p ? f->body : STR(""));
    } else if (f->body.p) {
        send_bytes(c, status ? status : 200, STR("text/plain"), f->body);
    } else if (f->json.p) {
        send_bytes(c, status ? status : 200, STR("application/json"), f->json);
    } else if (f->error.p) {
        send_given_error(c, status ? status : 500);
    } else if (f->html) {
        send_page(c, status ? status : 502);
    } else {
        send_usual(c, status);
    }
}
