/* SPDX-License-Identifier: Apache-2.0 */
/* What is in a bucket, a page at a time. */
#include "base/clock.h"
#include "media/s3_impl.h"

enum { PAGE_ARENA = 12 << 20 };

struct listing {
    const char *answer, *item; /* their elements */
    const char *time;
    s3_list_fn *fn;
    void *ctx;
};

static enum status read_item(const struct listing *l, struct str xml, struct arena *a,
                             struct err *err)
{
    struct s3_listed item = {.key = s3_xml_text(xml, "Key", a),
                             .upload_id = s3_xml_text(xml, "UploadId", a)};
    if (!item.key.n || !clock_parse_rfc3339(s3_xml_raw(xml, l->time), &item.modified_ms))
        return err_set(err, E_UPSTREAM, "not_this_api");
    struct str size = s3_xml_raw(xml, "Size");
    if (size.p && !str_to_i64(size, &item.size))
        return err_set(err, E_UPSTREAM, "not_this_api");
    return l->fn(l->ctx, &item, err);
}

static enum status read_page(const struct listing *l, struct str body, struct arena *a,
                             struct err *err)
{
    struct str xml;
    while (s3_xml_next(&body, l->item, &xml))
        TRY(read_item(l, xml, a, err));
    return OK;
}

/* Where the next page begins; STR_NONE behind the last.  Kept: the page's arena goes. */
static enum status read_mark(struct str body, const char *element, struct buf *ret, struct arena *a,
                             struct err *err)
{
    struct str mark = s3_xml_text(body, element, a);
    bool more = str_eq(s3_xml_raw(body, "IsTruncated"), STR("true"));
    bool same = str_eq(mark, buf_str(ret));
    buf_reset(ret);
    if (!more)
        return OK;
    /* One that gives the same page for ever must not hold us for ever. */
    if (!mark.n || same || !buf_add(ret, mark))
        return err_set(err, E_UPSTREAM, "not_this_api");
    return OK;
}

enum status s3_list(const struct s3 *s, struct str prefix, s3_list_fn *fn, void *ctx,
                    struct err *err)
{
    const struct listing l = {"ListBucketResult", "Contents", "LastModified", fn, ctx};
    _cleanup_(buf_cleanup) struct buf mark = BUF_INIT(64 << 10);
    do {
        _cleanup_(arena_freep) struct arena *a = arena_new(PAGE_ARENA);
        struct s3_call list = {.method = STR("GET"), .element = l.answer};
        struct fetch_answer answer;
        s3_call_param(&list, "list-type", STR("2"));
        s3_call_param(&list, "prefix", prefix);
        if (buf_len(&mark))
            s3_call_param(&list, "continuation-token", buf_str(&mark));
        TRY(s3_call_run(s, &list, a, &answer, err));
        TRY(read_mark(answer.body, "NextContinuationToken", &mark, a, err));
        TRY(read_page(&l, answer.body, a, err));
    } while (buf_len(&mark));
    return OK;
}

enum status s3_list_uploads(const struct s3 *s, struct str prefix, s3_list_fn *fn, void *ctx,
                            struct err *err)
{
    const struct listing l = {"ListMultipartUploadsResult", "Upload", "Initiated", fn, ctx};
    _cleanup_(buf_cleanup) struct buf key = BUF_INIT(64 << 10), id = BUF_INIT(64 << 10);
    do {
        _cleanup_(arena_freep) struct arena *a = arena_new(PAGE_ARENA);
        struct s3_call list = {.method = STR("GET"), .element = l.answer};
        struct fetch_answer answer;
        s3_call_param(&list, "uploads", STR(""));
        s3_call_param(&list, "prefix", prefix);
        if (buf_len(&id)) {
            s3_call_param(&list, "key-marker", buf_str(&key));
            s3_call_param(&list, "upload-id-marker", buf_str(&id));
        }
        TRY(s3_call_run(s, &list, a, &answer, err));
        buf_reset(&key);
        buf_add(&key, s3_xml_text(answer.body, "NextKeyMarker", a));
        TRY(read_mark(answer.body, "NextUploadIdMarker", &id, a, err));
        TRY(read_page(&l, answer.body, a, err));
    } while (buf_len(&id));
    return OK;
}
