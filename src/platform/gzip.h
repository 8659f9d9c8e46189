/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* gzip — bytes in memory, packed for a reader who asked for it (RFC 1952), by zlib. */
#include "base/buf.h"

/* Adds `bytes`, packed, to out.  Takes about 270 KB for as long as it runs.  False, and out as it
 * was but for its failure, where that memory is lacking or the result does not fit out's cap: a cap
 * below bytes.n therefore asks for no less than a gain. */
bool gzip_add(struct buf *out, struct str bytes);
