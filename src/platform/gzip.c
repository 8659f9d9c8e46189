/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/gzip.h"

#include <limits.h>
#include <zlib.h>

/* The quickest: of a list of 60 records it leaves 11.1 %, level 6 10.4 %. */
enum { LEVEL = 1, WINDOW_BITS = 15, GZIP_FRAMING = 16, MEMORY_LEVEL = 8 };

bool gzip_add(struct buf *out, struct str bytes)
{
    z_stream z = {0};
    if (bytes.n > UINT_MAX || deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_BITS + GZIP_FRAMING,
                                           MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    /* What does not gain would not be sent: the buffer's cap says how much may come. */
    size_t room = out->cap > buf_len(out) ? out->cap - buf_len(out) : 0;
    size_t bound = deflateBound(&z, bytes.n);
    size_t n = bound < room ? bound : room;
    char *to = n && n <= UINT_MAX ? buf_reserve(out, n) : NULL;
    int end = Z_BUF_ERROR;
    if (to) {
        z.next_in = (Bytef *)(uintptr_t)bytes.p;
        z.avail_in = (uInt)bytes.n;
        z.next_out = (Bytef *)to;
        z.avail_out = (uInt)n;
        end = deflate(&z, Z_FINISH);
        if (end == Z_STREAM_END)
            buf_commit(out, z.total_out);
    }
    deflateEnd(&z);
    return end == Z_STREAM_END;
}
