/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* s3_writer — an object of any length, written to S3 as its bytes come.
 *
 * Holds at most 14 MiB: a part of 8 MiB (more for what would have over 10,000 parts), which stays
 * in memory until the store has it, so that every try has it whole; and, while it is on its way,
 * what comes behind it.  What fits into one part is one PUT; the rest is an upload in parts, one
 * after the other.  The digest of the object is taken on the way, part by part.
 *
 * After a failure nothing is cleared away here: the object's row does that (SG-7), since this
 * process may be the one that dies.
 *
 * Thread: one worker's. */
#include "media/s3.h"
#include "platform/sha256.h"

enum { S3_PART_BYTES = 8 << 20, S3_WRITER_BYTES = 14 << 20 };

/* Each is called before the writer goes on, and stops it when it fails. */
struct s3_writer_hooks {
    enum status (*begun)(const char *upload_id, void *ctx, struct err *err);
    /* digest: of the object up to the end of this part. */
    enum status (*part)(const struct s3_part *part, const struct sha256 *digest, void *ctx,
                        struct err *err);
    void *ctx;
};

/* Where an earlier writer stood. */
struct s3_writer_state {
    const char *upload_id;
    const struct s3_part *parts; /* 1, 2, 3 …, without a gap */
    size_t count;
    struct sha256 digest;
};

struct s3_writer;
/* s, key, type and hooks must outlive it.  length -1: unknown; from NULL: at the beginning. */
struct s3_writer *s3_writer_new(const struct s3 *s, struct str key, struct str type, int64_t length,
                                const struct s3_writer_hooks *hooks,
                                const struct s3_writer_state *from);
void s3_writer_free(struct s3_writer *w);
DEFINE_CLEANUP(struct s3_writer, s3_writer_free)
/* E_TOO_LARGE, code "storage_refused": over 10,000 parts.  A failure may be that of an earlier
 * part. */
enum status s3_writer_write(struct s3_writer *w, struct str bytes, struct err *err);
/* Calls the hook of a part that has arrived meanwhile; for when no bytes come.  Never blocks but
 * for the hook; the next call tells a failure. */
void s3_writer_tend(struct s3_writer *w);
/* Waits for the part that is on its way, and calls its hook: for who ends early and lets another
 * writer go on.  Without it, that part is lost. */
void s3_writer_settle(struct s3_writer *w);
/* What came behind the last part and is nowhere but here; good until the next call.  Not while a
 * part is on its way, which is so from s3_writer_write() of more than a part to the next flush. */
struct str s3_writer_unsent(const struct s3_writer *w);
/* Sends that as a part (with 5 MiB or more, or the last), and waits until all are there. */
enum status s3_writer_flush(struct s3_writer *w, struct err *err);
/* The object is there, with the length that was written, when it returns OK. */
enum status s3_writer_finish(struct s3_writer *w, unsigned char ret_digest[SHA256_SIZE],
                             struct err *err);
