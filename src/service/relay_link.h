/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* relay_link — signed addresses of media that only an account's own credential opens
 * (SPEC GW-9).
 *
 *   /media/upstream/<token>/<name>
 *   token: base64url of "<account>\n<expiry>\n<target>", '.', MAC
 *
 * target: path and query at the account's own origin; expiry: seconds since 1970; MAC:
 * HMAC-SHA256 over the text, 16 bytes, base64url.  Complete in itself: nothing is kept.
 * "<account> <job> <place>" says of which direct job's files it is one, for the day that the
 * upstream refuses it: as long as there is that row, fresh ones may be asked for (direct_links).
 *
 * Inside, such media are noted by a *reference*, "upstream:<account>:<target>", where
 * otherwise an address stands; no address of the web begins so. */
#include "base/arena.h"
#include "base/err.h"
#include "platform/crypto.h"

struct relay_link {
    int64_t account_id;
    struct str target;     /* begins with '/' */
    int64_t job_id, place; /* job_id 0: nobody knows of another */
};

/* Path and query of an address, in the arena; STR_NONE when it cannot be read. */
struct str relay_link_target(struct arena *a, struct str url);

/* The signed link, good for 24 hours; STR_NONE when the target is none, or too long. */
struct str relay_link_sign(const struct key_ring *keys, struct arena *a, struct str origin,
                           const struct relay_link *link, int64_t now_ms);
/* token: the path's middle part, name: its last, which follows from the target.  E_FORBIDDEN,
 * code "bad_link"; E_GONE, code "link_ended". */
enum status relay_link_open(const struct key_ring *keys, struct arena *a, struct str token,
                            struct str name, int64_t now_ms, struct relay_link *ret,
                            struct err *err);

/* The reference for an address at the account's origin; STR_NONE when it is none. */
struct str relay_link_refer(struct arena *a, int64_t account_id, struct str url);
/* False: an address like any other. */
bool relay_link_read(struct str reference, struct relay_link *ret);
/* "object:<id>": an object of ours that lives as long as its job's row, or until its lease ends. */
struct str relay_link_refer_object(struct arena *a, int64_t object_id);
bool relay_link_read_object(struct str reference, int64_t *ret_object_id);
