/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* upload_view — an upload as JSON, as SPEC UP-1 names its fields.  Links are made afresh each
 * time. */
#include "base/json_out.h"
#include "model/upload.h"
#include "service/storage.h"

/* origin: "https://host" as the client sees it.  bucket: zeroed at first; opened for the first
 * upload that lies in it, and the caller's to close. */
void view_upload(struct worker *w, struct arena *a, struct str origin,
                 struct storage_bucket *bucket, const struct upload_record *r, struct json_out *j);
/* Where it can be seen; STR_NONE: nobody can say any more. */
struct str upload_url(struct worker *w, struct arena *a, struct str origin,
                      struct storage_bucket *bucket, const struct upload_record *r);
