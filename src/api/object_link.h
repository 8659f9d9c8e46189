/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* object_link — where a stored object can be seen and saved (SPEC SG-4): made afresh for every
 * answer, since the addresses end.
 *
 * Thread: a worker's. */
#include "model/object.h"
#include "service/storage.h"

struct object_link {
    struct str url, download; /* STR_NONE: nobody can say any more where it lies */
};

/* origin: "https://host" as the client sees it; name: what a saved file is called, of safe
 * characters.  bucket: zeroed at first; it is opened for the first object that lies in it, and
 * the caller's to close. */
struct object_link object_link_make(struct worker *w, struct arena *a, struct str origin,
                                    struct storage_bucket *bucket, const struct object *o,
                                    struct str name);
