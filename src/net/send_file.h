/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* send_file — answer an exchange with a file or with bytes in memory.
 *
 * Files: Range, If-Range, If-None-Match, HEAD.  They are read by workers in slices of
 * 256 KiB, at most two in flight, so a cold disk never stops a loop; 503 when the workers'
 * queue is full.  A file that is shorter than stated cuts the connection.
 *
 * Thread: the exchange's loop.  Stop the readers before freeing that loop: a slice that
 * is still being read keeps its transfer (and fd) until it has come back. */
#include "base/embedded.h"
#include "net/server.h"
#include "net/workers.h"

struct send_file_options {
    struct str type;
    struct str etag; /* quoted; STR_NONE: none */
    struct str cache_control;
    struct str disposition; /* whole header value or STR_NONE */
    const struct http_header *extra;
    size_t extra_count; /* up to 16 */
};

/* fd becomes send_file's, which closes it.  Takes the exchange over: its handler is
 * replaced; when the answer has ended (or the client left) on_done(ctx), which may be NULL,
 * is called.  options are read during the call only. */
void send_file(struct exchange *x, struct workers *readers, int fd, uint64_t size,
               const struct send_file_options *options, void (*on_done)(void *ctx), void *ctx);
/* A file of the program (If-None-Match and HEAD; ranges are ignored): picks br, gzip or raw by
 * Accept-Encoding; immutable ones get a year, others no-cache with their ETag. */
void send_embedded(struct exchange *x, const struct embedded_file *file,
                   const struct http_header *extra, size_t extra_count);
