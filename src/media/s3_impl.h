/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of s3 share: s3_call.c (one request and its tries), s3_error.c (what an answer
 * says), s3_xml.c (reading the few texts of it), s3.c and s3_upload.c (the requests). */
#include "media/s3.h"

enum { S3_CALL_PARAMS = 6, S3_CALL_HEADERS = 4, S3_ANSWER_MAX = 4 << 20 };

struct s3_call {
    struct str method, key; /* key STR_NONE: the bucket itself */
    struct sigv4_param params[S3_CALL_PARAMS];
    size_t param_count;
    struct http_header headers[S3_CALL_HEADERS];
    size_t header_count;
    struct str body;
    const unsigned char *digest; /* the body's SHA-256; NULL: taken here */
    size_t max_answer;           /* 0: S3_ANSWER_MAX */
    int *ret_tries;              /* how many were made; may be NULL */
    const char *element;         /* the answer's document; another one is an error, also with 200 */
};

void s3_call_param(struct s3_call *c, const char *name, struct str value);
void s3_call_header(struct s3_call *c, const char *name, struct str value);
/* All its tries; what lies in *ret lives in the arena. */
enum status s3_call_run(const struct s3 *s, const struct s3_call *c, struct arena *a,
                        struct fetch_answer *ret, struct err *err);
/* Host and encoded path of a key's, or the bucket's, address. */
bool s3_place(const struct s3 *s, struct str key, struct arena *a, struct str *ret_host,
              struct str *ret_path);

/* What an answer other than the wanted one says; *ret_again: that another try may help. */
enum status s3_judge(const struct s3_call *c, const struct fetch_answer *answer, bool *ret_again,
                     struct err *err);
/* By the code of an Error element, as batch answers have them. */
enum status s3_judge_code(struct str code, bool *ret_again, struct err *err);

/* The text of the first element of this name, as it stands (no entities resolved); STR_NONE. */
struct str s3_xml_raw(struct str xml, const char *name);
/* The same with entities resolved, in the arena. */
struct str s3_xml_text(struct str xml, const char *name, struct arena *a);
/* Cuts *xml behind the next element of this name and gives its inside; false: none. */
bool s3_xml_next(struct str *xml, const char *name, struct str *ret);
bool s3_xml_add(struct buf *out, struct str text);
