/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's callbacks.  Each may find that nobody waits any more (call NULL), before or after
 * a handler's own call, and then refuses; the transfer is removed at the end of the turn. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/upstream_curl.h"

/* ---- the connection ---- */

/* The guard's gate: the very address that is about to be connected to. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct curl_call *cc = ctx;

    if (!cc->call)
        return CURL_SOCKET_BAD;
    if (purpose != CURLSOCKTYPE_IPCXN || !guard_allows(&cc->peer_guard, &address->addr)) {
        cc->forbidden = true;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    cc->starved = fd < 0 && upstream_is_starved(errno);
    if (fd >= 0)
        curl_side_opens(cc->side, fd);
    return fd;
}

/* Before each request, also on a connection that an earlier one opened under another guard,
 * and before one is sent again. */
static int before_request(void *ctx, char *peer, char *own, int peer_port, int own_port)
{
    struct curl_call *cc = ctx;
    struct upstream_call *call = cc->call;
    struct sockaddr_storage address;
    curl_socket_t fd;
    socklen_t size;

    (void)own;
    (void)peer_port;
    (void)own_port;
    if (!call)
        return CURL_PREREQFUNC_ABORT;
    if (!guard_parse_address(str_of(peer), 0, &address, &size) ||
        !guard_allows(&cc->peer_guard, (const struct sockaddr *)&address)) {
        call_fail(call, UPSTREAM_FORBIDDEN, "a kept connection leads to %s", peer);
        return CURL_PREREQFUNC_ABORT;
    }
    if (cc->connected && !call->idempotent) {
        call_fail(call, UPSTREAM_BROKEN, "the connection was lost");
        return CURL_PREREQFUNC_ABORT;
    }
    if (curl_easy_getinfo(cc->easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK)
        curl_side_keeps(cc->side, fd);
    cc->connected = true;
    call->may_have_left = true;
    curl_call_arm(cc);
    return CURL_PREREQFUNC_OK;
}

/* ---- the request's body ---- */

static size_t read_request(char *to, size_t size, size_t n, void *ctx)
{
    struct curl_call *cc = ctx;
    struct upstream_call *call = cc->call;

    if (!call)
        return CURL_READFUNC_ABORT;
    struct str piece = str_to(request_unsent(call), size * n);
    if (!piece.n && !call->all_given) {
        cc->send_paused = true;
        return CURL_READFUNC_PAUSE;
    }
    if (!piece.n)
        return 0;
    memcpy(to, piece.p, piece.n);
    request_sent(call, piece.n);
    if (!buf_len(&cc->head))
        curl_call_arm(cc);
    if (call->drain_wanted)
        curl_call_later(cc);
    return piece.n;
}

/* libcurl begins a body again when a kept connection turns out to be dead. */
static int seek_request(void *ctx, curl_off_t offset, int origin)
{
    struct curl_call *cc = ctx;

    if (!cc->call || !cc->call->keep_sent || origin != SEEK_SET || offset < 0 ||
        (size_t)offset > buf_len(&cc->call->out))
        return CURL_SEEKFUNC_FAIL;
    cc->call->out_sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- the answer's head ---- */

static bool bad_answer(struct curl_call *cc, const char *why)
{
    call_fail(cc->call, UPSTREAM_BAD_ANSWER, "%s", why);
    return false;
}

static void know_end(struct curl_call *cc, const struct http_head *head)
{
    struct http_body body;

    http1_body_of_response(&body, head, cc->call->method);
    if (body.framing == HTTP_BODY_TO_EOF && !cc->is_http2)
        libcurl_hear_end(cc->easy, &cc->whole);
    else
        cc->whole = true;
}

/* libcurl has read it already; our codec is the one that is believed. */
static bool head_complete(struct curl_call *cc)
{
    struct upstream_call *call = cc->call;
    struct http_fault fault = {0, ""};
    struct http_head head;
    size_t used;

    if (http1_parse_response(buf_str(&cc->head), &upstream_head_limits, &head, &used, &fault) !=
        HTTP_PARSE_DONE)
        return bad_answer(cc, fault.reason);
    if (head.status == 101 || (head.status < 200 && ++cc->interim > UPSTREAM_INTERIM_MOST))
        return bad_answer(cc, "an interim answer nobody asked for");
    if (head.status < 200) {
        buf_reset(&cc->head);
        return true;
    }
    if (head.status == 407 && cc->proxied) {
        call->may_have_left = false; /* RFC 9110 15.5.8: it went no further than the proxy */
        call_fail(call, UPSTREAM_REFUSED, "the proxy asks for a user name and a password");
        return false;
    }
    know_end(cc, &head);
    call->answered = true;
    call->handler.on_head(call, &head, call->ctx);
    buf_release(&cc->head);
    curl_call_arm(cc);
    return cc->call;
}

/* HTTP/2 has no such line: libcurl makes one up, in words that the codec would not take. */
static struct str status_line(struct curl_call *cc, struct str line, char room[32])
{
    long status = 0;

    if (!cc->http2 || !str_starts(line, STR("HTTP/2 ")))
        return line;
    cc->is_http2 = true;
    curl_easy_getinfo(cc->easy, CURLINFO_RESPONSE_CODE, &status);
    snprintf(room, 32, "HTTP/1.1 %03ld x\r\n", status);
    return str_of(room);
}

static bool head_line(struct curl_call *cc, struct str line)
{
    char room[32];

    if (!cc->call)
        return false;
    if (cc->call->answered)
        return true; /* trailers */
    if (!buf_len(&cc->head) || str_starts(line, STR("HTTP/"))) {
        cc->head.cap = upstream_head_limits.head_bytes + 1;
        buf_reset(&cc->head);
        line = status_line(cc, line, room);
    }
    if (!buf_add(&cc->head, line))
        return bad_answer(cc, "the head is too long");
    return !str_eq(line, STR("\r\n")) || head_complete(cc);
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    return head_line(ctx, (struct str){p, size * n}) ? size * n : 0;
}

/* ---- its body ---- */

static size_t on_data(char *p, size_t size, size_t n, void *ctx)
{
    struct curl_call *cc = ctx;
    struct upstream_call *call = cc->call;
    const size_t all = size * n, refused = all + 1;
    size_t known = MIN(cc->taken, all);
    struct str piece = {p + known, all - known};

    /* libcurl takes bare line feeds for the end of a head; the codec did not see one then. */
    if (!call || (!call->answered && !bad_answer(cc, "a head without an end")))
        return refused;
    cc->taken -= known;
    if (!piece.n)
        return all;
    cc->resume_asked = false;
    size_t taken = call->handler.on_body(call, piece, call->ctx);
    if (!cc->call)
        return refused;
    cc->take_paused = taken < piece.n;
    curl_call_arm(cc);
    if (!cc->take_paused)
        return all;
    cc->taken = known + taken;
    if (cc->resume_asked)
        curl_call_later(cc);
    return CURL_WRITEFUNC_PAUSE;
}

/* ---- all of them ---- */

void curl_call_set_callbacks(struct curl_call *cc)
{
    CURL *easy = cc->easy;

    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, cc);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, curl_side_closes);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, cc->side);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, cc);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_request);
    curl_easy_setopt(easy, CURLOPT_READDATA, cc);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_request);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, cc);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, cc);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, cc);
}
