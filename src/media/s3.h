/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* s3 — objects in a bucket: the part of Amazon's S3 API (2006-03-01) that Kinora needs, which
 * Ceph, MinIO, R2 and the others of its kind speak too.
 *
 * Each call blocks, goes through net/fetch (cold HTTP), is signed anew at every try and is
 * tried again with growing pauses as long as that can help: no answer, 408, 429, 5xx, damage
 * on the way.  A wrong clock here is corrected by the server's Date and costs one more try.
 * All requests may be repeated: keys are made for one object, parts have numbers.
 *
 * Thread: a worker's.  What a failure says:
 *   E_NOT_FOUND    object_not_found, bucket_not_found, upload_gone
 *   E_FORBIDDEN    storage_denied, storage_key_wrong, storage_credentials_expired,
 *                  address_forbidden
 *   E_NO_SPACE     storage_full
 *   E_UPSTREAM     storage_wrong_region, storage_clock_wrong, storage_refused, not_this_api
 *   E_UNAVAILABLE  storage_unavailable, and the network's: name_not_found,
 *                  connection_refused, timeout, tls_failed …; cancelled */
#include <stdatomic.h>

#include "media/sigv4.h"
#include "net/fetch.h"
#include "platform/sha256.h"

/* A bucket and the way there.  Owner: the caller, who keeps what its views show. */
struct s3 {
    struct url endpoint; /* its path stands before the bucket's */
    struct sigv4_key key;
    struct str bucket, ca_pem;
    bool path_style; /* else the bucket stands before the host's name, where that can be */
    struct guard guard;
    struct fetcher *fetcher;      /* the thread's, and no call of its is under way */
    atomic_llong *skew_ms;        /* how far the store's clock is ahead of ours */
    const atomic_bool *cancelled; /* may be NULL */
    int tries;                    /* of each request */
    int timeout_ms;               /* of one try, in all; 0: as long as bytes move */
    int64_t until_ms;             /* mono: no try begins or goes on behind it; 0: none */
    /* Before each try, and about once a second within it; may be NULL. */
    void (*while_waiting)(void *ctx);
    void *ctx;
};

/* HeadBucket; when it is refused, asked once more for the reason, which HEAD has no room for. */
enum status s3_check(const struct s3 *s, struct err *err);

/* A whole object; overwrites. */
enum status s3_put(const struct s3 *s, struct str key, struct str type, struct str bytes,
                   struct err *err);
enum status s3_head(const struct s3 *s, struct str key, int64_t *ret_size, struct err *err);
/* The whole of it, in the arena; at most max bytes. */
enum status s3_get(const struct s3 *s, struct str key, size_t max, struct arena *a, struct str *ret,
                   struct err *err);
/* Absent counts as deleted. */
enum status s3_delete(const struct s3 *s, struct str key, struct err *err);
enum { S3_DELETE_MAX = 1000 };
/* Many in one request; ret_gone says of each whether it is.  OK when the store answered. */
enum status s3_delete_many(const struct s3 *s, const struct str *keys, size_t n, bool *ret_gone,
                           struct err *err);

/* An object in parts.  Part numbers begin at 1; all but the last have 5 MiB or more. */
enum { S3_PARTS_MAX = 10000, S3_ETAG_MAX = 128, S3_UPLOAD_ID_MAX = 1024 };
struct s3_part {
    int number;
    int64_t size;
    char etag[S3_ETAG_MAX];
};
enum status s3_upload_begin(const struct s3 *s, struct str key, struct str type,
                            char ret_id[S3_UPLOAD_ID_MAX], struct err *err);
/* digest: of the bytes, which whoever took them as they came has already. */
enum status s3_upload_part(const struct s3 *s, struct str key, const char *id, int number,
                           struct str bytes, const unsigned char digest[SHA256_SIZE],
                           struct s3_part *ret, struct err *err);
/* OK also when only the answer was lost: the object is looked for, with the parts' size. */
enum status s3_upload_complete(const struct s3 *s, struct str key, const char *id,
                               const struct s3_part *parts, size_t n, struct err *err);
/* Absent counts as aborted. */
enum status s3_upload_abort(const struct s3 *s, struct str key, const char *id, struct err *err);
/* The parts that the store has of an upload, up to max. */
enum status s3_upload_parts(const struct s3 *s, struct str key, const char *id, struct s3_part *ret,
                            size_t max, size_t *ret_count, struct err *err);
/* Aborts whatever uploads of exactly this key there are. */
enum status s3_upload_abort_all(const struct s3 *s, struct str key, struct err *err);

/* Every key that begins with the prefix, in the order of its bytes, and every upload that was
 * begun and not ended; a page at a time.  Views live until fn returns, and what it returns ends
 * the list.  fn may ask the store with the same struct. */
struct s3_listed {
    struct str key, upload_id; /* upload_id: of an upload */
    int64_t size, modified_ms; /* wall; when it was begun */
};
typedef enum status s3_list_fn(void *ctx, const struct s3_listed *item, struct err *err);
enum status s3_list(const struct s3 *s, struct str prefix, s3_list_fn *fn, void *ctx,
                    struct err *err);
enum status s3_list_uploads(const struct s3 *s, struct str prefix, s3_list_fn *fn, void *ctx,
                            struct err *err);

/* An address that anyone may GET for life_s seconds; the answer then has this disposition
 * (STR_NONE: none).  STR_NONE when the arena is full. */
struct str s3_link(const struct s3 *s, struct str key, struct str disposition, int64_t now_ms,
                   int64_t life_s, struct arena *a);
