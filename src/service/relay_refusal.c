/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/retry_after.h"
#include "service/relay_impl.h"

enum {
    NO_ACCOUNT_RETRY_MS = 30000, /* nobody knows when an administrator will add one */
    WORDS_ARENA = 512 << 10,
};

/* ---- a refusing answer ---- */

static void copy_field(const struct http_head *head, struct str name, char out[RELAY_FIELD_MAX])
{
    struct str value = http_head_get(head, name);
    if (value.n && value.n < RELAY_FIELD_MAX)
        memcpy(out, value.p, value.n);
}

struct relay_answer *relay_answer_new(const struct http_head *head)
{
    struct relay_answer *a = mem_zalloc(sizeof(*a));
    a->status = head->status;
    a->length = head->chunked ? -1 : head->content_length;
    a->retry_after_ms = retry_after_ms(head);
    copy_field(head, STR("content-type"), a->type);
    copy_field(head, STR("content-encoding"), a->encoding);
    copy_field(head, STR("x-request-id"), a->request_id);
    buf_init(&a->body, RELAY_REFUSAL_BYTES);
    return a;
}

void relay_answer_free(struct relay_answer *a)
{
    if (!a)
        return;
    buf_release(&a->body);
    free(a);
}

static struct str words_of(const struct relay_answer *a, struct str secret, struct arena *arena,
                           struct str *ret_code)
{
    struct dialect_answer in = {a->status, str_of(a->type), buf_str(&a->body)};
    return dialect_error_message(&in, secret, arena, ret_code);
}

bool relay_answer_lacks_model(const struct relay_answer *a)
{
    _cleanup_(arena_freep) struct arena *arena = arena_new(WORDS_ARENA);
    struct str code, message = words_of(a, STR_NONE, arena, &code);
    return dialect_lacks_model(code, message);
}

/* ---- what became of the attempts ---- */

static void note(struct relay_failures *f, bool limited, const char *text, size_t n)
{
    if (limited && f->other_than_429)
        return;
    f->any = true;
    f->other_than_429 |= !limited;
    free(f->text);
    f->text = mem_strndup(text, MIN(n, ERR_TEXT_MAX - 1));
}

void relay_note_answer(struct relay_failures *f, const struct relay_answer *a, struct str secret)
{
    _cleanup_(arena_freep) struct arena *arena = arena_new(WORDS_ARENA);
    bool limited = a->status == 429;
    char plain[64];
    struct str code, message = words_of(a, secret, arena, &code);
    if (!message.n) {
        int n = snprintf(plain, sizeof(plain), "The upstream answered with status %d.", a->status);
        message = (struct str){plain, (size_t)n};
    }
    note(f, limited, message.p, message.n);
    if (limited && a->retry_after_ms &&
        (!f->retry_after_ms || a->retry_after_ms < f->retry_after_ms))
        f->retry_after_ms = a->retry_after_ms;
}

void relay_note_fault(struct relay_failures *f, const char *words)
{
    note(f, false, words, strlen(words));
}

/* ---- the last word ---- */

static void say_limited(const struct relay_failures *f, int64_t retry_ms, struct err *ret)
{
    if (f->any)
        err_say(ret, E_LIMIT, "rate_limited", "%s", f->text);
    else
        err_say(ret, E_LIMIT, "rate_limited", "Every account is rate limited. Try again later.");
    if (f->retry_after_ms && (!retry_ms || f->retry_after_ms < retry_ms))
        retry_ms = f->retry_after_ms;
    ret->retry_after_ms = retry_ms ? retry_ms : CLOCK_MINUTE_MS;
}

static void say_none(int64_t retry_ms, struct err *ret)
{
    err_say(ret, E_UNAVAILABLE, "no_account", "No account is available for this model.");
    ret->retry_after_ms = retry_ms ? retry_ms : NO_ACCOUNT_RETRY_MS;
}

void relay_judge(const struct relay *r, enum pool_result pool, int64_t retry_ms, struct err *ret)
{
    const struct relay_failures *f = &r->failures;
    if (f->any && f->other_than_429)
        err_say(ret, E_UPSTREAM, "upstream_error", "%s", f->text);
    else if (pool == POOL_LIMITED || (f->any && (pool == POOL_NONE || pool == POOL_SPENT)))
        say_limited(f, retry_ms, ret);
    else
        say_none(retry_ms, ret);
}
