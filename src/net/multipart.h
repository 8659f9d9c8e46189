/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* multipart — streaming multipart/form-data reader (RFC 7578, RFC 2046) and writer.
 *
 * The reader takes any split, never holds more than a header block (8 KiB) or a
 * boundary's length, and bounds the number of parts.  What is malformed is E_INVALID; a
 * handler's failure ends the reading and is returned as it is. */
#include "base/buf.h"
#include "base/err.h"

struct multipart_part {
    /* Valid during on_part.  filename STR_NONE for plain fields, type where not given. */
    struct str name, filename, type;
};

struct multipart_handler {
    enum status (*on_part)(const struct multipart_part *part, void *ctx, struct err *err);
    enum status (*on_data)(struct str piece, void *ctx, struct err *err);
    enum status (*on_part_end)(void *ctx, struct err *err);
};

struct multipart;
/* content_type: the request header's value; E_INVALID without a good boundary. */
enum status multipart_new(struct str content_type, size_t max_parts,
                          const struct multipart_handler *h, void *ctx, struct multipart **ret,
                          struct err *err);
enum status multipart_feed(struct multipart *m, struct str bytes, struct err *err);
/* At the body's end: the closing boundary must have been seen. */
enum status multipart_finish(struct multipart *m, struct err *err);
void multipart_free(struct multipart *m);

/* Writing: whole fields, a file's head, and the end, for a body streamed by the caller.
 * Parts may come in any order; a file's bytes follow its head with nothing behind them.
 * False past the buffer's cap. */
/* 34 random characters and a NUL. */
void multipart_boundary(char out[40]);
bool multipart_write_field(struct buf *out, const char *boundary, struct str name,
                           struct str value);
bool multipart_write_file_head(struct buf *out, const char *boundary, struct str name,
                               struct str filename, struct str type);
bool multipart_write_end(struct buf *out, const char *boundary);
