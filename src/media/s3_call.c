/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the store, with all its tries. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hex.h"
#include "media/s3_impl.h"
#include "platform/crypto.h"

enum {
    CONNECT_MS = 10000,
    STALL_MS = 30000,
    FIRST_PAUSE_MS = 400, /* doubled with each try */
    PAUSE_MAX_MS = 10000, /* also for what Retry-After asks */
    CORRECTIONS_MAX = 2,  /* the second, when the store has been set right since */
    SLICE_MS = 100,       /* how often a pause looks whether it is still wanted */
    OWN_HEADERS = S3_CALL_HEADERS + SIGV4_OWN_HEADERS,
};

/* Stores refuse what is more than 15 minutes off; a smaller difference is not the reason. */
#define SKEW_MIN_MS (4 * CLOCK_MINUTE_MS)

/* ---- addresses */

/* A certificate for *.host does not hold for another dot, nor a name for an address, and the
 * older kind of bucket names is no host's name at all. */
static bool bucket_can_lead(const struct s3 *s)
{
    if (s->path_style || s->endpoint.host_is_ip ||
        (s->endpoint.https && str_has_char(s->bucket, '.')))
        return false;
    for (size_t i = 0; i < s->bucket.n; i++) {
        char c = s->bucket.p[i];
        if (c == '_' || (c >= 'A' && c <= 'Z'))
            return false;
    }
    return true;
}

static bool add_segment(struct buf *out, struct str text)
{
    return buf_add_char(out, '/') && url_percent_encode(text, true, out);
}

bool s3_place(const struct s3 *s, struct str key, struct arena *a, struct str *ret_host,
              struct str *ret_path)
{
    _cleanup_(buf_cleanup) struct buf path = BUF_INIT(16 << 10);
    bool leads = bucket_can_lead(s);
    struct str base = s->endpoint.path;
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    struct str host = url_authority(&s->endpoint, a);
    if (leads)
        host = arena_printf(a, "%.*s.%.*s", STR_ARG(s->bucket), STR_ARG(host));
    buf_add(&path, base);
    if (!leads)
        add_segment(&path, s->bucket);
    if (key.n || leads)
        add_segment(&path, key);
    *ret_host = host;
    *ret_path = arena_str(a, buf_str(&path));
    return host.p && ret_path->p && !buf_failed(&path);
}

/* ---- one try */

void s3_call_param(struct s3_call *c, const char *name, struct str value)
{
    c->params[c->param_count++] = (struct sigv4_param){str_of(name), value};
}

void s3_call_header(struct s3_call *c, const char *name, struct str value)
{
    c->headers[c->header_count++] = (struct http_header){str_of(name), value};
}

/* How long the next try may take (0: as long as bytes move).  False: the time is over. */
static bool time_left(const struct s3 *s, int *ret_ms)
{
    int64_t left = s->until_ms - clock_mono_ms();
    *ret_ms = s->timeout_ms;
    if (!s->until_ms)
        return true;
    if (!s->timeout_ms || left < s->timeout_ms)
        *ret_ms = (int)left;
    return left > 0;
}

static int64_t store_time(const struct s3 *s)
{
    return clock_wall_ms() + atomic_load(s->skew_ms);
}

static enum status build(const struct s3 *s, const struct s3_call *c, struct str hash,
                         struct arena *a, struct http_header headers[OWN_HEADERS],
                         struct fetch_request *ret, struct err *err)
{
    struct sigv4_request r = {.method = c->method,
                              .params = c->params,
                              .param_count = c->param_count,
                              .headers = c->headers,
                              .header_count = c->header_count};
    struct str query;
    int timeout_ms;
    if (!time_left(s, &timeout_ms))
        return err_set(err, E_UNAVAILABLE, "timeout");
    if (!s3_place(s, c->key, a, &r.host, &r.path))
        return err_set(err, E_NO_MEMORY, "no_memory");
    TRY(sigv4_sign(&s->key, &r, hash, store_time(s), a, &query, headers, err));
    *ret = (struct fetch_request){
        .url = arena_printf(a, "%s://%.*s%.*s%s%.*s", s->endpoint.https ? "https" : "http",
                            STR_ARG(r.host), STR_ARG(r.path), query.n ? "?" : "", STR_ARG(query)),
        .method = c->method,
        .headers = headers,
        .header_count = c->header_count + SIGV4_OWN_HEADERS,
        .body = c->body,
        .guard = s->guard,
        .ca_pem = s->ca_pem,
        .connect_timeout_ms = CONNECT_MS,
        .stall_timeout_ms = STALL_MS,
        .total_timeout_ms = timeout_ms,
        .max_body = c->max_answer ? c->max_answer : S3_ANSWER_MAX,
        .cancelled = s->cancelled,
        .on_wait = s->while_waiting,
        .ctx = s->ctx,
    };
    return ret->url.p ? OK : err_set(err, E_NO_MEMORY, "no_memory");
}

static bool is_as_asked(const struct s3_call *c, const struct fetch_answer *answer)
{
    struct str inside, body = answer->body;
    /* A page for every address, as a web server may have, is no bucket. */
    if (answer->status / 100 != 2 || str_find(answer->type, STR("text/html")) >= 0)
        return false;
    return !c->element || s3_xml_next(&body, c->element, &inside);
}

/* The network's own failures keep their code and become one kind of outcome. */
static enum status not_answered(enum status status, bool *ret_again, struct err *err)
{
    if (status == E_FORBIDDEN || status == E_NO_MEMORY || status == E_INVALID)
        return status;
    *ret_again = status != E_TOO_LARGE && !str_eq(str_of(err->code), STR("cancelled"));
    err->status = E_UNAVAILABLE;
    return E_UNAVAILABLE;
}

struct attempt {
    bool again;
    int64_t wait_ms; /* what the store asked for */
    int64_t date_ms; /* the store's clock in a refusal; 0: unknown */
};

static int64_t date_of(const struct fetch_answer *answer)
{
    int64_t at = 0;
    for (size_t i = 0; i < answer->header_count; i++) {
        if (str_eq_ci(answer->headers[i].name, STR("date")) &&
            clock_parse_http_date(answer->headers[i].value, &at))
            return at;
    }
    return 0;
}

static enum status try_once(const struct s3 *s, const struct s3_call *c, struct str hash,
                            struct arena *a, struct fetch_answer *ret, struct attempt *how,
                            struct err *err)
{
    struct http_header headers[OWN_HEADERS];
    struct fetch_request request;
    *how = (struct attempt){0};
    TRY(build(s, c, hash, a, headers, &request, err));
    enum status status = fetch_run(s->fetcher, &request, a, ret, err);
    if (status != OK)
        return not_answered(status, &how->again, err);
    if (is_as_asked(c, ret))
        return OK;
    how->wait_ms = ret->retry_after_ms;
    how->date_ms = ret->status == 403 ? date_of(ret) : 0;
    return s3_judge(c, ret, &how->again, err);
}

/* ---- its tries */

/* HEAD has no room for RequestTimeTooSkewed, so any 403 may be the clock's. */
static bool correct_clock(const struct s3 *s, const struct attempt *how)
{
    if (!how->date_ms)
        return false;
    int64_t off = how->date_ms - store_time(s);
    if (llabs(off) < SKEW_MIN_MS)
        return false;
    atomic_store(s->skew_ms, how->date_ms - clock_wall_ms());
    return true;
}

static bool is_cancelled(const struct s3 *s)
{
    return s->cancelled && atomic_load(s->cancelled);
}

/* Half of it is chance, so that many who lost the same store do not come back as one. */
static void pause_before(const struct s3 *s, int try, int64_t asked_ms)
{
    uint32_t random;
    crypto_random(&random, sizeof(random));
    int64_t pause = (int64_t)FIRST_PAUSE_MS << MIN(try - 1, 6);
    pause = pause / 2 + random % (uint32_t)pause;
    int64_t until = clock_mono_ms() + MIN(MAX(pause, asked_ms), PAUSE_MAX_MS);
    struct timespec slice = {.tv_nsec = SLICE_MS * 1000000L};
    while (clock_mono_ms() < until && !is_cancelled(s))
        nanosleep(&slice, NULL);
}

enum status s3_call_run(const struct s3 *s, const struct s3_call *c, struct arena *a,
                        struct fetch_answer *ret, struct err *err)
{
    unsigned char digest[SHA256_SIZE];
    char hash[2 * SHA256_SIZE + 1];
    int corrections = 0;
    if (!c->digest)
        crypto_sha256(c->body, digest);
    hex_encode(c->digest ? c->digest : digest, sizeof(digest), hash);
    for (int try = 1;; try++) {
        struct attempt how;
        if (s->while_waiting)
            s->while_waiting(s->ctx);
        enum status status = try_once(s, c, str_of(hash), a, ret, &how, err);
        if (c->ret_tries)
            *c->ret_tries = try;
        if (status == OK)
            return OK;
        if (corrections < CORRECTIONS_MAX && correct_clock(s, &how)) {
            corrections++;
            try--;
            continue;
        }
        if (!how.again || try >= s->tries || is_cancelled(s))
            return status;
        pause_before(s, try, how.wait_ms);
    }
}
