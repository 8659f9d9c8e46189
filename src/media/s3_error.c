/* SPDX-License-Identifier: Apache-2.0 */
/* What a store's refusals mean (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
 * and what Ceph and MinIO say beside). */
#include "media/s3_impl.h"

enum { WORDS_MAX = 300 };

struct meaning {
    const char *said;
    enum status status;
    const char *code;
    bool again;
};

static const struct meaning meanings[] = {
    {"NoSuchKey", E_NOT_FOUND, "object_not_found", false},
    {"NoSuchUpload", E_NOT_FOUND, "upload_gone", false},
    {"InvalidPart", E_UNAVAILABLE, "part_unknown", false},
    {"NoSuchBucket", E_NOT_FOUND, "bucket_not_found", false},
    {"AccessDenied", E_FORBIDDEN, "storage_denied", false},
    {"AllAccessDisabled", E_FORBIDDEN, "storage_denied", false},
    {"InvalidAccessKeyId", E_FORBIDDEN, "storage_key_wrong", false},
    {"SignatureDoesNotMatch", E_FORBIDDEN, "storage_key_wrong", false},
    {"ExpiredToken", E_FORBIDDEN, "storage_credentials_expired", false},
    {"TokenRefreshRequired", E_FORBIDDEN, "storage_credentials_expired", false},
    {"InvalidToken", E_FORBIDDEN, "storage_credentials_expired", false},
    {"RequestTimeTooSkewed", E_UPSTREAM, "storage_clock_wrong", false},
    {"RequestExpired", E_UPSTREAM, "storage_clock_wrong", false},
    {"PermanentRedirect", E_UPSTREAM, "storage_wrong_region", false},
    {"TemporaryRedirect", E_UPSTREAM, "storage_wrong_region", false},
    {"AuthorizationHeaderMalformed", E_UPSTREAM, "storage_wrong_region", false},
    {"QuotaExceeded", E_NO_SPACE, "storage_full", false},
    {"XMinioStorageFull", E_NO_SPACE, "storage_full", false},
    {"InsufficientCapacity", E_NO_SPACE, "storage_full", false},
    /* Damaged on the way, or cut. */
    {"BadDigest", E_UNAVAILABLE, "storage_unavailable", true},
    {"XAmzContentSHA256Mismatch", E_UNAVAILABLE, "storage_unavailable", true},
    {"IncompleteBody", E_UNAVAILABLE, "storage_unavailable", true},
    {"RequestTimeout", E_UNAVAILABLE, "storage_unavailable", true},
    {"InternalError", E_UNAVAILABLE, "storage_unavailable", true},
    {"SlowDown", E_UNAVAILABLE, "storage_unavailable", true},
    {"ServiceUnavailable", E_UNAVAILABLE, "storage_unavailable", true},
    {"OperationAborted", E_UNAVAILABLE, "storage_unavailable", true},
};

static const struct meaning refused = {"", E_UPSTREAM, "storage_refused", false};
static const struct meaning foreign = {"", E_UPSTREAM, "not_this_api", false};
static const struct meaning silent = {"", E_UNAVAILABLE, "storage_unavailable", true};

static const struct meaning *find(struct str code)
{
    for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
        if (str_eq(code, str_of(meanings[i].said)))
            return &meanings[i];
    }
    return NULL;
}

static enum status say(const struct meaning *m, bool *ret_again, struct err *err)
{
    *ret_again = m->again;
    return err_set(err, m->status, m->code);
}

enum status s3_judge_code(struct str code, bool *ret_again, struct err *err)
{
    const struct meaning *m = find(code);
    enum status status = say(m ? m : &silent, ret_again, err);
    err_detail(err, "%.*s", STR_ARG(str_to(code, WORDS_MAX)));
    return status;
}

/* Without words, as answers to HEAD are. */
static const struct meaning *by_status(const struct s3_call *c, int status)
{
    switch (status) {
    case 301:
    case 302:
    case 307:
    case 308:
        return find(STR("PermanentRedirect"));
    case 401:
    case 403:
        return find(STR("AccessDenied"));
    case 404:
        return find(c->key.n ? STR("NoSuchKey") : STR("NoSuchBucket"));
    case 408:
    case 429:
        return &silent;
    case 507:
        return find(STR("XMinioStorageFull"));
    default:
        /* 200 with an error inside, or with something else than was asked for. */
        return status >= 500 || status < 300 ? &silent : &refused;
    }
}

static struct str header(const struct fetch_answer *answer, struct str name)
{
    for (size_t i = 0; i < answer->header_count; i++) {
        if (str_eq_ci(answer->headers[i].name, name))
            return answer->headers[i].value;
    }
    return STR_NONE;
}

enum status s3_judge(const struct s3_call *c, const struct fetch_answer *answer, bool *ret_again,
                     struct err *err)
{
    struct str error = s3_xml_raw(answer->body, "Error");
    struct str code = s3_xml_raw(error, "Code");
    const struct meaning *m = code.n ? find(code) : NULL;
    struct str region = header(answer, STR("x-amz-bucket-region"));
    if (!m && region.n && answer->status >= 300 && answer->status <= 400)
        m = find(STR("PermanentRedirect"));
    if (!m && answer->status < 500 && str_find(answer->type, STR("html")) >= 0)
        m = &foreign;
    if (!m)
        m = by_status(c, answer->status);
    enum status status = say(m, ret_again, err);
    err_detail(err, "%.*s answered %d %.*s %.*s %.*s", STR_ARG(c->method), answer->status,
               STR_ARG(code), STR_ARG(str_to(s3_xml_raw(error, "Message"), WORDS_MAX)),
               STR_ARG(region));
    return status;
}
