/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/tokens.h"
#include "service/chat_answer.h"
#include "service/metrics.h"
#include "service/relay_impl.h"

enum {
    BUSY_RETRY_MS = 5000, /* nobody knows when a slot is freed */
    HUNG_MS = 120000,     /* so long without a byte is the upstream's fault */
};
static const struct str sora = {"sora", 4};

/* ---- admission ---- */

/* RFC 6750 2.1; the scheme's case is free (RFC 9110 11.1). */
static struct str bearer_of(const struct http_head *head)
{
    struct str value = http_head_get(head, STR("authorization"));
    struct str scheme = str_to(value, 7);
    return str_eq_ci(scheme, STR("bearer ")) ? str_trim(str_from(value, 7)) : STR("");
}

static int hop_of(const struct http_head *head)
{
    uint64_t hop;
    struct str value = http_head_get(head, STR("x-kinora-hop"));
    return value.n && str_to_u64(value, &hop) ? (int)MIN(hop, (uint64_t)RELAY_HOPS_MAX + 1) : 0;
}

enum status relay_admit(struct app *app, const struct exchange *x, bool forced,
                        struct relay_caller *ret, struct err *err)
{
    TRY(pool_find_key(app->pool, bearer_of(exchange_head(x)), &ret->key, err));
    ret->hop = hop_of(exchange_head(x));
    if (ret->hop > RELAY_HOPS_MAX)
        return err_set(err, E_LOOP, "loop_detected");
    bool ours = str_eq(ret->key.group_platform, sora);
    ret->ungrouped = !ours;
    if (!ours && !forced)
        return err_say(err, E_INVALID, "platform_not_supported",
                       "This endpoint does not support the platform \"%.*s\" of the key's group.",
                       STR_ARG(str_to(ret->key.group_platform, 64)));
    return OK;
}

/* ---- ends ---- */

void relay_give_back(struct relay *r, enum pool_outcome outcome, int64_t retry_after_ms)
{
    if (r->slot.held)
        pool_release(r->host.app->pool, &r->slot, outcome, retry_after_ms);
}

static void let_go(struct relay *r)
{
    if (r->call)
        upstream_cancel(r->call);
    r->call = NULL;
    if (r->waiter)
        pool_wait_cancel(r->waiter);
    r->waiter = NULL;
    if (r->token_waiter)
        tokens_wait_cancel(r->token_waiter);
    r->token_waiter = NULL;
    relay_give_back(r, POOL_NEUTRAL, 0);
    timer_unset(r->host.loop, &r->deadline);
    spool_release(&r->spool);
    free(r->failures.text);
    r->failures.text = NULL;
    relay_answer_free(r->answer);
    r->answer = NULL;
}

void relay_refuse(struct relay *r, int http_status, const struct err *err)
{
    struct err said = *err; /* it may be the spool's, which goes now */
    r->phase = RELAY_OVER;
    let_go(r);
    r->host.refuse(r->x, http_status, &said);
}

/* ---- choosing ---- */

static void give_up(struct relay *r, enum pool_result pool, int64_t retry_ms)
{
    struct err err;
    relay_judge(r, pool, retry_ms, &err);
    relay_refuse(r, 0, &err);
}

/* Gives the account back, which is not to be asked again; false: no more can be noted. */
static bool pass_over(struct relay *r, enum pool_outcome outcome, int64_t retry_after_ms)
{
    if (r->want.tried_count < POOL_MAX_TRIED)
        r->want.tried[r->want.tried_count++] = r->slot.account->id;
    r->renewed = false;
    relay_give_back(r, outcome, retry_after_ms);
    return r->want.tried_count < POOL_MAX_TRIED;
}

/* The account speaks something else: from here on the call is a job's (GW-8), which takes
 * its own slot when its turn comes. */
static void become_job(struct relay *r)
{
    bool stream = scan_json_kind(&r->scan, SCAN_STREAM) == SCAN_TRUE;
    pool_slot_end(&r->slot);
    chat_answer_start(r->x, &r->host, &r->caller, &r->spool, stream);
    metrics_stream_end();
    let_go(r);
    free(r);
}

/* The token is there, or is not to be had now: then the account has been marked already. */
static void token_came(void *ctx, bool renewed)
{
    struct relay *r = ctx;
    r->token_waiter = NULL;
    if (!renewed) {
        relay_note_fault(&r->failures, "The upstream account's token could not be renewed.");
        relay_next(r, POOL_NEUTRAL, 0);
        return;
    }
    pool_renew(r->host.app->pool, &r->slot, r->want.model);
    relay_call_start(r);
}

bool relay_renew_token(struct relay *r)
{
    if (r->renewed)
        return false;
    r->renewed = true;
    r->phase = RELAY_WAITING;
    r->token_waiter = tokens_wait(r->host.app->tokens, r->slot.account, r->host.loop,
                                  TOKENS_WAIT_MS, token_came, r);
    return r->token_waiter != NULL;
}

/* A slot is held: the call goes on with this account. */
static void go_on(struct relay *r)
{
    if (!r->slot.account->dialect->streams)
        become_job(r);
    else if (!token_is_spent(r->slot.account))
        relay_call_start(r);
    else if (!relay_renew_token(r))
        token_came(r, false);
}

static void refuse_busy(struct relay *r, const char *code, const char *words)
{
    struct err err;
    err_say(&err, E_LIMIT, code, "%s", words);
    err.retry_after_ms = BUSY_RETRY_MS;
    relay_refuse(r, 0, &err);
}

/* Its time in line is over; meanwhile the accounts may have gone, or cool down. */
static void stand_down(struct relay *r)
{
    int64_t retry_ms = 0;
    r->want.again = false; /* if this is a retry, it was counted when it began to wait */
    enum pool_result got = pool_take(r->host.app->pool, &r->want, &r->slot, &retry_ms);
    if (got == POOL_GOT)
        go_on(r);
    else if (got == POOL_FULL)
        refuse_busy(r, "rate_limited", "Every account is busy. Try again later.");
    else
        give_up(r, got, retry_ms);
}

static void wake(void *ctx, struct pool_slot *slot)
{
    struct relay *r = ctx;
    r->waiter = NULL;
    if (!slot) {
        stand_down(r);
        return;
    }
    r->slot = *slot;
    slot->held = NULL;
    go_on(r);
}

static void wait_in_line(struct relay *r)
{
    r->phase = RELAY_WAITING;
    r->waiter = pool_wait(r->host.app->pool, &r->want, r->host.loop, RELAY_WAIT_MS, wake, r);
    if (!r->waiter)
        refuse_busy(r, "queue_full", "The line is full. Try again later.");
}

void relay_choose(struct relay *r)
{
    int64_t retry_ms = 0;
    enum pool_result got = pool_take(r->host.app->pool, &r->want, &r->slot, &retry_ms);

    if (r->want.again && (got == POOL_GOT || got == POOL_FULL))
        metrics_switch();
    if (got == POOL_GOT)
        go_on(r);
    else if (got == POOL_FULL)
        wait_in_line(r);
    else
        give_up(r, got, retry_ms);
}

void relay_next(struct relay *r, enum pool_outcome outcome, int64_t retry_after_ms)
{
    bool more = pass_over(r, outcome, retry_after_ms);
    r->phase = RELAY_WAITING;
    if (more && r->switches < RELAY_SWITCHES) {
        r->switches++;
        r->want.again = true;
        relay_choose(r);
    } else {
        give_up(r, POOL_NONE, 0);
    }
}

/* ---- the body's way in ---- */

static enum status check_fields(const struct relay *r, struct err *err)
{
    const struct scan_json *s = &r->scan;
    if (!scan_json_end(s))
        return err_say(err, E_INVALID, "invalid_json", "The body is not a JSON object.");
    if (s->model_too_long)
        return err_field(err, "invalid_field", "model", "model may have %d bytes at most.",
                         (int)SCAN_MODEL_MAX);
    if (scan_json_model(s).n == 0)
        return err_field(err, "missing_field", "model", "model is required.");
    if (!s->messages_filled)
        return err_field(err, "missing_field", "messages", "messages must be a non-empty array.");
    return OK;
}

/* Whoever runs the server has to hear of a full disk. */
static void refuse_body(struct relay *r)
{
    const struct err *err = r->spool.err;
    log_warn("a request body was refused", LOG_S("request_id", exchange_request_id(r->x)),
             LOG_Z("code", err->code), LOG_Z("why", err->detail));
    relay_refuse(r, 0, err);
}

static void body_is_whole(struct relay *r)
{
    struct err err;
    if (r->spool.err) {
        refuse_body(r);
        return;
    }
    if (check_fields(r, &err) != OK) {
        relay_refuse(r, 0, &err);
        return;
    }
    r->want.model = scan_json_model(&r->scan);
    relay_choose(r);
}

static size_t on_body(struct exchange *x, struct str piece)
{
    struct relay *r = exchange_ctx(x);
    struct err err;
    if (r->phase != RELAY_INTAKE)
        return piece.n;
    size_t n = spool_write(&r->spool, piece);
    if (r->spool.err) {
        refuse_body(r);
    } else if (!scan_json_feed(&r->scan, str_to(piece, n))) {
        err_say(&err, E_INVALID, "invalid_json", "The body is not a JSON object.");
        relay_refuse(r, 0, &err);
    }
    return n;
}

static void on_body_end(struct exchange *x)
{
    struct relay *r = exchange_ctx(x);
    if (r->phase != RELAY_INTAKE)
        return;
    r->ended = true;
    if (spool_end(&r->spool))
        body_is_whole(r);
}

/* The spool has moved a slice, in or out. */
static void on_spool(struct spool *s)
{
    struct relay *r = CONTAINER_OF(s, struct relay, spool);
    if (r->phase == RELAY_INTAKE && r->ended) {
        if (spool_end(s))
            body_is_whole(r);
    } else if (r->phase == RELAY_INTAKE) {
        if (s->err)
            refuse_body(r);
        else
            exchange_resume_body(r->x);
    } else if (r->sending) {
        relay_call_pump(r);
    }
}

/* ---- the client ---- */

static void on_drain(struct exchange *x)
{
    struct relay *r = exchange_ctx(x);
    r->client_full = false;
    if (r->call)
        upstream_resume(r->call);
}

static void on_done(struct exchange *x, bool complete)
{
    struct relay *r = exchange_ctx(x);
    (void)complete;
    metrics_stream_end();
    let_go(r);
    free(r);
}

static const struct exchange_handler handler = {
    .on_body = on_body,
    .on_body_end = on_body_end,
    .on_drain = on_drain,
    .on_done = on_done,
};

/* GW-13: half an hour from the body's end, whoever is slow. */
static void on_deadline(struct timer *t)
{
    struct relay *r = CONTAINER_OF(t, struct relay, deadline);
    struct err err;
    if (r->phase == RELAY_PASSING) {
        r->phase = RELAY_OVER;
        let_go(r);
        exchange_abort(r->x);
        return;
    }
    if (r->phase == RELAY_CALLING && loop_now_ms(r->host.loop) - r->called_ms >= HUNG_MS)
        relay_give_back(r, POOL_UNAVAILABLE, 0);
    err_say(&err, E_TIMEOUT, "timeout", "The upstream took too long to answer.");
    relay_refuse(r, 0, &err);
}

void relay_chat(struct exchange *x, const struct relay_host *host, bool forced)
{
    struct relay_caller caller;
    struct err err;
    if (relay_admit(host->app, x, forced, &caller, &err) != OK) {
        host->refuse(x, 0, &err);
        return;
    }
    struct relay *r = mem_zalloc(sizeof(*r));
    metrics_stream_begin();
    r->host = *host;
    r->x = x;
    r->caller = caller;
    r->want.platform = sora;
    r->want.group_id = caller.key.group_id;
    r->want.ungrouped = caller.ungrouped;
    r->want.caller = caller.key.user_id;
    r->deadline.fn = on_deadline;
    scan_json_init(&r->scan);
    spool_init(&r->spool, host->loop, host->app->file_workers, host->app->data_dir, on_spool);
    r->spool.owner = caller.key.user_id;
    spool_expect(&r->spool, exchange_head(x)->content_length);
    exchange_handle(x, &handler, r);
    exchange_max_body(x, RELAY_BODY_MAX);
}
