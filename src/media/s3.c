/* SPDX-License-Identifier: Apache-2.0 */
#include "media/s3.h"

#include "base/clock.h"
#include "base/hex.h"
#include "media/s3_impl.h"
#include "platform/crypto.h"

enum { CALL_ARENA = 12 << 20 };

/* Every call has a small arena of its own: a transfer of hours makes thousands of them. */
static enum status run(const struct s3 *s, const struct s3_call *c, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(CALL_ARENA);
    struct fetch_answer answer;
    return s3_call_run(s, c, a, &answer, err);
}

/* ---- the bucket */

/* One key at most: enough to hear why not. */
static enum status explain(const struct s3 *s, struct err *err)
{
    struct s3_call ask = {.method = STR("GET"), .element = "ListBucketResult"};
    s3_call_param(&ask, "list-type", STR("2"));
    s3_call_param(&ask, "max-keys", STR("1"));
    return run(s, &ask, err);
}

enum status s3_check(const struct s3 *s, struct err *err)
{
    const struct s3_call head = {.method = STR("HEAD")};
    struct err words = {0};
    enum status status = run(s, &head, err);
    if (status == OK || status == E_UNAVAILABLE)
        return status;
    enum status more = explain(s, &words);
    if (more == OK || more == E_UNAVAILABLE)
        return status;
    if (err)
        *err = words;
    return more;
}

/* ---- whole objects */

enum status s3_put(const struct s3 *s, struct str key, struct str type, struct str bytes,
                   struct err *err)
{
    struct s3_call put = {.method = STR("PUT"), .key = key, .body = bytes};
    s3_call_header(&put, "content-type", type);
    return run(s, &put, err);
}

enum status s3_head(const struct s3 *s, struct str key, int64_t *ret_size, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(CALL_ARENA);
    const struct s3_call head = {.method = STR("HEAD"), .key = key};
    struct fetch_answer answer;
    TRY(s3_call_run(s, &head, a, &answer, err));
    if (answer.length < 0)
        return err_set(err, E_UPSTREAM, "not_this_api");
    *ret_size = answer.length;
    return OK;
}

enum status s3_get(const struct s3 *s, struct str key, size_t max, struct arena *a, struct str *ret,
                   struct err *err)
{
    const struct s3_call get = {.method = STR("GET"), .key = key, .max_answer = max};
    struct fetch_answer answer;
    TRY(s3_call_run(s, &get, a, &answer, err));
    *ret = answer.body;
    return OK;
}

enum status s3_delete(const struct s3 *s, struct str key, struct err *err)
{
    const struct s3_call delete = {.method = STR("DELETE"), .key = key};
    enum status status = run(s, &delete, err);
    bool gone = status == E_NOT_FOUND && str_eq(str_of(err->code), STR("object_not_found"));
    return gone ? OK : status;
}

/* ---- many at once */

static bool write_deletions(const struct str *keys, size_t n, struct buf *out)
{
    buf_add(out, STR("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                     "<Quiet>true</Quiet>"));
    for (size_t i = 0; i < n; i++) {
        buf_add(out, STR("<Object><Key>"));
        s3_xml_add(out, keys[i]);
        buf_add(out, STR("</Key></Object>"));
    }
    return buf_add(out, STR("</Delete>"));
}

/* One that is none of ours is one of ours in another spelling, and may be any of them. */
static void note_kept(struct str key, const struct str *keys, size_t n, bool *ret_gone)
{
    bool known = false;
    for (size_t i = 0; i < n; i++)
        known = known || str_eq(keys[i], key);
    for (size_t i = 0; i < n; i++) {
        if (!known || str_eq(keys[i], key))
            ret_gone[i] = false;
    }
}

/* Quiet answers name only what was not deleted. */
static void read_deletions(struct str body, const struct str *keys, size_t n, struct arena *a,
                           bool *ret_gone, struct err *err)
{
    struct str error;
    bool again;
    for (size_t i = 0; i < n; i++)
        ret_gone[i] = true;
    while (s3_xml_next(&body, "Error", &error)) {
        struct str key = s3_xml_text(error, "Key", a), code = s3_xml_raw(error, "Code");
        if (str_eq(code, STR("NoSuchKey")))
            continue;
        note_kept(key, keys, n, ret_gone);
        s3_judge_code(code, &again, err);
    }
}

enum status s3_delete_many(const struct s3 *s, const struct str *keys, size_t n, bool *ret_gone,
                           struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(CALL_ARENA);
    _cleanup_(buf_cleanup) struct buf body = BUF_INIT(S3_ANSWER_MAX), sum = BUF_INIT(64);
    unsigned char digest[MD5_SIZE];
    struct fetch_answer answer;
    if (!write_deletions(keys, n, &body))
        return err_set(err, E_NO_MEMORY, "no_memory");
    crypto_md5(buf_str(&body), digest);
    base64_encode(&sum, (struct str){(char *)digest, sizeof(digest)}, false);
    struct s3_call post = {
        .method = STR("POST"), .body = buf_str(&body), .element = "DeleteResult"};
    s3_call_param(&post, "delete", STR(""));
    s3_call_header(&post, "content-type", STR("application/xml"));
    s3_call_header(&post, "content-md5", buf_str(&sum));
    TRY(s3_call_run(s, &post, a, &answer, err));
    read_deletions(answer.body, keys, n, a, ret_gone, err);
    return OK;
}

/* ---- links */

struct str s3_link(const struct s3 *s, struct str key, struct str disposition, int64_t now_ms,
                   int64_t life_s, struct arena *a)
{
    struct sigv4_param params[] = {{STR("response-content-disposition"), disposition}};
    struct sigv4_request r = {
        .method = STR("GET"), .params = params, .param_count = disposition.n ? 1 : 0};
    if (!s3_place(s, key, a, &r.host, &r.path))
        return STR_NONE;
    struct str query = sigv4_presign(&s->key, &r, now_ms + atomic_load(s->skew_ms), life_s, a);
    if (!query.p)
        return STR_NONE;
    return arena_printf(a, "%s://%.*s%.*s?%.*s", s->endpoint.https ? "https" : "http",
                        STR_ARG(r.host), STR_ARG(r.path), STR_ARG(query));
}
