/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* links — signed, expiring addresses under /media/ (SG-4, GW-9).
 *
 *   /media/<kind>/<id>.<expiry>.<mac>/<name>
 *
 * expiry: seconds since 1970, rounded up so that a link stays the same within an hour;
 * mac: HMAC-SHA256 over kind, id, expiry and name, 16 bytes, base64url.  Complete in itself: no
 * session and no cookie opens it, nothing but the link does, and nobody can give the file another
 * name. */
#include "base/arena.h"
#include "base/err.h"
#include "platform/crypto.h"

enum { LINK_LIFE_HOURS = 24 };

/* origin: "https://host"; name: what a download is called. */
struct str link_make(const struct key_ring *keys, struct arena *a, struct str origin,
                     const char *kind, int64_t id, int64_t now_ms, struct str name);
/* token: the path's middle part, name: its last.  E_FORBIDDEN, code "bad_link"; E_GONE, code
 * "link_ended". */
enum status link_check(const struct key_ring *keys, const char *kind, struct str token,
                       struct str name, int64_t now_ms, int64_t *ret_id, struct err *err);
