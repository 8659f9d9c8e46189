/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tus_fields — what the header fields of resumable uploads hold (the tus resumable upload protocol
 * 1.0.0, https://tus.io/protocols/resumable-upload).  Thread: any. */
#include "base/buf.h"

#define TUS_VERSION "1.0.0"

/* Upload-Metadata: pairs between commas, each a name and, behind one space, its value in base 64;
 * names are ASCII without spaces, and none is there twice.  No field at all has no pairs. */
bool tus_metadata_is_valid(struct str field);
/* Of one that is valid: a value, decoded into out.  False: the name is not there, or what it has
 * does not fit. */
bool tus_metadata_get(struct str field, struct str name, struct buf *out);

/* Upload-Checksum: the algorithm's name and, behind one space, the checksum in base 64, which is
 * decoded into out. */
bool tus_checksum_read(struct str field, struct str *ret_name, struct buf *out);
/* Upload-Length and Upload-Offset: digits only. */
bool tus_number_read(struct str field, int64_t *ret);
