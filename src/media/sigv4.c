/* SPDX-License-Identifier: Apache-2.0 */
#include "media/sigv4.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "net/url.h"
#include "platform/crypto.h"

enum { CANONICAL_MAX = 256 << 10, SCOPE_MAX = 256, HEX_SIZE = 2 * SHA256_SIZE + 1 };

/* A request on its way to a signature; texts live in the arena. */
struct signing {
    const struct sigv4_key *key;
    const struct sigv4_request *request;
    struct arena *arena;
    struct str date;  /* 20130524T000000Z */
    struct str scope; /* 20130524/us-east-1/s3/aws4_request */
    struct str query, signed_names, signature;
    struct sigv4_param params[SIGV4_PARAMS_MAX];
    size_t param_count;
    struct http_header headers[SIGV4_HEADERS_MAX]; /* names in lower case, sorted */
    size_t header_count;
};

static enum status no_room(struct err *err)
{
    return err_set(err, E_NO_MEMORY, "no_memory");
}

static bool begin(struct signing *s, int64_t now_ms)
{
    char date[32];
    struct tm utc;
    time_t now = (time_t)(now_ms / 1000);
    gmtime_r(&now, &utc);
    size_t n = strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &utc);
    s->date = arena_str(s->arena, (struct str){date, n});
    s->scope = arena_printf(s->arena, "%.*s/%.*s/s3/aws4_request", STR_ARG(str_to(s->date, 8)),
                            STR_ARG(s->key->region));
    return s->date.p && s->scope.p;
}

/* ---- the canonical form */

static int compare_params(const void *a, const void *b)
{
    const struct sigv4_param *x = a, *y = b;
    int by_name = str_cmp(x->name, y->name);
    return by_name ? by_name : str_cmp(x->value, y->value);
}

static struct str encode(struct arena *a, struct str text)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(CANONICAL_MAX);
    return url_percent_encode(text, false, &out) ? arena_str(a, buf_str(&out)) : STR_NONE;
}

static bool add_param(struct signing *s, struct str name, struct str value)
{
    struct sigv4_param encoded = {encode(s->arena, name), encode(s->arena, value)};
    if (s->param_count == SIGV4_PARAMS_MAX || !encoded.name.p || !encoded.value.p)
        return false;
    s->params[s->param_count++] = encoded;
    return true;
}

static bool add_params(struct signing *s)
{
    for (size_t i = 0; i < s->request->param_count; i++) {
        if (!add_param(s, s->request->params[i].name, s->request->params[i].value))
            return false;
    }
    return true;
}

/* Sorted by what is sent, not by what is meant. */
static bool write_query(struct signing *s)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(CANONICAL_MAX);
    qsort(s->params, s->param_count, sizeof(s->params[0]), compare_params);
    for (size_t i = 0; i < s->param_count; i++) {
        buf_addf(&out, "%s%.*s=%.*s", i ? "&" : "", STR_ARG(s->params[i].name),
                 STR_ARG(s->params[i].value));
    }
    s->query = arena_str(s->arena, buf_str(&out));
    return s->query.p && !buf_failed(&out);
}

static int compare_headers(const void *a, const void *b)
{
    return str_cmp(((const struct http_header *)a)->name, ((const struct http_header *)b)->name);
}

/* Trimmed, and runs of blanks as one. */
static struct str canonical_value(struct arena *a, struct str value)
{
    struct str text = arena_str(a, str_trim(value));
    char *p = (char *)(uintptr_t)text.p;
    size_t n = 0;
    for (size_t i = 0; p && i < text.n; i++) {
        if (p[i] != ' ' || p[i - 1] != ' ')
            p[n++] = p[i];
    }
    return (struct str){p, n};
}

static bool add_header(struct signing *s, struct str name, struct str value)
{
    struct str lower = arena_str(s->arena, name), text = canonical_value(s->arena, value);
    if (s->header_count == SIGV4_HEADERS_MAX || !lower.p || !text.p)
        return false;
    for (char *p = (char *)(uintptr_t)lower.p; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
    s->headers[s->header_count++] = (struct http_header){lower, text};
    return true;
}

static bool add_headers(struct signing *s)
{
    for (size_t i = 0; i < s->request->header_count; i++) {
        if (!add_header(s, s->request->headers[i].name, s->request->headers[i].value))
            return false;
    }
    return add_header(s, STR("host"), s->request->host);
}

static bool write_signed_names(struct signing *s)
{
    _cleanup_(buf_cleanup) struct buf out = BUF_INIT(CANONICAL_MAX);
    qsort(s->headers, s->header_count, sizeof(s->headers[0]), compare_headers);
    for (size_t i = 0; i < s->header_count; i++)
        buf_addf(&out, "%s%.*s", i ? ";" : "", STR_ARG(s->headers[i].name));
    s->signed_names = arena_str(s->arena, buf_str(&out));
    return s->signed_names.p;
}

static bool write_canonical(const struct signing *s, struct str payload_hash, struct buf *out)
{
    buf_addf(out, "%.*s\n%.*s\n%.*s\n", STR_ARG(s->request->method), STR_ARG(s->request->path),
             STR_ARG(s->query));
    for (size_t i = 0; i < s->header_count; i++)
        buf_addf(out, "%.*s:%.*s\n", STR_ARG(s->headers[i].name), STR_ARG(s->headers[i].value));
    return buf_addf(out, "\n%.*s\n%.*s", STR_ARG(s->signed_names), STR_ARG(payload_hash));
}

/* ---- the signature */

static void derive(const struct sigv4_key *key, struct str day, unsigned char out[SHA256_SIZE])
{
    _cleanup_(buf_cleanup) struct buf first = BUF_INIT(8 << 10);
    const struct str steps[] = {day, key->region, STR("s3"), STR("aws4_request")};
    buf_addf(&first, "AWS4%.*s", STR_ARG(key->secret));
    crypto_hmac_sha256(buf_str(&first), steps[0], out);
    for (size_t i = 1; i < ARRAY_SIZE(steps); i++)
        crypto_hmac_sha256((struct str){(const char *)out, SHA256_SIZE}, steps[i], out);
    if (first.p)
        mem_wipe(first.p, first.size);
}

static bool write_signature(struct signing *s, struct str payload_hash)
{
    _cleanup_(buf_cleanup) struct buf text = BUF_INIT(CANONICAL_MAX);
    unsigned char digest[SHA256_SIZE], key[SHA256_SIZE];
    char hex[HEX_SIZE];

    if (!write_canonical(s, payload_hash, &text))
        return false;
    crypto_sha256(buf_str(&text), digest);
    hex_encode(digest, sizeof(digest), hex);
    buf_reset(&text);
    buf_addf(&text, "AWS4-HMAC-SHA256\n%.*s\n%.*s\n%s", STR_ARG(s->date), STR_ARG(s->scope), hex);
    derive(s->key, str_to(s->date, 8), key);
    crypto_hmac_sha256((struct str){(const char *)key, sizeof(key)}, buf_str(&text), digest);
    mem_wipe(key, sizeof(key));
    hex_encode(digest, sizeof(digest), hex);
    s->signature = arena_str(s->arena, str_of(hex));
    return s->signature.p;
}

/* Everything is in place but the signature. */
static bool finish(struct signing *s, struct str payload_hash)
{
    return write_query(s) && write_signed_names(s) && write_signature(s, payload_hash);
}

enum status sigv4_sign(const struct sigv4_key *key, const struct sigv4_request *r,
                       struct str payload_hash, int64_t now_ms, struct arena *a,
                       struct str *ret_query, struct http_header *ret_headers, struct err *err)
{
    struct signing s = {.key = key, .request = r, .arena = a};
    size_t n = r->header_count;

    if (!begin(&s, now_ms) || !add_params(&s) || !add_headers(&s) ||
        !add_header(&s, STR("x-amz-content-sha256"), payload_hash) ||
        !add_header(&s, STR("x-amz-date"), s.date) || !finish(&s, payload_hash))
        return no_room(err);
    struct str text = arena_printf(
        a, "AWS4-HMAC-SHA256 Credential=%.*s/%.*s, SignedHeaders=%.*s, Signature=%.*s",
        STR_ARG(key->id), STR_ARG(s.scope), STR_ARG(s.signed_names), STR_ARG(s.signature));
    if (!text.p)
        return no_room(err);
    for (size_t i = 0; i < n; i++)
        ret_headers[i] = r->headers[i];
    ret_headers[n] = (struct http_header){STR("x-amz-content-sha256"), payload_hash};
    ret_headers[n + 1] = (struct http_header){STR("x-amz-date"), s.date};
    ret_headers[n + 2] = (struct http_header){STR("Authorization"), text};
    *ret_query = s.query;
    return OK;
}

struct str sigv4_presign(const struct sigv4_key *key, const struct sigv4_request *r, int64_t now_ms,
                         int64_t life_s, struct arena *a)
{
    struct signing s = {.key = key, .request = r, .arena = a};
    if (!begin(&s, now_ms) || !add_params(&s) || !add_headers(&s) || !write_signed_names(&s))
        return STR_NONE;
    struct str credential = arena_printf(a, "%.*s/%.*s", STR_ARG(key->id), STR_ARG(s.scope));
    struct str life = arena_printf(a, "%" PRId64, life_s);
    if (!add_param(&s, STR("X-Amz-Algorithm"), STR("AWS4-HMAC-SHA256")) ||
        !add_param(&s, STR("X-Amz-Credential"), credential) ||
        !add_param(&s, STR("X-Amz-Date"), s.date) || !add_param(&s, STR("X-Amz-Expires"), life) ||
        !add_param(&s, STR("X-Amz-SignedHeaders"), s.signed_names) || !finish(&s, SIGV4_UNSIGNED))
        return STR_NONE;
    return arena_printf(a, "%.*s&X-Amz-Signature=%.*s", STR_ARG(s.query), STR_ARG(s.signature));
}
