/* SPDX-License-Identifier: Apache-2.0 */
#include "net/upstream_curl.h"

#include <string.h>

#include "base/mem.h"

static void on_task(struct task *t);
static void on_timer(struct timer *t);

/* ---- deadlines, as upstream_conn_arm() has them ---- */

static void set_deadline(struct curl_call *cc, int ms)
{
    struct loop *loop = cc->side->client->loop;

    if (ms)
        timer_set_in(loop, &cc->timer, ms);
    else
        timer_unset(loop, &cc->timer);
}

void curl_call_arm(struct curl_call *cc)
{
    const struct upstream_call *call = cc->call;

    if (!call || !cc->connected)
        return; /* a connection has one deadline from its beginning */
    if (cc->take_paused)
        set_deadline(cc, 0);
    else if (call->answered || request_unsent(call).n)
        set_deadline(cc, call->idle_ms);
    else
        set_deadline(cc, call->all_given ? call->first_byte_ms : 0);
}

static void on_timer(struct timer *t)
{
    struct curl_call *cc = CONTAINER_OF(t, struct curl_call, timer);
    struct upstream_call *call = cc->call;

    if (!cc->connected)
        call_fail(call, UPSTREAM_CONNECT_TIME, "no connection within %d ms", call->connect_ms);
    else if (call->answered)
        call_fail(call, UPSTREAM_IDLE_TIME, "nothing for %d ms", call->idle_ms);
    else if (request_unsent(call).n)
        call_fail(call, UPSTREAM_IDLE_TIME, "the request was not taken");
    else
        call_fail(call, UPSTREAM_FIRST_BYTE_TIME, "no answer within %d ms", call->first_byte_ms);
}

/* ---- at the end of the turn: the only place that enters libcurl for a call ---- */

void curl_call_later(struct curl_call *cc)
{
    if (cc->task.next)
        return;
    cc->side->client->deferred++;
    loop_defer(cc->side->client->loop, &cc->task);
}

static bool looks_wait(const struct curl_call *cc)
{
    return cc->looks[0].waits || cc->looks[1].waits;
}

static void add(struct curl_call *cc)
{
    curl_easy_setopt(cc->easy, CURLOPT_RESOLVE, cc->pins);
    cc->added = curl_multi_add_handle(cc->side->multi, cc->easy) == CURLM_OK;
    if (!cc->added)
        call_fail(cc->call, UPSTREAM_REFUSED, "libcurl does not take the call");
}

static void unpause(struct curl_call *cc)
{
    struct upstream_call *call = cc->call;

    if (request_unsent(call).n || call->all_given)
        cc->send_paused = false;
    if (cc->resume_asked)
        cc->take_paused = false;
    cc->resume_asked = false;
    curl_easy_pause(cc->easy, (cc->take_paused ? CURLPAUSE_RECV : 0) |
                                  (cc->send_paused ? CURLPAUSE_SEND : 0));
    curl_call_arm(cc);
}

static bool may_go_on(const struct curl_call *cc)
{
    const struct upstream_call *call = cc->call;
    bool has_body = request_unsent(call).n || call->all_given;

    return (cc->take_paused && cc->resume_asked) || (cc->send_paused && has_body);
}

static void on_task(struct task *t)
{
    struct curl_call *cc = CONTAINER_OF(t, struct curl_call, task);
    struct upstream_client *client = cc->side->client;

    if (cc->call && cc->added)
        call_drained(cc->call);
    if (!cc->call) {
        if (!cc->task.next) { /* else it is on its way here once more */
            if (cc->added)
                curl_multi_remove_handle(cc->side->multi, cc->easy);
            curl_call_give_back(cc);
        }
    } else if (!cc->added && !looks_wait(cc)) {
        add(cc);
    } else if (cc->added && may_go_on(cc)) {
        unpause(cc);
    }
    client_deferred_done(client);
}

/* ---- the end ---- */

static void leave(struct upstream_call *call)
{
    struct curl_call *cc = call->curl;

    if (!cc)
        return;
    call->curl = NULL;
    cc->call = NULL;
    timer_unset(cc->side->client->loop, &cc->timer);
    for (size_t i = 0; i < ARRAY_SIZE(cc->looks); i++) {
        if (cc->looks[i].waits)
            resolve_cancel(&cc->looks[i].query);
    }
    curl_call_later(cc);
}

static enum upstream_fault fault_of(const struct curl_call *cc, CURLcode code)
{
    if (cc->forbidden && !cc->connected)
        return UPSTREAM_FORBIDDEN;
    if (cc->starved && !cc->connected)
        return UPSTREAM_STARVED;
    switch (libcurl_meaning_of(code)) {
    case LIBCURL_TLS:
        return UPSTREAM_TLS;
    case LIBCURL_NAME:
        return UPSTREAM_NAME;
    case LIBCURL_TIME:
        return cc->connected ? UPSTREAM_FIRST_BYTE_TIME : UPSTREAM_CONNECT_TIME;
    case LIBCURL_NOT_CONNECTED:
    case LIBCURL_BROKEN:
        return cc->connected ? UPSTREAM_BROKEN : UPSTREAM_REFUSED;
    case LIBCURL_OTHER:
        break;
    }
    return cc->connected ? UPSTREAM_BAD_ANSWER : UPSTREAM_REFUSED;
}

void curl_call_done(struct curl_call *cc, CURLcode code)
{
    struct upstream_call *call = cc->call;

    if (!call)
        return;
    if (code == CURLE_OK && call->answered && cc->whole) {
        leave(call);
        call_end(call);
    } else if (code == CURLE_OK) {
        call_fail(call, UPSTREAM_BROKEN, "the connection ended inside the %s",
                  call->answered ? "answer" : "head");
    } else {
        call_fail(call, fault_of(cc, code), "%s",
                  cc->error[0] ? cc->error : curl_easy_strerror(code));
    }
}

/* ---- what a call asks of it ---- */

static void send_more(struct upstream_call *call)
{
    struct curl_call *cc = call->curl;

    if (cc->send_paused)
        curl_call_later(cc);
    if (!buf_len(&cc->head)) /* a head that has begun has its time already */
        curl_call_arm(cc);
}

static void resume(struct upstream_call *call)
{
    struct curl_call *cc = call->curl;

    cc->resume_asked = true; /* also from inside on_body, before it said that it pauses */
    if (cc->take_paused)
        curl_call_later(cc);
}

const struct transport upstream_curl_transport = {send_more, resume, leave};

bool curl_call_start(struct upstream_call *call, const struct upstream_request *r)
{
    struct curl_call *cc = curl_call_new(curl_side_of(call->client));

    call->curl = cc;
    cc->call = call;
    cc->task.fn = on_task;
    cc->timer.fn = on_timer;
    cc->proxied = r->proxy_url.n;
    cc->http2 = r->http2;
    curl_call_set_callbacks(cc);
    if (!curl_call_set_options(cc, r))
        return false;
    set_deadline(cc, r->connect_timeout_ms);
    curl_call_start_looks(cc, r);
    return true;
}
