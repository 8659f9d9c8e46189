/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* request_key — a client's Idempotency-Key and what it stands for (SPEC GW-11): the method,
 * the path and the body it came with, as one hash.  The same key with another hash is
 * another request. */
#include "base/arena.h"
#include "base/err.h"

enum { REQUEST_KEY_MAX = 255 };

struct request_key {
    struct str key;  /* n 0: the client gave none */
    struct str hash; /* SHA-256 in hex, in the arena */
};

/* `key` is the header's value, a view that is kept.  E_INVALID names the header when it is
 * longer than REQUEST_KEY_MAX bytes. */
enum status request_key_read(struct str key, const char *method, struct str path, struct str body,
                             struct arena *a, struct request_key *ret, struct err *err);
