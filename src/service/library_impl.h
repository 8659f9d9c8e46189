/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the library's files share: library.c (whole takes, and where they go), library_file.c
 * (one file from a link into a store), library_resume.c (going on with what another writer has
 * left), library_bytes.c (bytes in memory). */
#include "media/look.h"
#include "media/s3_writer.h"
#include "service/library.h"
#include "service/storage.h"

/* Where the files of a take go. */
struct library_target {
    enum storage_type type;
    int64_t store_id;             /* which one of that type */
    struct storage_bucket bucket; /* STORAGE_S3 */
};

/* One file on its way from a link to a store (library_file.c). */
struct library_file {
    struct worker *w;
    const struct generation *g;
    const struct library_source *source;
    const struct library_target *target;
    size_t place;
    struct arena *arena;
    struct object object; /* id 0: nothing is written yet */
    bool store_failed;    /* the store is to blame, not the link nor the ledger */

    /* Of the running fetch. */
    struct err *err;
    enum status failed; /* why the sink stopped it */
    int answer_status;
    int64_t length; /* of the whole file; -1 unknown */
    int64_t renewed_at;
    int64_t rated_at, rated_size, store_ms; /* since when the link's speed is measured */
    struct media_look look; /* holds the first bytes back until they tell the type */
    /* The writer of this store. */
    struct sha256 hash;
    struct local_writer *local;
    struct s3 s3;
    struct s3_writer_hooks hooks;
    struct s3_writer *writer;
    /* What an earlier writer has left; id 0: nothing. */
    struct object left;
    bool ledger_failed; /* inside of the writer */
};

/* On failure its object, if there is one yet, is the caller's to discard. */
enum status library_file_take(struct library_file *f, struct err *err);
/* Its room, as prolonged as that of all that is written for this work. */
enum status library_keep(struct worker *w, const struct generation *g,
                         const struct library_source *source, struct err *err);
/* The link's speed is measured from here on. */
void library_rate_anew(struct library_file *f);
struct str library_key(const struct library_target *target, struct arena *a, int64_t user_id,
                       const char *type);

/* library_resume.c: only for files in S3 whose link has a strong validator and takes ranges.
 * What is left of this place goes into f->left, anything older is dropped. */
enum status library_resume_find(struct library_file *f, struct err *err);
/* Bytes that are there, and what must be asked so that the rest fits; 0: from the beginning. */
int64_t library_resume_offset(const struct library_file *f);
struct str library_resume_validator(const struct library_file *f);
/* The head of the answer: does it hold the rest?  Notes what a later writer needs. */
bool library_resume_fits(const struct library_file *f, const struct http_head *head);
struct str library_resume_source(const struct http_head *head, struct arena *a);
/* f->left becomes f->object, with its room and a writer behind its last part. */
enum status library_resume_begin(struct library_file *f, struct err *err);
/* Rows of an upload as it goes on: the hooks of the writer. */
enum status library_upload_begun(const char *upload_id, void *file, struct err *err);
enum status library_upload_part(const struct s3_part *part, const struct sha256 *digest, void *file,
                                struct err *err);
