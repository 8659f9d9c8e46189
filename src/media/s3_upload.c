/* SPDX-License-Identifier: Apache-2.0 */
/* Objects in parts. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "media/s3_impl.h"

enum { CALL_ARENA = 12 << 20, COMPLETE_MAX = 4 << 20, LEFT_MAX = 16 };

static bool copy(struct str text, char *out, size_t size)
{
    if (!text.n || text.n >= size)
        return false;
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return true;
}

/* ---- uploads of one key, whoever began them */

struct left {
    char ids[LEFT_MAX][S3_UPLOAD_ID_MAX];
    size_t count;
};

/* But for one; the prefix that is asked for may have other keys behind it.  There is never more
 * than a try or two, so the first answer has them all. */
static enum status find_left(const struct s3 *s, struct str key, struct str but, struct left *ret,
                             struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(CALL_ARENA);
    struct s3_call list = {.method = STR("GET"), .element = "ListMultipartUploadsResult"};
    struct fetch_answer answer;
    struct str item;
    s3_call_param(&list, "uploads", STR(""));
    s3_call_param(&list, "prefix", key);
    TRY(s3_call_run(s, &list, a, &answer, err));
    while (ret->count < LEFT_MAX && s3_xml_next(&answer.body, "Upload", &item)) {
        struct str id = s3_xml_text(item, "UploadId", a);
        if (str_eq(s3_xml_text(item, "Key", a), key) && !str_eq(id, but) &&
            copy(id, ret->ids[ret->count], S3_UPLOAD_ID_MAX))
            ret->count++;
    }
    return OK;
}

static enum status abort_others(const struct s3 *s, struct str key, struct str but, struct err *err)
{
    struct left left = {.count = 0};
    TRY(find_left(s, key, but, &left, err));
    for (size_t i = 0; i < left.count; i++)
        TRY(s3_upload_abort(s, key, left.ids[i], err));
    return OK;
}

enum status s3_upload_abort_all(const struct s3 *s, struct str key, struct err *err)
{
    return abort_others(s, key, STR_NONE, err);
}

enum status s3_upload_begin(const struct s3 *s, struct str key, struct str type,
                            char ret_id[S3_UPLOAD_ID_MAX], struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(CALL_ARENA);
    int tries = 0;
    struct s3_call post = {.method = STR("POST"),
                           .key = key,
                           .ret_tries = &tries,
                           .element = "InitiateMultipartUploadResult"};
    struct fetch_answer answer;
    s3_call_param(&post, "uploads", STR(""));
    s3_call_header(&post, "content-type", type);
    TRY(s3_call_run(s, &post, a, &answer, err));
    if (!copy(s3_xml_text(answer.body, "UploadId", a), ret_id, S3_UPLOAD_ID_MAX))
        return err_set(err, E_UPSTREAM, "not_this_api");
    /* A try whose answer was lost has begun another one, which nobody would ever end. */
    return tries > 1 ? abort_others(s, key, str_of(ret_id), err) : OK;
}

static struct str find_etag(const struct fetch_answer *answer)
{
    for (size_t i = 0; i < answer->header_count; i++) {
        if (str_eq_ci(answer->headers[i].name, STR("etag")))
            return answer->headers[i].value;
    }
    return STR_NONE;
}

enum status s3_upload_part(const struct s3 *s, struct str key, const char *id, int number,
                           struct str bytes, const unsigned char digest[SHA256_SIZE],
                           struct s3_part *ret, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(CALL_ARENA);
    struct s3_call put = {.method = STR("PUT"), .key = key, .body = bytes, .digest = digest};
    struct fetch_answer answer;
    s3_call_param(&put, "partNumber", arena_printf(a, "%d", number));
    s3_call_param(&put, "uploadId", str_of(id));
    TRY(s3_call_run(s, &put, a, &answer, err));
    *ret = (struct s3_part){.number = number, .size = (int64_t)bytes.n};
    if (!copy(find_etag(&answer), ret->etag, sizeof(ret->etag)))
        return err_set(err, E_UPSTREAM, "not_this_api");
    return OK;
}

static bool write_parts(const struct s3_part *parts, size_t n, struct buf *out)
{
    buf_add(out, STR("<CompleteMultipartUpload "
                     "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"));
    for (size_t i = 0; i < n; i++) {
        buf_addf(out, "<Part><PartNumber>%d</PartNumber><ETag>", parts[i].number);
        s3_xml_add(out, str_of(parts[i].etag));
        buf_add(out, STR("</ETag></Part>"));
    }
    return buf_add(out, STR("</CompleteMultipartUpload>"));
}

static bool is_there(const struct s3 *s, struct str key, const struct s3_part *parts, size_t n)
{
    int64_t wanted = 0, size;
    struct err ignored;
    for (size_t i = 0; i < n; i++)
        wanted += parts[i].size;
    return s3_head(s, key, &size, &ignored) == OK && size == wanted;
}

static enum status complete(const struct s3 *s, struct str key, const char *id,
                            const struct s3_part *parts, size_t n, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(CALL_ARENA);
    _cleanup_(buf_cleanup) struct buf body = BUF_INIT(COMPLETE_MAX);
    struct fetch_answer answer;
    if (!write_parts(parts, n, &body))
        return err_set(err, E_NO_MEMORY, "no_memory");
    struct s3_call post = {.method = STR("POST"),
                           .key = key,
                           .body = buf_str(&body),
                           .element = "CompleteMultipartUploadResult"};
    s3_call_param(&post, "uploadId", str_of(id));
    s3_call_header(&post, "content-type", STR("application/xml"));
    return s3_call_run(s, &post, a, &answer, err);
}

/* Each part came whole, or its hash would not have fitted; only its tag was told wrongly. */
static enum status complete_as_listed(const struct s3 *s, struct str key, const char *id,
                                      const struct s3_part *parts, size_t n, struct err *err)
{
    _cleanup_free_ struct s3_part *listed = mem_calloc(n, sizeof(*listed));
    size_t count;
    TRY(s3_upload_parts(s, key, id, listed, n, &count, err));
    for (size_t i = 0; i < n; i++) {
        if (i >= count || listed[i].number != parts[i].number || listed[i].size != parts[i].size)
            return err_set(err, E_UNAVAILABLE, "storage_unavailable");
    }
    return complete(s, key, id, listed, n, err);
}

enum status s3_upload_complete(const struct s3 *s, struct str key, const char *id,
                               const struct s3_part *parts, size_t n, struct err *err)
{
    enum status status = complete(s, key, id, parts, n, err);
    if (status == E_UNAVAILABLE && str_eq(str_of(err->code), STR("part_unknown")))
        status = complete_as_listed(s, key, id, parts, n, err);
    bool uncertain = status == E_UNAVAILABLE || status == E_NOT_FOUND;
    return uncertain && is_there(s, key, parts, n) ? OK : status;
}

enum status s3_upload_abort(const struct s3 *s, struct str key, const char *id, struct err *err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(CALL_ARENA);
    struct s3_call delete = {.method = STR("DELETE"), .key = key};
    struct fetch_answer answer;
    s3_call_param(&delete, "uploadId", str_of(id));
    enum status status = s3_call_run(s, &delete, a, &answer, err);
    bool gone = status == E_NOT_FOUND && !str_eq(str_of(err->code), STR("bucket_not_found"));
    return gone ? OK : status;
}

static bool read_part(struct str item, struct arena *a, struct s3_part *ret)
{
    int64_t number;
    if (!str_to_i64(s3_xml_raw(item, "PartNumber"), &number) || number < 1 ||
        number > S3_PARTS_MAX || !str_to_i64(s3_xml_raw(item, "Size"), &ret->size))
        return false;
    ret->number = (int)number;
    return copy(s3_xml_text(item, "ETag", a), ret->etag, sizeof(ret->etag));
}

enum status s3_upload_parts(const struct s3 *s, struct str key, const char *id, struct s3_part *ret,
                            size_t max, size_t *ret_count, struct err *err)
{
    size_t n = 0;
    for (bool more = true; more && n < max;) {
        _cleanup_(arena_freep) struct arena *a = arena_new(CALL_ARENA);
        struct s3_call list = {.method = STR("GET"), .key = key, .element = "ListPartsResult"};
        struct fetch_answer answer;
        struct str item;
        size_t before = n;
        s3_call_param(&list, "uploadId", str_of(id));
        if (n)
            s3_call_param(&list, "part-number-marker", arena_printf(a, "%d", ret[n - 1].number));
        TRY(s3_call_run(s, &list, a, &answer, err));
        more = str_eq(s3_xml_raw(answer.body, "IsTruncated"), STR("true"));
        while (n < max && s3_xml_next(&answer.body, "Part", &item)) {
            if (!read_part(item, a, &ret[n++]))
                return err_set(err, E_UPSTREAM, "not_this_api");
        }
        more = more && n > before;
    }
    *ret_count = n;
    return OK;
}
