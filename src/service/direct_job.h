/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* direct_job — jobs ordered with an API key: chat answers (SPEC GW-8) and the OpenAI surface
 * (GW-10).
 *
 * An order becomes one row in one transaction, under its Idempotency-Key if it has one
 * (GW-11): the same key and words find the row that is there.  An input image given as bytes
 * is kept as a free object until the upstream has the job.
 *
 * Thread: workers. */
#include "service/jobs.h"
#include "service/relay.h"
#include "service/request_key.h"

enum {
    DIRECT_IMAGE_MAX = 20 << 20,
    DIRECT_IMAGES_MAX = 64 << 20, /* all of a call's, and its mask */
    /* Jobs that wait for an account, or whose caller waits for them; one more is 429
     * queue_full.  Each is a row of up to a MiB. */
    DIRECT_JOBS_OF_USER = 64,
    DIRECT_JOBS_IN_ALL = 1024,
};
/* Bytes of results that are kept for whoever asks again, of everybody; more is queue_full too. */
#define DIRECT_KEPT_IN_ALL (INT64_C(16) << 30)

/* An input image.  Neither: none. */
struct direct_image {
    struct str said;  /* http(s) address or base64 data URL */
    struct str bytes; /* or its bytes */
};

struct direct_order {
    struct job_spec spec; /* all but the input images */
    struct request_key once;
    const struct direct_image *images;
    size_t image_count;
    struct direct_image mask;
    const char *image_field; /* what the caller calls an image */
};

/* Who orders, and what the model's name says of the work wanted; the rest of *ret is 0. */
enum status direct_job_describe(struct worker *w, const struct relay_caller *c, struct str model,
                                struct arena *a, struct job_spec *ret, struct err *err);
/* What the caller says goes before what the model's name says; 0 and STR_NONE: nothing.  What
 * neither says is the upstream's to choose: some take no such wish. */
void direct_job_wish(struct job_spec *spec, int64_t seconds, struct str size,
                     struct str orientation);
/* Blocks, never inside a transaction.  *ret is the job made, or the one that an equal order
 * has made before, as it stands.  E_UNPROCESSABLE idempotency_mismatch; E_GONE result_gone;
 * E_LIMIT queue_full; E_INVALID, E_TOO_LARGE of the image. */
enum status direct_job_make(struct worker *w, const struct direct_order *o, struct arena *a,
                            struct job *ret, struct err *err);
/* What a job that ended without a result says to who ordered it, and with which status.  next_at:
 * of its row. */
void direct_job_error(const struct failure *f, int64_t next_at, struct err *ret);
/* Its bytes have been given out, and no key can ask for them again.  In a transaction of its own;
 * what fails goes with the job's row. */
void direct_job_delivered(struct worker *w, const struct job *job);
/* Where one of its media can be had, as its owner may see it (GW-9): the upstream's own public
 * address, or a signed one of ours, which names the medium's place.  STR_NONE when the address
 * cannot be read. */
struct str direct_job_link(struct worker *w, struct arena *a, struct str origin,
                           const struct job *job, const struct job_media *m, size_t place);
/* One of a user's own, by its public id.  E_NOT_FOUND, code "video_not_found". */
enum status direct_job_find(struct db_conn *db, int64_t user_id, enum job_kind kind,
                            struct str public_id, struct arena *a, struct job *ret,
                            struct err *err);
/* Ends it if it is live (the upstream is told where it can be), and removes it. */
enum status direct_job_remove(struct worker *w, int64_t user_id, enum job_kind kind,
                              struct str public_id, struct err *err);
