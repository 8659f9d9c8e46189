/* SPDX-License-Identifier: Apache-2.0 */
/* The upstream's own words out of whatever error body it has (upstreams' documents):
 * {error:{message,code,type}}, {error:"…"}, {detail:"…"} and {detail:[{msg,type}]} (FastAPI),
 * {code,message} (new-api), {message}. */
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "dialect/dialect.h"
#include "platform/json_in.h"

enum { MESSAGE_MAX = 300 };

/* One line of at most MESSAGE_MAX bytes, without control characters. */
static struct str clean(struct str s, struct arena *a)
{
    s = utf8_prefix(str_trim(s), MESSAGE_MAX);
    struct str copy = arena_str(a, s);
    char *p = (char *)copy.p;
    for (size_t i = 0; i < copy.n; i++) {
        if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
            p[i] = ' ';
    }
    return str_trim(copy);
}

static struct str text_of(struct json j)
{
    return json_str_or(j, STR_NONE);
}

static struct str detail_text(struct json detail)
{
    if (json_is_array(detail) && json_size(detail) > 0) {
        struct json first = json_at(detail, 0);
        struct str msg = text_of(json_get(first, "msg"));
        return msg.p ? msg : text_of(first);
    }
    return text_of(detail);
}

static void find_words(struct json root, struct str *message, struct str *code)
{
    struct json error = json_get(root, "error");
    if (json_is_object(error)) {
        *message = text_of(json_get(error, "message"));
        *code = text_of(json_get(error, "code"));
        if (!code->p)
            *code = text_of(json_get(error, "type"));
        return;
    }
    *message = text_of(error);
    if (!message->p)
        *message = detail_text(json_get(root, "detail"));
    if (!message->p)
        *message = text_of(json_get(root, "message"));
    *code = text_of(json_get(root, "code"));
    if (!code->p)
        *code = text_of(json_get(root, "error_type"));
    if (!code->p)
        *code = text_of(json_get(json_at(json_get(root, "detail"), 0), "type"));
}

static bool looks_like_markup(struct str s)
{
    s = str_trim(s);
    return str_starts(s, STR("<")) || str_find(s, STR("<html")) >= 0 ||
           str_find(s, STR("<!DOCTYPE")) >= 0;
}

/* Some upstreams repeat the key they did not like.  Asked of all the words: of a key that the
 * bound cuts, the rest would be repeated. */
static bool tells_secret(struct str message, struct str secret)
{
    return secret.n && str_find(message, secret) >= 0;
}

struct str dialect_error_message(const struct dialect_answer *in, struct str secret,
                                 struct arena *a, struct str *ret_code)
{
    _cleanup_(json_doc_freep) struct json_doc *doc = NULL;
    struct str message = STR_NONE, code = STR_NONE;
    struct err ignored;
    *ret_code = STR_NONE;
    if (json_parse(in->body, &doc, &ignored) != OK)
        return STR_NONE;
    find_words(json_root(doc), &message, &code);
    if (code.n)
        *ret_code = clean(code, a);
    if (!message.n || looks_like_markup(message) || tells_secret(message, secret))
        return STR_NONE;
    return clean(message, a);
}

bool dialect_lacks_model(struct str code, struct str message)
{
    return str_find(code, STR("model")) >= 0 || str_find(message, STR("model")) >= 0;
}

static bool has_word(struct str text, const char *const *words)
{
    char folded[MESSAGE_MAX * 2];
    size_t n = MIN(text.n, sizeof(folded));
    for (size_t i = 0; i < n; i++)
        folded[i] = text.p[i] >= 'A' && text.p[i] <= 'Z' ? (char)(text.p[i] | 0x20) : text.p[i];
    for (size_t i = 0; words[i]; i++) {
        if (str_find((struct str){folded, n}, str_of(words[i])) >= 0)
            return true;
    }
    return false;
}

enum failure_class dialect_failure_class(struct str code, struct str message)
{
    static const char *const policy[] = {"content_policy", "content policy",
                                         "moderation",     "sensitive",
                                         "safety",         "inappropriate",
                                         "violat",         "guardrail",
                                         "blocked by our", "内容政策",
                                         "违规",           "敏感",
                                         "审核",           NULL};
    static const char *const account[] = {"insufficient_quota",
                                          "insufficient balance",
                                          "billing",
                                          "invalid_api_key",
                                          "invalid api key",
                                          "余额",
                                          "额度",
                                          NULL};
    static const char *const slow[] = {"timeout", "timed out", "超时", NULL};
    if (has_word(code, policy) || has_word(message, policy))
        return FAILURE_CONTENT_POLICY;
    if (has_word(code, account) || has_word(message, account))
        return FAILURE_ACCOUNT;
    if (has_word(code, slow) || has_word(message, slow))
        return FAILURE_TIMEOUT;
    return FAILURE_UPSTREAM;
}
