/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* upload_shelf — what a user has uploaded: the figures, deleting, and what a name of one of
 * them may stand for (SPEC UP-2, UP-3, UP-4, ST-1).
 *
 * Thread: workers. */
#include "model/upload.h"
#include "service/app.h"
#include "store/uploads.h"

enum { UPLOAD_URL_MAX = 2048 };

struct upload_summary {
    int64_t used, reserved; /* bytes that count, and those on their way */
    int64_t limit, left;    /* bytes; limit 0: unlimited, left is INT64_MAX then */
    bool enforced;          /* the switch; off: limit and left refuse nothing */
    struct upload_sum sums[UPLOAD_SUB_TYPES];
    struct upload_limits limits[UPLOAD_SUB_TYPES];
    bool allowed[UPLOAD_SUB_TYPES];
};
enum status upload_summarize(struct app *app, struct db_conn *db, int64_t user_id,
                             struct upload_summary *ret, struct err *err);

/* The rows go and the bytes are given back at once, the object by the queue of deletions; who
 * has it as a picture has none then.  E_NOT_FOUND, code "upload_not_found". */
enum status upload_remove(struct worker *w, int64_t user_id, struct str uuid, struct err *err);

/* UP-3: what `value` may be where this sub-type is asked for: the UUID of an upload of one's own
 * that holds such a medium, or, but for OC sub-types, an http(s) address, which is never fetched.
 * ret->uuid is STR_NONE for an address.  E_INVALID names `field`; E_NOT_FOUND, code
 * "upload_not_found". */
enum status upload_resolve(struct db_conn *db, int64_t user_id, enum upload_sub_type sub_type,
                           const char *field, struct str value, struct arena *a,
                           struct upload_record *ret, struct err *err);
/* A UUID in any case, in lower case; STR_NONE when it is none. */
struct str upload_uuid_of(struct str text, struct arena *a);

/* Whether this may name an upload: a UUID, or a reference's key or link.  Only looks at it. */
bool upload_may_be_named(struct str text);
/* ST-1's image_input, an image of one's own.  *ret_found false: a link that is none of ours.
 * E_INVALID; E_NOT_FOUND, code "upload_not_found". */
enum status upload_find_input(struct worker *w, int64_t user_id, struct str text, struct arena *a,
                              struct upload_record *ret, bool *ret_found, struct err *err);

/* References that nobody has used for 30 days go. */
enum status upload_sweep_references(struct db_conn *db, int64_t now_ms, struct err *err);
/* When this one goes, if nobody uses it; 0: never. */
int64_t upload_expires_at(const struct upload_record *r);
