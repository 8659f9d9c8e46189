/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* image_stream — images of the store as one JSON answer, `{"created","data":[{"b64_json"}]}`,
 * encoded as they are read: a slice of each in memory, whatever their size.
 *
 * Thread: image_stream_start() and all behind it are the loop's; slices are read by file
 * workers. */
#include "net/server.h"
#include "net/workers.h"

enum { IMAGE_STREAM_MAX = 10 };

struct image_stream_order {
    int fds[IMAGE_STREAM_MAX];
    int64_t sizes[IMAGE_STREAM_MAX]; /* bytes */
    size_t count;
    int64_t created_s;
};
/* Takes the exchange over, and the descriptors. */
void image_stream_start(struct exchange *x, struct workers *readers,
                        const struct image_stream_order *order);
